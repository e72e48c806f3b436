import { ChronicleError } from "./errors.js";

/** A moment: BigInt nanoseconds, a `Date`, or a number of milliseconds since 1970. */
export type Time = bigint | Date | number;

const MIN = -(2n ** 63n), MAX = 2n ** 63n - 1n;

/** Unix nanoseconds. Fractions of a millisecond are kept as far as the number has them. */
export function toNs(time: Time): bigint {
  let ns: bigint;
  if (typeof time === "bigint") ns = time;
  else {
    const ms = time instanceof Date ? time.getTime() : time;
    if (!Number.isFinite(ms)) throw new ChronicleError("InvalidInput", `${String(time)} is no time`);
    const whole = Math.floor(ms);
    ns = BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1e6));
  }
  if (ns < MIN || ns > MAX) throw new ChronicleError("InvalidInput", `the time ${ns} ns lies outside 1677 to 2262`);
  return ns;
}

/** Milliseconds since 1970 of each timestamp, for charts. */
export function toMs(timestamps: BigInt64Array): Float64Array {
  const ms = new Float64Array(timestamps.length);
  // Two 32-bit halves are several times faster than a BigInt each.
  const halves = new Int32Array(timestamps.buffer, timestamps.byteOffset, timestamps.length * 2);
  for (let i = 0; i < ms.length; i++) ms[i] = (halves[2 * i + 1]! * 4294967296 + (halves[2 * i]! >>> 0)) / 1e6;
  return ms;
}

/** Nanoseconds of a duration: BigInt ns, a number of ms, or text such as "5m". Text is left to the engine where it reads text. */
export function durationNs(duration: bigint | number): bigint {
  return typeof duration === "bigint" ? duration : BigInt(Math.round(duration * 1e6));
}

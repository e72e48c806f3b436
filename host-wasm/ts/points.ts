import { ChronicleError } from "./errors.js";
import { toNs, type Time } from "./time.js";
import type { Columns, Point } from "./types.js";

/** Points in the shape in which they cross to the engine. */
export interface Encoded {
  /** JSON: an array of `[metric, key, value, ...]`. */
  series: string;
  /** The series of each point, or a single number for all of them. */
  of: Uint32Array;
  timestamps: BigInt64Array;
  values: Float64Array;
}

const isColumns = (batch: object): batch is Columns => "timestamps" in batch && "values" in batch;

const names = (metric: string, tags: Record<string, string> | undefined): string[] => {
  const row = [metric];
  for (const key in tags) row.push(key, String(tags[key]));
  return row;
};

/** Points as objects, or columns of one or of several series. */
export function encode(batch: readonly Point[] | Columns | readonly Columns[]): Encoded {
  if (!Array.isArray(batch)) return encodeColumns([batch as Columns]);
  if (batch.length > 0 && isColumns(batch[0])) return encodeColumns(batch as Columns[]);
  return encodePoints(batch as Point[]);
}

function encodePoints(points: readonly Point[]): Encoded {
  const of = new Uint32Array(points.length), timestamps = new BigInt64Array(points.length), values = new Float64Array(points.length);
  const rows: string[][] = [], known = new Map<string, number>();
  let now: bigint | null = null;
  for (let i = 0; i < points.length; i++) {
    const { metric, tags, timestamp, value } = points[i]!;
    if (typeof metric !== "string" || typeof value !== "number") {
      throw new ChronicleError("InvalidInput", `point ${i} of the batch has no ${typeof metric !== "string" ? "metric" : "value"}: { metric, tags, value, timestamp }`);
    }
    // The key tells apart what the names do: no name can hold a lone surrogate once it is UTF-8.
    let key = metric;
    for (const name in tags) key += `\ud800${name}\udc00${tags[name]}`;
    let number = known.get(key);
    if (number === undefined) {
      known.set(key, (number = rows.length));
      rows.push(names(metric, tags));
    }
    of[i] = number;
    timestamps[i] = timestamp === undefined ? (now ??= BigInt(Date.now()) * 1_000_000n) : toNs(timestamp);
    values[i] = value;
  }
  return { series: JSON.stringify(rows), of, timestamps, values };
}

function encodeColumns(all: readonly Columns[]): Encoded {
  const series = JSON.stringify(all.map(({ metric, tags }) => names(metric, tags)));
  all.forEach(({ timestamps, values }, i) => {
    if (timestamps.length === values.length) return;
    throw new ChronicleError("InvalidInput", `series ${i} of the batch has ${timestamps.length} timestamps and ${values.length} values`);
  });
  if (all.length === 1) {
    const { timestamps, values } = all[0]!;
    return { series, of: new Uint32Array(1), timestamps: nsColumn(timestamps), values: values instanceof Float64Array ? values : Float64Array.from(values) };
  }
  const total = all.reduce((sum, { values }) => sum + values.length, 0);
  const of = new Uint32Array(total), timestamps = new BigInt64Array(total), values = new Float64Array(total);
  let at = 0;
  all.forEach((columns, number) => {
    of.fill(number, at, at + columns.values.length);
    timestamps.set(nsColumn(columns.timestamps), at);
    values.set(columns.values, at);
    at += columns.values.length;
  });
  return { series, of, timestamps, values };
}

function nsColumn(timestamps: Columns["timestamps"]): BigInt64Array {
  if (timestamps instanceof BigInt64Array) return timestamps;
  const ns = new BigInt64Array(timestamps.length);
  for (let i = 0; i < ns.length; i++) ns[i] = toNs(timestamps[i] as Time);
  return ns;
}

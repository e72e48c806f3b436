// Generated data: a small plant over thirty days, with what real data has: days and nights, noise, an outage, and one bad afternoon.
// The same seed makes the same shape; it ends at the present minute.

const DAYS = 30, STEP_MS = 10_000, DAY = 86_400_000;
const COUNT = (DAYS * DAY) / STEP_MS;
/** Points of one commit. */
const BATCH = 43_200;

/** xorshift32: noise that is the same on every visit. */
function noise(seed) {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13; state ^= state >>> 17; state ^= state << 5;
    return (state >>> 0) / 2 ** 31 - 1;
  };
}

const phase = (ms) => (ms % DAY) / DAY;
/** 0 at night, 1 at noon. */
const sun = (ms) => Math.max(0, Math.sin((phase(ms) - 0.25) * 2 * Math.PI));
const isWorkday = (ms) => ![0, 6].includes(new Date(ms).getUTCDay());
/** How far a moment lies inside a span, 0 to 1 and back; 0 outside. */
const hill = (at, from, to) => (at <= from || at >= to ? 0 : Math.sin(((at - from) / (to - from)) * Math.PI));

function plan(end) {
  const begin = end - DAYS * DAY;
  const outage = [begin + 11.4 * DAY, begin + 11.75 * DAY];
  const bad = [begin + 23.55 * DAY, begin + 23.8 * DAY];
  const rooms = [["assembly", 19.5, 3.4], ["office", 21, 1.8], ["cold-store", 4.2, 0.5]];
  const lines = [["north", 42, 18], ["south", 31, 12]];
  const services = [["orders", 38], ["stock", 22], ["search", 64]];
  return [
    ...rooms.map(([room, base, swing], i) => ({
      metric: "temperature_c", tags: { site: "berlin", room }, outage: null,
      make: (random) => { let drift = 0; return (at) => ((drift = drift * 0.999 + random() * 0.03), base + swing * sun(at - i * 5e6) + drift + random() * 0.08 + (room === "cold-store" ? 5.5 * hill(at, ...bad) : 0)); },
    })),
    ...lines.map(([line, base, swing]) => ({
      metric: "power_kw", tags: { site: "berlin", line }, outage: line === "south" ? outage : null,
      make: (random) => { let load = 0; return (at) => ((load = load * 0.98 + random() * 0.9), Math.max(0.4, base * 0.25 + (isWorkday(at) ? swing * 2 * sun(at) + base * 0.3 : 0) + load)); },
    })),
    ...services.map(([service, base], i) => ({
      metric: "latency_ms", tags: { service, region: i === 1 ? "eu-west" : "eu-central" }, outage: null,
      make: (random) => (at) => { const tail = random(); return base * (1 + 0.35 * sun(at) + 0.12 * random() + (tail > 0.9993 ? 6 * (tail - 0.9993) / 0.0007 : 0) + (service === "orders" ? 2.2 * hill(at, ...bad) : 0)); },
    })),
  ].map((series, i) => ({ ...series, begin, next: series.make(noise(0x9e3779b9 * (i + 3))) }));
}

/** Points that `generate` writes, the outage not taken off. */
export const DEMO_POINTS = COUNT * 8;

/** Writes the generated data into a database; `onProgress` is told points that are written. */
export async function generate(db, onProgress) {
  const end = Math.floor(Date.now() / 60_000) * 60_000;
  const all = plan(end);
  let written = 0;
  for (let from = 0; from < COUNT; from += BATCH) {
    for (const { metric, tags, begin, outage, next } of all) {
      const times = new BigInt64Array(BATCH), values = new Float64Array(BATCH);
      let length = 0;
      for (let i = from; i < Math.min(COUNT, from + BATCH); i++) {
        const at = begin + i * STEP_MS, value = next(at);
        if (outage && at > outage[0] && at < outage[1]) continue;
        times[length] = BigInt(at) * 1_000_000n;
        values[length++] = Math.round(value * 100) / 100;
      }
      if (length) await db.write({ metric, tags, timestamps: times.subarray(0, length), values: values.subarray(0, length) });
      onProgress((written += length), DEMO_POINTS);
    }
  }
}

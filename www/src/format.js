// Numbers, times and sizes as people read them. Times are UTC everywhere in the page.
const SIZES = ["B", "KB", "MB", "GB", "TB"];

/** Bytes in decimal units. */
export function bytes(count) {
  let value = count, unit = 0;
  while (value >= 1000 && unit < SIZES.length - 1) (value /= 1000), unit++;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${SIZES[unit]}`;
}

/** Counts: whole up to a million, then in millions or more. */
export function count(value) {
  if (value < 1e6) return Number(value).toLocaleString("en");
  return value < 1e9 ? `${trim(value / 1e6)} M` : `${trim(value / 1e9)} G`;
}

const trim = (value) => value.toFixed(value < 10 ? 2 : 1).replace(/\.?0+$/, "");

export const plural = (number, word, more = `${word}s`) => `${count(number)} ${number === 1 ? word : more}`;

/** A measured value: about six digits, never so rounded that two different values look equal at this scale. */
export function value(number) {
  if (number === null || number === undefined) return "–";
  if (!Number.isFinite(number)) return Number.isNaN(number) ? "NaN" : number > 0 ? "+Inf" : "-Inf";
  const size = Math.abs(number);
  if (size !== 0 && (size >= 1e9 || size < 1e-4)) return number.toExponential(3);
  return number.toLocaleString("en", { maximumFractionDigits: size >= 1000 ? 1 : size >= 10 ? 2 : 4 });
}

/** A moment in UTC, to the second, or to the millisecond where that is asked for. */
export function moment(ms, { fine = false } = {}) {
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return "–";
  return date.toISOString().replace("T", " ").slice(0, fine ? 23 : 19);
}

/** Only the day. */
export const day = (ms) => moment(ms).slice(0, 10);

const STEPS = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000], ["s", 1000], ["ms", 1], ["µs", 1e-3], ["ns", 1e-6]];

/** A length of time in its two largest units. */
export function duration(ms) {
  const index = STEPS.findIndex(([, size]) => ms >= size);
  if (index < 0) return "0 s";
  const [unit, size] = STEPS[index];
  const whole = Math.floor(ms / size + 1e-9), next = STEPS[index + 1];
  const rest = next ? Math.floor((ms - whole * size) / next[1] + 1e-6) : 0;
  return rest && index < 4 ? `${whole} ${unit} ${rest} ${next[0]}` : `${whole} ${unit}`;
}

/** Tags as text; `all` for no tags at all. */
export function tags(pairs) {
  const entries = Object.entries(pairs);
  return entries.length ? entries.map(([key, text]) => `${key}=${text}`).join(", ") : "all series";
}

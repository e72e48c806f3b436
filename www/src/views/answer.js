// Answers of the SQL box for people: exact times as text, tags in their columns, values as they are; and the same as CSV.
import { moment } from "../format.js";

/** Rows with the time in UTC to the last digit that is not zero, then tags, then values. */
export function answerRows({ tagNames, rows }) {
  return rows.map(({ ns, tags, values }) => ({ time: exact(ns), tags: tagNames.map((name) => tags[name] ?? ""), values }));
}

/** Nanoseconds are kept: a float of milliseconds would round them. */
function exact(ns) {
  const second = 1_000_000_000n;
  let fraction = ns % second;
  if (fraction < 0n) fraction += second;
  const whole = moment(Number((ns - fraction) / 1_000_000n));
  return fraction === 0n ? whole : `${whole}.${String(fraction).padStart(9, "0").replace(/0+$/, "")}`;
}

/** Rows as CSV, quoted where they must be. */
export function csvOf({ columns }, rows) {
  const cell = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const line = (cells) => cells.map((value) => cell(String(value ?? ""))).join(",");
  return [line(columns), ...rows.map(({ time, tags, values }) => line([`${time.replace(" ", "T")}Z`, ...tags, ...values]))].join("\n") + "\n";
}

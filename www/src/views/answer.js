// Answers of the SQL box as rows: exact times as text, tags in their columns, values as they are.
import { moment } from "../format.js";

/** Names of columns, how many of them are tags, and the rows with their times in ms. */
export function answerColumns({ batches }) {
  const first = batches[0];
  const columns = first?.columns ?? ["timestamp"], tagCount = first?.tagColumns.length ?? 0;
  return { columns, tagCount, valueNames: first?.valueColumns ?? [], rows: rowsOf(batches) };
}

function* rowsOf(batches) {
  for (const batch of batches) for (const { timestamp, tags, values } of batch) yield { ms: Number(timestamp) / 1e6, timestamp, tags, values };
}

/** Rows for people: the time in UTC to the last digit that is not zero, then tags, then values; `most` of them. */
export function answerRows(answer, most) {
  const names = answer.batches[0]?.tagColumns ?? [], rows = [];
  for (const { timestamp, tags, values } of rowsOf(answer.batches)) {
    if (rows.length >= most) break;
    rows.push({ time: exact(timestamp), tags: names.map((name) => tags[name] ?? ""), values });
  }
  return rows;
}

/** Nanoseconds are kept: a float of milliseconds would round them. */
function exact(ns) {
  const second = 1_000_000_000n;
  let fraction = ns % second;
  if (fraction < 0n) fraction += second;
  const whole = moment(Number((ns - fraction) / 1_000_000n));
  return fraction === 0n ? whole : `${whole}.${String(fraction).padStart(9, "0").replace(/0+$/, "")}`;
}

/** The answer as CSV, quoted where it must be. */
export function csvOf(answer, rows) {
  const cell = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const line = (cells) => cells.map((value) => cell(String(value ?? ""))).join(",");
  const { columns } = answerColumns(answer);
  return [line(columns), ...rows.map(({ time, tags, values }) => line([`${time.replace(" ", "T")}Z`, ...tags, ...values]))].join("\n") + "\n";
}

// The engine: the only file that calls the package `chronicle-db`. The rest of the page knows the classes and words of this
// file, so a change of the package is a change here. Times are milliseconds (floats) in the page and nanoseconds (BigInt) below.
import { Chronicle, toMs } from "chronicle-db";

/** Rows that the SQL box takes at most; more are never what a person reads. */
export const ROWS_MAX = 200_000;

/** Bytes of cache and of one query: a phone must live with them. */
const LIMITS = { cacheBytes: 64 << 20, queryBytes: 128 << 20 };

const nsOf = (ms) => BigInt(Math.floor(ms)) * 1_000_000n + BigInt(Math.round((ms - Math.floor(ms)) * 1e6));
const msOf = (ns) => Number(ns / 1_000_000n) + Number(ns % 1_000_000n) / 1e6;

/** An open database, in the words of the page. */
export class Database {
  #db;

  constructor(db) {
    this.#db = db;
  }

  get readOnly() {
    return this.#db.readOnly;
  }

  /** A write that a crash cut off, in words; null after a clean end. */
  get torn() {
    return this.#db.torn;
  }

  /** Metrics that have points: name, series, points, and the first and last moment in ms. */
  async metrics() {
    const metrics = await this.#db.metrics();
    return metrics.map(({ name, series, points, first, last }) => ({ name, series, points, first: msOf(first), last: msOf(last) }));
  }

  /** Tags of each series of a metric. */
  async series(metric) {
    return (await this.#db.series(metric)).map(({ tags }) => tags);
  }

  /** Min, max, mean and count of windows of `width` ns between two moments, by group. */
  async windows({ metric, where, from, to, width, groupBy }) {
    const answer = await this.#db.query({
      metric, where, start: nsOf(from), end: nsOf(to), select: ["min", "max", "mean", "count"], window: `${width}ns`, groupBy,
    });
    const [min, max, mean, count] = answer.valueColumns;
    return answer.series.map(({ tags, timestamps, columns }) => ({
      tags, times: toMs(timestamps), min: columns[min], max: columns[max], mean: columns[mean], count: columns[count],
    }));
  }

  /** The points themselves, by series. */
  async points({ metric, where, from, to }) {
    const answer = await this.#db.query({ metric, where, start: nsOf(from), end: nsOf(to) });
    return answer.series.map(({ tags, timestamps, values }) => ({ tags, times: toMs(timestamps), values }));
  }

  /** Answers SQL batch by batch, at most `ROWS_MAX` rows; `cut` says that there are more. */
  async sql(text, signal) {
    const started = performance.now();
    const batches = [];
    let rows = 0;
    for await (const batch of this.#db.queryBatches(text, { signal })) {
      batches.push(batch);
      rows += batch.length;
      if (rows >= ROWS_MAX) break;
    }
    return { batches, rows, cut: rows >= ROWS_MAX, took: performance.now() - started };
  }

  /** Writes columns of one series or of several as one commit. */
  write(columns) {
    return this.#db.writeBatch(columns);
  }

  /** Points as text, as a stream. `onProgress` gets points and bytes. */
  export({ format, metric, from, to, onProgress, signal }) {
    const range = from === undefined ? {} : { start: nsOf(from), end: nsOf(to) };
    return this.#db.export({ format, metric, ...range, onProgress, signal });
  }

  /** Imports text; answers counts of points and of lines that were skipped. */
  import(source, { format, metric, onError, onProgress, signal }) {
    return this.#db.import(source, { format, metric: metric || undefined, onError, onProgress, signal });
  }

  /** The bytes of a `data.db`. */
  snapshot(onProgress, signal) {
    return this.#db.snapshot({ onProgress, signal });
  }

  digest() {
    return this.#db.digest();
  }

  info() {
    return this.#db.info();
  }

  /** Whether it is a point of a repository of deltas, which has a timeline. */
  async isOfRepository() {
    return Boolean((await this.#db.info()).backup?.entry);
  }

  storage() {
    return this.#db.storage();
  }

  close() {
    return this.#db.close();
  }
}

/** A new database that lives as long as the page. */
export async function openMemory() {
  return new Database(await Chronicle.open("", { storage: "memory", ...LIMITS }));
}

/** A database of this browser, made where there is none; for reading where another tab writes it. */
export async function openSaved(name, { create = false } = {}) {
  try {
    return new Database(await Chronicle.open(name, { create, ...LIMITS }));
  } catch (error) {
    if (error.kind !== "Busy" || create) throw error;
    return new Database(await Chronicle.open(name, { readOnly: true, ...LIMITS }));
  }
}

/**
 * A backup where it lies, read only and never changed: a `data.db`, the folder of a database or a snapshot, or a repository of deltas; as
 * files or below a `URL`, of which only what is asked for is read. `at` is a moment in ns, the newest where it is left out.
 */
export async function openBackup(source, at) {
  return new Database(await Chronicle.openBackup(source, { ...LIMITS, ...(at === undefined ? {} : { at }) }));
}

/**
 * What a repository can be restored to: its points, the spans of moments between which are gaps, and what is damaged. Moments are in ms,
 * and exact in ns as `ns`; a span that begins with the empty database begins at `null`.
 */
export async function timelineOf(source) {
  const { points, spans, damaged } = await Chronicle.timeline(source);
  const moment = (ns) => (ns === null ? null : { ns, ms: msOf(ns) });
  return {
    points: points.map(({ entry, lsn, commitTime, bytes }) => ({ entry, lsn, at: moment(commitTime), bytes })),
    spans: spans.map(({ first, last }) => ({ from: moment(first.commitTime), to: moment(last.commitTime) })).filter(({ to }) => to !== null),
    damaged,
  };
}

/** Restores a backup or the bytes of a `data.db` into this browser, and opens what came of it. Nothing is there when it fails. */
export async function restore(name, source, { at, onProgress, signal }) {
  return new Database(await Chronicle.restore(name, source, { ...LIMITS, onProgress, signal, ...(at === undefined ? {} : { at }) }));
}

/** Verifies a saved database by name, or files, or a backup below a `URL`. Damage is in the report, not an error. */
export function verify(source, { level, onProgress, signal }) {
  return Chronicle.verify(source, { level, onProgress, signal });
}

/** Names of the databases that this browser keeps; none where it can't keep any. */
export async function savedNames() {
  return canSave() ? Chronicle.list() : [];
}

export function deleteSaved(name) {
  return Chronicle.delete(name);
}

/** Whether this browser can keep a database: IndexedDB, and locks so that two tabs don't write the same one. */
export function canSave() {
  try {
    return Boolean(globalThis.indexedDB && navigator.locks);
  } catch {
    return false;
  }
}

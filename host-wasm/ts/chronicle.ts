import { Here, type Caller } from "./caller.js";
import { asError, ChronicleError, throwIfAborted } from "./errors.js";
import { treeOf } from "./files.js";
import { encode } from "./points.js";
import { QueryResult } from "./result.js";
import { Remote, startWorker } from "./remote.js";
import { Session, type BackupSpec, type OpenSpec } from "./session.js";
import { deleteDatabase, listDatabases } from "./storage/indexeddb.js";
import { lockWriter } from "./storage/locks.js";
import { durationNs, toNs, type Time } from "./time.js";
import type {
  BackupOptions, Columns, DatabaseInfo, Digest, ExportOptions, ExportReport, Files, ImportOptions, ImportReport, MetricInfo, OpenOptions, Point, Query,
  RestoreOptions, Selection, SeriesInfo, StorageInfo, Timeline, VerifyOptions, VerifyReport,
} from "./types.js";

/** Where the script of the worker and the engine are, as the entry of the package says. */
export interface Place {
  worker: URL | null;
  /** What a worker is told of the engine; null when it finds it beside itself. */
  wasm: WebAssembly.Module | string | null;
}

let place: Place = { worker: null, wasm: null };

/** For the entries of the package. */
export function setPlace(it: Place): void {
  place = it;
}

/** Bytes of a stream that are handed over at once. */
const WINDOW = 1 << 20;

/** An open database. Close it when you are done, or say `await using`. */
export class Chronicle {
  readonly #caller: Caller;
  #closing: Promise<void> | null = null;

  private constructor(
    caller: Caller,
    /** Its name; empty for one in memory. */
    readonly name: string,
    private readonly kind: StorageInfo["kind"],
    private opened: DatabaseInfo,
  ) {
    this.#caller = caller;
  }

  /**
   * Opens the database of this name, and makes it where there is none. It is kept in IndexedDB and runs in a worker; with
   * `{ storage: "memory" }` it lives as long as this page or process.
   */
  static async open(name: string, options: OpenOptions = {}): Promise<Chronicle> {
    const storage = options.storage ?? (globalThis.indexedDB ? "indexeddb" : undefined);
    if (!storage) {
      throw new ChronicleError("Unsupported", 'there is no IndexedDB here to keep data in; say { storage: "memory" } for a database that lives as long as this process');
    }
    if (storage === "indexeddb" && !name) throw new ChronicleError("InvalidInput", "a database needs a name");
    if (storage === "indexeddb" && options.persist !== false && !options.readOnly) void navigator.storage?.persist?.().catch(() => false);
    const data = options.data instanceof Blob ? new Uint8Array(await options.data.arrayBuffer()) : options.data;
    const spec: OpenSpec = { storage, name, options: engineOptions(options), readOnly: options.readOnly ?? false, ...(data ? { data } : {}) };
    return Chronicle.#start(spec, options.worker);
  }

  static async #start(spec: OpenSpec, worker: OpenOptions["worker"]): Promise<Chronicle> {
    const caller = callerFor(worker);
    try {
      const info = await caller.call("open", spec);
      return new Chronicle(caller, spec.name, spec.storage, infoOf(info));
    } catch (error) {
      caller.end();
      throw error;
    }
  }

  /**
   * Opens a backup for reading where it lies: a repository of deltas, a snapshot directory, or the files of a closed database; below a
   * URL by range requests, or chosen or dropped by the user. Only what is asked for is read, and nothing is changed.
   */
  static async openBackup(source: string | URL | Files, options: BackupOptions = {}): Promise<Chronicle> {
    const caller = callerFor(options.worker);
    try {
      const info = await caller.call("openBackup", backupSpec(source), moment(options.at), engineOptions({ ...options, readOnly: true }));
      return new Chronicle(caller, "", "backup", infoOf(info));
    } catch (error) {
      caller.end();
      throw error;
    }
  }

  /** Opens one `data.db`, or the files of a closed database. The same as `openBackup`. */
  static openFiles(files: Files, options: BackupOptions = {}): Promise<Chronicle> {
    return Chronicle.openBackup(files, options);
  }

  /** The points of a repository, and the moments that can be restored. */
  static async timeline(source: string | URL | Files): Promise<Timeline> {
    const caller = callerFor(undefined);
    try {
      const { points, spans, damaged } = JSON.parse(await caller.call("timeline", backupSpec(source))) as Record<string, object[]>;
      const end = (value: object) => bigints<Timeline["spans"][0]["first"]>(value, "lsn", "commitTime");
      return {
        points: points!.map((point) => bigints(point, "lsn", "commitTime", "completeUntil", "created")),
        spans: (spans as { first: object; last: object }[]).map(({ first, last }) => ({ first: end(first), last: end(last) })),
        damaged: damaged as Timeline["damaged"],
      };
    } finally {
      caller.end();
    }
  }

  /**
   * Restores a backup, or the files of a database, under a name that holds nothing, and opens it. It continues as a new epoch.
   * What was interrupted is deleted, or refused at the next opening; nothing that was there is ever touched.
   */
  static async restore(name: string, source: string | URL | Files, options: RestoreOptions = {}): Promise<Chronicle> {
    const { at, onProgress, signal, worker, storage = "indexeddb" } = options;
    throwIfAborted(signal);
    if (storage === "indexeddb" && options.persist !== false) void globalThis.navigator?.storage?.persist?.().catch(() => false);
    const caller = callerFor(worker);
    const stop = () => caller.end();
    try {
      signal?.addEventListener("abort", stop);
      const target: OpenSpec = { storage, name, options: engineOptions(options), readOnly: false };
      const info = await caller.progress("restore", onProgress ?? (() => {}), backupSpec(source), moment(at), target);
      throwIfAborted(signal);
      return new Chronicle(caller, name, storage, infoOf(info));
    } catch (error) {
      caller.end();
      throwIfAborted(signal);
      throw error;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  /** Verifies a database of this origin by name, or a backup by URL or files. Damage is no error: it is in the report. */
  static async verify(source: string | URL | Files, { level = "full", onProgress, signal }: VerifyOptions = {}): Promise<VerifyReport> {
    const stored = typeof source === "string" && !/^(https?|blob):|\//.test(source);
    const caller = callerFor(undefined);
    const stop = () => caller.end();
    try {
      throwIfAborted(signal);
      signal?.addEventListener("abort", stop);
      const spec = stored ? { name: source, level } : { ...backupSpec(source), level };
      const report = await caller.progress("verify", onProgress ?? (() => {}), spec);
      return bigints(JSON.parse(report), "lsn", "commitTime");
    } catch (error) {
      throwIfAborted(signal);
      throw error;
    } finally {
      signal?.removeEventListener("abort", stop);
      caller.end();
    }
  }

  /** Names of the databases of this origin. */
  static list(): Promise<string[]> {
    return listDatabases();
  }

  /** Deletes a database. `Busy` while a tab has it open for writing. */
  static async delete(name: string): Promise<void> {
    const release = await lockWriter(name);
    try {
      await deleteDatabase(name);
    } finally {
      release();
    }
  }

  /** Writes one point; see `writeBatch`. Many points are far cheaper in batches. */
  write(point: Point): Promise<bigint> {
    return this.writeBatch([point]);
  }

  /**
   * Writes points as one commit and answers its LSN: all of them or none, durable when the promise resolves, visible to every
   * later read. Of points of one series and time the last one wins.
   */
  async writeBatch(batch: readonly Point[] | Columns | readonly Columns[]): Promise<bigint> {
    return this.#caller.call("write", encode(batch));
  }

  /** Deletes the points that exist now of what is selected. The LSN of the deletion; null when no series matches. */
  delete(selection: Selection): Promise<bigint | null> {
    return this.#caller.call("delete", selectionJson(selection));
  }

  /** Answers a query: SQL, or an object of the same parts. */
  async query(query: string | Query): Promise<QueryResult> {
    const { schema, batch, groups, lsn, stats } = await this.#caller.call("query", ...queryText(query));
    return new QueryResult(schema, batch, groups, lsn, stats);
  }

  /** Answers a query batch by batch, for answers that should not be held as a whole. It sees one commit, however long it takes. */
  async *queryBatches(query: string | Query, { signal }: { signal?: AbortSignal } = {}): AsyncGenerator<QueryResult> {
    const { id, schema, lsn } = await this.#caller.call("cursorStart", ...queryText(query));
    const groups: string[][] = [];
    try {
      for (;;) {
        throwIfAborted(signal);
        const next = await this.#caller.call("cursorNext", id);
        if (!next) return;
        groups.push(...next.groups);
        yield new QueryResult(schema, next.batch, groups, lsn, null);
      }
    } finally {
      await this.#caller.call("free", id).catch(() => {});
    }
  }

  /** The metrics that have points, by name. */
  async metrics(): Promise<MetricInfo[]> {
    const metrics = JSON.parse(await this.#caller.call("metrics")) as object[];
    return metrics.map((metric) => bigints(metric, "first", "last"));
  }

  /** The series of what is selected; of a metric, or of all. */
  async series(selection: Selection | string = {}): Promise<SeriesInfo[]> {
    const selected = typeof selection === "string" ? { metric: selection } : selection;
    return JSON.parse(await this.#caller.call("series", selectionJson(selected)));
  }

  /** The digest of all visible points. `check` reads every point instead of trusting what segments say of themselves. */
  async digest({ check = false } = {}): Promise<Digest> {
    return bigints(JSON.parse(await this.#caller.call("digest", check)), "lsn");
  }

  /** Identity and sizes, now. */
  async info(): Promise<DatabaseInfo> {
    return (this.opened = infoOf(await this.#caller.call("info")));
  }

  /** True when it can't be written to. */
  get readOnly(): boolean {
    return this.opened.readOnly;
  }

  /** A write that a crash interrupted and that was cut off at opening; null after a clean end. */
  get torn(): string | null {
    return this.opened.torn;
  }

  /** Where the bytes are, and how much room there is. */
  async storage(): Promise<StorageInfo> {
    const manager = this.kind === "indexeddb" ? globalThis.navigator?.storage : undefined;
    const [estimate, persisted] = await Promise.all([manager?.estimate?.(), manager?.persisted?.()]);
    return { kind: this.kind, persisted: persisted ?? null, usage: estimate?.usage ?? null, quota: estimate?.quota ?? null };
  }

  /** Moves everything into segments, so that the next opening has nothing to replay. It happens by itself, too. */
  checkpoint(): Promise<void> {
    return this.#caller.call("checkpoint");
  }

  /** Merges segments and carries out deletions. It happens by itself, too; this does all of it now. */
  compact(): Promise<void> {
    return this.#caller.call("compact");
  }

  /** Everything up to the last commit as the bytes of a `data.db`, checked on the way; native Chronicle opens it. */
  async snapshot({ onProgress, signal }: { onProgress?: (done: number, total: number) => void; signal?: AbortSignal } = {}): Promise<Blob> {
    const { id, len } = await this.#caller.call("copyStart");
    try {
      const parts: BlobPart[] = [];
      let done = 0;
      for (let part; (part = await this.#caller.call("copyNext", id)); ) {
        throwIfAborted(signal);
        parts.push(part as BlobPart);
        onProgress?.((done += part.length), len);
      }
      return new Blob(parts, { type: "application/octet-stream" });
    } finally {
      await this.#caller.call("free", id).catch(() => {});
    }
  }

  /** Points as text, as of one commit. The report is there when the stream has ended: `onProgress` gets it last. */
  export(options: ExportOptions): ReadableStream<Uint8Array<ArrayBuffer>> {
    const { format, onError, onProgress, signal, ...selection } = options;
    let id: number | null = null;
    const end = async () => {
      if (id !== null) await this.#caller.call("free", id).catch(() => {});
    };
    return new ReadableStream({
      pull: async (controller) => {
        try {
          throwIfAborted(signal);
          id ??= await this.#caller.call("exportStart", JSON.stringify({ format, onError, selection: selectionObject(selection) }));
          const { bytes, report } = await this.#caller.call("exportNext", id);
          if (bytes) controller.enqueue(bytes as Uint8Array<ArrayBuffer>);
          onProgress?.(bigints(JSON.parse(report), "lsn"));
          if (!bytes) {
            controller.close();
            await end();
          }
        } catch (error) {
          await end();
          throw asError(error);
        }
      },
      cancel: end,
    }, { highWaterMark: 1 });
  }

  /**
   * Imports text, in commits of at most 10,000 points. Importing it again, also after an error, changes nothing that is there
   * already. Errors name the line, and say how many points were committed before it.
   */
  async import(source: ReadableStream<Uint8Array> | Blob | string | Uint8Array, options: ImportOptions): Promise<ImportReport> {
    const { onProgress, signal, ...read } = options;
    const id = await this.#caller.call("importStart", JSON.stringify(read));
    const stream = streamOf(source);
    const reader = stream.getReader();
    const report = (json: string): ImportReport => bigints(JSON.parse(json), "lsn");
    try {
      for (;;) {
        throwIfAborted(signal);
        const { done, value } = await reader.read();
        if (done) break;
        for (let at = 0; at < value.length; at += WINDOW) {
          throwIfAborted(signal);
          const told = await this.#caller.call("importPush", id, value.subarray(at, at + WINDOW));
          onProgress?.(report(told));
        }
      }
      return report(await this.#caller.call("importFinish", id));
    } catch (error) {
      await reader.cancel(error).catch(() => {});
      throw asError(error);
    } finally {
      await this.#caller.call("free", id).catch(() => {});
    }
  }

  /** Closes the database and ends its worker. What was acknowledged is durable with or without it. */
  close(): Promise<void> {
    return (this.#closing ??= this.#caller.call("close").finally(() => this.#caller.end()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function callerFor(worker: OpenOptions["worker"]): Caller {
  if (worker !== undefined && typeof worker !== "boolean") return new Remote(worker, place.wasm);
  const started = worker !== false && place.worker ? startWorker(place.worker) : null;
  return started ? new Remote(started, place.wasm) : new Here(new Session());
}

function engineOptions({ readOnly, create, partition, retention, sealPoints, cacheBytes, queryBytes }: Partial<OpenOptions>): string {
  const ns = (duration: number | bigint | undefined) => (duration === undefined ? undefined : String(durationNs(duration)));
  return JSON.stringify({ readOnly, create, partitionNs: ns(partition), retentionNs: ns(retention), sealPoints, cacheBytes, queryBytes });
}

function selectionObject({ metric, where, start, end }: Selection): object {
  const time = (at: Selection["start"]) => (at === undefined ? undefined : String(toNs(at)));
  return { metric, where: where ?? {}, start: time(start), end: time(end) };
}

const selectionJson = (selection: Selection) => JSON.stringify(selectionObject(selection));

/** A query as text, and whether that is SQL. */
function queryText(query: string | Query): [string, boolean] {
  if (typeof query === "string") return [query, true];
  const { select, window, fill, groupBy, order, limit, offset } = query;
  return [JSON.stringify({
    ...selectionObject(query),
    select: select === undefined ? [] : typeof select === "string" ? [select] : select,
    window: typeof window === "number" ? `${durationNs(window)}ns` : window,
    fill: fill === undefined ? undefined : String(fill),
    groupBy, order, limit, offset,
  }), false];
}

function infoOf(json: string): DatabaseInfo {
  const info = bigints<DatabaseInfo>(JSON.parse(json), "lsn", "commitTime");
  return info.backup ? { ...info, backup: bigints(info.backup, "newestCommitTime", "newestAge") } : info;
}

/** A moment as the engine reads it. */
function moment(at: Time | string | undefined): string {
  if (at === undefined) return "latest";
  return typeof at === "string" ? at : `ns:${toNs(at)}`;
}

function backupSpec(source: string | URL | Files): BackupSpec {
  if (typeof source === "string" || source instanceof URL) return { url: new URL(source, globalThis.location?.href).href };
  return treeOf(source);
}

/** Members that are text because JSON's numbers are not exact, as BigInts. */
function bigints<T>(value: object, ...members: string[]): T {
  const copy = { ...value } as Record<string, unknown>;
  for (const member of members) if (typeof copy[member] === "string") copy[member] = BigInt(copy[member] as string);
  return copy as T;
}

function streamOf(source: ReadableStream<Uint8Array> | Blob | string | Uint8Array): ReadableStream<Uint8Array> {
  if (source instanceof ReadableStream) return source;
  return new Blob([source as BlobPart]).stream();
}

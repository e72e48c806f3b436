import { ChronicleError } from "./errors.js";
import type * as Engine from "./generated/chronicle.js";
import type { Encoded } from "./points.js";
import { join, type RawBatch, type RawSchema } from "./result.js";
import { BlobStore } from "./objects/blobs.js";
import { HttpStore } from "./objects/http.js";
import { IndexedDbStorage } from "./storage/indexeddb.js";
import { lockWriter, pinGeneration, type Release } from "./storage/locks.js";
import type { Storage } from "./storage/storage.js";
import type { QueryStats } from "./types.js";
import { loadEngine } from "./wasm.js";

/** What to open. Everything in it can be posted to a worker. */
export interface OpenSpec {
  storage: "indexeddb" | "memory";
  name: string;
  /** JSON of the engine's options. */
  options: string;
  readOnly: boolean;
  /** The `data.db` that a database in memory starts from. */
  data?: Uint8Array;
}

/** Where a backup or the files of a database are: below a URL, or chosen by a user. */
export type BackupSpec = { url: string } | { files: Map<string, Blob>; logs: [string, number][] };

/** What to verify: a stored database by name, or a backup. */
export type VerifySpec = { level: string } & ({ name: string } | BackupSpec);

export interface Answer { schema: RawSchema; batch: RawBatch; groups: string[][]; lsn: bigint; stats: QueryStats }

/** A batch, and the tags of the groups that it is the first to name. */
export interface CursorBatch { batch: RawBatch; groups: string[][] }

/** Attempts of a reader that a writer overtakes. */
const READ_ATTEMPTS = 20;

/**
 * One database beside the engine: in a worker or in the page itself. Arguments and answers are plain values, so that `Remote`
 * can post them. Long things are handles that are stepped.
 */
export class Session {
  #engine!: typeof Engine;
  #db: Engine.Database | null = null;
  #storage: Storage | null = null;
  #releases: Release[] = [];
  #handles = new Map<number, Engine.Cursor | Engine.Copy | Engine.Export | Engine.Import>();
  #seen = new Map<number, number>();
  #next = 1;

  async open(spec: OpenSpec): Promise<string> {
    this.#engine = await loadEngine();
    try {
      this.#db = spec.storage === "memory" ? await this.#openMemory(spec) : spec.readOnly ? await this.#openReader(spec) : await this.#openWriter(spec);
    } catch (error) {
      this.#letGo();
      throw error;
    }
    return this.#db.info();
  }

  #openMemory({ data, options }: OpenSpec): Promise<Engine.Database> {
    return this.#engine.Database.openMemory(data, new BigUint64Array(0), [], options);
  }

  /** Opens a backup for reading where it lies; `at` is `latest`, `lsn:N`, `ns:N` or a time with a zone. */
  async openBackup(spec: BackupSpec, at: string, options: string): Promise<string> {
    this.#engine = await loadEngine();
    this.#db = await this.#engine.openBackup(storeOf(spec), at, logsOf(spec), options);
    return this.#db.info();
  }

  async timeline(spec: BackupSpec): Promise<string> {
    return (await loadEngine()).backupTimeline(storeOf(spec));
  }

  /** Restores into a name that holds nothing (or into memory), and leaves it open for writing. */
  async restore(spec: BackupSpec, at: string, target: OpenSpec, onProgress: (done: number, total: number) => void): Promise<string> {
    this.#engine = await loadEngine();
    try {
      let storage: IndexedDbStorage | undefined;
      if (target.storage === "indexeddb") {
        this.#releases.push(await lockWriter(target.name));
        this.#storage = storage = new IndexedDbStorage(target.name);
        await storage.beginRestore();
      }
      this.#db = await this.#engine.restoreBackup(storeOf(spec), at, logsOf(spec), storage, target.options, onProgress);
      await storage?.endRestore();
    } catch (error) {
      await (this.#storage as IndexedDbStorage | null)?.abandonRestore();
      this.#letGo();
      throw error;
    }
    return this.#db.info();
  }

  async #openWriter({ name, options }: OpenSpec): Promise<Engine.Database> {
    this.#releases.push(await lockWriter(name));
    return this.#engine.Database.open((this.#storage = new IndexedDbStorage(name)), options);
  }

  /** Reads beside a writer: the generation is pinned, and read again when the writer was faster. */
  async #openReader({ name, options }: OpenSpec): Promise<Engine.Database> {
    this.#storage = new IndexedDbStorage(name);
    for (let attempt = 0; ; attempt++) {
      let pin: Release | null = null;
      try {
        const first = await this.#engine.Database.open(this.#storage, options);
        const { generation } = JSON.parse(first.info());
        pin = await pinGeneration(name, generation);
        first.free();
        const second = await this.#engine.Database.open(this.#storage, options);
        if (JSON.parse(second.info()).generation === generation) {
          this.#releases.push(pin);
          return second;
        }
        second.free();
      } catch (error) {
        const kind = (error as { kind?: string }).kind;
        // What a writer is doing right now can look like damage for an instant; real damage stays.
        if (attempt >= READ_ATTEMPTS || (kind !== "Damaged" && kind !== "Busy")) throw error;
      }
      pin?.();
      if (attempt >= READ_ATTEMPTS) throw new ChronicleError("Busy", "the writer in the other tab is too busy; try again");
      await new Promise((resolve) => setTimeout(resolve, attempt));
    }
  }

  get #open(): Engine.Database {
    if (!this.#db) throw new ChronicleError("InvalidInput", "the database is closed");
    return this.#db;
  }

  #keep(handle: Engine.Cursor | Engine.Copy | Engine.Export | Engine.Import): number {
    this.#handles.set(this.#next, handle);
    return this.#next++;
  }

  #handle<T>(id: number): T {
    const handle = this.#handles.get(id);
    if (!handle) throw new ChronicleError("InvalidInput", "it has ended, or the database is closed");
    return handle as T;
  }

  write({ series, of, timestamps, values }: Encoded): Promise<bigint> {
    return this.#open.write(series, of, timestamps, values);
  }

  async delete(selection: string): Promise<bigint | null> {
    return (await this.#open.delete(selection)) ?? null;
  }

  #cursor(query: string, isSql: boolean): Promise<Engine.Cursor> {
    return isSql ? this.#open.query(query) : this.#open.queryObject(query);
  }

  async query(query: string, isSql: boolean): Promise<Answer> {
    const cursor = await this.#cursor(query, isSql);
    try {
      const batches: RawBatch[] = [];
      for (let batch; (batch = await cursor.next()); ) batches.push(take(batch));
      const batch = join(batches.length ? batches : [EMPTY]);
      return { schema: JSON.parse(cursor.schema()), batch, groups: JSON.parse(cursor.groups(0, behind(batch, 0))), lsn: cursor.lsn, stats: JSON.parse(cursor.stats()) };
    } finally {
      cursor.free();
    }
  }

  async cursorStart(query: string, isSql: boolean): Promise<{ id: number; schema: RawSchema; lsn: bigint }> {
    const cursor = await this.#cursor(query, isSql);
    const id = this.#keep(cursor);
    this.#seen.set(id, 0);
    return { id, schema: JSON.parse(cursor.schema()), lsn: cursor.lsn };
  }

  async cursorNext(id: number): Promise<CursorBatch | null> {
    const cursor = this.#handle<Engine.Cursor>(id);
    const next = await cursor.next();
    if (!next) return null;
    const batch = take(next), seen = this.#seen.get(id) ?? 0, end = behind(batch, seen);
    this.#seen.set(id, end);
    return { batch, groups: JSON.parse(cursor.groups(seen, end)) };
  }

  metrics = (): Promise<string> => this.#open.metrics();
  series = (selection: string): Promise<string> => this.#open.series(selection);
  digest = (check: boolean): Promise<string> => this.#open.digest(check);
  info = (): string => this.#open.info();
  checkpoint = (): Promise<void> => this.#open.checkpoint();
  compact = (): Promise<void> => this.#open.compact();

  async copyStart(): Promise<{ id: number; len: number }> {
    const copy = await this.#open.copy();
    return { id: this.#keep(copy), len: copy.len };
  }

  async copyNext(id: number): Promise<Uint8Array | null> {
    return (await this.#handle<Engine.Copy>(id).next()) ?? null;
  }

  async exportStart(options: string): Promise<number> {
    return this.#keep(await this.#open.export(options));
  }

  async exportNext(id: number): Promise<{ bytes: Uint8Array | null; report: string }> {
    const text = this.#handle<Engine.Export>(id);
    const bytes = (await text.next()) ?? null;
    return { bytes, report: text.report() };
  }

  importStart(options: string): number {
    return this.#keep(this.#open.import(options));
  }

  async importPush(id: number, text: Uint8Array): Promise<string> {
    const reader = this.#handle<Engine.Import>(id);
    await reader.push(text);
    return reader.report();
  }

  async importFinish(id: number): Promise<string> {
    const reader = this.#handle<Engine.Import>(id);
    await reader.finish();
    return reader.report();
  }

  /** Ends a handle, read to its end or not. */
  free(id: number): void {
    this.#handles.get(id)?.free();
    this.#handles.delete(id);
    this.#seen.delete(id);
  }

  async verify(spec: VerifySpec, onProgress: (done: number, total: number) => void): Promise<string> {
    const engine = await loadEngine();
    if (!("name" in spec)) {
      const store = storeOf(spec);
      if ((await store.size("claims/0")) !== null) return engine.verifyBackup(store, onProgress);
      return engine.verifyFolder(store, logsOf(spec), spec.level, onProgress);
    }
    const storage = new IndexedDbStorage(spec.name);
    try {
      return await engine.verifyStorage(storage, spec.level, onProgress);
    } finally {
      storage.close();
    }
  }

  async close(): Promise<void> {
    const db = this.#db;
    this.#db = null;
    try {
      await db?.close();
    } finally {
      [...this.#handles.keys()].forEach((id) => this.free(id));
      this.#letGo();
    }
  }

  #letGo(): void {
    this.#storage?.close();
    this.#storage = null;
    this.#releases.splice(0).forEach((release) => release());
  }
}

const storeOf = (spec: BackupSpec) => ("url" in spec ? new HttpStore(spec.url) : new BlobStore(spec.files));
const logsOf = (spec: BackupSpec) => JSON.stringify("url" in spec ? [] : spec.logs);

const EMPTY: RawBatch = { timestamps: new BigInt64Array(0), groups: new Uint32Array(0), values: new Float64Array(0), nulls: new Uint8Array(0) };

function take(batch: Engine.Batch): RawBatch {
  const raw = { timestamps: batch.timestamps(), groups: batch.groups(), values: batch.values(), nulls: batch.nulls() };
  batch.free();
  return raw;
}

/** The number behind the largest group of a batch. */
function behind({ groups }: RawBatch, least: number): number {
  let end = least;
  for (const group of groups) if (group >= end) end = group + 1;
  return end;
}

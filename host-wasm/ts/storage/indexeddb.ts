import { ChronicleError } from "../errors.js";
import { pinned } from "./locks.js";
import type { Effect, Storage } from "./storage.js";

/** Bytes of a chunk: large enough to be written quickly, small enough to be rewritten for a part of it. */
const CHUNK = 1 << 20;
/** Bytes in front of `data.db` that hold the superblock slots, kept as a record of their own: a checkpoint writes little. */
const HEADER = 64 << 10;
const DATA = "data", LOG = "log", META = "meta";

/** Names of databases are given a prefix, so that they meet no other's. */
export const databaseName = (name: string) => `chronicle:${name}`;

/** Log records sort by first LSN, then offset. */
const logKey = (firstLsn: bigint, offset: number): [string, number] => [firstLsn.toString(16).padStart(16, "0"), offset];

/** The files of a database in IndexedDB: `data.db` by chunks, logs by what was appended. */
export class IndexedDbStorage implements Storage {
  readonly unitBytes = CHUNK;
  #db: Promise<IDBDatabase> | null = null;
  #isClosed = false;
  #isRestoring = false;

  constructor(readonly name: string) {
    if (!globalThis.indexedDB) {
      throw new ChronicleError("Unsupported", 'there is no IndexedDB here (a private window, or no browser); open the database with { storage: "memory" } and keep a snapshot of it');
    }
  }

  async layout() {
    const transaction = await this.#begin("readonly");
    const meta = get<{ len: number }>(transaction.objectStore(META), "file");
    const restoring = get<boolean>(transaction.objectStore(META), "restoring");
    const logs = new Map<string, number>();
    await each(transaction.objectStore(LOG), ([lsn, offset], bytes) => logs.set(lsn, offset + bytes.length));
    const file = await meta;
    if ((await restoring) && !this.#isRestoring) {
      throw new ChronicleError("Damaged", `a restore into "${this.name}" was interrupted: delete this database (Chronicle.delete) and restore it again`);
    }
    return { len: file?.len ?? 0, logs: [...logs].map(([lsn, len]): [bigint, number] => [BigInt(`0x${lsn}`), len]) };
  }

  async read(ranges: Float64Array): Promise<Uint8Array[]> {
    const transaction = await this.#begin("readonly");
    const store = transaction.objectStore(DATA);
    const reads: Promise<Uint8Array>[] = [];
    for (let i = 0; i < ranges.length; i += 2) reads.push(this.#range(store, ranges[i]!, ranges[i + 1]!));
    return Promise.all(reads);
  }

  async #range(store: IDBObjectStore, offset: number, len: number): Promise<Uint8Array> {
    const whole = new Uint8Array(len);
    const parts: Promise<void>[] = [];
    for (let chunk = Math.floor(offset / CHUNK); chunk * CHUNK < offset + len; chunk++) {
      parts.push(get<Uint8Array>(store, chunk).then((bytes) => bytes && overlay(whole, offset, bytes, chunk * CHUNK)));
    }
    const header = offset < HEADER ? get<Uint8Array>(store, "header") : null;
    await Promise.all(parts);
    const slots = await header;
    if (slots) overlay(whole, offset, slots, 0);
    return whole;
  }

  async readLog(firstLsn: bigint, offset: number): Promise<Uint8Array> {
    const transaction = await this.#begin("readonly");
    const parts: [number, Uint8Array][] = [];
    let end = 0;
    await each(transaction.objectStore(LOG), ([, at], bytes) => {
      parts.push([at, bytes]);
      end = Math.max(end, at + bytes.length);
    }, logRange(firstLsn));
    if (parts.length === 0) throw new ChronicleError("NotFound", `log file ${firstLsn} is not there`);
    const whole = new Uint8Array(Math.max(0, end - offset));
    for (const [at, bytes] of parts) overlay(whole, offset, bytes, at);
    return whole;
  }

  async apply(effects: Effect[]): Promise<void> {
    const transaction = await this.#begin("readwrite");
    const done = settled(transaction);
    const [data, log, meta] = [DATA, LOG, META].map((store) => transaction.objectStore(store)) as [IDBObjectStore, IDBObjectStore, IDBObjectStore];
    try {
      let len: number | null = null;
      const fileLen = async () => (len ??= (await get<{ len: number }>(meta, "file"))?.len ?? 0);
      for (const [kind, firstLsn, offset, bytes] of effects) {
        switch (kind) {
          case "createLog":
            await request(log.delete(logRange(firstLsn)));
            log.put(bytes, logKey(firstLsn, 0));
            break;
          case "appendLog":
            log.put(bytes, logKey(firstLsn, offset));
            break;
          case "truncateLog":
            await this.#truncateLog(log, firstLsn, offset);
            break;
          case "dropLog":
            log.delete(logRange(firstLsn));
            break;
          case "writeData":
            len = Math.max(await fileLen(), offset + bytes.length);
            await this.#write(data, offset, bytes);
            break;
          case "truncateData":
            len = offset;
            data.delete(chunksFrom(offset));
            break;
        }
      }
      if (len !== null) meta.put({ len }, "file");
    } catch (error) {
      // What was put before it must not stay: all or nothing.
      try { transaction.abort(); } catch { /* It has ended by itself. */ }
      const ended = await done.then(() => null, (reason: ChronicleError) => reason);
      // A lack of room is told by the transaction; its requests only say that it was aborted.
      throw ended?.kind === "Full" ? ended : told(error);
    }
    await done;
  }

  async #write(store: IDBObjectStore, offset: number, bytes: Uint8Array): Promise<void> {
    if (offset + bytes.length <= HEADER) {
      const header = (await get<Uint8Array>(store, "header")) ?? new Uint8Array(HEADER);
      header.set(bytes, offset);
      store.put(header, "header");
      return;
    }
    if (offset < HEADER) {
      await this.#write(store, offset, bytes.subarray(0, HEADER - offset));
      return this.#write(store, HEADER, bytes.subarray(HEADER - offset));
    }
    for (let at = 0; at < bytes.length; ) {
      const chunk = Math.floor((offset + at) / CHUNK), inside = (offset + at) % CHUNK;
      const part = bytes.subarray(at, at + CHUNK - inside);
      const before = part.length === CHUNK ? undefined : await get<Uint8Array>(store, chunk);
      const after = new Uint8Array(Math.max(before?.length ?? 0, inside + part.length));
      if (before) after.set(before);
      after.set(part, inside);
      store.put(after, chunk);
      at += part.length;
    }
  }

  async #truncateLog(store: IDBObjectStore, firstLsn: bigint, len: number): Promise<void> {
    const records: [number, Uint8Array][] = [];
    await each(store, ([, at], bytes) => void records.push([at, bytes]), logRange(firstLsn));
    for (const [at, bytes] of records) {
      if (at >= len) store.delete(logKey(firstLsn, at));
      else if (at + bytes.length > len) store.put(bytes.slice(0, len - at), logKey(firstLsn, at));
    }
  }

  /** From here on the database counts as half restored; `AlreadyExists` where there is one. */
  async beginRestore(): Promise<void> {
    const transaction = await this.#begin("readwrite");
    const done = settled(transaction), meta = transaction.objectStore(META);
    const before = await get<{ len: number }>(meta, "file");
    if (before && before.len > 0 && !(await get<boolean>(meta, "restoring"))) {
      throw new ChronicleError("AlreadyExists", `a database "${this.name}" is there already; choose another name, or delete it first (Chronicle.delete)`);
    }
    // What an interrupted restore left goes.
    for (const store of [DATA, LOG, META]) transaction.objectStore(store).clear();
    meta.put(true, "restoring");
    this.#isRestoring = true;
    await done;
  }

  async endRestore(): Promise<void> {
    const transaction = await this.#begin("readwrite");
    transaction.objectStore(META).delete("restoring");
    this.#isRestoring = false;
    await settled(transaction);
  }

  /** Deletes what a restore that failed has written. Whatever was there before it is not touched. */
  async abandonRestore(): Promise<void> {
    const transaction = await this.#begin("readwrite");
    const done = settled(transaction);
    if (await get(transaction.objectStore(META), "restoring")) {
      for (const store of [DATA, LOG, META]) transaction.objectStore(store).clear();
    }
    await done;
  }

  pins = () => pinned(this.name);

  close(): void {
    this.#isClosed = true;
    void this.#db?.then((db) => db.close(), () => {});
  }

  /** A transaction. A connection that the browser closed (memory pressure, a cleared profile) is opened again once. */
  async #begin(mode: IDBTransactionMode): Promise<IDBTransaction> {
    for (let attempt = 0; ; attempt++) {
      if (this.#isClosed) throw new ChronicleError("InvalidInput", "the database is closed");
      this.#db ??= connect(this.name, () => (this.#db = null));
      try {
        const db = await this.#db;
        return db.transaction([DATA, LOG, META], mode, { durability: "strict" });
      } catch (error) {
        this.#db = null;
        if (attempt > 0 || !(error instanceof DOMException && error.name === "InvalidStateError")) throw told(error);
      }
    }
  }
}

function connect(name: string, onLost: () => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(databaseName(name), 1);
    opening.onupgradeneeded = () => [DATA, LOG, META].forEach((store) => opening.result.createObjectStore(store));
    opening.onerror = () => reject(told(opening.error));
    opening.onblocked = () => reject(new ChronicleError("Busy", `another tab holds an old version of "${name}" open: close it`));
    opening.onsuccess = () => {
      const db = opening.result;
      db.onclose = onLost;
      // Somebody deletes it: standing in the way would only make them wait.
      db.onversionchange = () => { db.close(); onLost(); };
      resolve(db);
    };
  });
}

/** Copies what `bytes`, which begin at `at`, have in common with `whole`, which begins at `offset`. */
function overlay(whole: Uint8Array, offset: number, bytes: Uint8Array, at: number): void {
  const start = Math.max(offset, at), end = Math.min(offset + whole.length, at + bytes.length);
  if (start < end) whole.set(bytes.subarray(start - at, end - at), start - offset);
}

const logRange = (firstLsn: bigint) => IDBKeyRange.bound(logKey(firstLsn, 0), logKey(firstLsn, Infinity));
/** Chunks that lie behind `offset` whole; the record of the header is no number, and stays. */
const chunksFrom = (offset: number) => IDBKeyRange.bound(Math.ceil(offset / CHUNK), Infinity);

function request<T>(asked: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(told(asked.error));
  });
}

const get = <T>(store: IDBObjectStore, key: IDBValidKey) => request<T | undefined>(store.get(key));

function each(store: IDBObjectStore, take: (key: [string, number], bytes: Uint8Array) => void, range?: IDBKeyRange): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = store.openCursor(range);
    asked.onerror = () => reject(told(asked.error));
    asked.onsuccess = () => {
      const cursor = asked.result;
      if (!cursor) return resolve();
      take(cursor.key as [string, number], cursor.value as Uint8Array);
      cursor.continue();
    };
  });
}

/** Settles with the transaction: errors of quota are told by `abort` alone. */
function settled(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(told(transaction.error ?? new DOMException("the transaction was aborted", "AbortError")));
  });
}

function told(error: unknown): ChronicleError {
  if (error instanceof ChronicleError) return error;
  const { name, message } = (error ?? {}) as DOMException;
  if (name === "QuotaExceededError") {
    return new ChronicleError("Full", `the browser gives this site no more room (${message || "quota exceeded"}): delete data, or let the user allow more; what was acknowledged is safe`, { cause: error });
  }
  return new ChronicleError("Io", `IndexedDB failed: ${name ?? "error"}: ${message ?? ""}`, { cause: error });
}

/** Deletes the files of a database. */
export function deleteDatabase(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.deleteDatabase(databaseName(name));
    asked.onsuccess = () => resolve();
    asked.onerror = () => reject(told(asked.error));
    asked.onblocked = () => {};
  });
}

/** Names of the databases of this origin, where the browser lists them. */
export async function listDatabases(): Promise<string[]> {
  const all = (await globalThis.indexedDB?.databases?.()) ?? [];
  return all.flatMap(({ name }) => (name?.startsWith("chronicle:") ? [name.slice("chronicle:".length)] : [])).sort();
}

/**
 * What the engine asks of a place that keeps files: `data.db` and log files by their first LSN. `apply` performs a group of
 * effects as a whole (all or nothing where the place can, in order where it can't) and settles when they are durable.
 * `Stored` in `src/medium/stored.rs` is the other side.
 */
export interface Storage {
  /** Bytes that are read at once. */
  readonly unitBytes: number;
  layout(): Promise<{ len: number; logs: [bigint, number][] }>;
  /** `ranges` are pairs of offset and length. Where nothing was written there are zeros. */
  read(ranges: Float64Array): Promise<Uint8Array[]>;
  readLog(firstLsn: bigint, offset: number): Promise<Uint8Array>;
  apply(effects: Effect[]): Promise<void>;
  /** Generations that other tabs read. */
  pins(): Promise<bigint[]>;
  close(): void;
}

/** Kind, first LSN of the log file, offset or length, bytes. */
export type Effect = [EffectKind, bigint, number, Uint8Array];
export type EffectKind = "writeData" | "truncateData" | "createLog" | "appendLog" | "truncateLog" | "dropLog";

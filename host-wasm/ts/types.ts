import type { Time } from "./time.js";

/** One measurement. An empty tag value means that the tag is absent. */
export interface Point {
  metric: string;
  tags?: Record<string, string>;
  /** Now, where it is left out. */
  timestamp?: Time;
  value: number;
}

/** Many points of one series, by column; the fastest way in. */
export interface Columns {
  metric: string;
  tags?: Record<string, string>;
  /** Nanoseconds, or milliseconds as numbers. */
  timestamps: BigInt64Array | Float64Array | readonly Time[];
  values: Float64Array | Float32Array | Int32Array | readonly number[];
}

/** A condition on a tag: equal to a text, one of several, or what the members say; all of them hold. */
export type Condition =
  | string
  | readonly string[]
  | { not?: string; notIn?: readonly string[]; matches?: string; notMatches?: string; exists?: boolean };

/** Which points are meant. Everything that is left out is not asked for. */
export interface Selection {
  metric?: string;
  where?: Record<string, Condition>;
  /** First moment inside. */
  start?: Time;
  /** First moment behind. */
  end?: Time;
}

/** A query as an object; the same parts as in SQL. */
export interface Query extends Selection {
  metric: string;
  /** Aggregates, e.g. `"mean"`, `["min", "max"]`, `"percentile(value, 99)"`. Raw points without them. */
  select?: string | readonly string[];
  /** Length of the windows: text such as `"5m"`, or milliseconds. */
  window?: string | number;
  /** What stands in windows without points. */
  fill?: "none" | "null" | "previous" | "linear" | number;
  /** Tags whose values make groups; `"*"` leaves every series by itself. */
  groupBy?: "*" | readonly string[];
  order?: "asc" | "desc";
  limit?: number;
  offset?: number;
}

/** The rows of one group: for aggregates a group of tags, for raw points a series. */
export interface Series {
  tags: Record<string, string>;
  /** Unix nanoseconds: starts of windows, or the points' own times. */
  timestamps: BigInt64Array;
  /** The first value column. NaN is a value unless `nulls` says that it is absent. */
  values: Float64Array;
  /** Every value column under its own text, e.g. `"max(value)"`. */
  columns: Record<string, Float64Array>;
  /** For each column 1 where the value is absent; only where a fill made it so. */
  nulls?: Record<string, Uint8Array>;
}

/** A row in the answer's order. */
export interface Row {
  timestamp: bigint;
  tags: Record<string, string>;
  values: (number | null)[];
}

/** What a query took. */
export interface QueryStats {
  series: number; segments: number; blocksByStatistics: number; blocksCached: number; blocksDecoded: number;
  pointsDecoded: number; bytesRead: number; pointsUnsealed: number; rows: number;
}

export interface MetricInfo { name: string; series: number; points: number; first: bigint; last: bigint }
export interface SeriesInfo { metric: string; tags: Record<string, string> }

/** The digest of all visible points: equal data, equal digest, on every host. */
export interface Digest { digest: string; points: number; lsn: bigint }

export interface DatabaseInfo {
  lineage: string; epoch: string; lsn: bigint; commitTime: bigint; series: number; segments: number;
  pointsInMemory: number; fileBytes: number; readOnly: boolean;
  /** A write that a crash interrupted and nobody was told was done; it was cut off. */
  torn: string | null;
  /** Of a backup that is read in place: the point it starts from, and how old its newest point is, ns. */
  backup: { entry: string | null; newestCommitTime: bigint | null; newestAge: bigint | null } | null;
}

export type Format = "csv" | "json" | "jsonl" | "line";

export interface ImportOptions {
  format: Format;
  /** The metric of every row, for texts that do not name it. */
  metric?: string;
  /** Tags that every row gets besides its own. */
  tags?: Record<string, string>;
  /** What integer timestamps count; told by their size where it is left out. */
  timeUnit?: "s" | "ms" | "us" | "ns";
  onError?: "fail" | "skip";
  onProgress?: (progress: ImportReport) => void;
  signal?: AbortSignal;
}

export interface ImportReport {
  bytes: number; points: number; commits: number; newSeries: number; skipped: number;
  examples: { line: number; message: string }[]; lsn: bigint | null;
}

export interface ExportOptions extends Selection {
  format: Format;
  /** What happens to points that the format can't hold: an error before the first byte, or they are left out and counted. */
  onError?: "fail" | "skip";
  onProgress?: (progress: ExportReport) => void;
  signal?: AbortSignal;
}

export interface ExportReport {
  points: number; series: number; bytes: number; digest: string; lsn: bigint; leftOut: number; leftOutExample: string | null;
}

export interface Finding { kind: string; place: string; message: string }

export interface VerifyReport {
  sound: boolean; bytes: number; points: number;
  findings: Finding[]; findingsCount: number;
  /** Of a database or a snapshot: what was looked at, and the last commit. */
  segments?: number; blocks?: number; logCommits?: number; logPoints?: number;
  torn?: string | null; lsn?: bigint | null; commitTime?: bigint | null;
  /** Of a repository: objects that were read and hashed. */
  objects?: number;
  /** The report for people. */
  summary: string;
}

export interface VerifyOptions {
  /** `full` checks every checksum, `deep` also decodes every block. */
  level?: "full" | "deep";
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/** Files of a database or a backup: one `data.db`, or several with their paths (`webkitRelativePath`), as dropped or picked. */
export type Files = Blob | Uint8Array | Iterable<File> | ArrayLike<File>;

export interface OpenOptions {
  /** Where the bytes are kept: IndexedDB where it is there, unless told. In memory they live as long as the page or process. */
  storage?: "indexeddb" | "memory";
  /** Run in a worker (the default where there are workers), or here. */
  worker?: boolean | Worker;
  /** Write nothing, and let another tab write meanwhile; what is seen is the moment of opening. */
  readOnly?: boolean;
  /** Make the database when there is none. Default true. */
  create?: boolean;
  /** Length of a partition of a new database, ms. Default 7 days. */
  partition?: number | bigint;
  /** Age at which points of a new database expire, ms. */
  retention?: number | bigint;
  /** Points kept in memory until they are sealed into segments. Default 262,144. */
  sealPoints?: number;
  /** Bytes of what was read that are kept in memory. Default 64 MiB. */
  cacheBytes?: number;
  /** Memory of one query, bytes. Default 128 MiB. */
  queryBytes?: number;
  /** Ask the browser to keep the data (`navigator.storage.persist`). Default true. */
  persist?: boolean;
  /** Bytes that the new database in memory starts from: a `data.db`. */
  data?: Uint8Array | Blob;
}

export interface BackupOptions extends Pick<OpenOptions, "worker" | "cacheBytes" | "queryBytes"> {
  /**
   * Which moment: a time (the state after every commit up to it), `"latest"`, or text: `"lsn:42"` or a time with a zone. Exact, or an
   * error that names the nearest two.
   */
  at?: Time | string;
}

export interface RestoreOptions extends Pick<OpenOptions, "storage" | "worker" | "cacheBytes" | "queryBytes" | "sealPoints" | "persist"> {
  at?: Time | string;
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/** What a repository of backups holds. */
export interface Timeline {
  points: {
    entry: string; epoch: string; lsn: bigint; commitTime: bigint; completeUntil: bigint; created: bigint;
    points: number; series: number; bytes: number; digest: string | null;
  }[];
  /** Commits after each of which the database can be restored; between two spans is a gap. */
  spans: { first: SpanEnd; last: SpanEnd }[];
  damaged: { entry: string; message: string }[];
}
export interface SpanEnd { epoch: string; lsn: bigint; commitTime: bigint | null }

/** Where the bytes are, and how much room there is. */
export interface StorageInfo {
  kind: "indexeddb" | "memory" | "backup";
  /** True when the browser promised not to evict the data. */
  persisted: boolean | null;
  /** Bytes that this origin uses and may use, where the browser tells. */
  usage: number | null;
  quota: number | null;
}

import { toMs } from "./time.js";
import type { QueryStats, Row, Series } from "./types.js";

/** Rows as they come from the engine: columns, and the tags of the groups that are new. */
export interface RawBatch {
  timestamps: BigInt64Array;
  /** Group of each row. */
  groups: Uint32Array;
  /** Row by row, as many as there are value columns. */
  values: Float64Array;
  /** 1 where a value is absent; empty when none is. */
  nulls: Uint8Array;
}

export interface RawSchema { columns: string[]; tagKeys: string[] }

/** The answer to a query: rows in its order, and the same by series. */
export class QueryResult {
  /** Names of columns: `timestamp`, tags, then each expression under its own text. */
  readonly columns: readonly string[];
  readonly tagColumns: readonly string[];
  readonly valueColumns: readonly string[];
  /** Number of rows. */
  readonly length: number;
  #series: Series[] | null = null;

  constructor(
    schema: RawSchema,
    readonly raw: RawBatch,
    /** Values of the tags of each group, in order of the schema's keys. */
    private readonly groups: readonly string[][],
    /** The last commit that it sees. */
    readonly lsn: bigint,
    readonly stats: QueryStats | null,
    private readonly tagKeys: readonly string[] = schema.tagKeys,
  ) {
    this.columns = schema.columns;
    this.tagColumns = schema.columns.slice(1, 1 + schema.tagKeys.length);
    this.valueColumns = schema.columns.slice(1 + schema.tagKeys.length);
    this.length = raw.timestamps.length;
  }

  /** The rows of each group, by column; groups in the order of their first row. */
  get series(): Series[] {
    return (this.#series ??= this.#split());
  }

  #tags(group: number): Record<string, string> {
    const tags: Record<string, string> = {};
    this.groups[group]?.forEach((value, i) => { if (value !== "") tags[this.tagKeys[i]!] = value; });
    return tags;
  }

  #split(): Series[] {
    const { timestamps, groups, values, nulls } = this.raw;
    const width = this.valueColumns.length, counts = new Map<number, number>();
    for (const group of groups) counts.set(group, (counts.get(group) ?? 0) + 1);
    const parts = new Map<number, { series: Series; columns: Float64Array[]; nulls: Uint8Array[]; at: number }>();
    for (const [group, count] of counts) {
      // One group is the answer itself: nothing is copied where nothing has to be.
      const isWhole = counts.size === 1 && width === 1;
      const columns = this.valueColumns.map(() => (isWhole ? values : new Float64Array(count)));
      const own = nulls.length ? this.valueColumns.map(() => (isWhole ? nulls : new Uint8Array(count))) : [];
      const series: Series = {
        tags: this.#tags(group),
        timestamps: counts.size === 1 ? timestamps : new BigInt64Array(count),
        values: columns[0] ?? new Float64Array(0),
        columns: Object.fromEntries(this.valueColumns.map((name, i) => [name, columns[i]!])),
        ...(own.length ? { nulls: Object.fromEntries(this.valueColumns.map((name, i) => [name, own[i]!])) } : {}),
      };
      parts.set(group, { series, columns, nulls: own, at: isWhole ? -1 : 0 });
    }
    for (let row = 0; row < groups.length; row++) {
      const part = parts.get(groups[row]!)!;
      if (part.at < 0) break;
      if (counts.size > 1) part.series.timestamps[part.at] = timestamps[row]!;
      for (let column = 0; column < width; column++) {
        part.columns[column]![part.at] = values[row * width + column]!;
        if (part.nulls.length) part.nulls[column]![part.at] = nulls[row * width + column]!;
      }
      part.at++;
    }
    return [...parts.values()].map(({ series }) => series);
  }

  /** Milliseconds of every row, for charts. */
  get times(): Float64Array {
    return toMs(this.raw.timestamps);
  }

  /** Rows in the answer's order. */
  *rows(): IterableIterator<Row> {
    const { timestamps, groups, values, nulls } = this.raw;
    const width = this.valueColumns.length, tags = new Map<number, Record<string, string>>();
    for (let row = 0; row < this.length; row++) {
      const group = groups[row]!;
      if (!tags.has(group)) tags.set(group, this.#tags(group));
      const cells: (number | null)[] = [];
      for (let column = 0; column < width; column++) {
        const place = row * width + column;
        cells.push(nulls[place] ? null : values[place]!);
      }
      yield { timestamp: timestamps[row]!, tags: tags.get(group)!, values: cells };
    }
  }

  [Symbol.iterator](): IterableIterator<Row> {
    return this.rows();
  }
}

/** Batches one behind the other. */
export function join(batches: readonly RawBatch[]): RawBatch {
  if (batches.length === 1) return batches[0]!;
  const rows = batches.reduce((sum, batch) => sum + batch.timestamps.length, 0);
  const cells = batches.reduce((sum, batch) => sum + batch.values.length, 0);
  const whole: RawBatch = {
    timestamps: new BigInt64Array(rows),
    groups: new Uint32Array(rows),
    values: new Float64Array(cells),
    nulls: new Uint8Array(batches.some((batch) => batch.nulls.length) ? cells : 0),
  };
  let row = 0, cell = 0;
  for (const batch of batches) {
    whole.timestamps.set(batch.timestamps, row);
    whole.groups.set(batch.groups, row);
    whole.values.set(batch.values, cell);
    if (batch.nulls.length) whole.nulls.set(batch.nulls, cell);
    row += batch.timestamps.length;
    cell += batch.values.length;
  }
  return whole;
}

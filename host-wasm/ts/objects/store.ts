/** What the engine asks of a place with backups: whole objects and ranges of them, by name. `ObjectStore` in `src/backup/objects.rs` is the other side. */
export interface ObjectStore {
  /** What it is called in messages. */
  readonly place: string;
  /** Bytes of an object; null when there is none. */
  size(name: string): Promise<number | null>;
  /** A whole object, of which no more than `max` bytes are wanted; null when there is none. */
  getWhole(name: string, max: number): Promise<Uint8Array | null>;
  /** Ranges (name, offset, length), side by side; null for an object that is not there. */
  get(requests: [string, number, number][]): Promise<(Uint8Array | null)[]>;
}

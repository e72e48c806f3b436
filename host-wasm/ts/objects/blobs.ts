import { ChronicleError } from "../errors.js";
import type { ObjectStore } from "./store.js";

/** Files that a user picked or dropped, by path; only what is asked for is read. */
export class BlobStore implements ObjectStore {
  readonly place = "the chosen files";

  constructor(private readonly files: ReadonlyMap<string, Blob>) {}

  async size(name: string): Promise<number | null> {
    return this.files.get(name)?.size ?? null;
  }

  async getWhole(name: string, max: number): Promise<Uint8Array | null> {
    const file = this.files.get(name);
    if (!file) return null;
    if (file.size > max) throw new ChronicleError("LimitExceeded", `${name} has more than ${max} bytes: it is not what its name says`);
    return read(name, file);
  }

  get(requests: [string, number, number][]): Promise<(Uint8Array | null)[]> {
    return Promise.all(requests.map(async ([name, offset, len]) => {
      const file = this.files.get(name);
      return file ? read(name, file.slice(offset, offset + len)) : null;
    }));
  }
}

async function read(name: string, blob: Blob): Promise<Uint8Array> {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (error) {
    throw new ChronicleError("Io", `${name} could not be read (${(error as Error).message}): it was changed or removed since it was chosen; choose it again`, { cause: error });
  }
}

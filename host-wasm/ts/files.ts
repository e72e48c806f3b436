import { ChronicleError } from "./errors.js";
import type { Files } from "./types.js";

/** Files by their path below the folder of the backup or database. */
export interface FileTree {
  files: Map<string, Blob>;
  /** The log files beside a bare `data.db`: first LSN and bytes. */
  logs: [string, number][];
}

/** A log file is named after the data file and its first LSN: `data.db.wal-00000000000000000001`. */
const LOG = /^data\.db\.wal-(\d{20})$/;

/**
 * The files that were given, seen from the folder in which the backup is: the one that holds `claims/` (a repository),
 * `metadata.json` (a snapshot) or `data.db`. A single file is a `data.db`, whatever it is called.
 */
export function treeOf(given: Files): FileTree {
  if (given instanceof Uint8Array) return { files: new Map([["data.db", new Blob([given as BlobPart])]]), logs: [] };
  if (given instanceof Blob) return { files: new Map([["data.db", given]]), logs: [] };
  const all = Array.from(given as Iterable<File>);
  if (all.length === 1) return { files: new Map([["data.db", all[0]!]]), logs: [] };
  const named = all.map((file): [string, File] => [file.webkitRelativePath || file.name, file]);
  const root = rootOf(named.map(([path]) => path));
  const files = new Map<string, Blob>();
  for (const [path, file] of named) if (path.startsWith(root)) files.set(path.slice(root.length), file);
  const logs = [...files].flatMap(([path, { size }]): [string, number][] => {
    const lsn = LOG.exec(path)?.[1];
    return lsn === undefined ? [] : [[String(BigInt(lsn)), size]];
  });
  return { files, logs };
}

function rootOf(paths: string[]): string {
  for (const mark of ["claims/0", "metadata.json", "data.db"]) {
    // `base/` and `delta-N/` of a repository hold both of the last two; its own mark comes first.
    const found = paths.filter((path) => path === mark || path.endsWith(`/${mark}`)).map((path) => path.slice(0, path.length - mark.length));
    if (found.length === 1) return found[0]!;
    if (found.length > 1) {
      throw new ChronicleError("InvalidInput", `the files hold ${found.length} backups (${found.slice(0, 3).map((root) => root || "/").join(", ")}${found.length > 3 ? ", ..." : ""}): choose the folder of one`);
    }
  }
  throw new ChronicleError("NotFound", `none of the ${paths.length} files is a data.db, a metadata.json or a claims/0: choose the folder of a database, a snapshot or a repository of backups`);
}

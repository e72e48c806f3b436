import { ChronicleError } from "./errors.js";
import type { Files } from "./types.js";

/** The files of one database, in memory. */
export interface DatabaseFiles { data: Uint8Array; logs: [bigint, Uint8Array][] }

/** A log file is named after the data file and its first LSN: `data.db.wal-00000000000000000001`. */
const LOG = /^(.*)\.wal-(\d{20})$/;

/** Reads one `data.db`, or a data file and the log files beside it. */
export async function readFiles(files: Files): Promise<DatabaseFiles> {
  if (files instanceof Uint8Array) return { data: files, logs: [] };
  if (files instanceof Blob) return { data: await bytes(files), logs: [] };
  const all = Array.from(files as Iterable<File>);
  const named = all.map((file) => ({ file, path: file.webkitRelativePath || file.name }));
  if (all.length === 1) return { data: await bytes(all[0]!), logs: [] };
  const data = named.filter(({ path }) => /(^|\/)data\.db$/.test(path));
  if (data.length !== 1) {
    throw new ChronicleError("NotFound", data.length === 0
      ? `none of the ${all.length} files is a data.db: choose the file data.db, and the files data.db.wal-* beside it`
      : `${data.length} of the files are called data.db: choose the folder of one database, or open a folder of backups with openBackup`);
  }
  const base = data[0]!.path;
  const logs: [bigint, Uint8Array][] = [];
  for (const { file, path } of named) {
    const match = LOG.exec(path);
    if (match && match[1] === base) logs.push([BigInt(match[2]!), await bytes(file)]);
  }
  return { data: await bytes(data[0]!.file), logs };
}

const bytes = async (blob: Blob) => new Uint8Array(await blob.arrayBuffer());

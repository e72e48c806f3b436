// Opening: what a drop, a choice of files or an address is, and how it becomes a database. Nothing is guessed twice: a text is
// imported into a new database, everything else is asked of the engine, which checks every byte.
import { openFiles, openMemory } from "./engine.js";
import { bytes } from "./format.js";
import { httpSentence, unreachable } from "./sentences.js";

const TEXTS = { csv: "csv", jsonl: "jsonl", ndjson: "jsonl", json: "json", lp: "line", line: "line" };

/** The format of a text by its name; null when it is none that can be imported. */
export function textFormat(name) {
  return TEXTS[/\.([a-z]+)$/i.exec(name)?.[1]?.toLowerCase()] ?? null;
}

/** Files of a drop, folders with everything in them; each knows its path. */
export async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.length === 0) return [...transfer.files];
  return (await Promise.all(entries.map(filesOf))).flat();
}

async function filesOf(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    Object.defineProperty(file, "webkitRelativePath", { value: entry.fullPath.replace(/^\//, "") });
    return [file];
  }
  const reader = entry.createReader(), found = [];
  // A reader hands out at most a hundred entries at once, and none at the end.
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return (await Promise.all(found.map(filesOf))).flat();
    found.push(...some);
  }
}

/** A delta repository, by names that every one has. */
const isRepository = (files) => files.some((file) => /(^|\/)(claims\/\d+|base\/metadata\.json)$/.test(file.webkitRelativePath || file.name));

/** Opens files that a person chose: a text, a `data.db`, the folder of a database or snapshot. */
export async function openChosen(files, onProgress) {
  if (files.length === 0) throw new Error("There is no file in it. Choose a data.db, the folder that holds it, or a CSV file");
  if (files.length === 1 && textFormat(files[0].name)) return openText(files[0], onProgress);
  if (isRepository(files)) throw new Error("This folder is a backup with deltas. This page can't read those yet: restore it with `chronicle restore` and open the data.db that it makes");
  const total = files.reduce((sum, file) => sum + file.size, 0);
  onProgress(`Reading ${bytes(total)}`);
  const sources = files.length === 1 ? files : files.filter((file) => /(^|\/)data\.db(\.wal-\d{20})?$/.test(file.webkitRelativePath || file.name));
  const db = await openFiles(sources.length ? sources : files);
  const folder = files[0].webkitRelativePath.split("/")[0];
  const isFolder = files.length > 1 && folder;
  return { db, kind: isFolder ? "folder" : "file", title: isFolder ? folder : files[0].name, files: sources };
}

async function openText(file, onProgress) {
  const db = await openMemory();
  try {
    const report = await db.import(file.stream(), {
      format: textFormat(file.name), onError: "skip", metric: metricOf(file.name),
      onProgress: ({ bytes: done, points }) => onProgress(`Importing: ${points.toLocaleString("en")} points`, done, file.size),
    });
    if (report.points === 0) {
      const first = report.examples[0];
      throw new Error(first ? `No line of ${file.name} could be read. Line ${first.line}: ${first.message}` : `${file.name} holds no points`);
    }
    return { db, kind: "imported", title: file.name, report };
  } catch (error) {
    await db.close();
    throw error;
  }
}

/** A metric's name from a file's, for texts that do not name one. */
export const metricOf = (name) => name.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N}_]+/gu, "_").replace(/^_+|_+$/g, "") || "value";

/** Opens a `data.db` or a text at an address. */
export async function openUrl(text, onProgress) {
  let url;
  try {
    url = new URL(text, location.href);
  } catch {
    throw new Error(`"${text}" is no address. It starts with https://`);
  }
  if (!/^https?:$/.test(url.protocol)) throw new Error(`This page can fetch http and https addresses, not ${url.protocol}//. For a bucket use its https address`);
  const name = decodeURIComponent(url.pathname.split("/").pop() || "data.db");
  if (url.pathname.endsWith("/")) url = new URL("data.db", url);
  const blob = await download(url.href, onProgress);
  const opened = await openChosen([new File([blob], name)], onProgress);
  return { ...opened, kind: "url", title: url.host + url.pathname, url: url.href };
}

async function download(url, onProgress) {
  const response = await fetch(url).catch(() => { throw new Error(unreachable(url)); });
  if (!response.ok) throw new Error(httpSentence(response.status, url));
  const total = Number(response.headers.get("content-length")) || 0;
  const parts = [], reader = response.body.getReader();
  for (let done = 0; ; ) {
    const { value, done: ended } = await reader.read().catch(() => { throw new Error(`The connection broke after ${bytes(done)}. Try again`); });
    if (ended) return new Blob(parts);
    parts.push(value);
    onProgress(`Fetching ${bytes((done += value.length))}${total ? ` of ${bytes(total)}` : ""}`, done, total);
  }
}

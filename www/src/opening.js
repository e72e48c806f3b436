// Opening: what a drop, a choice of files or an address is, and how it becomes a database. Nothing is guessed twice: a text is
// imported into a new database, everything else is asked of the engine, which checks every byte.
import { openBackup, openMemory, timelineOf } from "./engine.js";
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

/** Opens files that a person chose: a text, a `data.db`, the folder of a database, of a snapshot or of backups. */
export async function openChosen(files, onProgress) {
  if (files.length === 0) throw new Error("There is no file in it. Choose a data.db, the folder that holds it, or a CSV file");
  if (files.length === 1 && textFormat(files[0].name)) return openText(files[0], onProgress);
  const folder = files.length > 1 && files[0].webkitRelativePath.split("/")[0];
  return openSource(files, { kind: folder ? "folder" : "file", title: folder || files[0].name }).catch((error) => {
    if (files.length > 1 || error.kind !== "Damaged" || !/log file/.test(error.message)) throw error;
    throw Object.assign(new Error(`${error.message}. If files named data.db.wal-… lie beside it, open the folder: they belong to it`), { kind: error.kind });
  });
}

/** Opens files or a `URL` where they lie, with the timeline where there is one. */
async function openSource(source, { kind, title }) {
  const db = await openBackup(source);
  try {
    if (!await db.isOfRepository()) return { db, kind, title, source };
    return { db, kind: "backup", title, source, timeline: await timelineOf(source) };
  } catch (error) {
    await db.close();
    throw error;
  }
}

/** The same backup at another moment, in ns. */
export async function openAt(opened, at) {
  return { ...opened, db: await openBackup(opened.source, at), at };
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

/** Opens what is at an address: a backup or a `data.db` in place, anything else by fetching it. */
export async function openUrl(text, onProgress) {
  let url;
  try {
    url = new URL(text, location.href);
  } catch {
    throw new Error(`"${text}" is no address. It starts with https://`);
  }
  if (!/^https?:$/.test(url.protocol)) throw new Error(`This page can fetch http and https addresses, not ${url.protocol}//. For a bucket use its https address`);
  const title = url.host + url.pathname, name = decodeURIComponent(url.pathname.split("/").pop());
  if (name === "" || name === "data.db") {
    const folder = new URL(".", url);
    // A signature in the query goes along with every request.
    folder.search = url.search;
    return { ...(await openSource(folder, { kind: "url", title })), url: url.href };
  }
  const opened = await openChosen([new File([await download(url.href, onProgress)], name)], onProgress);
  return { ...opened, kind: "url", title, url: url.href };
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

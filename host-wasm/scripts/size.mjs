// Prints what a page downloads, and fails where it passes what GOALS allows.
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

/** Bytes of wasm and JavaScript, gzipped, that are not to be passed. */
const FLOOR = 150 * 1024;

export function sizes(dist) {
  const files = readdirSync(dist, { recursive: true }).filter((name) => name.endsWith(".js") || name.endsWith(".wasm"));
  // One page loads one entry.
  const other = ["node.js", "workerd.js", "slim.js"];
  return files.filter((name) => !other.includes(name)).sort().map((name) => {
    const bytes = readFileSync(join(dist, name));
    return { name, raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length };
  });
}

export function printSizes(dist) {
  const all = sizes(dist);
  const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`.padStart(12);
  for (const { name, raw, gzip } of all) console.log(`${name.padEnd(28)}${kib(raw)}${kib(gzip)} gzipped`);
  const total = all.reduce((sum, { gzip }) => sum + gzip, 0);
  console.log(`${"wasm + JS".padEnd(28)}${" ".repeat(12)}${kib(total)} gzipped (at most ${kib(FLOOR).trim()})`);
  return total;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const total = printSizes(join(dirname(fileURLToPath(import.meta.url)), "..", "dist"));
  if (total > FLOOR) process.exit(1);
}

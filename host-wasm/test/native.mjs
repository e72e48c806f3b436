// The native program, for tests of "the same bytes". `cargo build -p chronicle` first, or name it in CHRONICLE.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const target = process.env.CARGO_TARGET_DIR ?? join(dirname(fileURLToPath(import.meta.url)), "..", "..", "target");
export const program = process.env.CHRONICLE ?? join(target, "debug", "chronicle");

/** Why tests that need the program are left out; false when it is there. */
export const missing = existsSync(program) ? false : `there is no ${program}: cargo build -p chronicle, or set CHRONICLE`;

/** Runs a command and reads its JSON. */
export function chronicle(...args) {
  const text = execFileSync(program, [...args, "--json"], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  return text.trim() ? JSON.parse(text.trim().split("\n").at(-1)) : null;
}

/** A folder that is gone when its test ends. */
export function scratch(t) {
  const folder = mkdtempSync(join(tmpdir(), "chronicle-web-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Every file below a folder, as a browser gives those of a folder that was picked. */
export function picked(folder) {
  return readdirSync(folder, { recursive: true }).map((name) => join(folder, name)).filter((path) => statSync(path).isFile()).map((path) => {
    const file = new File([readFileSync(path)], path.split("/").at(-1));
    Object.defineProperty(file, "webkitRelativePath", { value: relative(dirname(folder), path) });
    return file;
  });
}

/** A database and a repository of three points with deletions and log between them; what each point holds by its digest. */
export function history(folder) {
  const data = join(folder, "data.db"), repository = join(folder, "backup");
  const csv = (from, count) => {
    let text = "timestamp,metric,value,host\n";
    for (let i = from; i < from + count; i++) text += `${1_706_400_000 + i},cpu,${Math.sin(i / 40) * 50},h${i % 4}\n`;
    return text;
  };
  const moments = [];
  execFileSync(program, ["init", "--path", data], { stdio: "ignore" });
  for (let round = 0; round < 3; round++) {
    execFileSync(program, ["import", "--path", data, "--format", "csv", "--input", "-"], { input: csv(round * 20_000, 20_000), stdio: ["pipe", "ignore", "pipe"] });
    if (round === 1) execFileSync(program, ["delete", "--path", data, "--metric", "cpu", "--tag", "host=h1", "--end", "2024-01-28T00:10:00Z"], { stdio: "ignore" });
    execFileSync(program, ["backup", "create", "--source", data, "--dest", repository, "--delta"], { stdio: "ignore" });
    moments.push(chronicle("digest", "--path", data));
  }
  return { data, repository, moments };
}

// Real data: 24 series of the Numenta Anomaly Benchmark, the same digest here as in native Chronicle.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { Chronicle } from "chronicle-db";
import { chronicle, missing, scratch } from "../native.mjs";

const nab = process.env.NAB ?? join(dirname(fileURLToPath(import.meta.url)), "../../../../shared/data/nab");
const skip = missing || (existsSync(nab) ? false : `the data is not at ${nab}: name its folder in NAB`);

test("the NAB data has the same digest here and natively", { skip }, async (t) => {
  const data = join(scratch(t), "data.db");
  chronicle("init", "--path", data);
  const db = await Chronicle.open("", { storage: "memory", sealPoints: 20_000 });
  t.after(() => db.close());
  for (const name of readdirSync(nab, { recursive: true }).filter((name) => name.endsWith(".csv")).sort()) {
    const metric = name.split("/").at(-1).replace(/\.csv$/, ""), path = join(nab, name);
    await db.import(readFileSync(path, "utf8"), { format: "csv", metric });
    chronicle("import", "--path", data, "--format", "csv", "--metric", metric, "--input", path);
  }
  const native = chronicle("digest", "--path", data, "--check");
  assert.equal((await db.digest({ check: true })).digest, native.digest);
  assert.ok(Number(native.points) > 50_000);
  await db.compact();
  assert.equal((await db.digest()).digest, native.digest);
});

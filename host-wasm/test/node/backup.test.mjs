// The same bytes: what native Chronicle made is read, verified and restored here, and the reverse.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { Chronicle } from "chronicle-db";
import { serve } from "../browser.mjs";
import { chronicle, history, missing, picked, program, scratch } from "../native.mjs";

const closing = (t, db) => (t.after(() => db.close()), db);

test("a snapshot from here opens natively with the same digest, and takes commits", { skip: missing }, async (t) => {
  const folder = scratch(t);
  const db = closing(t, await Chronicle.open("", { storage: "memory" }));
  await db.writeBatch(Array.from({ length: 30_000 }, (_, i) => ({ metric: "m", tags: { host: `h${i % 9}`, "k\n": "ü," }, value: i % 11 ? i / 7 : NaN, timestamp: BigInt(i) * 1_000_000_007n })));
  writeFileSync(join(folder, "data.db"), new Uint8Array(await (await db.snapshot()).arrayBuffer()));
  assert.equal(chronicle("digest", "--path", join(folder, "data.db"), "--check").digest, (await db.digest()).digest);
  chronicle("write", "--path", join(folder, "data.db"), "--metric", "m", "--value", "1");
  assert.equal(Number(chronicle("digest", "--path", join(folder, "data.db")).points), 30_001);
  chronicle("verify", "--path", join(folder, "data.db"));
});

test("a native database, its log included, has the same digest here", { skip: missing }, async (t) => {
  const { data, moments } = history(scratch(t));
  const folder = join(data, "..");
  const files = picked(folder).filter(({ name }) => name.startsWith("data.db") && !name.endsWith("lock"));
  const beside = files.filter((file) => file.webkitRelativePath.split("/").length === 2);
  const db = closing(t, await Chronicle.openFiles(beside));
  assert.equal((await db.digest({ check: true })).digest, moments[2].digest);
  const report = await Chronicle.verify(beside, { level: "deep" });
  assert.equal(report.sound, true, report.summary);
});

test("a delta repository is read in place at each of its moments, from files and over ranges", { skip: missing }, async (t) => {
  const { repository, moments } = history(scratch(t));
  const server = await serve({ "/backup/": repository });
  t.after(() => server.close());
  for (const source of [picked(repository), `${server.url}/backup/`]) {
    for (const { digest, lsn } of moments) {
      const db = closing(t, await Chronicle.openBackup(source, { at: `lsn:${lsn}` }));
      assert.equal((await db.digest({ check: true })).digest, digest);
      await assert.rejects(db.write({ metric: "m", value: 1 }), { kind: "ReadOnly" });
    }
    const db = closing(t, await Chronicle.openBackup(source));
    assert.equal((await db.digest({ check: true })).digest, moments[2].digest);
    assert.equal((await db.info()).backup.entry, "delta-002");
    const timeline = await Chronicle.timeline(source);
    assert.deepEqual(timeline.points.map(({ entry }) => entry), ["base", "delta-001", "delta-002"]);
    assert.equal(timeline.spans.length, 1);
    // Between two points the log tells, to the commit.
    const commitTime = timeline.points[1].commitTime;
    const then = closing(t, await Chronicle.openBackup(source, { at: commitTime }));
    assert.equal((await then.digest()).digest, moments[1].digest);
    await assert.rejects(Chronicle.openBackup(source, { at: timeline.spans[0].last.commitTime + 3_600_000_000_000n }), { kind: "NotRestorable" });
  }
});

test("a small answer from a backup moves few bytes", { skip: missing }, async (t) => {
  const { repository } = history(scratch(t));
  const server = await serve({ "/backup/": repository });
  t.after(() => server.close());
  const db = closing(t, await Chronicle.openBackup(`${server.url}/backup/`));
  server.seen.length = 0;
  const { series } = await db.query("SELECT mean(value) FROM cpu WHERE host = 'h2' AND time < '2024-01-28T00:05:00Z'");
  assert.equal(series.length, 1);
  const moved = server.seen.reduce((sum, { range }) => sum + (range ? Number(range.split("-")[1]) - Number(range.match(/\d+/)[0]) + 1 : 1e9), 0);
  assert.ok(moved < 600_000, `${moved} bytes in ${server.seen.length} requests`);
});

test("a repository and a snapshot are restored, and go on as a new epoch", { skip: missing }, async (t) => {
  const folder = scratch(t);
  const { data, repository, moments } = history(folder);
  execFileSync(program, ["backup", "create", "--source", data, "--dest", join(folder, "snap")]);
  for (const [source, moment] of [[repository, 0], [repository, 2], [join(folder, "snap"), 2]]) {
    const at = source === repository ? `lsn:${moments[moment].lsn}` : undefined;
    const original = closing(t, await Chronicle.openBackup(picked(source), { at }));
    const db = closing(t, await Chronicle.restore("", picked(source), { storage: "memory", at }));
    assert.equal((await db.digest({ check: true })).digest, moments[moment].digest);
    const [before, after] = [await original.info(), await db.info()];
    assert.equal(after.lineage, before.lineage);
    assert.notEqual(after.epoch, before.epoch);
    await db.write({ metric: "new", value: 1, timestamp: 1n });
    const blob = new Uint8Array(await (await db.snapshot()).arrayBuffer());
    const target = join(folder, `restored-${source === repository ? moment : "snap"}`);
    mkdirSync(target);
    writeFileSync(join(target, "data.db"), blob);
    assert.equal(Number(chronicle("digest", "--path", join(target, "data.db"), "--check").points), Number(moments[moment].points) + 1);
  }
});

test("damage in a repository is found by its object, and a restore refuses it", { skip: missing }, async (t) => {
  const { repository } = history(scratch(t));
  const sound = await Chronicle.verify(picked(repository));
  assert.equal(sound.sound, true, sound.summary);
  assert.ok(sound.objects > 5);
  const changes = readdirSync(join(repository, "delta-001")).find((name) => name === "changes.db");
  const path = join(repository, "delta-001", changes), bytes = readFileSync(path);
  bytes[70_000] ^= 4;
  writeFileSync(path, bytes);
  const report = await Chronicle.verify(picked(repository));
  assert.equal(report.sound, false);
  assert.match(report.findings[0].place, /delta-001\/changes\.db/);
  await assert.rejects(Chronicle.restore("", picked(repository), { storage: "memory" }), { kind: "Damaged" });
});

test("a wrong place, a 404, a server without ranges and a wrong file are told in words", { skip: missing }, async (t) => {
  const server = await serve();
  t.after(() => server.close());
  await assert.rejects(Chronicle.openBackup(`${server.url}/nothing-here/`), (error) => error.kind === "NotFound" && /no backup here/.test(error.message));
  await assert.rejects(Chronicle.openBackup("http://127.0.0.1:9/backup/"), (error) => error.kind === "Transient" && /CORS|not there/.test(error.message));
  await assert.rejects(Chronicle.openBackup([new File(["x"], "photo.jpg"), new File(["y"], "notes.txt")]), { kind: "NotFound" });
  await assert.rejects(Chronicle.openBackup(new Blob(["not a database at all"])), (error) => /Chronicle/.test(error.message));
});

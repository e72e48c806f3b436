// A database in memory, in this process: what a page, a worker and an edge runtime do alike.
import assert from "node:assert/strict";
import test from "node:test";
import { Chronicle, ChronicleError, toNs } from "chronicle-db";

/** Closes a database when its test ends; Node 20 does not know `await using`. */
const closing = (t, db) => (t.after(() => db.close()), db);
const memory = { storage: "memory" };
const T = 1_706_400_000_000_000_000n;

test("what is written is visible to the next query, as SQL and as an object", async (t) => {
  const db = closing(t, await Chronicle.open("", memory));
  await db.writeBatch([
    { metric: "temp", tags: { room: "a" }, value: 21.5, timestamp: T },
    { metric: "temp", tags: { room: "b" }, value: 18, timestamp: T },
    { metric: "temp", tags: { room: "a" }, value: 22.5, timestamp: T + 1_000_000_000n },
  ]);
  const { series } = await db.query("SELECT mean(value) FROM temp GROUP BY time(5m), room");
  assert.deepEqual(series.map(({ tags, values }) => [tags.room, ...values]), [["a", 22], ["b", 18]]);
  const same = await db.query({ metric: "temp", select: "mean", window: "5m", groupBy: ["room"] });
  assert.deepEqual(same.series, series);
  const raw = await db.query({ metric: "temp", where: { room: "a" }, order: "desc" });
  assert.deepEqual([...raw.rows()].map(({ timestamp, values }) => [timestamp, ...values]), [[T + 1_000_000_000n, 22.5], [T, 21.5]]);
});

test("columns of a million points come back bit for bit, through segments", async (t) => {
  const db = closing(t, await Chronicle.open("", memory));
  const count = 1_000_000, timestamps = new BigInt64Array(count), values = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    timestamps[i] = T + BigInt(i) * 1_000_000_000n;
    values[i] = Math.sin(i / 1000) * 100;
  }
  for (let at = 0; at < count; at += 100_000) {
    await db.writeBatch({ metric: "sine", timestamps: timestamps.slice(at, at + 100_000), values: values.slice(at, at + 100_000) });
  }
  await db.checkpoint();
  const answer = await db.query({ metric: "sine" });
  assert.deepEqual(answer.series[0].timestamps, timestamps);
  assert.deepEqual(answer.series[0].values, values);
  const [info] = await db.metrics();
  assert.deepEqual(info, { name: "sine", series: 1, points: count, first: timestamps[0], last: timestamps[count - 1] });
  const { digest } = await db.digest();
  assert.equal((await db.digest({ check: true })).digest, digest);
});

test("times may be BigInt ns, a Date or a number of ms", async (t) => {
  const db = closing(t, await Chronicle.open("", memory));
  const ms = 1_706_400_000_123;
  await db.writeBatch([{ metric: "m", value: 1, timestamp: new Date(ms) }, { metric: "m", value: 2, timestamp: ms + 1 }, { metric: "m", value: 3, timestamp: BigInt(ms + 2) * 1_000_000n }]);
  const { series, times } = await db.query("SELECT value FROM m");
  assert.deepEqual([...series[0].timestamps], [0, 1, 2].map((more) => BigInt(ms + more) * 1_000_000n));
  assert.deepEqual([...times], [ms, ms + 1, ms + 2]);
  assert.equal(toNs(0.5), 500_000n);
  assert.throws(() => toNs(NaN), { kind: "InvalidInput" });
});

test("a snapshot is a data.db that opens with the same digest, and verifies", async (t) => {
  const db = closing(t, await Chronicle.open("", memory));
  await db.writeBatch([{ metric: "a\nb", tags: { "k,": 'v"' }, value: NaN, timestamp: 1n }, { metric: "m", value: -0, timestamp: 2n }]);
  const blob = await db.snapshot();
  await db.writeBatch([{ metric: "m", value: 1, timestamp: 3n }]);
  const copy = closing(t, await Chronicle.openFiles(blob));
  assert.equal((await copy.digest()).points, 2);
  assert.notEqual((await copy.digest()).digest, (await db.digest()).digest);
  await assert.rejects(copy.write({ metric: "m", value: 1 }), { kind: "ReadOnly" });
  const report = await Chronicle.verify(blob, { level: "deep" });
  assert.equal(report.sound, true, report.summary);
  assert.equal(report.points, 2);
  const grown = closing(t, await Chronicle.open("", { ...memory, data: blob }));
  await grown.write({ metric: "m", value: 9, timestamp: 9n });
  assert.equal((await grown.digest()).points, 3);
});

test("a flipped byte and a cut file are found, and open as an error in words", async (t) => {
  const db = closing(t, await Chronicle.open("", memory));
  await db.writeBatch({ metric: "m", timestamps: Array.from({ length: 10_000 }, (_, i) => BigInt(i)), values: Array.from({ length: 10_000 }, Math.random) });
  const bytes = new Uint8Array(await (await db.snapshot()).arrayBuffer());
  const flipped = bytes.slice();
  flipped[70_000] ^= 1;
  const report = await Chronicle.verify(flipped);
  assert.equal(report.sound, false);
  assert.match(report.findings[0].place, /segment/);
  assert.equal((await Chronicle.verify(bytes.slice(0, 100_000))).sound, false);
  await assert.rejects(Chronicle.openFiles(bytes.slice(0, 70_000)), (error) => error instanceof ChronicleError && error.kind === "Damaged" && /cut/.test(error.message));
  await assert.rejects(Chronicle.openFiles(new Uint8Array(100_000)), { kind: "InvalidInput" });
  await assert.rejects(Chronicle.openFiles(new TextEncoder().encode("not a database")), ChronicleError);
});

for (const format of ["csv", "json", "jsonl", "line"]) {
  test(`${format} goes out and comes back with the same digest`, async (t) => {
    const db = closing(t, await Chronicle.open("", memory));
    await db.writeBatch(Array.from({ length: 25_000 }, (_, i) => ({ metric: "m", tags: { host: `h${i % 7}` }, value: i / 3, timestamp: T + BigInt(i) * 7n })));
    let report;
    const text = await new Response(db.export({ format, onProgress: (told) => (report = told) })).blob();
    assert.equal(report.digest, (await db.digest()).digest);
    const copy = closing(t, await Chronicle.open("", memory));
    const read = await copy.import(text.stream(), { format, ...(format === "line" ? { timeUnit: "ns" } : {}) });
    assert.equal(read.points, 25_000);
    assert.equal(read.commits >= 3, true);
    assert.equal((await copy.digest()).digest, report.digest);
  });
}

test("a bad line ends an import with its number, and says what is committed", async (t) => {
  const db = closing(t, await Chronicle.open("", memory));
  await assert.rejects(db.import("timestamp,metric,value\n1,m,1\n2,m,nonsense\n", { format: "csv" }), (error) => error.kind === "InvalidInput" && /line 3|row 3/.test(error.message));
  const report = await db.import("timestamp,metric,value\n1,m,1\n2,m,nonsense\n", { format: "csv", onError: "skip" });
  assert.equal(report.skipped, 1);
});

test("a deletion takes what is selected, and nothing that is written later", async (t) => {
  const db = closing(t, await Chronicle.open("", memory));
  await db.writeBatch([1n, 2n, 3n].map((timestamp) => ({ metric: "m", value: 1, timestamp })));
  assert.notEqual(await db.delete({ metric: "m", start: 2n }), null);
  assert.equal((await db.digest()).points, 1);
  await db.write({ metric: "m", value: 5, timestamp: 2n });
  assert.equal((await db.digest()).points, 2);
  assert.equal(await db.delete({ metric: "unknown" }), null);
});

test("writes that run side by side are all there, each with an LSN", async (t) => {
  const db = closing(t, await Chronicle.open("", { ...memory, sealPoints: 2_000 }));
  const lsns = await Promise.all(Array.from({ length: 200 }, (_, i) => db.writeBatch(Array.from({ length: 100 }, (_, j) => ({ metric: `m${i % 5}`, value: i, timestamp: BigInt(i * 1000 + j) })))));
  assert.equal(new Set(lsns).size, 200);
  assert.equal((await db.digest()).points, 20_000);
  await db.compact();
  assert.equal((await db.digest({ check: true })).points, 20_000);
  assert.equal((await Chronicle.verify(await db.snapshot(), { level: "deep" })).sound, true);
});

test("a query in batches sees one commit, and the same rows", async (t) => {
  const db = closing(t, await Chronicle.open("", memory));
  await db.writeBatch(Array.from({ length: 50_000 }, (_, i) => ({ metric: "m", tags: { host: `h${i % 3}` }, value: i, timestamp: BigInt(i) })));
  let rows = 0;
  for await (const batch of db.queryBatches("SELECT * FROM m")) {
    if (rows === 0) await db.write({ metric: "m", value: 1, timestamp: 99_999_999n });
    for (const row of batch) assert.equal(row.tags.host, `h${row.values[0] % 3}`);
    rows += batch.length;
  }
  assert.equal(rows, 50_000);
});

test("mistakes are answered in words", async (t) => {
  const db = closing(t, await Chronicle.open("", memory));
  await assert.rejects(db.query("SELEC value FROM m"), { kind: "InvalidInput" });
  await assert.rejects(db.query({ metric: "m", select: "mean(value) FROM x WHERE", window: "5m" }), { kind: "InvalidInput" });
  await assert.rejects(db.writeBatch([{ metric: "", value: 1 }]), { kind: "InvalidInput" });
  await assert.rejects(db.writeBatch([{ metric: "m" }]), { kind: "InvalidInput" });
  await assert.rejects(Chronicle.open("x"), { kind: "Unsupported" });
  const closed = await Chronicle.open("", memory);
  await closed.close();
  await assert.rejects(closed.query("SELECT * FROM m"), { kind: "InvalidInput" });
  await assert.rejects(db.import("x", { format: "csv", signal: AbortSignal.abort() }), { kind: "Cancelled" });
});

// IndexedDB behind a worker, in Chromium: what is acknowledged stays, one tab writes, others read.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { launch, serve } from "../browser.mjs";

let server, browser;
before(async () => {
  server = await serve();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.close();
});

const open = async () => browser.page(server.url);

test("what was acknowledged is there after a reload, by the worker and in the page itself", async () => {
  for (const worker of [true, false]) {
    const page = await open();
    const name = `reload-${worker}`;
    const before = await page.evaluate(async ({ name, worker }) => {
      const db = await Chronicle.open(name, { worker });
      for (let i = 0; i < 20; i++) await db.writeBatch(Array.from({ length: 500 }, (_, j) => ({ metric: "m", tags: { host: `h${j % 5}` }, value: i * j, timestamp: BigInt(i * 500 + j) })));
      return (await db.digest()).digest;
      // It is not closed: the page goes away with it open.
    }, { name, worker });
    await page.reload();
    await page.evaluate(async () => Object.assign(globalThis, await import("/dist/index.js")));
    const after = await page.evaluate(async ({ name, worker }) => {
      const db = await Chronicle.open(name, { worker });
      const { digest } = await db.digest({ check: true });
      await db.close();
      return { digest, report: await Chronicle.verify(name) };
    }, { name, worker });
    assert.equal(after.digest, before);
    assert.equal(after.report.sound, true, after.report.summary);
    await page.close();
  }
});

test("segments, compaction and deletion survive the end of the browser", async () => {
  let page = await open();
  const before = await page.evaluate(async () => {
    const db = await Chronicle.open("long", { sealPoints: 20_000 });
    const count = 300_000, timestamps = new BigInt64Array(count), values = new Float64Array(count);
    for (let i = 0; i < count; i++) { timestamps[i] = BigInt(i) * 1_000_000_000n; values[i] = Math.sin(i / 50) * (i % 97); }
    for (let at = 0; at < count; at += 10_000) await db.writeBatch({ metric: "sine", timestamps: timestamps.slice(at, at + 10_000), values: values.slice(at, at + 10_000) });
    await db.delete({ metric: "sine", start: 1_000_000_000_000n, end: 2_000_000_000_000n });
    await db.compact();
    const digest = (await db.digest({ check: true })).digest;
    await db.close();
    return digest;
  });
  await browser.restart();
  page = await open();
  const after = await page.evaluate(async () => {
    const db = await Chronicle.open("long");
    const { digest, points } = await db.digest({ check: true });
    const { series } = await db.query("SELECT count(value) FROM sine");
    const kind = (await db.storage()).kind;
    await db.close();
    return { digest, points, counted: series[0].values[0], kind, report: await Chronicle.verify("long", { level: "deep" }), names: await Chronicle.list() };
  });
  assert.equal(after.digest, before);
  assert.equal(after.points, 299_000);
  assert.equal(after.counted, 299_000);
  assert.equal(after.kind, "indexeddb");
  assert.equal(after.report.sound, true, after.report.summary);
  assert.equal(after.names.includes("long"), true);
  await page.close();
});

test("a second tab is told who writes, reads beside it, and writes when the first is gone", async () => {
  const [first, second] = [await open(), await open()];
  await first.evaluate(async () => {
    globalThis.db = await Chronicle.open("tabs", { sealPoints: 500 });
    await db.writeBatch(Array.from({ length: 5_000 }, (_, i) => ({ metric: "m", value: i, timestamp: BigInt(i) })));
  });
  const busy = await second.evaluate(() => Chronicle.open("tabs").then(() => null, ({ kind, message }) => ({ kind, message })));
  assert.equal(busy?.kind, "Busy");
  assert.match(busy.message, /readOnly/);
  await second.evaluate(async () => (globalThis.reader = await Chronicle.open("tabs", { readOnly: true })));
  // The writer rewrites everything several times while the reader has its moment open.
  await first.evaluate(async () => {
    for (let round = 0; round < 5; round++) {
      await db.writeBatch(Array.from({ length: 5_000 }, (_, i) => ({ metric: "m", value: -i, timestamp: BigInt(i) })));
      await db.compact();
    }
  });
  const seen = await second.evaluate(async () => {
    const { series } = await reader.query("SELECT sum(value), count(value) FROM m");
    const refused = await reader.write({ metric: "m", value: 1 }).catch(({ kind }) => kind);
    await reader.close();
    return { values: Object.values(series[0].columns).map((column) => column[0]), refused };
  });
  assert.deepEqual(seen, { values: [(4_999 * 5_000) / 2, 5_000], refused: "ReadOnly" });
  await first.close();
  const digest = await second.evaluate(async () => {
    for (let attempt = 0; ; attempt++) {
      try {
        const db = await Chronicle.open("tabs");
        await db.write({ metric: "m", value: 1, timestamp: 10_000n });
        const { points } = await db.digest({ check: true });
        await db.close();
        return points;
      } catch (error) {
        if (attempt > 50 || error.kind !== "Busy") throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  });
  assert.equal(digest, 5_001);
  await second.close();
});

test("a tab that is killed in the middle of its writes loses nothing that it was told of", async () => {
  for (let round = 0; round < 3; round++) {
    const name = `killed-${round}`;
    const page = await open();
    let acknowledged = -1;
    await page.exposeFunction("acknowledge", (number) => (acknowledged = number));
    void page.evaluate(async (name) => {
      const db = await Chronicle.open(name, { sealPoints: 3_000 });
      for (let i = 0; ; i++) {
        await db.writeBatch(Array.from({ length: 100 }, (_, j) => ({ metric: "m", value: i, timestamp: BigInt(i * 100 + j) })));
        await acknowledge(i);
      }
    }, name).catch(() => {});
    while (acknowledged < 40 * (round + 1)) await new Promise((resolve) => setTimeout(resolve, 5));
    // The renderer dies at once, in the middle of whatever it does.
    const session = await browser.context.newCDPSession(page);
    await Promise.race([session.send("Page.crash").catch(() => {}), new Promise((resolve) => setTimeout(resolve, 500))]);
    const told = acknowledged;
    await page.close().catch(() => {});
    const next = await open();
    const { points, batches, report } = await next.evaluate(async (name) => {
      let db;
      for (let attempt = 0; !db; attempt++) db = await Chronicle.open(name).catch(async (error) => { if (attempt > 100 || error.kind !== "Busy") throw error; await new Promise((resolve) => setTimeout(resolve, 50)); });
      const { points } = await db.digest({ check: true });
      const { series } = await db.query("SELECT max(value), count(value) FROM m");
      await db.close();
      return { points, batches: series[0].columns["max(value)"][0] + 1, report: await Chronicle.verify(name, { level: "deep" }) };
    }, name);
    assert.equal(report.sound, true, report.summary);
    assert.equal(points, batches * 100, "every batch is whole");
    assert.ok(batches > told, `batch ${told} was acknowledged, ${batches} are there`);
    await next.close();
  }
});

test("a lack of room is an error in words, and what is there stays", async () => {
  const page = await open();
  const result = await page.evaluate(async () => {
    const db = await Chronicle.open("full", { worker: false, sealPoints: 1_000_000 });
    await db.writeBatch(Array.from({ length: 1_000 }, (_, i) => ({ metric: "m", value: i, timestamp: BigInt(i) })));
    const before = (await db.digest()).digest;
    // A transaction that the browser aborts for want of room fires only `abort`.
    const real = IDBObjectStore.prototype.put;
    IDBObjectStore.prototype.put = function (...args) {
      const asked = real.apply(this, args), { transaction } = this;
      Object.defineProperty(transaction, "error", { value: new DOMException("no room", "QuotaExceededError") });
      transaction.abort();
      return asked;
    };
    const failed = await db.write({ metric: "m", value: 1, timestamp: 5_000n }).then(() => null, ({ kind, message }) => ({ kind, message }));
    IDBObjectStore.prototype.put = real;
    const after = (await db.digest()).digest;
    await db.write({ metric: "m", value: 2, timestamp: 6_000n });
    const { points } = await db.digest({ check: true });
    await db.close();
    const again = await Chronicle.open("full", { worker: false });
    const reopened = (await again.digest({ check: true })).points;
    await again.close();
    return { failed, same: before === after, points, reopened };
  });
  assert.equal(result.failed?.kind, "Full");
  assert.deepEqual([result.same, result.points, result.reopened], [true, 1_001, 1_001]);
  await page.close();
});

test("a connection that the browser closed is opened again", async () => {
  const page = await open();
  const points = await page.evaluate(async () => {
    const real = IDBFactory.prototype.open, connections = [];
    IDBFactory.prototype.open = function (...args) {
      const opening = real.apply(this, args);
      opening.addEventListener("success", () => connections.push(opening.result));
      return opening;
    };
    const db = await Chronicle.open("lost", { worker: false });
    await db.write({ metric: "m", value: 1, timestamp: 1n });
    connections.forEach((connection) => connection.close());
    await db.write({ metric: "m", value: 2, timestamp: 2n });
    const { points } = await db.digest({ check: true });
    await db.close();
    IDBFactory.prototype.open = real;
    return points;
  });
  assert.equal(points, 2);
  await page.close();
});

test("a database is deleted by its name, and not while somebody writes it", async () => {
  const page = await open();
  const result = await page.evaluate(async () => {
    const db = await Chronicle.open("gone");
    await db.write({ metric: "m", value: 1 });
    const refused = await Chronicle.delete("gone").catch(({ kind }) => kind);
    await db.close();
    for (let attempt = 0; attempt < 50; attempt++) {
      if (await Chronicle.delete("gone").then(() => true, () => false)) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const missing = await Chronicle.open("gone", { create: false }).catch(({ kind }) => kind);
    return { refused, missing };
  });
  assert.deepEqual(result, { refused: "Busy", missing: "NotFound" });
  await page.close();
});

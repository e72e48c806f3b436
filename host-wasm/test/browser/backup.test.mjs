// Backups in the page: read in place over ranges, restored into IndexedDB; an interrupted restore leaves nothing that opens.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { launch, serve } from "../browser.mjs";
import { history, missing, scratch } from "../native.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

test("a repository is read in place, restored into IndexedDB and there after a restart", { skip: missing }, async (t) => {
  const { repository, moments } = history(scratch(t));
  const server = await serve({ "/backup/": repository });
  t.after(() => server.close());
  let page = await browser.page(server.url);
  const seen = await page.evaluate(async ({ lsn }) => {
    const old = await Chronicle.openBackup("/backup/", { at: `lsn:${lsn}` });
    const there = (await old.digest({ check: true })).digest;
    await old.close();
    const db = await Chronicle.restore("restored", "/backup/", { at: `lsn:${lsn}` });
    const here = (await db.digest({ check: true })).digest;
    await db.write({ metric: "new", value: 1, timestamp: 1n });
    const again = await Chronicle.restore("restored", "/backup/").catch(({ kind }) => kind);
    await db.close();
    return { there, here, again, report: await Chronicle.verify("/backup/") };
  }, moments[1]);
  assert.deepEqual([seen.there, seen.here], [moments[1].digest, moments[1].digest]);
  assert.ok(["Busy", "AlreadyExists"].includes(seen.again), seen.again);
  assert.equal(seen.report.sound, true, seen.report.summary);
  await browser.restart();
  page = await browser.page(server.url);
  const points = await page.evaluate(async () => {
    const refused = await Chronicle.restore("restored", "/backup/").catch(({ kind }) => kind);
    const db = await Chronicle.open("restored");
    const { points } = await db.digest({ check: true });
    await db.close();
    return { refused, points, report: await Chronicle.verify("restored", { level: "deep" }) };
  });
  assert.equal(points.refused, "AlreadyExists");
  assert.equal(points.points, Number(moments[1].points) + 1);
  assert.equal(points.report.sound, true, points.report.summary);
  await page.close();
});

test("a restore that is interrupted is refused by its name, and can be made again", { skip: missing }, async (t) => {
  const { repository, moments } = history(scratch(t));
  const server = await serve({ "/backup/": repository });
  t.after(() => server.close());
  const page = await browser.page(server.url);
  const result = await page.evaluate(async () => {
    const stop = new AbortController();
    const first = await Chronicle.restore("half", "/backup/", { onProgress: () => stop.abort(), signal: stop.signal }).catch(({ kind }) => kind);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const opened = await Chronicle.open("half", { create: false }).then((db) => db.close().then(() => "opened"), ({ kind }) => kind);
    let db;
    for (let attempt = 0; !db; attempt++) db = await Chronicle.restore("half", "/backup/").catch(async (error) => { if (attempt > 50 || error.kind !== "Busy") throw error; await new Promise((resolve) => setTimeout(resolve, 50)); });
    const { digest } = await db.digest({ check: true });
    await db.close();
    return { first, opened, digest };
  });
  assert.equal(result.first, "Cancelled");
  assert.ok(["Damaged", "NotFound"].includes(result.opened), result.opened);
  assert.equal(result.digest, moments[2].digest);
  await page.close();
});

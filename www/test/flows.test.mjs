// What a visitor does: generated data, chart, zoom, query, verify, save, reload, offline.
import assert from "node:assert/strict";
import { test } from "node:test";
import { csv, openCsv, openDemo, pick, snapshot, withPage } from "./page.mjs";

const points = (text) => Number(/([\d,]+) points?/.exec(text)[1].replaceAll(",", ""));

test("a visitor has a chart of two million generated points within ten seconds", () => withPage(async ({ page }) => {
  const started = Date.now();
  await openDemo(page);
  assert.ok(Date.now() - started < 10_000);
  assert.deepEqual(await page.locator(".metric-name").allTextContents(), ["latency_ms", "power_kw", "temperature_c"]);
  assert.match(await page.locator(".time").textContent(), /515,\d{3} points in windows of/);
}));

test("zooming asks for narrower windows, down to single points, and everything comes back", () => withPage(async ({ page }) => {
  await openDemo(page);
  const time = page.locator(".time"), all = points(await time.textContent());
  const box = await page.locator(".chart .u-over").boundingBox();
  await page.mouse.move(box.x + box.width * 0.4, box.y + 50);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 60, { steps: 4 });
  await page.mouse.up();
  await page.waitForFunction((before) => !document.querySelector(".time").textContent.includes(before), all.toLocaleString("en"));
  assert.ok(points(await time.textContent()) < all / 5);
  for (let i = 0; i < 10; i++) await page.getByRole("button", { name: "Zoom in" }).click();
  await page.waitForFunction(() => /each drawn/.test(document.querySelector(".time").textContent));
  await page.locator(".chart").press("0");
  await page.waitForFunction((whole) => document.querySelector(".time").textContent.includes(whole), all.toLocaleString("en"));
}));

test("choosing a tag's value leaves only its series", () => withPage(async ({ page }) => {
  await openDemo(page);
  await page.getByRole("button", { name: "south", exact: true }).click();
  await page.waitForFunction(() => document.querySelectorAll(".legend tbody tr").length === 1);
  assert.match(await page.locator(".legend tbody").textContent(), /line=south/);
}));

test("SQL is answered as a table and as a chart, and a mistake in it is explained", () => withPage(async ({ page }) => {
  await openDemo(page);
  await page.getByRole("tab", { name: "Query" }).click();
  const box = page.getByRole("textbox", { name: "Query" });
  await box.fill("SELECT count(value) FROM temperature_c GROUP BY room");
  await box.press("Control+Enter");
  await page.waitForSelector(".table-box tbody tr");
  assert.equal(await page.locator(".table-box tbody tr").count(), 3);
  assert.match(await page.locator(".table-box tbody").textContent(), /259200/);
  await box.fill("SELECT mean(value) FROM temperature_c GROUP BY time(6h), room");
  await page.getByRole("button", { name: "Run" }).click();
  await page.waitForFunction(() => document.querySelectorAll(".table-box tbody tr").length > 300);
  await page.getByRole("button", { name: "Chart" }).click();
  await page.waitForSelector(".answer canvas");
  await box.fill("SELEKT everything");
  await box.press("Control+Enter");
  await page.waitForSelector(".answer .trouble");
}));

test("a snapshot of the page opens again, and verify calls it sound", () => withPage(async ({ page }) => {
  await openCsv(page);
  const bytes = await snapshot(page);
  await page.getByRole("button", { name: "Open another" }).click();
  await pick(page, { name: "data.db", bytes });
  await page.waitForSelector(".legend tbody tr");
  await page.getByRole("tab", { name: "Verify" }).click();
  await page.getByRole("button", { name: "Verify" }).click();
  await page.waitForSelector(".verdict");
  assert.equal(await page.locator(".verdict h2").textContent(), "Sound");
  assert.match(await page.locator(".verdict").textContent(), /50 points/);
}));

test("what is saved is there after a reload, and takes an import", () => withPage(async ({ page }) => {
  await openCsv(page);
  await page.getByRole("tab", { name: "Move data" }).click();
  await page.getByLabel("Name", { exact: true }).fill("kept");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.waitForFunction(() => location.hash.includes("db=kept"));
  await page.reload();
  await page.waitForSelector(".rail .metric");
  assert.match(await page.locator(".source").textContent(), /kept/);
  await page.getByRole("tab", { name: "Move data" }).click();
  await page.locator(".card[aria-label=Import] input[type=file]").setInputFiles({ name: "more.csv", mimeType: "text/csv", buffer: Buffer.from(csv(7)) });
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.waitForSelector(".card[aria-label=Import] .is-done");
  await page.reload();
  await page.waitForSelector(".rail .metric");
  assert.deepEqual(await page.locator(".metric-name").allTextContents(), ["more", "sensor"]);
}));

test("an export holds every point", () => withPage(async ({ page }) => {
  await openCsv(page);
  await page.getByRole("tab", { name: "Move data" }).click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export", exact: true }).click()]);
  const parts = [];
  for await (const part of await download.createReadStream()) parts.push(part);
  assert.equal(Buffer.concat(parts).toString().trim().split("\n").length, 51);
  await page.waitForSelector(".card[aria-label=Export] .is-done");
}));

test("a visited page opens without a network, generated data and all", () => withPage(async ({ page, context, server }) => {
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.waitForFunction(async () => (await caches.keys()).length === 1);
  server.closeAllConnections();
  server.close();
  await context.setOffline(true);
  await page.reload();
  await page.waitForSelector(".hero");
  await openDemo(page);
}, { serviceWorkers: "allow" }));

test("the look at a time survives a reload", () => withPage(async ({ page }) => {
  await openDemo(page);
  await page.getByRole("button", { name: "temperature_c" }).click();
  await page.waitForFunction(() => document.querySelector(".view h1").textContent === "temperature_c");
  for (let i = 0; i < 3; i++) await page.getByRole("button", { name: "Zoom in" }).click();
  await page.waitForFunction(() => !document.querySelector(".chart").hasAttribute("aria-busy"));
  const hash = new URLSearchParams(new URL(page.url()).hash.slice(1));
  await page.reload();
  await page.waitForSelector(".legend tbody tr");
  await page.waitForFunction(() => location.hash.includes("from="));
  const after = new URLSearchParams(new URL(page.url()).hash.slice(1));
  for (const key of ["metric", "from", "to"]) assert.equal(after.get(key), hash.get(key), key);
}));

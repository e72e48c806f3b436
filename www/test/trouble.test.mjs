// What goes wrong: bad files, bad addresses, browsers without storage or room. Each has a sentence, and the page goes on.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { fetchUrl, openCsv, openDemo, pick, snapshot, trouble, withPage } from "./page.mjs";

const goesOn = async (page) => openCsv(page);

test("a file that is no database is told so, and the next one opens", () => withPage(async ({ page }) => {
  await pick(page, { name: "holiday.jpg", bytes: Buffer.alloc(5000, 7) });
  await trouble(page).waitFor();
  assert.match(await trouble(page).textContent(), /holiday\.jpg could not be opened/);
  await goesOn(page);
}));

test("an empty file, and a CSV without points, are told so", () => withPage(async ({ page }) => {
  await pick(page, { name: "data.db", bytes: "" });
  await trouble(page).waitFor();
  await pick(page, { name: "words.csv", bytes: "once,upon\na,time\n" });
  await page.waitForFunction(() => /words\.csv/.test(document.querySelector(".trouble-box").textContent));
  await goesOn(page);
}));

test("a truncated database is not opened as a shorter one", () => withPage(async ({ page }) => {
  await openDemo(page);
  const bytes = await snapshot(page);
  await page.getByRole("button", { name: "Open another" }).click();
  await pick(page, { name: "data.db", bytes: bytes.subarray(0, bytes.length >> 1) });
  await trouble(page).waitFor();
  await page.getByRole("button", { name: "Verify it" }).click();
  await page.waitForSelector(".verdict");
  assert.equal(await page.locator(".verdict h2").textContent(), "Damaged");
}));

test("a damaged database gets a verdict that says where", () => withPage(async ({ page }) => {
  await openDemo(page);
  const bytes = await snapshot(page);
  bytes[bytes.length >> 1] ^= 0x40;
  await page.getByRole("button", { name: "Open another" }).click();
  await pick(page, { name: "data.db", bytes });
  const open = page.locator(".rail .metric").first(), refused = page.getByRole("button", { name: "Verify it" });
  await open.or(refused).waitFor();
  if (await refused.isVisible()) await refused.click();
  else {
    await page.getByRole("tab", { name: "Verify" }).click();
    await page.getByRole("button", { name: "Verify", exact: true }).click();
  }
  await page.waitForSelector(".verdict");
  assert.equal(await page.locator(".verdict h2").textContent(), "Damaged");
  assert.match(await page.locator(".findings").textContent(), /segment|catalog/);
}));

test("an address that is not there, and one that can't be reached, are told apart", () => withPage(async ({ page, url }) => {
  await fetchUrl(page, `${url}none/readings.csv`);
  await page.waitForFunction(() => /status 404/.test(document.querySelector(".trouble-box").textContent));
  await fetchUrl(page, `${url}none/data.db`);
  await page.waitForFunction(() => /data\.db could not be opened/.test(document.querySelector(".trouble-box").textContent));
  await fetchUrl(page, "http://127.0.0.1:9/readings.csv");
  await page.waitForFunction(() => /could not fetch/.test(document.querySelector(".trouble-box").textContent));
  await fetchUrl(page, "http://127.0.0.1:9/backup/");
  await page.waitForFunction(() => /could not be fetched/.test(document.querySelector(".trouble-box").textContent));
  await goesOn(page);
}));

test("a server without ranges serves a database", () => withPage(async ({ page }) => {
  await openCsv(page);
  const bytes = await snapshot(page);
  const server = createServer(({ method, url: path }, response) => {
    const head = { "access-control-allow-origin": "*", "access-control-allow-headers": "*" };
    if (method === "OPTIONS") return response.writeHead(204, head).end();
    if (path !== "/data.db") return response.writeHead(404, head).end();
    return response.writeHead(200, { ...head, "content-length": bytes.length }).end(method === "HEAD" ? undefined : bytes);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await page.getByRole("button", { name: "Open another" }).click();
    await fetchUrl(page, `http://127.0.0.1:${server.address().port}/data.db`);
    await page.waitForSelector(".legend tbody tr");
    await page.reload();
    await page.waitForSelector(".legend tbody tr");
  } finally {
    server.closeAllConnections();
    server.close();
  }
}));

test("without IndexedDB everything but saving works, and the page says so", () => withPage(async ({ page }) => {
  await page.getByText("This browser keeps no data for pages").waitFor();
  await openCsv(page);
  await page.getByRole("tab", { name: "Move data" }).click();
  assert.equal(await page.getByRole("button", { name: "Save", exact: true }).count(), 0);
}, { init: () => Object.defineProperty(globalThis, "indexedDB", { value: undefined }) }));

test("a full disk while saving is told, what is open stays open, and no half database is listed", () => withPage(async ({ page, context, url }) => {
  await openDemo(page);
  const session = await context.newCDPSession(page);
  await session.send("Storage.overrideQuotaForOrigin", { origin: new URL(url).origin, quotaSize: 1_200_000 });
  await page.getByRole("tab", { name: "Move data" }).click();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.waitForSelector(".card[aria-label='Save in this browser'] .is-wrong", { timeout: 90_000 });
  assert.match(await page.locator(".card[aria-label='Save in this browser']").textContent(), /no room left/);
  await page.getByRole("tab", { name: "Explore" }).click();
  await page.waitForSelector(".legend tbody tr");
  await page.getByRole("button", { name: "Open another" }).click();
  await page.waitForSelector(".hero");
  assert.equal(await page.locator(".saved-name").count(), 0);
}));

test("files of which none is a database are told what is missing", () => withPage(async ({ page }) => {
  await pick(page, { name: "a", bytes: "x" }, { name: "b", bytes: "y" });
  await trouble(page).waitFor();
  assert.match(await trouble(page).textContent(), /none of the 2 files is a data\.db/i);
}));

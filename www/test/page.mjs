// A served console and a Chromium for tests. Every test gets a profile of its own, so that storage is the disk's and nobody else's.
import { chromium } from "playwright-core";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { serve } from "../serve.mjs";

const dist = join(dirname(fileURLToPath(import.meta.url)), "..", "dist");
const ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** Runs `body({ page, context, url, server })` on an open console; an error that the page did not catch fails it. */
export async function withPage(body, { init, viewport = { width: 1280, height: 800 }, serviceWorkers = "block" } = {}) {
  const profile = mkdtempSync(join(tmpdir(), "chronicle-console-"));
  const server = await serve(dist);
  const context = await chromium.launchPersistentContext(profile, { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ARGS, viewport, serviceWorkers, acceptDownloads: true });
  const errors = [];
  try {
    const page = context.pages()[0] ?? await context.newPage();
    page.setDefaultTimeout(30_000);
    page.on("pageerror", (error) => errors.push(String(error)));
    if (init) await page.addInitScript(init);
    const url = `http://127.0.0.1:${server.address().port}/`;
    await page.goto(url);
    await page.waitForSelector(".hero");
    await body({ page, context, url, server });
    assert.deepEqual(errors, []);
  } finally {
    await context.close();
    server.closeAllConnections();
    server.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

/** Opens the generated data and waits for its chart. */
export async function openDemo(page) {
  await page.getByRole("button", { name: "Try it with generated data" }).click();
  await page.waitForSelector(".legend tbody tr");
  await drawn(page);
}

/** Waits until a chart has stood for a while: one that has just come may be drawn again, in another size. */
async function drawn(page) {
  await page.waitForFunction(() => {
    const area = document.querySelector(".chart .u-over");
    if (area !== window.lastArea) [window.lastArea, window.lastAreaSince] = [area, performance.now()];
    return area?.getBoundingClientRect().width > 0 && performance.now() - window.lastAreaSince > 400;
  });
}

/** The bytes of the `data.db` of what is open. */
export async function snapshot(page) {
  await page.getByRole("tab", { name: "Move data" }).click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download data.db" }).click()]);
  const parts = [];
  for await (const part of await download.createReadStream()) parts.push(part);
  return Buffer.concat(parts);
}

/** Opens files from the welcome, as a person picks them. */
export function pick(page, ...files) {
  return page.setInputFiles("input[data-picks=file]", files.map(({ name, bytes }) => ({ name, mimeType: "application/octet-stream", buffer: Buffer.from(bytes) })));
}

/** Imports a few points as a CSV file named `name`, and waits for their chart. */
export async function openCsv(page, name = "sensor.csv", text = csv(50)) {
  await pick(page, { name, bytes: text });
  await page.waitForSelector(".legend tbody tr");
}

/** CSV of `rows` points of one series, a second apart. */
export function csv(rows) {
  const lines = ["timestamp,value"];
  for (let i = 0; i < rows; i++) lines.push(`${new Date(1_700_000_000_000 + i * 1000).toISOString()},${Math.sin(i / 5).toFixed(3)}`);
  return lines.join("\n") + "\n";
}

/** Asks the welcome for an address. */
export async function fetchUrl(page, url) {
  await page.getByRole("textbox", { name: /Address/ }).fill(url);
  await page.getByRole("button", { name: "Fetch" }).click();
}

export const trouble = (page) => page.locator(".trouble-box .trouble");

// Backups in the page: a repository that native Chronicle made, from files and over HTTP, at its moments; restored, and damaged.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { serve } from "../serve.mjs";
import { fetchUrl, trouble, withPage } from "./page.mjs";

const REPOSITORY = join(dirname(fileURLToPath(import.meta.url)), "fixtures", "repository");

/** A copy of the repository that a test may break. */
function withCopy(body) {
  const folder = mkdtempSync(join(tmpdir(), "chronicle-repository-"));
  cpSync(REPOSITORY, join(folder, "repository"), { recursive: true });
  return body(join(folder, "repository")).finally(() => rmSync(folder, { recursive: true, force: true }));
}

async function openFolder(page, folder) {
  await page.setInputFiles("input[data-picks=folder]", folder);
  await page.getByRole("tab", { name: "Moments" }).or(trouble(page)).waitFor();
}

const waitForPoints = (page, count) => page.waitForFunction((text) => document.querySelector(".metric-count")?.textContent === text, count);

test("a backup folder opens at its newest point, and at earlier ones", () => withPage(async ({ page }) => {
  await openFolder(page, REPOSITORY);
  await waitForPoints(page, "3,000");
  await page.getByRole("tab", { name: "Moments" }).click();
  assert.equal(await page.locator(".moments tbody tr").count(), 3);
  await page.getByRole("button", { name: "Open base" }).click();
  await waitForPoints(page, "1,500");
  assert.match(await page.locator(".source").textContent(), /as of 2026-11-23 03:30:55/);
  await page.getByRole("button", { name: "Open delta-001" }).click();
  await waitForPoints(page, "2,200");
}));

test("the slider goes to any moment, by keyboard too", () => withPage(async ({ page }) => {
  await openFolder(page, REPOSITORY);
  await page.getByRole("tab", { name: "Moments" }).click();
  const slider = page.getByRole("slider", { name: "Moment" });
  await slider.press("Home");
  await waitForPoints(page, "1,500");
  await page.waitForFunction(() => document.activeElement?.type === "range");
  await page.keyboard.press("End");
  await waitForPoints(page, "3,000");
}));

test("a backup is read over HTTP where it lies, and stays open after a reload", () => withPage(async ({ page }) => {
  const server = await serve(REPOSITORY, { cors: true });
  try {
    await fetchUrl(page, `http://127.0.0.1:${server.address().port}/`);
    await waitForPoints(page, "3,000");
    await page.getByRole("tab", { name: "Verify" }).click();
    await page.getByRole("button", { name: "Verify" }).click();
    await page.waitForSelector(".verdict.is-sound");
    await page.reload();
    await waitForPoints(page, "3,000");
  } finally {
    server.closeAllConnections();
    server.close();
  }
}));

test("an earlier moment is restored into this browser", () => withPage(async ({ page }) => {
  await openFolder(page, REPOSITORY);
  await page.getByRole("tab", { name: "Moments" }).click();
  await page.getByRole("button", { name: "Open delta-001" }).click();
  await waitForPoints(page, "2,200");
  await page.getByRole("tab", { name: "Move data" }).click();
  await page.getByLabel("Name", { exact: true }).fill("restored");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.waitForFunction(() => location.hash.includes("db=restored"));
  await page.reload();
  await waitForPoints(page, "2,200");
}));

test("a damaged backup gets a verdict that names the object", () => withCopy((folder) => withPage(async ({ page }) => {
  const log = join(folder, "delta-001", "data.db.wal-00000000000000000002"), bytes = readFileSync(log);
  bytes[bytes.length >> 1] ^= 1;
  writeFileSync(log, bytes);
  await openFolder(page, folder);
  if (await trouble(page).isVisible()) await page.getByRole("button", { name: "Verify it" }).click();
  else {
    await page.getByRole("tab", { name: "Verify" }).click();
    await page.getByRole("button", { name: "Verify", exact: true }).click();
  }
  await page.waitForSelector(".verdict.is-damaged");
  assert.match(await page.locator(".findings").textContent(), /delta-001/);
})));

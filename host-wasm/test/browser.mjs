// Debian's Chromium with a page that serves this folder: what every browser test starts from.
import { createReadStream, mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const TYPES = { ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".html": "text/html", ".db": "application/octet-stream" };
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** Serves the package at `/` and `folders` by prefix, with ranges; `/empty.html` is a page with nothing in it. */
export function serve(folders = {}) {
  const seen = [];
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    seen.push({ path: pathname, range: request.headers.range ?? null });
    response.setHeader("content-security-policy", "default-src 'self' blob:; script-src 'self' 'wasm-unsafe-eval'");
    if (pathname === "/empty.html") return response.setHeader("content-type", "text/html").end("<!doctype html><title>test</title>");
    const prefix = Object.keys(folders).find((prefix) => pathname.startsWith(prefix));
    const base = prefix ? folders[prefix] : root;
    const file = join(base, normalize(decodeURIComponent(prefix ? pathname.slice(prefix.length) : pathname)));
    try {
      const { size } = statSync(file.startsWith(base) ? file : "");
      response.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream");
      const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
      if (!range) return createReadStream(file).pipe(response.setHeader("content-length", size));
      const start = Number(range[1]), end = Math.min(range[2] ? Number(range[2]) : size - 1, size - 1);
      if (start >= size) return response.writeHead(416, { "content-range": `bytes */${size}` }).end();
      response.writeHead(206, { "content-range": `bytes ${start}-${end}/${size}`, "content-length": end - start + 1 });
      createReadStream(file, { start, end }).pipe(response);
    } catch {
      response.writeHead(404).end("not found");
    }
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve({
    url: `http://127.0.0.1:${server.address().port}`, seen, close: () => new Promise((done) => (server.closeAllConnections(), server.close(done))),
  })));
}

/** A browser with a profile of its own on the disk, so that storage is the real one. */
export async function launch() {
  const profile = mkdtempSync(join(tmpdir(), "chronicle-browser-"));
  let context = await chromium.launchPersistentContext(profile, { executablePath, args });
  return {
    get context() { return context; },
    /** A page that has the package as `Chronicle`. */
    async page(url) {
      const page = await context.newPage();
      page.on("pageerror", (error) => console.error("page:", error));
      await page.goto(`${url}/empty.html`);
      await page.evaluate(async () => Object.assign(globalThis, await import("/dist/index.js")));
      return page;
    },
    /** Ends the browser and starts it again on the same profile. */
    async restart() {
      await context.close();
      context = await chromium.launchPersistentContext(profile, { executablePath, args });
    },
    async close() {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

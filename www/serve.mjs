// Serves `dist/` (or a folder that is named) on loopback, with ranges. For looking and for tests, not for the world.
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, extname, join, normalize, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm", ".svg": "image/svg+xml", ".woff2": "font/woff2", ".webmanifest": "application/manifest+json", ".json": "application/json", ".csv": "text/csv" };

/** A server of a folder; with `cors` pages of other origins may read it. */
export function serve(folder, { port = 0, cors = false } = {}) {
  const shared = cors ? { "access-control-allow-origin": "*", "access-control-allow-headers": "range", "access-control-expose-headers": "content-range, content-length" } : {};
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    let file = normalize(join(folder, path));
    if (request.method === "OPTIONS") return end(response, 204, shared);
    if (!file.startsWith(folder + sep) && file !== folder + sep) return end(response, 404, shared);
    if (path.endsWith("/")) file = join(file, "index.html");
    const info = statSync(file, { throwIfNoEntry: false });
    if (!info?.isFile() || !["GET", "HEAD"].includes(request.method)) return end(response, info?.isFile() ? 405 : 404, shared);
    const head = { "content-type": TYPES[extname(file)] ?? "application/octet-stream", "cache-control": "no-cache", "accept-ranges": "bytes", ...shared };
    const asked = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? "");
    let start = 0, last = info.size - 1;
    if (asked && (asked[1] || asked[2])) {
      start = asked[1] ? Number(asked[1]) : Math.max(0, info.size - Number(asked[2]));
      last = asked[1] && asked[2] ? Math.min(last, Number(asked[2])) : last;
      if (start > last) return end(response, 416, { "content-range": `bytes */${info.size}`, ...shared });
      head["content-range"] = `bytes ${start}-${last}/${info.size}`;
    }
    response.writeHead(head["content-range"] ? 206 : 200, { ...head, "content-length": last - start + 1 });
    if (request.method === "HEAD" || info.size === 0) return response.end();
    createReadStream(file, { start, end: last }).on("error", () => response.destroy()).pipe(response);
  });
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

function end(response, status, head = {}) {
  response.writeHead(status, { "content-type": "text/plain", ...head });
  response.end(status === 204 ? undefined : `${status}\n`);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const folder = join(dirname(fileURLToPath(import.meta.url)), process.argv[2] ?? "dist");
  const server = await serve(folder, { port: Number(process.env.PORT ?? 8080) });
  console.log(`http://127.0.0.1:${server.address().port}/`);
}

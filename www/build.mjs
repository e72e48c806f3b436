// Builds the console into `dist/`: one script, one style sheet, the fonts, the package `chronicle-db` as it is, and a service worker
// that knows them all. The package is built first: `npm --prefix ../host-wasm run build`.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const root = dirname(fileURLToPath(import.meta.url));
const dist = join(root, "dist");
const engine = process.env.CHRONICLE_DB ?? join(root, "..", "host-wasm", "dist");
if (!existsSync(join(engine, "index.js"))) {
  console.error(`there is no built package at ${relative(process.cwd(), engine)}: run "npm --prefix ../host-wasm ci" and "npm --prefix ../host-wasm run build" first`);
  process.exit(1);
}

rmSync(dist, { recursive: true, force: true });
mkdirSync(join(dist, "fonts"), { recursive: true });
await build({
  entryPoints: { app: join(root, "src", "main.js") },
  outdir: dist, bundle: true, format: "esm", target: "es2022", minify: true, legalComments: "eof",
  // The fonts and the icon lie beside the style sheet.
  external: ["./fonts/*", "./icon.svg"],
  // The package finds its worker and its engine beside its own script, so it is served as it is, not bundled.
  plugins: [{ name: "chronicle-db", setup: (it) => it.onResolve({ filter: /^chronicle-db$/ }, () => ({ path: "./chronicle/index.js", external: true })) }],
});
for (const file of ["index.html", "manifest.webmanifest", "icon.svg"]) cpSync(join(root, "public", file), join(dist, file));
for (const font of ["geist", "geist-mono"]) {
  cpSync(join(root, "node_modules", "@fontsource-variable", font, "files", `${font}-latin-wght-normal.woff2`), join(dist, "fonts", `${font}.woff2`));
}
// Only what a page loads: the entries for Node and workerd, and types, stay out.
const isForPages = (path) => statSync(path).isDirectory() || (/\.(js|wasm)$/.test(path) && !/[\\/](node|workerd|slim)\.js$/.test(path));
cpSync(engine, join(dist, "chronicle"), { recursive: true, filter: isForPages });

const files = readdirSync(dist, { recursive: true }).filter((file) => statSync(join(dist, file)).isFile()).map((file) => file.replaceAll("\\", "/")).sort();
const hash = createHash("sha256");
let size = 0;
for (const file of files) {
  const bytes = readFileSync(join(dist, file));
  hash.update(file).update(bytes);
  size += gzipSync(bytes).length;
}
const worker = readFileSync(join(root, "public", "sw.js"), "utf8");
writeFileSync(join(dist, "sw.js"), worker.replace("__VERSION__", hash.digest("hex").slice(0, 16)).replace("__FILES__", JSON.stringify(["./", ...files.map((file) => `./${file}`)])));
console.log(`${files.length + 1} files, ${Math.round(size / 1000)} KB gzipped, in ${relative(process.cwd(), dist) || dist}`);

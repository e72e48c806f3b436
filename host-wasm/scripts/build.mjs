// Builds the package: `npm run build`. Cargo makes the engine, wasm-bindgen its border, wasm-opt its size, tsc the rest.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { printSizes } from "./size.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const target = process.env.CARGO_TARGET_DIR ?? join(root, "..", "target");
const cargo = process.env.CARGO ?? "cargo";
// `--quick` leaves out what only makes it smaller.
const quick = process.argv.includes("--quick");
const tsOnly = process.argv.includes("--ts");
const run = (program, args, options = {}) => execFileSync(program, args, { cwd: root, stdio: "inherit", ...options });

if (!tsOnly) {
  const profile = quick ? "wasm-quick" : "wasm";
  run(cargo, ["build", "--locked", "-p", "chronicle-wasm", "--target", "wasm32-unknown-unknown", "--profile", profile], { cwd: join(root, "..") });
  const generator = join(target, "bindgen");
  run(cargo, ["build", "--locked"], { cwd: join(root, "bindgen"), env: { ...process.env, CARGO_TARGET_DIR: generator } });
  const generated = join(root, "ts", "generated");
  rmSync(generated, { recursive: true, force: true });
  run(join(generator, "debug", "chronicle-bindgen"), [join(target, "wasm32-unknown-unknown", profile, "chronicle_wasm.wasm"), generated]);
  if (!quick) {
    const wasm = join(generated, "chronicle_bg.wasm");
    const features = ["--enable-bulk-memory", "--enable-nontrapping-float-to-int", "--enable-sign-ext", "--enable-mutable-globals", "--enable-reference-types", "--enable-multivalue", "--enable-simd"];
    run(process.execPath, [join(root, "node_modules", "binaryen", "bin", "wasm-opt"), wasm, "-Os", ...features, "--strip-producers", "-o", wasm]);
  }
  // Where the engine is fetched from is said in one place (`ts/index.ts`), so that the slim entry has no such place.
  if (readFileSync(join(generated, "chronicle.js"), "utf8").includes("import.meta")) throw new Error("the generated code looks for the module by itself");
}

const dist = join(root, "dist");
rmSync(dist, { recursive: true, force: true });
mkdirSync(join(dist, "generated"), { recursive: true });
run(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", "tsconfig.json"]);
for (const file of ["chronicle.js", "chronicle.d.ts"]) cpSync(join(root, "ts", "generated", file), join(dist, "generated", file));
cpSync(join(root, "ts", "generated", "chronicle_bg.wasm"), join(dist, "chronicle_bg.wasm"));
if (!existsSync(join(dist, "index.js"))) throw new Error("tsc wrote nothing");
printSizes(dist);

import { setWasm } from "./wasm.js";

// Node and Deno: the engine is read from the disk, and runs in this thread.
setWasm(async () => {
  const { readFile } = await import("node:fs/promises");
  return readFile(new URL("./chronicle_bg.wasm", import.meta.url));
});

export * from "./exports.js";

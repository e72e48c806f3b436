import { setWasm } from "./wasm.js";
// Edge runtimes compile modules ahead, and hand them over.
// @ts-expect-error a module of WebAssembly has no types
import module from "./chronicle_bg.wasm";

setWasm(module as WebAssembly.Module);

export * from "./exports.js";

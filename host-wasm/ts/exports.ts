// What every entry of the package has.
export { Chronicle } from "./chronicle.js";
export { ChronicleError, type ErrorKind } from "./errors.js";
export { QueryResult } from "./result.js";
export { toMs, toNs, type Time } from "./time.js";
export { setWasm, type WasmSource } from "./wasm.js";
export type * from "./types.js";

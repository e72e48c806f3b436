// No file is looked for: call setWasm first, with the module, its bytes or its address.
export * from "./exports.js";

import { setPlace } from "./chronicle.js";
import { setWasm } from "./wasm.js";

// A page or a worker: everything lies beside this script, and nothing is fetched before it is needed.
setPlace({ worker: new URL("./worker.js", import.meta.url), wasm: null });
setWasm(() => new URL("./chronicle_bg.wasm", import.meta.url));

export * from "./exports.js";

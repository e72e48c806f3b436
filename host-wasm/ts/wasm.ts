import { ChronicleError } from "./errors.js";
import init, * as engine from "./generated/chronicle.js";

/** The compiled module, its bytes, or where to fetch it from. */
export type WasmSource = WebAssembly.Module | BufferSource | Response | URL | string;

let source: (() => WasmSource | Promise<WasmSource>) | null = null;
let ready: Promise<typeof engine> | null = null;

/** Says where the engine comes from, as long as it is not loaded. Nothing is fetched before the first database is opened. */
export function setWasm(from: WasmSource | (() => WasmSource | Promise<WasmSource>)): void {
  source = typeof from === "function" ? (from as () => WasmSource) : () => from;
}

/** The engine. A load that failed is tried again by the next caller. */
export function loadEngine(): Promise<typeof engine> {
  return (ready ??= load().catch((error) => {
    ready = null;
    throw error;
  }));
}

async function load(): Promise<typeof engine> {
  if (!source) throw new ChronicleError("InvalidInput", "give the compiled engine first: setWasm(module), with what chronicle-db/chronicle_bg.wasm is");
  try {
    await init({ module_or_path: await source() });
    return engine;
  } catch (error) {
    throw new ChronicleError("Io", `the engine (chronicle_bg.wasm) could not be loaded: ${(error as Error)?.message ?? error}; serve the file beside the package, and allow 'wasm-unsafe-eval' where a Content-Security-Policy is set`, { cause: error });
  }
}

import type { Caller, Method } from "./caller.js";
import { ChronicleError, type ErrorKind } from "./errors.js";

/** What a worker is told. */
export type Request = { id: number; method: string; args: unknown[] } | { wasm: WebAssembly.Module | string | null };
/** What it answers. */
export type Reply =
  | { id: number; ok: unknown }
  | { id: number; failed: { kind: ErrorKind; message: string } }
  | { id: number; progress: [number, number] };

interface Waiting { resolve(value: never): void; reject(error: unknown): void; onProgress?: ((done: number, total: number) => void) | undefined }

/** A session in a worker. Ending the worker lets go of its locks and its memory. */
export class Remote implements Caller {
  #waiting = new Map<number, Waiting>();
  #next = 1;
  #ended: ChronicleError | null = null;

  constructor(private readonly worker: Worker, wasm: WebAssembly.Module | string | null) {
    worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => this.#take(data));
    worker.addEventListener("error", (event) => {
      event.preventDefault?.();
      this.#fail(new ChronicleError("Io", `the worker failed: ${event.message || "its script could not be loaded"}; serve worker.js beside the package, or open with { worker: false }`));
    });
    worker.addEventListener("messageerror", () => this.#fail(new ChronicleError("Io", "the worker's answer could not be read")));
    worker.postMessage({ wasm } satisfies Request);
  }

  #take(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    if (!waiting) return;
    if ("progress" in reply) return waiting.onProgress?.(...reply.progress);
    this.#waiting.delete(reply.id);
    if ("ok" in reply) waiting.resolve(reply.ok as never);
    else waiting.reject(new ChronicleError(reply.failed.kind, reply.failed.message));
  }

  #fail(error: ChronicleError): void {
    this.#ended = error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #ask<T>(method: string, args: unknown[], onProgress?: (done: number, total: number) => void): Promise<T> {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise<T>((resolve, reject) => {
      const id = this.#next++;
      this.#waiting.set(id, { resolve: resolve as Waiting["resolve"], reject, onProgress });
      this.worker.postMessage({ id, method, args } satisfies Request);
    });
  }

  call: Caller["call"] = (method: Method, ...args: unknown[]) => this.#ask(method, args);
  progress: Caller["progress"] = (method, onProgress, ...args) => this.#ask(method, args, onProgress);

  end(): void {
    this.worker.terminate();
    this.#fail(new ChronicleError("InvalidInput", "the database is closed"));
  }
}

/** A worker of this package; null where there are none. */
export function startWorker(url: URL): Worker | null {
  if (typeof Worker === "undefined" || typeof location === "undefined") return null;
  if (url.origin === location.origin || url.protocol === "blob:") return new Worker(url, { type: "module", name: "chronicle" });
  // A script of another origin can't be a worker, but a worker may import it.
  const script = URL.createObjectURL(new Blob([`import ${JSON.stringify(url.href)};`], { type: "text/javascript" }));
  const worker = new Worker(script, { type: "module", name: "chronicle" });
  worker.addEventListener("message", () => URL.revokeObjectURL(script), { once: true });
  return worker;
}

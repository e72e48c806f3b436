import { asError } from "./errors.js";
import type { Reply, Request } from "./remote.js";
import { Session } from "./session.js";
import { setWasm } from "./wasm.js";

/** The script of the worker: one session, called by messages. */
const session = new Session();
const scope = globalThis as unknown as { onmessage: ((event: MessageEvent<Request>) => void) | null; postMessage(reply: Reply, transfer: Transferable[]): void };

scope.onmessage = async ({ data }) => {
  if ("wasm" in data) return setWasm(data.wasm ?? new URL("./chronicle_bg.wasm", import.meta.url));
  const { id, method, args } = data;
  try {
    if (method === "verify" || method === "restore") args.push((done: number, total: number) => scope.postMessage({ id, progress: [done, total] }, []));
    const ok = await (session[method as keyof Session] as (...args: unknown[]) => unknown)(...args);
    scope.postMessage({ id, ok }, buffers(ok));
  } catch (thrown) {
    const { kind, message } = asError(thrown);
    scope.postMessage({ id, failed: { kind, message } }, []);
  }
};

/** Buffers in an answer that can be handed over instead of copied. */
function buffers(answer: unknown, depth = 0): ArrayBuffer[] {
  if (ArrayBuffer.isView(answer)) return answer.byteLength ? [answer.buffer as ArrayBuffer] : [];
  if (!answer || typeof answer !== "object" || Array.isArray(answer) || depth > 2) return [];
  return Object.values(answer).flatMap((member) => buffers(member, depth + 1));
}

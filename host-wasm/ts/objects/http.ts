import { ChronicleError } from "../errors.js";
import type { ObjectStore } from "./store.js";

/** Requests side by side. */
const REQUESTS_MAX = 8;
/** How often a request is made that fails in a passing way, and how long is waited before the second time, ms. */
const TRIES = 4, FIRST_WAIT = 150;

/** Objects below a URL, read by ranges. Any static server that knows ranges will do; CORS has to allow the page. */
export class HttpStore implements ObjectStore {
  readonly place: string;
  #base: URL;

  constructor(url: string | URL) {
    this.#base = new URL(url, globalThis.location?.href);
    // Objects lie below it, whether or not it was written as a folder; a query (a signature) goes along with each.
    if (!this.#base.pathname.endsWith("/")) this.#base.pathname += "/";
    this.place = this.#base.href;
  }

  #url(name: string): URL {
    const url = new URL(name.split("/").map(encodeURIComponent).join("/"), this.#base);
    url.search = this.#base.search;
    return url;
  }

  async size(name: string): Promise<number | null> {
    const response = await this.#ask(name, { method: "HEAD" });
    if (!response) return null;
    const length = response.headers.get("content-length");
    // A length of what was compressed on the way is not the object's.
    if (length !== null && !response.headers.get("content-encoding")) return Number(length);
    const ranged = await this.#ask(name, { headers: { range: "bytes=0-0" } });
    const total = /\/(\d+)$/.exec(ranged?.headers.get("content-range") ?? "")?.[1];
    await ranged?.body?.cancel();
    if (total !== undefined) return Number(total);
    throw new ChronicleError("Unsupported", `${this.#url(name)}: the server does not tell how long the object is; it has to send content-length, or content-range (and allow the page to see it: Access-Control-Expose-Headers)`);
  }

  async getWhole(name: string, max: number): Promise<Uint8Array | null> {
    const response = await this.#ask(name, {});
    if (!response) return null;
    const bytes = await body(response, max + 1);
    if (bytes.length > max) throw new ChronicleError("LimitExceeded", `${this.#url(name)} has more than ${max} bytes: it is not what its name says`);
    return bytes;
  }

  get(requests: [string, number, number][]): Promise<(Uint8Array | null)[]> {
    return limited(requests, REQUESTS_MAX, ([name, offset, len]) => this.#range(name, offset, len));
  }

  async #range(name: string, offset: number, len: number): Promise<Uint8Array | null> {
    if (len === 0) return new Uint8Array(0);
    const response = await this.#ask(name, { headers: { range: `bytes=${offset}-${offset + len - 1}` } });
    if (!response) return null;
    if (response.status === 206) {
      const told = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1];
      if (told !== undefined && Number(told) !== offset) throw new ChronicleError("Unsupported", `${this.#url(name)}: the server sent another range than it was asked for`);
      return body(response, len);
    }
    // A server that knows no ranges sends everything: small objects are cut out, large ones would be fetched again and again.
    const total = Number(response.headers.get("content-length") ?? Infinity);
    if (offset === 0 && total <= len) return body(response, len);
    if (total > 32 << 20) {
      await response.body?.cancel();
      throw new ChronicleError("Unsupported", `${this.#url(name)}: the server does not know ranges (it answers ${response.status} with everything), and the file is too large to be read whole each time; serve it from one that does, or restore it from downloaded files`);
    }
    return (await body(response, offset + len)).slice(offset, offset + len);
  }

  /** A response whose status is good; null for an object that is not there. */
  async #ask(name: string, init: RequestInit): Promise<Response | null> {
    const url = this.#url(name);
    for (let attempt = 1, wait = FIRST_WAIT; ; attempt++, wait *= 2) {
      let failed: ChronicleError;
      try {
        const response = await fetch(url, { ...init, cache: "no-cache" });
        if (response.ok) return response;
        await response.body?.cancel();
        if (response.status === 404 || response.status === 410) return null;
        const kind = response.status === 401 || response.status === 403 ? "Permission" : response.status === 429 || response.status >= 500 ? "Transient" : "Io";
        failed = new ChronicleError(kind, `${url}: the server answers ${response.status} ${response.statusText}`);
      } catch (error) {
        failed = new ChronicleError("Transient", `${url} could not be fetched (${(error as Error).message}): the server is not there, or does not allow this page to read it (CORS)`, { cause: error });
      }
      if (failed.kind !== "Transient" || attempt >= TRIES) throw failed;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

/** At most `max` bytes of a response; the rest is not fetched. */
async function body(response: Response, max: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let len = 0;
  const reader = response.body?.getReader();
  while (reader && len < max) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    len += value.length;
  }
  if (len >= max) await reader?.cancel();
  const whole = new Uint8Array(Math.min(len, max));
  let at = 0;
  for (const part of parts) {
    whole.set(part.subarray(0, whole.length - at), at);
    at += Math.min(part.length, whole.length - at);
  }
  return whole;
}

/** Calls side by side, so many at a time; answers in order. */
async function limited<T, R>(items: T[], most: number, call: (item: T) => Promise<R>): Promise<R[]> {
  const answers = new Array<R>(items.length);
  let next = 0;
  const work = async () => {
    while (next < items.length) {
      const index = next++;
      answers[index] = await call(items[index]!);
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, work));
  return answers;
}

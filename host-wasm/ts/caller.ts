import { asError } from "./errors.js";
import type { Session } from "./session.js";

type Methods = { [K in keyof Session as Session[K] extends (...args: never[]) => unknown ? K : never]: Session[K] };
/** Those that tell how far they are call back as their last argument. */
export type Progressing = "verify" | "restore";
export type Method = Exclude<keyof Methods, Progressing>;
type Progress = (done: number, total: number) => void;
type WithoutLast<T extends unknown[]> = T extends [...infer Rest, unknown] ? Rest : never;

/** Calls a session, wherever it is. */
export interface Caller {
  call<M extends Method>(method: M, ...args: Parameters<Methods[M]>): Promise<Awaited<ReturnType<Methods[M]>>>;
  progress<M extends Progressing>(method: M, onProgress: Progress, ...args: WithoutLast<Parameters<Methods[M]>>): Promise<string>;
  /** Ends everything, without a word to the database. */
  end(): void;
}

/** A session in this very thread. */
export class Here implements Caller {
  constructor(private readonly session: Session) {}

  async call<M extends Method>(method: M, ...args: Parameters<Methods[M]>): Promise<Awaited<ReturnType<Methods[M]>>> {
    try {
      return await (this.session[method] as (...args: unknown[]) => Promise<Awaited<ReturnType<Methods[M]>>>)(...args);
    } catch (error) {
      throw asError(error);
    }
  }

  async progress<M extends Progressing>(method: M, onProgress: Progress, ...args: WithoutLast<Parameters<Methods[M]>>): Promise<string> {
    try {
      return await (this.session[method] as (...args: unknown[]) => Promise<string>)(...args, onProgress);
    } catch (error) {
      throw asError(error);
    }
  }

  end(): void {}
}

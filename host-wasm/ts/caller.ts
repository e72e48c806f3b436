import { asError } from "./errors.js";
import type { Session } from "./session.js";

type Methods = { [K in keyof Session as Session[K] extends (...args: never[]) => unknown ? K : never]: Session[K] };
export type Method = Exclude<keyof Methods, "verify">;

/** Calls a session, wherever it is. */
export interface Caller {
  call<M extends Method>(method: M, ...args: Parameters<Methods[M]>): Promise<Awaited<ReturnType<Methods[M]>>>;
  verify(spec: Parameters<Session["verify"]>[0], onProgress: (done: number, total: number) => void): Promise<string>;
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

  async verify(...args: Parameters<Session["verify"]>): Promise<string> {
    try {
      return await this.session.verify(...args);
    } catch (error) {
      throw asError(error);
    }
  }

  end(): void {}
}

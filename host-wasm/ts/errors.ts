/** What a caller can do about an error; the same kinds as in Rust. */
export type ErrorKind =
  | "InvalidInput" | "LimitExceeded" | "NotFound" | "AlreadyExists" | "Busy" | "Damaged" | "Unsupported"
  | "NotRestorable" | "Full" | "Permission" | "Transient" | "Io" | "ReadOnly" | "Poisoned" | "Cancelled" | "OverBudget";

/** Every error of this package. The message says what happened, where, and what to do next. */
export class ChronicleError extends Error {
  override readonly name = "ChronicleError";
  constructor(readonly kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** Any thrown value as a `ChronicleError`. */
export function asError(thrown: unknown): ChronicleError {
  if (thrown instanceof ChronicleError) return thrown;
  const told = thrown as { kind?: ErrorKind; name?: string; message?: string } | undefined;
  if (told?.kind) return new ChronicleError(told.kind, told.message ?? "", { cause: thrown });
  if (told?.name === "AbortError") return new ChronicleError("Cancelled", told.message || "it was cancelled", { cause: thrown });
  if (thrown instanceof WebAssembly.RuntimeError) {
    return new ChronicleError("Poisoned", `the engine stopped (${thrown.message}); what was acknowledged is safe: close this database and open it again, and report this`, { cause: thrown });
  }
  return new ChronicleError("Io", told?.message ?? String(thrown), { cause: thrown });
}

/** Ends with `Cancelled` where the signal says so. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new ChronicleError("Cancelled", "it was cancelled", { cause: signal.reason });
}

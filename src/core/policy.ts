/** What an operation is told about the call it serves. */
export interface CallContext {
  /**
   * Aborts when nobody waits for the result any more: the caller gave up, a timeout passed, another
   * hedge won. Made on first read: an operation that ignores it costs no `AbortController`.
   */
  readonly signal: AbortSignal;
  /** 1 for the first try, 2 for the first retry or hedge, and so on, as the innermost of them counts. */
  readonly attempt: number;
}

/** The caller's function. Values, thenables, rejections and thrown errors are all taken. */
export type Operation<T> = (ctx: CallContext) => T | PromiseLike<T>;

/** Options of one call. */
export interface RunOptions {
  /** Gives the call up: it rejects with the signal's own `reason`. */
  readonly signal?: AbortSignal | undefined;
}

/** The result of a call as a value, so that a failure costs no `throw`. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };

/**
 * Something that runs a caller's operation under a rule.
 *
 * `Adds` is the type of values that the policy may answer with on its own, as a fallback does.
 *
 * Once the signal of a call has aborted, the call rejects with its `reason`, whatever the operation
 * does, and nothing of it starts any more.
 */
export interface Policy<out Adds = never> {
  /** Runs `op`. Rejects with what `op` throws, unchanged, or with the policy's own error. */
  run<T>(op: Operation<T>, options?: RunOptions): Promise<T | Adds>;
  /** Runs `op` and resolves with its {@link Outcome}; never rejects. */
  runOutcome<T>(op: Operation<T>, options?: RunOptions): Promise<Outcome<T | Adds>>;
  /** For the compiler only, and never set: it cannot infer `Adds` from generic methods. */
  readonly '~adds'?: () => Adds;
}

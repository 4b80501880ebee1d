import type { Sink, Step } from '../core/call.ts';
import { ComposablePolicy, invoke } from '../core/call.ts';
import { optionalFunction, refuse } from '../core/check.ts';
import { emit, guarded } from '../core/errors.ts';
import type { CallContext, Policy } from '../core/policy.ts';
import type { Scope } from '../core/scope.ts';

/** What a {@link fallback} policy tells its listener. */
export interface FallbackEvent {
  /** The handler is about to answer in place of this failure. */
  readonly type: 'fallback';
  readonly error: unknown;
}

/** Options of {@link fallback}. */
export interface FallbackOptions {
  /**
   * Which failures the handler answers for; the others come through.
   *
   * @defaultValue all
   */
  readonly when?: (error: unknown) => boolean;
  /** Told of each failure that the handler answers for. */
  readonly onEvent?: (event: FallbackEvent) => void;
}

/**
 * Creates a policy that answers with `handler` when a call fails. The type of its answer joins the
 * type of the result.
 *
 * The handler is not called after an abort: the call then rejects with the signal's reason. What it
 * throws comes through in place of the failure.
 *
 * @example
 * ```ts
 * import { fallback } from 'holdfast/policy';
 *
 * const orNothing = fallback(() => null);
 * const name = await orNothing.run(async (): Promise<string> => {
 *   throw new Error('directory is down');
 * }); // string | null
 * ```
 *
 * @throws TypeError when `handler` is not a function.
 */
export function fallback<F>(
  handler: (error: unknown, ctx: CallContext) => F | PromiseLike<F>,
  options: FallbackOptions = {},
): Policy<F> {
  if (typeof handler !== 'function') refuse('handler', 'a function', handler);
  optionalFunction('when', options.when);
  optionalFunction('onEvent', options.onEvent);
  return new FallbackPolicy<F>(handler, options);
}

class FallbackPolicy<F> extends ComposablePolicy<F> {
  readonly handler: (error: unknown, ctx: CallContext) => unknown;
  readonly options: FallbackOptions;

  constructor(handler: (error: unknown, ctx: CallContext) => unknown, options: FallbackOptions) {
    super();
    this.handler = handler;
    this.options = options;
  }

  override bind(inner: Step): Step {
    return { enter: (scope, sink) => inner.enter(scope, new FallbackRun(this, scope, sink)) };
  }
}

class FallbackRun implements Sink {
  readonly #policy: FallbackPolicy<unknown>;
  readonly #scope: Scope;
  readonly #sink: Sink;

  constructor(policy: FallbackPolicy<unknown>, scope: Scope, sink: Sink) {
    this.#policy = policy;
    this.#scope = scope;
    this.#sink = sink;
  }

  succeed(value: unknown): void {
    this.#sink.succeed(value);
  }

  fail(error: unknown): void {
    const { handler, options } = this.#policy;
    if (this.#scope.isAborted || (options.when && !guarded(false, options.when, error))) {
      this.#sink.fail(error);
      return;
    }
    emit(options.onEvent, { type: 'fallback', error });
    if (this.#scope.isAborted) this.#sink.fail(error);
    else invoke((ctx) => handler(error, ctx), this.#scope, this.#sink);
  }
}

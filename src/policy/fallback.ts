import { invoke, StepPolicy } from '../core/call.ts';
import { optionalFunction, refuse } from '../core/check.ts';
import { emit, guarded } from '../core/errors.ts';
import type { CallContext, Policy } from '../core/policy.ts';

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
  readonly when?: ((error: unknown) => boolean) | undefined;
  /** Told of each failure that the handler answers for. */
  readonly onEvent?: ((event: FallbackEvent) => void) | undefined;
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
  const { when, onEvent } = options;
  if (typeof handler !== 'function') refuse('handler', 'a function', handler);
  optionalFunction('when', when);
  optionalFunction('onEvent', onEvent);
  return new StepPolicy((inner) => (call, scope, done) => {
    inner(call, scope, (isOk, result) => {
      if (isOk || scope.aborted || (when && !guarded(false, when, result))) return done(isOk, result);
      emit(onEvent, { type: 'fallback', error: result });
      if (scope.aborted) done(false, result);
      else invoke((ctx) => handler(result, ctx), call, scope, done);
    });
  });
}

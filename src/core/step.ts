import type { Call } from './call.ts';
import type { CallContext, Operation, Outcome, Policy, RunOptions } from './policy.ts';
import type { Scope } from './scope.ts';

/** Takes the one result of an entered step: a value, or what it failed with. Does not throw. */
export type Done = (isOk: boolean, result: unknown) => void;

/** A policy bound to what is inside it. Starts one run; `done` is called once, now or later. Does not throw. */
export type Step = (call: Call, scope: Scope, done: Done) => void;

/** The base of this library's policies: they can be bound into each other without promises between them. */
export abstract class BindablePolicy<Adds = never> implements Policy<Adds> {
  /** Binds the policy to what is inside it, once per place in a pipeline. */
  abstract bind(inner: Step): Step;

  abstract run<T>(op: Operation<T>, options?: RunOptions): Promise<T | Adds>;

  runOutcome<T>(op: Operation<T>, options?: RunOptions): Promise<Outcome<T | Adds>> {
    return this.run(op, options).then(
      (value) => ({ ok: true, value }),
      (error: unknown) => ({ ok: false, error }),
    );
  }
}

/**
 * The context of a call that nothing but its caller can abort. Without fields of its own: most
 * operations never look at it, and it is made for each of them.
 */
export class BareContext implements CallContext {
  /** The caller's signal, or one made on first read. */
  declare own?: AbortSignal;

  get attempt(): number {
    return 1;
  }

  get signal(): AbortSignal {
    return (this.own ??= new AbortController().signal);
  }
}

/** Calls a caller's function. A thenable of any make comes back as a `Promise`. */
export function resultOf(fn: (ctx: CallContext) => unknown, ctx: CallContext): unknown {
  const result = fn(ctx) as { then?: unknown } | null | undefined;
  const isThenable = (typeof result === 'object' || typeof result === 'function') && typeof result?.then === 'function';
  return isThenable ? Promise.resolve(result) : result;
}

/** The error for an operation that is none. */
export function noOperation(op: unknown): TypeError {
  return new TypeError(`op must be a function, got ${typeof op}`);
}

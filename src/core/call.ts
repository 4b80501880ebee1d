import type { CallContext, Operation, Outcome, Policy, RunOptions } from './policy.ts';
import type { AbortListener, AbortListeners, RootScope, Scope } from './scope.ts';

/*
 * How policies run inside each other without a promise for each layer.
 *
 * A policy is bound once to what is inside it (`bind`), which makes a chain of steps. A call enters
 * the outermost step; each step enters the next and gets its one result back through a `Sink`, on
 * the same stack. Only the operation itself is awaited. Where nothing had to wait before it, the
 * promise of the operation becomes the promise of the call (`adopt`), so that a pipeline of any
 * depth costs one promise more than the bare operation.
 */

/** Takes the one result of an entered step. Neither method throws. */
export interface Sink {
  succeed(value: unknown): void;
  fail(error: unknown): void;
}

/** A policy bound to what is inside it. */
export interface Step {
  /** Starts one run. Its result reaches `sink` exactly once, now or later; `enter` does not throw. */
  enter(scope: Scope, sink: Sink): void;
}

/** The context of a call that nothing can abort. */
export class BareContext implements CallContext {
  readonly attempt: number = 1;
  #signal: AbortSignal | undefined;

  get signal(): AbortSignal {
    return (this.#signal ??= new AbortController().signal);
  }
}

const PENDING = 0;
const SUCCEEDED = 1;
const FAILED = 2;

/** One call: the outermost scope, and the sink at its end. */
class Call implements RootScope, Sink {
  readonly attempt: number;
  readonly op: Operation<unknown>;
  mayAdopt = true;
  #signal: AbortSignal | undefined;
  readonly #isAbortable: boolean;
  #listeners: AbortListeners | undefined;
  #state = PENDING;
  #result: unknown;
  #adopted: Promise<unknown> | undefined;
  #resolve: ((value: unknown) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;

  constructor(op: Operation<unknown>, signal: AbortSignal | undefined, attempt: number) {
    this.op = op;
    this.attempt = attempt;
    this.#signal = signal;
    this.#isAbortable = signal !== undefined;
  }

  get root(): this {
    return this;
  }

  get signal(): AbortSignal {
    return (this.#signal ??= new AbortController().signal);
  }

  get isAborted(): boolean {
    return this.#isAbortable && this.signal.aborted;
  }

  get reason(): unknown {
    return this.signal.reason;
  }

  listen(listener: AbortListener): void {
    if (!this.#isAbortable || this.#state !== PENDING) return;
    if (!this.#listeners) {
      this.#listeners = new Set();
      this.signal.addEventListener('abort', this);
    }
    this.#listeners.add(listener);
  }

  unlisten(listener: AbortListener): void {
    this.#listeners?.delete(listener);
  }

  handleEvent(): void {
    for (const listener of this.#listeners ?? []) listener.onAbort(this.reason);
  }

  succeed(value: unknown): void {
    if (this.isAborted) this.fail(this.reason);
    else this.#settle(SUCCEEDED, value, this.#resolve);
  }

  fail(error: unknown): void {
    this.#settle(FAILED, this.isAborted ? this.reason : error, this.#reject);
  }

  #settle(state: number, result: unknown, tell: ((result: unknown) => void) | undefined): void {
    this.#state = state;
    this.#result = result;
    if (this.#listeners) this.signal.removeEventListener('abort', this);
    tell?.(result);
  }

  adopt(promise: Promise<unknown>): void {
    this.#adopted = promise;
  }

  outcome(): unknown {
    if (this.#state === FAILED) throw this.#result;
    return this.#state === PENDING ? this.#deferred() : this.#result;
  }

  promise(): Promise<unknown> {
    this.mayAdopt = false;
    if (this.#adopted) return this.#adopted;
    return this.#state === PENDING ? this.#deferred() : new Promise((resolve) => resolve(this.outcome()));
  }

  #deferred(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }
}

/** Calls a caller's function. A thenable of any make comes back as a `Promise`. */
export function resultOf(fn: (ctx: CallContext) => unknown, ctx: CallContext): unknown {
  const result = fn(ctx);
  return isThenable(result) ? Promise.resolve(result) : result;
}

/** Calls a caller's function for its one result: a value, a promise's, or what it throws. */
export function invoke(fn: (ctx: CallContext) => unknown, scope: Scope, sink: Sink): void {
  let result: unknown;
  try {
    result = resultOf(fn, scope);
  } catch (error) {
    sink.fail(error);
    return;
  }
  if (result instanceof Promise) follow(result, scope.root, sink);
  else sink.succeed(result);
}

function isThenable(value: unknown): boolean {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}

function follow(promise: Promise<unknown>, root: RootScope, sink: Sink): void {
  if (root.mayAdopt) {
    root.mayAdopt = false;
    root.adopt(
      promise.then(
        (value) => {
          sink.succeed(value);
          return root.outcome();
        },
        (error: unknown) => {
          sink.fail(error);
          return root.outcome();
        },
      ),
    );
  } else {
    promise.then(
      (value) => sink.succeed(value),
      (error: unknown) => sink.fail(error),
    );
  }
}

/** The innermost step: the caller's operation. */
export const operation: Step = {
  enter: (scope, sink) => invoke(scope.root.op, scope, sink),
};

/** Starts a call of `op` at `step`. Never throws. */
export function start(
  step: Step,
  op: Operation<unknown>,
  signal: AbortSignal | undefined,
  attempt: number = 1,
): Promise<unknown> {
  const call = new Call(op, signal, attempt);
  if (typeof op !== 'function') call.fail(new TypeError(`op must be a function, got ${typeof op}`));
  else if (call.isAborted) call.fail(call.reason);
  else step.enter(call, call);
  return call.promise();
}

/** The base of this library's policies: they run alone, or bound into each other without promises between them. */
export abstract class ComposablePolicy<Adds = never> implements Policy<Adds> {
  #alone: Step | undefined;

  /** Binds the policy to what is inside it, once per place in a pipeline. */
  abstract bind(inner: Step): Step;

  run<T>(op: Operation<T>, options?: RunOptions): Promise<T | Adds> {
    return start((this.#alone ??= this.bind(operation)), op, options?.signal) as Promise<T | Adds>;
  }

  runOutcome<T>(op: Operation<T>, options?: RunOptions): Promise<Outcome<T | Adds>> {
    return this.run(op, options).then(
      (value) => ({ ok: true, value }),
      (error: unknown) => ({ ok: false, error }),
    );
  }
}

/** Binds any policy, another library's included, which then costs a promise for its layer. */
export function bindPolicy(policy: Pick<Policy<unknown>, 'run'>, inner: Step): Step {
  if (policy instanceof ComposablePolicy) return policy.bind(inner);
  return {
    enter(scope, sink) {
      const { op } = scope.root;
      const run = (): unknown =>
        policy.run(
          (ctx?: CallContext) =>
            start(inner, op, ctx?.signal ?? scope.signal, ctx?.attempt ?? scope.attempt),
          { signal: scope.signal },
        );
      scope.root.mayAdopt = false;
      invoke(run, scope, sink);
    },
  };
}

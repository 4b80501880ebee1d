import { noSignal } from './check.ts';
import type { CallContext, Operation, Policy, RunOptions } from './policy.ts';
import { Scope } from './scope.ts';
import type { Done, Step } from './step.ts';
import { BindablePolicy, noOperation, resultOf } from './step.ts';

/*
 * How policies run inside each other without a promise for each layer.
 *
 * A policy is bound once to what is inside it (`bind`), which makes a chain of steps. A call enters
 * the outermost step; each step enters the next and gets its one result back through a callback, on
 * the same stack. Only the operation itself is awaited. Where nothing had to wait before it, the
 * promise of the operation becomes the promise of the call (`adopt`), so that a pipeline of any
 * depth costs one promise more than the bare operation.
 */

const PENDING = 0;
const SUCCEEDED = 1;
const FAILED = 2;

/** One call: the outermost scope, and what becomes of its result. */
export class Call extends Scope {
  readonly op: Operation<unknown>;
  /**
   * True while the promise of an operation may become the promise of the call: only while `start` is
   * on the stack, and not under a policy that answers before its operation has.
   */
  mayAdopt: boolean = true;
  #state = PENDING;
  #result: unknown;
  #adopted: Promise<unknown> | undefined;
  #resolve: ((value: unknown) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;

  constructor(op: Operation<unknown>, signal: AbortSignal | undefined, attempt: number) {
    super(signal, attempt);
    this.op = op;
  }

  settle(isOk: boolean, result: unknown): void {
    this.end();
    const isFine = isOk && !this.aborted;
    this.#result = this.aborted ? this.reason : result;
    this.#state = isFine ? SUCCEEDED : FAILED;
    (isFine ? this.#resolve : this.#reject)?.(this.#result);
  }

  /** Awaits the result of the caller's function. */
  await(result: Promise<unknown>, done: Done): void {
    const isAdopted = this.mayAdopt;
    this.mayAdopt = false;
    const promise = result.then(
      (value) => {
        done(true, value);
        return isAdopted && this.#outcome();
      },
      (error: unknown) => {
        done(false, error);
        return isAdopted && this.#outcome();
      },
    );
    if (isAdopted) this.#adopted = promise;
  }

  /** The result, thrown where it is a failure, or a promise for it. */
  #outcome(): unknown {
    if (this.#state === FAILED) throw this.#result;
    return this.#state === PENDING ? this.#deferred() : this.#result;
  }

  /** The promise of the call; asked for once, when everything that starts at once has been started. */
  promise(): Promise<unknown> {
    this.mayAdopt = false;
    if (this.#adopted) return this.#adopted;
    return this.#state === PENDING ? this.#deferred() : new Promise((resolve) => resolve(this.#outcome()));
  }

  #deferred(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }
}

/** Calls a caller's function for its one result: a value, a promise's, or what it throws. */
export function invoke(fn: (ctx: CallContext) => unknown, call: Call, scope: Scope, done: Done): void {
  let isOk = false;
  let isPromise = false;
  let result: unknown;
  try {
    result = resultOf(fn, scope);
    isPromise = result instanceof Promise;
    isOk = true;
  } catch (error) {
    result = error;
  }
  if (isPromise) call.await(result as Promise<unknown>, done);
  else done(isOk, result);
}

/** The innermost step: the caller's operation. */
export const operation: Step = (call, scope, done) => invoke(call.op, call, scope, done);

/** Starts a call of `op` at `step`. Never throws. */
export function start(
  step: Step,
  op: Operation<unknown>,
  signal: AbortSignal | undefined,
  attempt: number = 1,
): Promise<unknown> {
  const fault = typeof op === 'function' ? noSignal(signal) : noOperation(op);
  const call = new Call(op, fault ? undefined : signal, attempt);
  if (fault) call.settle(false, fault);
  else if (call.aborted) call.settle(false, undefined);
  else step(call, call, (isOk, result) => call.settle(isOk, result));
  return call.promise();
}

/** A policy that runs alone as it does in a pipeline. */
export abstract class ComposablePolicy<Adds = never> extends BindablePolicy<Adds> {
  #alone: Step | undefined;

  override run<T>(op: Operation<T>, options?: RunOptions): Promise<T | Adds> {
    return start((this.#alone ??= this.bind(operation)), op, options?.signal) as Promise<T | Adds>;
  }
}

/** A policy that is nothing but what it does to the step inside it. */
export class StepPolicy<Adds = never> extends ComposablePolicy<Adds> {
  readonly #bind: (inner: Step) => Step;

  constructor(bind: (inner: Step) => Step) {
    super();
    this.#bind = bind;
  }

  override bind(inner: Step): Step {
    return this.#bind(inner);
  }
}

/** Binds any policy, another library's included, which then costs a promise for its layer. */
export function bindPolicy(policy: Pick<Policy<unknown>, 'run'>, inner: Step): Step {
  if (policy instanceof BindablePolicy) return policy.bind(inner);
  return (call, scope, done) => {
    const { signal } = scope;
    const inside = (ctx?: CallContext): Promise<unknown> =>
      start(inner, call.op, ctx?.signal ?? signal, ctx?.attempt ?? scope.attempt);
    invoke(() => policy.run(inside, { signal }), call, scope, done);
  };
}

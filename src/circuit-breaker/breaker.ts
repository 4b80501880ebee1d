import { noSignal } from '../core/check.ts';
import { guarded, isHoldfastError } from '../core/errors.ts';
import type { Operation, RunOptions } from '../core/policy.ts';
import type { Step } from '../core/step.ts';
import { BareContext, noOperation, resultOf } from '../core/step.ts';
import type { AdmittedCall, Verdict } from './admitted-call.ts';
import type { CircuitBreaker, Permit } from './circuit-breaker.ts';
import { StateMachine } from './state-machine.ts';

/** A circuit breaker as a policy: what the state machine makes of calls. */
export class Breaker extends StateMachine implements CircuitBreaker {
  #plain: Handlers | undefined;

  override bind(inner: Step): Step {
    return (call, scope, done) => {
      if (!this.admits()) return done(false, this.rejection());
      if (scope.aborted) return done(false, scope.reason);
      const run: AdmittedCall = { startMs: 0, generation: 0 };
      this.begin(run);
      inner(call, scope, (isOk, result) => {
        this.take(run, isOk, result, scope);
        done(isOk, result);
      });
    };
  }

  /** Needs no machinery of a call: a circuit breaker never waits. */
  override run<T>(op: Operation<T>, options?: RunOptions): Promise<T> {
    const signal = options?.signal;
    if (typeof op !== 'function') return Promise.reject(noOperation(op));
    const fault = signal && noSignal(signal);
    if (fault) return Promise.reject(fault);
    // Admission tells listeners of moves that are due, and one of them may give the call up.
    const isAdmitted = signal?.aborted ? false : this.admits();
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (!isAdmitted) return Promise.reject(this.rejection());
    const isPlain = !signal && this.isPlain;
    const handlers = isPlain ? this.#plainHandlers() : new Handlers(this, signal);
    if (isPlain) this.inFlight++;
    else this.begin(handlers);
    let result: unknown;
    try {
      const ctx = new BareContext();
      if (signal) ctx.own = signal;
      result = resultOf(op, ctx);
      if (result instanceof Promise) return result.then(handlers.succeed, handlers.fail) as Promise<T>;
    } catch (error) {
      return new Promise(() => handlers.fail(error));
    }
    return new Promise((resolve) => resolve(handlers.succeed(result) as T));
  }

  /** While nothing is to be known of a call but its generation, all calls of one share their handlers. */
  #plainHandlers(): Handlers {
    if (this.#plain?.generation !== this.generation) {
      this.#plain = new Handlers(this, undefined);
      this.#plain.generation = this.generation;
    }
    return this.#plain!;
  }

  /** Takes the result of a call that `from` may have aborted. */
  take(run: AdmittedCall, isOk: boolean, result: unknown, from: AbortSource | undefined): void {
    if (!from?.aborted) return this.settle(run, isOk ? this.#verdictOnResult(result) : this.#verdictOn(result), result);
    // Who gave a call up says nothing about the dependency, unless it was for taking too long.
    const { reason } = from;
    this.settle(run, isHoldfastError(reason, 'ERR_TIMEOUT') ? this.#verdictOn(reason) : 'ignored', reason);
  }

  #verdictOn(error: unknown): Verdict {
    const { isFailure, isIgnored } = this.settings;
    if (guarded(false, isIgnored, error)) return 'ignored';
    return !isFailure || guarded(true, isFailure, error) ? 'failure' : 'success';
  }

  #verdictOnResult(value: unknown): Verdict {
    const { isFailureResult } = this.settings;
    return isFailureResult && guarded(false, isFailureResult, value) ? 'failure' : 'success';
  }

  tryAcquire(): Permit | null {
    if (!this.admits()) return null;
    const permit = new BreakerPermit(this);
    this.begin(permit);
    return permit;
  }
}

/** What may have given a call up: the caller's signal, or a scope of a pipeline. */
type AbortSource = Pick<AbortSignal, 'aborted' | 'reason'>;

/** What the promise of an operation is followed by. */
class Handlers implements AdmittedCall {
  startMs: number = 0;
  generation: number = 0;
  readonly #breaker: Breaker;
  readonly #signal: AbortSignal | undefined;

  constructor(breaker: Breaker, signal: AbortSignal | undefined) {
    this.#breaker = breaker;
    this.#signal = signal;
  }

  readonly succeed = (value: unknown): unknown => {
    this.#breaker.take(this, true, value, this.#signal);
    this.#signal?.throwIfAborted();
    return value;
  };

  readonly fail = (error: unknown): never => {
    this.#breaker.take(this, false, error, this.#signal);
    this.#signal?.throwIfAborted();
    throw error;
  };
}

/** A call that is made without a wrapper. */
class BreakerPermit implements Permit, AdmittedCall {
  startMs: number = 0;
  generation: number = 0;
  readonly #breaker: Breaker;
  #isSettled = false;

  constructor(breaker: Breaker) {
    this.#breaker = breaker;
  }

  success(): void {
    this.#settle('success');
  }

  failure(error?: unknown): void {
    this.#settle('failure', error);
  }

  ignore(): void {
    this.#settle('ignored');
  }

  [Symbol.dispose](): void {
    this.#settle('ignored');
  }

  #settle(verdict: Verdict, failure?: unknown): void {
    if (!this.#isSettled) this.#breaker.settle(this, verdict, failure);
    this.#isSettled = true;
  }
}

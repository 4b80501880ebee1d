import type { Step } from '../core/call.ts';
import { BareContext, resultOf } from '../core/call.ts';
import { guarded, isHoldfastError } from '../core/errors.ts';
import type { Operation, RunOptions } from '../core/policy.ts';
import type { Scope } from '../core/scope.ts';
import type { BreakerSettings } from './breaker-options.ts';
import { checkBreaker } from './breaker-options.ts';
import type { CircuitBreaker, CircuitBreakerOptions, Permit } from './circuit-breaker.ts';
import type { AdmittedCall, Verdict } from './state-machine.ts';
import { StateMachine } from './state-machine.ts';

/** A circuit breaker as a policy: what the state machine makes of calls. */
export class Breaker extends StateMachine implements CircuitBreaker {
  readonly #settings: BreakerSettings;
  #plain: PlainCalls | undefined;

  constructor(options: CircuitBreakerOptions) {
    const settings = checkBreaker(options);
    super(settings);
    this.#settings = settings;
  }

  readonly bind = (inner: Step): Step => (call, scope, done) => {
    if (!this.admits()) return done(false, this.rejection());
    const run: AdmittedCall = { startMs: 0, generation: 0 };
    this.begin(run);
    inner(call, scope, (isOk, result) => {
      this.#take(run, isOk, result, scope);
      done(isOk, result);
    });
  };

  /** Who gave a call up says nothing about the dependency, unless it was for taking too long. */
  #take(run: AdmittedCall, isOk: boolean, result: unknown, scope: Scope): void {
    const isTimeout = scope.aborted && isHoldfastError(scope.reason, 'ERR_TIMEOUT');
    const hasFailed = isTimeout || !isOk;
    const failure = isTimeout ? scope.reason : result;
    const verdict = hasFailed ? this.verdictOn(failure) : this.verdictOnResult(result);
    this.settle(run, scope.aborted && !isTimeout ? 'ignored' : verdict, failure);
  }

  /** The common cases without the machinery of a call: open, or closed with nothing to measure. */
  override run<T>(op: Operation<T>, options?: RunOptions): Promise<T> {
    if (options?.signal || typeof op !== 'function' || !this.isPlain) return super.run(op, options);
    const plain = this.#plain?.generation === this.generation ? this.#plain : new PlainCalls(this, this.generation);
    this.#plain = plain;
    this.inFlight++;
    try {
      const result = resultOf(op, new BareContext());
      if (result instanceof Promise) return result.then(plain.succeed, plain.fail) as Promise<T>;
      return Promise.resolve(plain.succeed(result) as T);
    } catch (error) {
      return Promise.reject(plain.failed(error));
    }
  }

  verdictOn(error: unknown): Verdict {
    const { isFailure, isIgnored } = this.#settings;
    if (guarded(false, isIgnored, error)) return 'ignored';
    return !isFailure || guarded(true, isFailure, error) ? 'failure' : 'success';
  }

  verdictOnResult(value: unknown): Verdict {
    const { isFailureResult } = this.#settings;
    return isFailureResult && guarded(false, isFailureResult, value) ? 'failure' : 'success';
  }

  tryAcquire(): Permit | null {
    if (!this.admits()) return null;
    const permit = new BreakerPermit(this);
    this.begin(permit);
    return permit;
  }
}

/** The handlers that all plain calls of one generation share, so that such a call makes no closure. */
class PlainCalls implements AdmittedCall {
  readonly startMs: number = 0;
  readonly generation: number;
  readonly #breaker: Breaker;

  constructor(breaker: Breaker, generation: number) {
    this.#breaker = breaker;
    this.generation = generation;
  }

  readonly succeed = (value: unknown): unknown => {
    this.#breaker.settle(this, this.#breaker.verdictOnResult(value), value);
    return value;
  };

  readonly fail = (error: unknown): never => {
    throw this.failed(error);
  };

  failed(error: unknown): unknown {
    this.#breaker.settle(this, this.#breaker.verdictOn(error), error);
    return error;
  }
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

import type { Sink, Step } from '../core/call.ts';
import { BareContext, ComposablePolicy, resultOf } from '../core/call.ts';
import { amount, refuse } from '../core/check.ts';
import { guarded, isHoldfastError } from '../core/errors.ts';
import type { Operation, RunOptions } from '../core/policy.ts';
import type { Scope } from '../core/scope.ts';
import type { BreakerSettings } from './breaker-options.ts';
import { checkBreaker } from './breaker-options.ts';
import type {
  CircuitBreaker,
  CircuitBreakerEvent,
  CircuitBreakerOptions,
  CircuitBreakerStats,
  CircuitMode,
  CircuitState,
  Isolation,
  Permit,
} from './circuit-breaker.ts';
import { CircuitOpenError } from './errors.ts';
import type { BreakerSnapshot } from './snapshot.ts';
import type { AdmittedCall, Verdict } from './state-machine.ts';
import { StateMachine } from './state-machine.ts';

/** Handlers that every plain call of one generation shares, so that such a call makes no closure. */
interface PlainHandlers {
  readonly generation: number;
  readonly succeed: (value: unknown) => unknown;
  readonly fail: (error: unknown) => never;
}

/** A circuit breaker as a policy: the state machine, and what it makes of calls. */
export class Breaker extends ComposablePolicy implements CircuitBreaker {
  readonly name: string;
  readonly machine: StateMachine;
  readonly #settings: BreakerSettings;
  #handlers: PlainHandlers | undefined;

  constructor(options: CircuitBreakerOptions) {
    super();
    this.#settings = checkBreaker(options);
    this.name = this.#settings.name;
    this.machine = new StateMachine(this.#settings);
    if (options.onEvent) this.machine.listeners.add(options.onEvent);
  }

  get state(): CircuitState {
    return this.machine.state;
  }

  get mode(): CircuitMode {
    void this.machine.state;
    return this.machine.mode;
  }

  get retryAfterMs(): number {
    return this.machine.retryAfterMs;
  }

  get isIdle(): boolean {
    return this.machine.isIdle;
  }

  override bind(inner: Step): Step {
    const { machine } = this;
    return {
      enter: (scope, sink) => {
        if (!machine.admits()) return sink.fail(this.#rejection());
        const run = new BreakerRun(this, scope, sink);
        machine.begin(run);
        inner.enter(scope, run);
      },
    };
  }

  /** The common case without the machinery of a call: circuit closed, no signal, nothing to measure. */
  override run<T>(op: Operation<T>, options?: RunOptions): Promise<T> {
    const { machine } = this;
    if (!machine.isPlain || options?.signal !== undefined || typeof op !== 'function') return super.run(op, options);
    const { generation } = machine;
    if (this.#handlers?.generation !== generation) this.#handlers = this.#plainHandlers(generation);
    const { succeed, fail } = this.#handlers!;
    machine.inFlight++;
    try {
      const result = resultOf(op, new BareContext());
      if (result instanceof Promise) return result.then(succeed, fail) as Promise<T>;
      return Promise.resolve(succeed(result) as T);
    } catch (error) {
      machine.settlePlain(generation, this.verdictOn(error), error);
      return Promise.reject(error);
    }
  }

  #plainHandlers(generation: number): PlainHandlers {
    const { machine } = this;
    return {
      generation,
      succeed: (value) => {
        machine.settlePlain(generation, this.verdictOnResult(value), value);
        return value;
      },
      fail: (error) => {
        machine.settlePlain(generation, this.verdictOn(error), error);
        throw error;
      },
    };
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

  #rejection(): CircuitOpenError {
    const { captureStack } = this.#settings;
    const { lastState, remainingMs } = this.machine;
    return new CircuitOpenError(this.name, lastState, remainingMs, captureStack);
  }

  tryAcquire(): Permit | null {
    if (!this.machine.admits()) return null;
    const permit = new BreakerPermit(this.machine);
    this.machine.begin(permit);
    return permit;
  }

  stats(): CircuitBreakerStats {
    return this.machine.stats();
  }

  trip(ms?: number): void {
    if (ms !== undefined) amount('ms', ms, 0);
    this.machine.trip(ms);
  }

  reset(): void {
    this.machine.setMode('auto');
  }

  setMode(mode: CircuitMode): void {
    this.machine.setMode(mode);
  }

  isolate(): Isolation {
    const dispose = this.machine.isolate();
    return { dispose, [Symbol.dispose]: dispose };
  }

  onEvent(listener: (event: CircuitBreakerEvent) => void): () => void {
    if (typeof listener !== 'function') refuse('listener', 'a function', listener);
    const own = (event: CircuitBreakerEvent): void => listener(event);
    this.machine.listeners.add(own);
    return () => void this.machine.listeners.delete(own);
  }

  snapshot(): BreakerSnapshot {
    return this.machine.snapshot();
  }
}

/** One call of a pipeline under a circuit breaker. */
class BreakerRun implements Sink, AdmittedCall {
  startMs = 0;
  generation = 0;
  readonly #breaker: Breaker;
  readonly #scope: Scope;
  readonly #sink: Sink;

  constructor(breaker: Breaker, scope: Scope, sink: Sink) {
    this.#breaker = breaker;
    this.#scope = scope;
    this.#sink = sink;
  }

  succeed(value: unknown): void {
    if (this.#scope.isAborted) this.#settleAborted();
    else this.#breaker.machine.settle(this, this.#breaker.verdictOnResult(value), value);
    this.#sink.succeed(value);
  }

  fail(error: unknown): void {
    if (this.#scope.isAborted) this.#settleAborted();
    else this.#breaker.machine.settle(this, this.#breaker.verdictOn(error), error);
    this.#sink.fail(error);
  }

  /** Who gave the call up says nothing about the dependency, unless it was for taking too long. */
  #settleAborted(): void {
    const { reason } = this.#scope;
    const verdict = isHoldfastError(reason, 'ERR_TIMEOUT') ? this.#breaker.verdictOn(reason) : 'ignored';
    this.#breaker.machine.settle(this, verdict, reason);
  }
}

/** A call that is made without a wrapper. */
class BreakerPermit implements Permit, AdmittedCall {
  startMs = 0;
  generation = 0;
  readonly #machine: StateMachine;
  #isSettled = false;

  constructor(machine: StateMachine) {
    this.#machine = machine;
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
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#machine.settle(this, verdict, failure);
  }
}

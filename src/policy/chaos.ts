import type { Call } from '../core/call.ts';
import { ComposablePolicy, invoke } from '../core/call.ts';
import { amount, optionalFunction, refuse, share } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { systemClock } from '../core/clock.ts';
import { emit, guarded, HoldfastError } from '../core/errors.ts';
import { pause } from '../core/pause.ts';
import type { Policy } from '../core/policy.ts';
import type { Random } from '../core/random.ts';
import { systemRandom } from '../core/random.ts';
import type { Scope } from '../core/scope.ts';
import type { Done, Step } from '../core/step.ts';

/** What a {@link chaos} policy tells its listener. */
export interface ChaosEvent {
  readonly type: 'latency' | 'fault' | 'result';
}

/** Options of {@link chaos}. Rates are shares of the calls, above 0 and up to 1, drawn one by one. */
export interface ChaosOptions<R = never> {
  /**
   * Whether anything is injected; see also {@link Chaos.isEnabled}. The library never looks at the
   * environment: switch it on by your own configuration.
   *
   * @defaultValue false
   */
  readonly enabled?: boolean | undefined;
  /** Delays calls by `ms` milliseconds before anything else. */
  readonly latency?: { readonly rate: number; readonly ms: number | (() => number) } | undefined;
  /**
   * Fails calls in place of the operation.
   *
   * `error` makes what is thrown; its default is a {@link HoldfastError} with `ERR_CHAOS_FAULT`.
   */
  readonly fault?: { readonly rate: number; readonly error?: () => unknown } | undefined;
  /** Answers calls in place of the operation. */
  readonly result?: { readonly rate: number; readonly value: () => R | PromiseLike<R> } | undefined;
  /** Told of each injection. */
  readonly onEvent?: ((event: ChaosEvent) => void) | undefined;
  /** Source of chance: with a seeded one, the same calls are hit. @defaultValue `Math.random` */
  readonly random?: Random | undefined;
  /** @defaultValue the system's clock */
  readonly clock?: Clock | undefined;
}

/** A policy that does harm on purpose, to see that the others hold. */
export interface Chaos<out Adds = never> extends Policy<Adds> {
  /** Switches the injection on and off at run time; calls that wait in an injected delay wait on. */
  isEnabled: boolean;
}

/**
 * Creates a policy that injects delays, failures and answers into a share of the calls. Put it
 * innermost, where the dependency would do the same.
 *
 * @example
 * ```ts
 * import { chaos, pipeline, retry } from 'holdfast/policy';
 *
 * const harm = chaos({ fault: { rate: 0.2 }, latency: { rate: 0.1, ms: 500 } });
 * const calls = pipeline(retry(), harm);
 * harm.isEnabled = false; // true during a rehearsal
 * await calls.run(() => 'answer');
 * ```
 *
 * @throws RangeError or TypeError when an option is out of its bounds.
 */
export function chaos<R = never>(options: ChaosOptions<R>): Chaos<R> {
  return new ChaosPolicy<R>(options);
}

class ChaosPolicy<R> extends ComposablePolicy<R> implements Chaos<R> {
  isEnabled: boolean;
  readonly #options: ChaosOptions<R>;
  readonly #random: Random;
  readonly #clock: Clock;

  constructor(options: ChaosOptions<R>) {
    super();
    const { enabled = false, latency, fault, result, random = systemRandom, clock = systemClock } = options;
    if (typeof enabled !== 'boolean') refuse('enabled', 'true or false', enabled);
    if (latency) share('latency.rate', latency.rate);
    if (latency && typeof latency.ms !== 'function') amount('latency.ms', latency.ms, 0);
    if (fault) share('fault.rate', fault.rate);
    if (result) share('result.rate', result.rate);
    optionalFunction('fault.error', fault?.error);
    if (result && typeof result.value !== 'function') refuse('result.value', 'a function', result.value);
    optionalFunction('onEvent', options.onEvent);
    this.isEnabled = enabled;
    this.#options = options;
    this.#random = random;
    this.#clock = clock;
  }

  override bind(inner: Step): Step {
    const { latency, onEvent } = this.#options;
    return (call, scope, done) => {
      if (!this.isEnabled) return inner(call, scope, done);
      if (!latency || !this.#draws(latency.rate)) return this.#harm(inner, call, scope, done);
      emit(onEvent, { type: 'latency' });
      const { ms } = latency;
      const waitMs = typeof ms === 'function' ? guarded(0, ms) : ms;
      if (scope.aborted) done(false, scope.reason);
      else pause(this.#clock, waitMs, scope, done, () => this.#harm(inner, call, scope, done));
    };
  }

  #draws(rate: number): boolean {
    return guarded(1, this.#random) < rate;
  }

  #harm(inner: Step, call: Call, scope: Scope, done: Done): void {
    const { fault, result, onEvent } = this.#options;
    if (fault && this.#draws(fault.rate)) {
      emit(onEvent, { type: 'fault' });
      done(
        false,
        guarded<[], unknown>(undefined, () => (fault.error ? fault.error() : injectedFault())),
      );
    } else if (result && this.#draws(result.rate)) {
      emit(onEvent, { type: 'result' });
      if (scope.aborted) done(false, scope.reason);
      else invoke(() => result.value(), call, scope, done);
    } else {
      inner(call, scope, done);
    }
  }
}

function injectedFault(): HoldfastError {
  return new HoldfastError('ERR_CHAOS_FAULT', 'fault injected by chaos');
}

import { amount, integer, optionalFunction, refuse } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { systemTime } from '../core/clock.ts';
import { emit } from '../core/errors.ts';
import type { CircuitBreaker, CircuitBreakerOptions } from './circuit-breaker.ts';
import { createCircuitBreaker } from './circuit-breaker.ts';

/** Options of {@link createBreakerRegistry}. */
export interface BreakerRegistryOptions {
  /** The options of the circuit breaker for `key`; its `name` defaults to the key. */
  readonly create: (key: string) => CircuitBreakerOptions;
  /**
   * Circuit breakers that are kept at most.
   *
   * @defaultValue 1000
   */
  readonly maxKeys?: number | undefined;
  /**
   * A circuit breaker that nobody has got for this long, in milliseconds, makes room whatever its state.
   * Without it, keys that fail once and never come back can fill the registry for good.
   *
   * @defaultValue Infinity: only idle ones make room
   */
  readonly idleAfterMs?: number | undefined;
  /** Told of each key that got a breaker which is not kept, because none of those looked at was idle. */
  readonly onOverflow?: ((key: string) => void) | undefined;
  /** For `idleAfterMs`. @defaultValue the system's clock */
  readonly clock?: Pick<Clock, 'now'> | undefined;
}

/** One circuit breaker per key, bounded: keys may come from outside. */
export interface BreakerRegistry {
  /**
   * The circuit breaker for `key`, made when there is none. O(1).
   *
   * When the registry is full, the longest unused idle breaker makes room; one that counts failures
   * never does before `idleAfterMs`, so made-up keys cannot reset it. Where none makes room, the breaker for a new key works
   * but is not kept.
   */
  get(key: string): CircuitBreaker;
  /** The circuit breaker for `key` if there is one. Does not count as use. */
  peek(key: string): CircuitBreaker | undefined;
  /** Forgets the circuit breaker for `key`, whatever its state. False when there was none. */
  delete(key: string): boolean;
  /** Circuit breakers kept now; at most `maxKeys`. */
  readonly size: number;
}

/** Breakers looked at for an idle one per new key; those found busy go to the back. */
const LOOKS = 16;

/**
 * Creates a {@link BreakerRegistry}.
 *
 * @example
 * ```ts
 * import { consecutiveFailures, createBreakerRegistry } from 'holdfast/circuit-breaker';
 *
 * const circuits = createBreakerRegistry({
 *   create: () => ({ trip: consecutiveFailures(5), openDurationMs: 10_000 }),
 *   maxKeys: 500,
 * });
 * await circuits.get('api.example.org').run(async () => 'answer');
 * ```
 *
 * @throws RangeError or TypeError when an option is out of its bounds.
 */
export function createBreakerRegistry(options: BreakerRegistryOptions): BreakerRegistry {
  return new KeyedBreakers(options);
}

/** A kept circuit breaker and when it was last asked for. */
interface Kept {
  readonly breaker: CircuitBreaker;
  usedAtMs: number;
}

class KeyedBreakers implements BreakerRegistry {
  readonly #create: (key: string) => CircuitBreakerOptions;
  readonly #maxKeys: number;
  readonly #idleAfterMs: number;
  readonly #onOverflow: ((key: string) => void) | undefined;
  readonly #clock: Pick<Clock, 'now'>;
  /** Longest unused first, save those that were looked at and found busy. */
  readonly #breakers = new Map<string, Kept>();

  constructor(options: BreakerRegistryOptions) {
    const { create, maxKeys = 1000, idleAfterMs = Infinity, onOverflow, clock = systemTime } = options;
    if (typeof create !== 'function') refuse('create', 'a function', create);
    this.#create = create;
    this.#maxKeys = integer('maxKeys', maxKeys, 1);
    this.#idleAfterMs = amount('idleAfterMs', idleAfterMs, 1);
    this.#onOverflow = optionalFunction('onOverflow', onOverflow);
    this.#clock = clock;
  }

  get size(): number {
    return this.#breakers.size;
  }

  get(key: string): CircuitBreaker {
    const usedAtMs = this.#idleAfterMs < Infinity ? this.#clock.now() : 0;
    const known = this.#breakers.get(key);
    const kept = known ?? { breaker: createCircuitBreaker({ name: key, ...this.#create(key) }), usedAtMs };
    kept.usedAtMs = usedAtMs;
    if (known) this.#breakers.delete(key);
    if (known || this.#hasRoom(usedAtMs)) this.#breakers.set(key, kept);
    else emit(this.#onOverflow, key);
    return kept.breaker;
  }

  peek(key: string): CircuitBreaker | undefined {
    return this.#breakers.get(key)?.breaker;
  }

  delete(key: string): boolean {
    return this.#breakers.delete(key);
  }

  #hasRoom(nowMs: number): boolean {
    if (this.#breakers.size < this.#maxKeys) return true;
    let looks = Math.min(LOOKS, this.#breakers.size);
    for (const [key, kept] of this.#breakers) {
      this.#breakers.delete(key);
      if (kept.breaker.isIdle || nowMs - kept.usedAtMs >= this.#idleAfterMs) return true;
      this.#breakers.set(key, kept);
      if (--looks === 0) return false;
    }
    return false;
  }
}

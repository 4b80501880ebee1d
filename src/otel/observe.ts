import type { Cache } from '../cache/cache.ts';
import type { CircuitBreaker, CircuitState } from '../circuit-breaker/circuit-breaker.ts';
import type { Bulkhead } from '../policy/bulkhead.ts';
import type { AdaptiveThrottle } from '../rate-limit/adaptive-throttle.ts';
import type { ConcurrencyLimiter } from '../rate-limit/concurrency-limiter.ts';
import type { RateLimiter } from '../rate-limit/rate-limit-policy.ts';
import type { RateQueue } from '../rate-limit/rate-queue.ts';
import type { Singleflight } from '../singleflight/singleflight.ts';
import { Tally } from './count-events.ts';
import type { Meter } from './meter.ts';
import type { NamedOptions, Observation, ObserveOptions } from './observation.ts';
import { level, observe, peak, total } from './observation.ts';

/**
 * Shows a circuit breaker under `holdfast.circuit_breaker.`: `circuits` by state (1 in the series of its state, 0 in
 * the others), `transitions` by the state they lead to, `not_permitted`, `late`, `in_flight`, and of the first trip
 * rule `failure_rate` and `slow_call_rate`.
 *
 * Calls pay nothing for it; each collection takes `stats()`, which moves the circuit on by time as a call does.
 *
 * @example
 * ```ts
 * import { metrics } from '@opentelemetry/api';
 * import { consecutiveFailures, createCircuitBreaker } from 'holdfast/circuit-breaker';
 * import { observeCircuitBreaker } from 'holdfast/otel';
 *
 * const circuit = createCircuitBreaker({ name: 'payments', trip: consecutiveFailures(5), openDurationMs: 10_000 });
 * const observation = observeCircuitBreaker(metrics.getMeter('shop'), circuit);
 * observation.close();
 * ```
 *
 * @throws RangeError or TypeError for a meter that is none, and where neither circuit nor options have a name.
 */
export function observeCircuitBreaker(
  meter: Meter,
  circuit: Pick<CircuitBreaker, 'name' | 'stats' | 'onEvent'>,
  options: ObserveOptions = {},
): Observation {
  const { name = circuit.name } = options;
  const states: readonly CircuitState[] = ['closed', 'open', 'half-open', 'forced-open', 'disabled', 'metrics-only'];
  const observed = observe(meter, 'circuit_breaker', name, [
    ...states.map((state) => {
      const isIn = (): number => Number(circuit.stats().state === state);
      return level('circuits', '{circuit}', 'Circuits by state.', isIn, { state });
    }),
    total('not_permitted', '{call}', 'Calls that were turned away.', () => circuit.stats().notPermitted),
    total('late', '{call}', 'Results that came after a change of state.', () => circuit.stats().late),
    level('in_flight', '{call}', 'Calls that were let through and have not ended.', () => circuit.stats().inFlight),
    peak('failure_rate', '1', 'Share of failed calls, by the first trip rule.', () => circuit.stats().failureRate),
    peak('slow_call_rate', '1', 'Share of slow calls, by the first trip rule.', () => circuit.stats().slowCallRate),
  ]);
  const row = { metric: 'transitions', unit: '{transition}', description: 'Changes of state, by the new state.' };
  const transitions = new Tally(observed, row, ['name', 'state'], (state) => ({ state }));
  observed.onClose(circuit.onEvent(({ to }) => transitions.add(to)));
  return observed;
}

/**
 * Shows a bulkhead under `holdfast.bulkhead.`: `in_flight`, `queued`, `rejected`. Calls pay nothing for it.
 *
 * @example
 * ```ts
 * import { metrics } from '@opentelemetry/api';
 * import { observeBulkhead } from 'holdfast/otel';
 * import { createBulkhead } from 'holdfast/policy';
 *
 * const reports = createBulkhead({ maxConcurrent: 4 });
 * observeBulkhead(metrics.getMeter('shop'), reports, { name: 'reports' });
 * ```
 *
 * @throws RangeError or TypeError for a meter that is none and a name that is empty.
 */
export function observeBulkhead(meter: Meter, bulkhead: Pick<Bulkhead, 'stats'>, options: NamedOptions): Observation {
  return observe(meter, 'bulkhead', options.name, [
    level('in_flight', '{call}', 'Calls that run.', () => bulkhead.stats().inFlight),
    level('queued', '{call}', 'Calls that wait for a slot.', () => bulkhead.stats().queued),
    total('rejected', '{call}', 'Calls that were turned away.', () => bulkhead.stats().rejected),
  ]);
}

/**
 * Shows a cache under `holdfast.cache.`: `requests` by result (`hit`, `miss`, `stale`), `entries`, `weight`, `loads`,
 * `load_failures`, `loading`, `evictions`, `expirations`. Reads and writes pay nothing for it.
 *
 * @example
 * ```ts
 * import { metrics } from '@opentelemetry/api';
 * import { createCache } from 'holdfast/cache';
 * import { observeCache } from 'holdfast/otel';
 *
 * const users = createCache<string, number>({ maxEntries: 1_000 });
 * observeCache(metrics.getMeter('shop'), users, { name: 'users' });
 * ```
 *
 * @throws RangeError or TypeError for a meter that is none and a name that is empty.
 */
export function observeCache(
  meter: Meter,
  cache: Pick<Cache<unknown, unknown>, 'stats'>,
  options: NamedOptions,
): Observation {
  const requests = 'Reads, by what they found.';
  return observe(meter, 'cache', options.name, [
    total('requests', '{request}', requests, () => cache.stats().hits, { result: 'hit' }),
    total('requests', '{request}', requests, () => cache.stats().misses, { result: 'miss' }),
    total('requests', '{request}', requests, () => cache.stats().staleHits, { result: 'stale' }),
    level('entries', '{entry}', 'Entries that are kept.', () => cache.stats().size),
    level('weight', '{weight}', 'Weight of all entries.', () => cache.stats().weight),
    total('loads', '{load}', 'Loads that were started.', () => cache.stats().loads),
    total('load_failures', '{load}', 'Loads that failed.', () => cache.stats().loadFailures),
    level('loading', '{load}', 'Loads that are under way.', () => cache.stats().loading),
    total('evictions', '{entry}', 'Entries that had to make room.', () => cache.stats().evictions),
    total('expirations', '{entry}', 'Entries whose time was over.', () => cache.stats().expirations),
  ]);
}

/**
 * Shows under `holdfast.rate_limit.keys` how many keys a limiter keeps a state for: at its `maxKeys` it treats new keys
 * by its `overflow`. Decisions are counted by {@link countDecisions}.
 *
 * @example
 * ```ts
 * import { metrics } from '@opentelemetry/api';
 * import { observeRateLimiter } from 'holdfast/otel';
 * import { createRateLimiter, tokenBucket } from 'holdfast/rate-limit';
 *
 * const limiter = createRateLimiter(tokenBucket({ limit: 10, periodMs: 1_000 }));
 * observeRateLimiter(metrics.getMeter('shop'), limiter, { name: 'api' });
 * ```
 *
 * @throws RangeError or TypeError for a meter that is none and a name that is empty.
 */
export function observeRateLimiter(
  meter: Meter,
  limiter: Pick<RateLimiter, 'size'>,
  options: NamedOptions,
): Observation {
  return observe(meter, 'rate_limit', options.name, [
    level('keys', '{key}', 'Keys that have a state of their own.', () => limiter.size),
  ]);
}

/**
 * Shows under `holdfast.rate_queue.queued` how many calls wait in a rate queue.
 *
 * @example
 * ```ts
 * import { metrics } from '@opentelemetry/api';
 * import { observeRateQueue } from 'holdfast/otel';
 * import { createRateQueue, tokenBucket } from 'holdfast/rate-limit';
 *
 * const mails = createRateQueue(tokenBucket({ limit: 14, periodMs: 1_000 }));
 * observeRateQueue(metrics.getMeter('shop'), mails, { name: 'mails' });
 * ```
 *
 * @throws RangeError or TypeError for a meter that is none and a name that is empty.
 */
export function observeRateQueue(meter: Meter, queue: Pick<RateQueue, 'size'>, options: NamedOptions): Observation {
  return observe(meter, 'rate_queue', options.name, [level('queued', '{call}', 'Calls that wait.', () => queue.size)]);
}

/**
 * Shows a concurrency limiter under `holdfast.concurrency_limit.`: `limit`, `in_flight`, `queued`.
 *
 * @example
 * ```ts
 * import { metrics } from '@opentelemetry/api';
 * import { observeConcurrencyLimiter } from 'holdfast/otel';
 * import { bbrLimit, createConcurrencyLimiter } from 'holdfast/rate-limit';
 *
 * const reads = createConcurrencyLimiter({ limit: bbrLimit() });
 * observeConcurrencyLimiter(metrics.getMeter('shop'), reads, { name: 'reads' });
 * ```
 *
 * @throws RangeError or TypeError for a meter that is none and a name that is empty.
 */
export function observeConcurrencyLimiter(
  meter: Meter,
  limiter: Pick<ConcurrencyLimiter, 'limit' | 'inflight' | 'queued'>,
  options: NamedOptions,
): Observation {
  return observe(meter, 'concurrency_limit', options.name, [
    level('limit', '{call}', 'Calls that may run at once.', () => limiter.limit),
    level('in_flight', '{call}', 'Calls that run.', () => limiter.inflight),
    level('queued', '{call}', 'Calls that wait for a permit.', () => limiter.queued),
  ]);
}

/**
 * Shows under `holdfast.throttle.reject_probability` which share of its calls an adaptive throttle holds back.
 *
 * @example
 * ```ts
 * import { metrics } from '@opentelemetry/api';
 * import { observeThrottle } from 'holdfast/otel';
 * import { createAdaptiveThrottle } from 'holdfast/rate-limit';
 *
 * const search = createAdaptiveThrottle();
 * observeThrottle(metrics.getMeter('shop'), search, { name: 'search' });
 * ```
 *
 * @throws RangeError or TypeError for a meter that is none and a name that is empty.
 */
export function observeThrottle(
  meter: Meter,
  throttle: Pick<AdaptiveThrottle, 'rejectProbability'>,
  options: NamedOptions,
): Observation {
  const read = (): number => throttle.rejectProbability;
  return observe(meter, 'throttle', options.name, [
    peak('reject_probability', '1', 'Share of the calls that are held back.', read),
  ]);
}

/**
 * Shows under `holdfast.singleflight.in_flight` how many keys are being worked on.
 *
 * @example
 * ```ts
 * import { metrics } from '@opentelemetry/api';
 * import { observeSingleflight } from 'holdfast/otel';
 * import { createSingleflight } from 'holdfast/singleflight';
 *
 * const loads = createSingleflight<string, string>();
 * observeSingleflight(metrics.getMeter('shop'), loads, { name: 'loads' });
 * ```
 *
 * @throws RangeError or TypeError for a meter that is none and a name that is empty.
 */
export function observeSingleflight(
  meter: Meter,
  flights: Pick<Singleflight<unknown, unknown>, 'size'>,
  options: NamedOptions,
): Observation {
  return observe(meter, 'singleflight', options.name, [
    level('in_flight', '{key}', 'Keys in flight.', () => flights.size),
  ]);
}

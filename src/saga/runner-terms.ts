import type { Filled } from '../core/check.ts';
import { amount, integer, optionalFunction, refuse } from '../core/check.ts';
import { systemClock } from '../core/clock.ts';
import { systemRandom } from '../core/random.ts';
import type { AnySaga } from './definition.ts';
import type { SagaEvent, SagaRunnerOptions } from './saga-runner.ts';
import type { SagaStore } from './saga-store.ts';
import type { SagaTracer } from './tracing.ts';

/** Options with their defaults. */
export interface Terms extends Filled<Omit<SagaRunnerOptions<never>, 'onEvent' | 'sagas' | 'store' | 'tracer'>> {
  readonly store: SagaStore;
  readonly sagas: readonly AnySaga[];
  readonly onEvent: ((event: SagaEvent) => void) | undefined;
  readonly tracer: SagaTracer | undefined;
}

/** Options, checked. */
export function checked(options: SagaRunnerOptions): Terms {
  const { store, sagas, leaseMs = 30_000, heartbeatMs = leaseMs / 3, pollMs = 1000, concurrency = 256 } = options;
  const {
    maxRecoveries = 20,
    abandonMs = 30_000,
    onEvent,
    tracer,
    clock = systemClock,
    random = systemRandom,
  } = options;
  if (typeof store?.enlist !== 'function') refuse('store', 'a store of sagas', store);
  if (!Array.isArray(sagas)) refuse('sagas', 'an array of sagas', sagas);
  for (const [k, saga] of sagas.entries()) {
    if (!Array.isArray(saga?.nodes)) refuse('sagas', 'an array of sagas', saga);
    if (sagas.findIndex(({ name, version }) => name === saga.name && version === saga.version) < k) {
      refuse('sagas', 'one definition for each name and version', `${saga.name} ${saga.version}`);
    }
  }
  if (tracer !== undefined && typeof tracer?.startActiveSpan !== 'function') refuse('tracer', 'a tracer', tracer);
  return {
    store,
    sagas,
    leaseMs: amount('leaseMs', leaseMs, 1, 2 ** 31 - 1),
    heartbeatMs: amount('heartbeatMs', heartbeatMs, 1, leaseMs),
    pollMs: amount('pollMs', pollMs, 1, 2 ** 31 - 1),
    concurrency: integer('concurrency', concurrency, 1, Infinity),
    maxRecoveries: integer('maxRecoveries', maxRecoveries, 1, Infinity),
    abandonMs: amount('abandonMs', abandonMs, 0),
    onEvent: optionalFunction('onEvent', onEvent),
    tracer,
    clock,
    random,
  };
}

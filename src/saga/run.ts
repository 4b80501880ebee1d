import { systemClock } from '../core/clock.ts';
import { systemRandom } from '../core/random.ts';
import type { World } from './attempt.ts';
import type { AnySaga, SagaRunOptions } from './definition.ts';
import { Execution } from './execution.ts';

const DEFAULT: World = { clock: systemClock, random: systemRandom, abandonMs: 30_000 };

/** Runs a saga without a store. */
export function runInMemory(saga: AnySaga, input: unknown, options: SagaRunOptions | undefined): Promise<unknown> {
  if (saga.needsStore) {
    return Promise.reject(new TypeError(`saga ${saga.name} has events or atomic steps: start it with a runner`));
  }
  if (!options) return new Execution(saga, input, undefined, DEFAULT, false).drive();
  const { id, signal, abandonMs = 30_000, clock = systemClock, random = systemRandom } = options;
  const execution = new Execution(saga, input, id, { clock, random, abandonMs }, signal !== undefined);
  return signal ? abortable(execution, signal) : execution.drive();
}

async function abortable(execution: Execution, signal: AbortSignal): Promise<unknown> {
  signal.throwIfAborted();
  const onAbort = (): void => void execution.cancel(signal.reason);
  signal.addEventListener('abort', onAbort);
  try {
    return await execution.drive();
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

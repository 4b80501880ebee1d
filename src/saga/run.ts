import { systemClock } from '../core/clock.ts';
import { systemRandom } from '../core/random.ts';
import type { AnySaga, SagaRunOptions } from './definition.ts';
import { Execution } from './execution.ts';

/** Runs a saga without a store. */
export async function runInMemory(saga: AnySaga, input: unknown, options: SagaRunOptions): Promise<unknown> {
  const { id, signal, abandonMs = 30_000, clock = systemClock, random = systemRandom } = options;
  if (saga.needsStore) throw new TypeError(`saga ${saga.name} has events or atomic steps: start it with a runner`);
  signal?.throwIfAborted();
  const execution = new Execution(saga, input, id, { clock, random, abandonMs }, signal !== undefined);
  const onAbort = (): void => void execution.cancel(signal!.reason);
  signal?.addEventListener('abort', onAbort);
  try {
    return await execution.drive();
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

import { amount } from '../core/check.ts';
import { systemClock } from '../core/clock.ts';
import { systemRandom } from '../core/random.ts';
import type { World } from './attempt.ts';
import type { AnySaga, SagaRunOptions } from './definition.ts';
import { Execution } from './execution.ts';
import { checkId } from './text.ts';

const DEFAULT: World = { clock: systemClock, random: systemRandom, abandonMs: 30_000 };

/** Runs a saga without a store. */
export function runInMemory(saga: AnySaga, input: unknown, options: SagaRunOptions | undefined): Promise<unknown> {
  if (saga.needsStore) {
    return Promise.reject(new TypeError(`saga ${saga.name} has events or atomic steps: start it with a runner`));
  }
  return options ? runWith(saga, input, options) : new Execution(saga, input, undefined, DEFAULT, false).drive();
}

async function runWith(saga: AnySaga, input: unknown, options: SagaRunOptions): Promise<unknown> {
  const { id, signal, abandonMs = 30_000, clock = systemClock, random = systemRandom } = options;
  if (id !== undefined) checkId(id);
  amount('abandonMs', abandonMs, 0);
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

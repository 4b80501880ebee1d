import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import type { Policy } from '../../src/policy/index.ts';
import { createBulkhead, pipeline, timeout } from '../../src/policy/index.ts';
import { createConcurrencyLimiter } from '../../src/rate-limit/index.ts';

const storage = new AsyncLocalStorage<string>();
const names = ['a', 'b', 'c', 'd'];

/** What each of four calls at once sees in its operation, and after it. */
function seenUnder(policy: Policy): Promise<(string | undefined)[][]> {
  const calls = names.map((name) =>
    storage.run(name, async () => {
      const inside = await policy.run(async () => {
        const before = storage.getStore();
        await Promise.resolve();
        return [before, storage.getStore()];
      });
      return [...inside, storage.getStore()];
    }),
  );
  return Promise.all(calls);
}

describe('a call that has waited runs in its own async context, not in that of the call whose slot it takes', () => {
  it.each([
    ['a bulkhead', () => createBulkhead({ maxConcurrent: 1, maxQueue: 10 })],
    [
      'a bulkhead in a pipeline',
      () => pipeline(timeout({ ms: 1000 }), createBulkhead({ maxConcurrent: 1, maxQueue: 10 })),
    ],
    ['a concurrency limiter', () => createConcurrencyLimiter({ limit: 1, maxQueue: 10 })],
    [
      'a concurrency limiter in a pipeline',
      () => pipeline(createConcurrencyLimiter({ limit: 1, maxQueue: 10 }), timeout({ ms: 1000 })),
    ],
  ] as const)('under %s', async (_, create) => {
    expect(await seenUnder(create())).toEqual(names.map((name) => [name, name, name]));
  });
});

import { AsyncLocalStorage } from 'node:async_hooks';
import { expect, it } from 'vitest';
import { createBulkhead, pipeline, timeout } from '../../src/policy/index.ts';

it.each([
  () => createBulkhead({ maxConcurrent: 1, maxQueue: 10 }),
  () => pipeline(timeout({ ms: 1000 }), createBulkhead({ maxConcurrent: 1, maxQueue: 10 })),
])(
  'a call that has waited runs in its own async context, not in that of the call whose slot it takes',
  async (create) => {
    const storage = new AsyncLocalStorage<string>();
    const policy = create();
    const names = ['a', 'b', 'c', 'd'];
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
    expect(await Promise.all(calls)).toEqual(names.map((name) => [name, name, name]));
  },
);

import { AsyncLocalStorage } from 'node:async_hooks';
import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { createPool } from '../../src/pool/index.ts';

it('borrowers go on in their own async context, and the factory runs in that of the pool', async () => {
  const storage = new AsyncLocalStorage<string>();
  const created: unknown[] = [];
  const pool = storage.run('pool', () =>
    createPool({
      create: async () => void created.push(storage.getStore()),
      max: 1,
      runInContext: AsyncLocalStorage.snapshot(),
    }),
  );
  const seen = await Promise.all(
    ['a', 'b', 'c'].map((name) =>
      storage.run(name, async () => {
        const lease = await pool.acquire();
        const found = storage.getStore();
        lease.destroy();
        return found;
      }),
    ),
  );
  expect(seen).toEqual(['a', 'b', 'c']);
  expect(created).toEqual(['pool', 'pool', 'pool']);
});

it('what is printed of a pool, a lease or an error shows nothing of the resources', async () => {
  const pool = createPool({ create: () => ({ password: 'secret' }), max: 1, maxWaiters: 0 });
  const lease = await pool.acquire();
  const full = await pool.acquire().catch((error: unknown) => error);
  const printed = inspect([pool, lease, full, pool.stats()], { depth: 9, showHidden: true });
  expect(printed).toContain('ERR_POOL_QUEUE_FULL');
  expect(printed).not.toContain('secret');
  await pool.close({ graceMs: 0 });
});

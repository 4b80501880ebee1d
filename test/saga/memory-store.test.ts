import { expect, it } from 'vitest';
import { memorySagaStore } from '../../src/saga/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { sagaStoreConformance } from './store-conformance.ts';

const clock = createVirtualClock();
const store = memorySagaStore({ clock });

sagaStoreConformance(() => ({ store, pass: (ms) => clock.advance(ms) }));

it('keeps Unix time, whatever the monotonic clock showed at first, and is not set when that is', async () => {
  let [now, epoch] = [5000, 1_700_000_000_000];
  const own = memorySagaStore({
    clock: { now: () => now, epochMs: () => epoch, setTimeout: () => undefined, clearTimeout: () => {} },
  });
  const worker = await own.enlist(1000);
  const create = async (id: string) => (await own.create(worker, [{ id, name: 'n', version: 1, input: '1' }]))[0]!;
  expect((await create('a')).createdAtMs).toBe(1_700_000_000_000);
  epoch += 3_600_000;
  now += 999;
  expect((await create('b')).createdAtMs).toBe(1_700_000_000_999);
  expect(await own.renew(worker, 1000)).toEqual([]);
});

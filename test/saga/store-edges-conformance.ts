import { describe, expect, it } from 'vitest';
import { HOSTILE, LEASE_MS, World, entry, write } from './store-world.ts';
import type { StoreUnderTest } from './store-world.ts';

/** The part of the suite about limits, order, and what must stay as it is. */
export function edgesConformance(get: () => StoreUnderTest): void {
  const world = (): World => new World(get());

  describe('what is not due', () => {
    it('stays so when an event comes for a saga that is owned, or stuck', async () => {
      const w = world();
      const worker = await w.store.enlist(LEASE_MS);
      const owned = await w.created(worker);
      const stuck = await w.released(worker, Infinity, { status: 'stuck', entries: [entry('a', { type: 'stuck' })] });
      for (const id of [owned, stuck]) {
        expect(await w.store.signal(id, { name: 'paid', payload: HOSTILE })).toBe(true);
        expect((await w.store.get([id]))[0]).toMatchObject({ wakeAtMs: null, signals: 1 });
      }
    });

    it('is reported as of no known definition neither where it is stuck, nor in the hands of one who died with it', async () => {
      const w = world();
      const [worker, other] = [await w.store.enlist(LEASE_MS), await w.store.enlist(LEASE_MS)];
      const id = await w.released(worker, Infinity, { status: 'stuck', entries: [entry('a', { type: 'stuck' })] });
      const foreign = async (): Promise<number> =>
        (await w.store.strangers([], 10_000)).filter(({ name }) => name === w.definition.name).length;
      expect(await foreign()).toBe(0);
      expect((await w.claim(other, { isStuck: true, ids: [id] })).length).toBe(1);
      await w.store.retire(other);
      expect(await foreign()).toBe(0);
    });
  });

  describe('a release', () => {
    it('that writes nothing else may be sent again, as its answer can be lost', async () => {
      const w = world();
      const worker = await w.store.enlist(LEASE_MS);
      const id = await w.created(worker);
      const release = write(id, { releaseAfterMs: Infinity });
      expect(await w.store.write(worker, [release])).toEqual([true]);
      expect(await w.store.write(worker, [release])).toEqual([true]);
      expect((await w.store.get([id]))[0]).toMatchObject({ worker: null, wakeAtMs: null, fence: 1, status: 'running' });
    });
  });

  describe('limits', () => {
    it('hold for strangers and for the outbox', async () => {
      const w = world();
      const worker = await w.store.enlist(LEASE_MS);
      for (let k = 0; k < 3; k++) await w.released(worker);
      expect((await w.store.strangers([], 2)).length).toBe(2);
      if (!w.store.outbox) return;
      const id = await w.created(worker);
      const outbox = [1, 2, 3].map((k) => ({ id: `${id}#${k}`, sagaId: id, topic: 't', payload: '1' }));
      await w.store.write(worker, [write(id, { entries: [entry('a')], outbox })]);
      expect((await w.store.outbox(2)).length).toBe(2);
    });

    it('and the order of a list are those of ids, whatever order sagas came in', async () => {
      const w = world();
      const worker = await w.store.enlist(LEASE_MS);
      const ids = ['c', 'a', 'd', 'B', 'e'].map((letter) => `${w.definition.name} ${letter}`);
      for (const id of ids) await w.created(worker, { id });
      const sorted = [...ids].sort();
      const { name } = w.definition;
      const page = async (after?: string) => (await w.store.list({ name, after, limit: 3 })).map(({ id }) => id);
      expect(await page()).toEqual(sorted.slice(0, 3));
      expect(await page(sorted[2])).toEqual(sorted.slice(3));
    });
  });
}

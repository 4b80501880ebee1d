import { describe, expect, it } from 'vitest';
import type { SagaSnapshot } from '../../src/saga/index.ts';
import { HOSTILE, LEASE_MS, SHORT_MS, World, entry, write } from './store-world.ts';
import type { StoreUnderTest } from './store-world.ts';

/** The part of the suite about claims. */
export function claimConformance(get: () => StoreUnderTest): void {
  const world = (): World => new World(get());

  describe('claim', () => {
    it('gives each saga to one of many that ask at the same moment', async () => {
      const w = world();
      const first = await w.store.enlist(LEASE_MS);
      const ids = (
        await w.store.create(
          first,
          Array.from({ length: 40 }, () => w.saga()),
        )
      ).map(({ id }) => id);
      await w.store.retire(first);
      const heirs = await Promise.all(Array.from({ length: 8 }, () => w.store.enlist(LEASE_MS)));
      const taken: string[] = [];
      // A row that somebody else is about to take may be passed over, so they ask again.
      for (let round = 0; round < 10 && taken.length < 40; round++) {
        const claims = await Promise.all(heirs.map((heir) => w.claim(heir, { limit: 7 })));
        for (const claim of claims) expect(claim.length).toBeLessThanOrEqual(7);
        for (const { record } of claims.flat()) {
          expect([record.fence, heirs.includes(record.worker!)]).toEqual([2, true]);
          taken.push(record.id);
        }
      }
      expect(taken.sort()).toEqual([...ids].sort());
    });

    it('answers the log and the events of what it gives', async () => {
      const w = world();
      const worker = await w.store.enlist(LEASE_MS);
      const id = await w.released(worker, 0, { entries: [entry('a', { data: HOSTILE }), entry('b')] });
      await w.store.signal(id, { name: 'paid', payload: HOSTILE });
      const [{ record, log, events, nowMs }] = (await w.claim(worker)) as [SagaSnapshot];
      expect(log.map(({ path, data, seq }) => [path, data, seq])).toEqual([
        ['a', HOSTILE, 0],
        ['b', '"done"', 1],
      ]);
      expect(events).toEqual([{ name: 'paid', payload: HOSTILE }]);
      expect([record.fence, record.recoveries, record.signals]).toEqual([2, 0, 1]);
      expect(nowMs).toBeGreaterThanOrEqual(log[1]!.atMs);
    });

    it('gives only what is due, free and of these definitions, and says what is of others', async () => {
      const w = world();
      const { pass } = get();
      const worker = await w.store.enlist(LEASE_MS);
      const [now, later, never] = [
        await w.released(worker),
        await w.released(worker, SHORT_MS),
        await w.released(worker, Infinity),
      ];
      const owned = await w.created(worker);
      const newer = { ...w.definition, version: 2 };
      expect(await w.claim(worker, { definitions: [newer, { ...w.definition, name: 'none' }] })).toEqual([]);
      const foreign = async (): Promise<string[]> =>
        (await w.store.strangers([newer], 10_000)).filter(({ name }) => name === w.definition.name).map(({ id }) => id);
      expect(await foreign()).toEqual([now]);
      expect((await w.claim(worker)).map(({ record }) => record.id)).toEqual([now]);
      expect(await foreign()).toEqual([]);
      await pass(SHORT_MS + 50);
      expect((await w.claim(worker)).map(({ record }) => record.id)).toEqual([later]);
      const records = await w.store.get([never, owned]);
      expect(new Map(records.map(({ id, fence }) => [id, fence]))).toEqual(
        new Map([
          [never, 1],
          [owned, 1],
        ]),
      );
    });

    it('counts deaths without progress, sets them back with progress, and gives suspects apart, fewest deaths first', async () => {
      const w = world();
      const die = async (): Promise<void> => {
        const worker = await w.store.enlist(LEASE_MS);
        await w.claim(worker, { suspects: 100 });
        await w.store.retire(worker);
      };
      const first = await w.store.enlist(LEASE_MS);
      const old = await w.created(first);
      await w.store.retire(first);
      await die();
      await die();
      const second = await w.store.enlist(LEASE_MS);
      const young = await w.created(second);
      await w.store.retire(second);
      await die();
      const heir = await w.store.enlist(LEASE_MS);
      // Three deaths of the old one have been counted, one of the young one; a fourth and a second are to come.
      expect(await w.claim(heir, { limit: 0 })).toEqual([]);
      const only = await w.claim(heir, { limit: 0, suspects: 1, suspectAfter: 1 });
      expect(only.map(({ record }) => [record.id, record.recoveries])).toEqual([[young, 2]]);
      expect(await w.claim(heir, { limit: 9, suspectAfter: 3 })).toEqual([]);
      const [suspect] = await w.claim(heir, { limit: 9, suspects: 1 });
      expect([suspect!.record.id, suspect!.record.recoveries]).toEqual([old, 4]);
      const { fence } = suspect!.record;
      await w.store.write(heir, [write(old, { fence })]);
      expect((await w.store.get([old]))[0]!.recoveries).toBe(4);
      await w.store.write(heir, [write(old, { fence, entries: [entry('a')] })]);
      expect((await w.store.get([old]))[0]!.recoveries).toBe(0);
    });

    it('gives stuck sagas only to whom asks for them, one of many, and sets their deaths back', async () => {
      const w = world();
      const worker = await w.store.enlist(LEASE_MS);
      const id = await w.released(worker, Infinity, { status: 'stuck', entries: [entry('a', { type: 'stuck' })] });
      await w.store.signal(id, { name: 'paid', payload: '1' });
      expect(await w.claim(worker)).toEqual([]);
      expect(await w.claim(worker, { isStuck: true, ids: [`${id} other`] })).toEqual([]);
      const takers = await Promise.all([1, 2, 3].map(() => w.claim(worker, { isStuck: true, ids: [id] })));
      const taken = takers.flat();
      expect(taken.map(({ record }) => [record.id, record.status, record.recoveries])).toEqual([[id, 'stuck', 0]]);
      await w.store.retire(worker);
      const heir = await w.store.enlist(LEASE_MS);
      expect(await w.claim(heir)).toEqual([]);
      expect((await w.claim(heir, { isStuck: true, ids: [id] })).length).toBe(1);
    });

    it('gives again what the worker owns without holding it, when asked to', async () => {
      const w = world();
      const worker = await w.store.enlist(LEASE_MS);
      const [held, lost] = [await w.created(worker), await w.created(worker)];
      expect(await w.claim(worker)).toEqual([]);
      const found = await w.claim(worker, { held: [held] });
      expect(found.map(({ record }) => [record.id, record.fence, record.recoveries])).toEqual([[lost, 2, 0]]);
      expect(await w.claim(worker, { held: [held, lost] })).toEqual([]);
    });

    it('gives nothing to a worker whose lease has ended, and sets back the deaths of what was stuck when it is retried', async () => {
      const w = world();
      const [first, second] = [await w.store.enlist(LEASE_MS), await w.store.enlist(LEASE_MS)];
      const id = await w.created(first);
      await w.store.retire(first);
      expect(await w.claim(first)).toEqual([]);
      expect((await w.claim(second)).map(({ record }) => record.recoveries)).toEqual([1]);
      const rest = write(id, { fence: 2, status: 'stuck', releaseAfterMs: 0 });
      expect(await w.store.write(second, [rest])).toEqual([true]);
      expect((await w.store.get([id]))[0]).toMatchObject({ status: 'stuck', recoveries: 1, wakeAtMs: null });
      const [taken] = await w.claim(second, { isStuck: true, ids: [id] });
      expect(taken!.record).toMatchObject({ id, recoveries: 0, fence: 3 });
      expect(await w.store.write(second, [write(id, { fence: 3, seq: 2, entries: [entry('gap')] })])).toEqual([false]);
      expect((await w.store.load(id))!.log).toEqual([]);
    });

    it('gives a stuck saga again to the worker that owns it without holding it, and to no other', async () => {
      const w = world();
      const [worker, other] = [await w.store.enlist(LEASE_MS), await w.store.enlist(LEASE_MS)];
      const id = await w.released(worker, Infinity, { status: 'stuck', entries: [entry('a', { type: 'stuck' })] });
      const stuck = { ids: [id], isStuck: true };
      expect((await w.claim(worker, stuck)).length).toBe(1);
      expect(await w.claim(worker, stuck)).toEqual([]);
      expect(await w.claim(worker, { ...stuck, held: [id] })).toEqual([]);
      expect(await w.claim(other, { ...stuck, held: [] })).toEqual([]);
      expect(await w.claim(worker, { held: [] })).toEqual([]);
      const [{ record }] = (await w.claim(worker, { ...stuck, held: [] })) as [SagaSnapshot];
      expect([record.id, record.status, record.fence]).toEqual([id, 'stuck', 3]);
    });
  });
}

import { describe, expect, it } from 'vitest';
import type { SagaWrite } from '../../src/saga/index.ts';
import { claimConformance } from './store-claim-conformance.ts';
import { edgesConformance } from './store-edges-conformance.ts';
import { signalsConformance } from './store-signals-conformance.ts';
import { HOSTILE, LEASE_MS, SHORT_MS, World, entry, write } from './store-world.ts';
import type { StoreUnderTest } from './store-world.ts';

export type { StoreUnderTest } from './store-world.ts';

/** What every {@link SagaStore} promises, whatever engine keeps the sagas. */
export function sagaStoreConformance(get: () => StoreUnderTest): void {
  const world = (): World => new World(get());

  describe('create', () => {
    it('stores a saga as running, owned, with fence 1, and gives its texts back unchanged', async () => {
      const { store, definition } = world();
      const worker = await store.enlist(LEASE_MS);
      const id = `${definition.name} é 😀 '";%{}`;
      const [record] = await store.create(worker, [{ ...definition, id, input: HOSTILE }]);
      expect(record).toEqual({
        ...definition,
        id,
        status: 'running',
        input: HOSTILE,
        worker,
        fence: 1,
        recoveries: 0,
        signals: 0,
        cancelReason: null,
        isCancellable: true,
        wakeAtMs: null,
        createdAtMs: expect.any(Number),
        finishedAtMs: null,
      });
      expect(await store.load(id)).toEqual({ record, log: [], events: [], nowMs: expect.any(Number) });
      expect(await store.get([id, `${id} none`])).toEqual([record]);
    });

    it('leaves a saga whose id is taken as it is, and answers it', async () => {
      const w = world();
      const [first, second] = [await w.store.enlist(LEASE_MS), await w.store.enlist(LEASE_MS)];
      const id = await w.created(first, { input: '"first"' });
      const again = await w.store.create(second, [w.saga({ id, input: '"second"', version: 2 }), w.saga()]);
      expect(again.map(({ worker, input }) => [worker, input])).toEqual([
        [first, '"first"'],
        [second, '1'],
      ]);
      expect(again[0]!.version).toBe(1);
    });

    it('stores one of many that are sent under one id at the same moment', async () => {
      const w = world();
      const workers = await Promise.all(Array.from({ length: 8 }, () => w.store.enlist(LEASE_MS)));
      const saga = w.saga();
      const answers = await Promise.all(
        workers.map((worker) => w.store.create(worker, [{ ...saga, input: `"${worker}"` }])),
      );
      const owners = new Set(answers.map(([record]) => `${record!.worker} ${record!.input}`));
      expect([...owners]).toEqual([`${answers[0]![0]!.worker} "${answers[0]![0]!.worker}"`]);
    });
  });

  describe('write', () => {
    it('appends entries in order, with the time of the store', async () => {
      const w = world();
      const worker = await w.store.enlist(LEASE_MS);
      const id = await w.created(worker);
      const entries = [entry('a', { data: HOSTILE }), entry('b/ü', { type: 'failed', attempt: 7, data: null })];
      expect(await w.store.write(worker, [write(id, { entries })])).toEqual([true]);
      expect(await w.store.write(worker, [write(id, { seq: 2, entries: [entry('c')] })])).toEqual([true]);
      const { log, nowMs, record } = (await w.store.load(id))!;
      expect(
        log.map(({ type, path, attempt, data, seq, fence }) => ({ type, path, attempt, data, seq, fence })),
      ).toEqual([...entries, entry('c')].map((each, seq) => ({ ...each, seq, fence: 1 })));
      for (const { atMs } of log) {
        expect(atMs).toBeGreaterThanOrEqual(record.createdAtMs);
        expect(atMs).toBeLessThanOrEqual(nowMs);
      }
    });

    it('does a write once, however often it is sent, also when it let go of the saga', async () => {
      const w = world();
      const worker = await w.store.enlist(LEASE_MS);
      const id = await w.created(worker);
      const last = write(id, { entries: [entry('a'), entry('b')], status: 'completed', releaseAfterMs: Infinity });
      expect(await w.store.write(worker, [last])).toEqual([true]);
      expect(await w.store.write(worker, [last])).toEqual([true]);
      const { log, record } = (await w.store.load(id))!;
      expect(log.map(({ path }) => path)).toEqual(['a', 'b']);
      expect([record.status, record.worker]).toEqual(['completed', null]);
      expect(record.finishedAtMs).toBe(log[1]!.atMs);
    });

    it('refuses whoever lacks the fence or the ownership, changes nothing, and does the other writes', async () => {
      const w = world();
      const [worker, other] = [await w.store.enlist(LEASE_MS), await w.store.enlist(LEASE_MS)];
      const [a, b, c] = [await w.created(worker), await w.created(worker), await w.created(other)];
      const done = { entries: [entry('x')], status: 'completed', releaseAfterMs: Infinity } as const;
      expect(
        await w.store.write(worker, [
          write(a, { ...done, fence: 2 }),
          write(b, done),
          write(c, done),
          write(`${a} none`, done),
        ]),
      ).toEqual([false, true, false, false]);
      const left = await Promise.all([a, b, c].map((id) => w.store.load(id)));
      expect(left.map((each) => [each!.record.status, each!.log.length])).toEqual([
        ['running', 0],
        ['completed', 1],
        ['running', 0],
      ]);
    });

    it('refuses the owner before from the takeover on', async () => {
      const w = world();
      const [first, second] = [await w.store.enlist(LEASE_MS), await w.store.enlist(LEASE_MS)];
      const id = await w.created(first);
      await w.store.retire(first);
      const [taken] = await w.claim(second);
      expect([taken!.record.worker, taken!.record.fence, taken!.record.recoveries]).toEqual([second, 2, 1]);
      expect(await w.store.write(first, [write(id, { entries: [entry('late')] })])).toEqual([false]);
      expect(await w.store.write(first, [write(id, { fence: 2, entries: [entry('late')] })])).toEqual([false]);
      expect(await w.store.write(second, [write(id, { fence: 2, entries: [entry('a')] })])).toEqual([true]);
      expect((await w.store.load(id))!.log.map(({ path, fence }) => [path, fence])).toEqual([['a', 2]]);
    });

    it('stores what a step emits with its entries, once, in order', async () => {
      const w = world();
      if (!w.store.outbox) return;
      const worker = await w.store.enlist(LEASE_MS);
      const id = await w.created(worker);
      const event = (k: number): SagaWrite['outbox'][number] => ({
        id: `${id}#${k}`,
        sagaId: id,
        topic: 't',
        payload: HOSTILE,
      });
      const first = write(id, { entries: [entry('a')], outbox: [event(1), event(2)] });
      await w.store.write(worker, [first]);
      await w.store.write(worker, [first]);
      await w.store.write(worker, [write(id, { seq: 1, fence: 9, entries: [entry('b')], outbox: [event(8)] })]);
      await w.store.write(worker, [write(id, { seq: 1, entries: [entry('b')], outbox: [event(3)] })]);
      const mine = async (): Promise<unknown[]> =>
        (await w.store.outbox!(10_000)).filter(({ sagaId }) => sagaId === id);
      expect(await mine()).toEqual([event(1), event(2), event(3)]);
      await w.store.published!([event(1).id, event(2).id, 'none']);
      expect(await mine()).toEqual([event(3)]);
    });
  });

  describe('leases', () => {
    it('give each worker a name of its own', async () => {
      const { store } = world();
      const names = await Promise.all(Array.from({ length: 20 }, () => store.enlist(LEASE_MS)));
      expect(new Set(names).size).toBe(20);
    });

    it('keep the sagas of a worker that renews, and free them when its lease has ended, by the clock of the store', async () => {
      const w = world();
      const { pass } = get();
      const [living, dying, heir] = [
        await w.store.enlist(SHORT_MS),
        await w.store.enlist(SHORT_MS),
        await w.store.enlist(LEASE_MS),
      ];
      const [kept, freed] = [await w.created(living), await w.created(dying)];
      expect(await w.claim(heir)).toEqual([]);
      expect(await w.store.renew(living, LEASE_MS)).toEqual([]);
      await pass(SHORT_MS + 50);
      expect((await w.claim(heir)).map(({ record }) => [record.id, record.recoveries])).toEqual([[freed, 1]]);
      expect(await w.store.renew(dying, LEASE_MS)).toBeNull();
      expect(await w.claim(dying)).toEqual([]);
      expect(await w.store.write(living, [write(kept, { entries: [entry('a')] })])).toEqual([true]);
    });

    it('end at once when a worker retires, as often as it says so', async () => {
      const w = world();
      const [first, second] = [await w.store.enlist(LEASE_MS), await w.store.enlist(LEASE_MS)];
      const id = await w.created(first);
      await w.store.retire(first);
      await w.store.retire(first);
      expect(await w.store.renew(first, LEASE_MS)).toBeNull();
      expect((await w.claim(second)).map(({ record }) => record.id)).toEqual([id]);
    });
  });

  claimConformance(get);
  signalsConformance(get);
  edgesConformance(get);
}

import { describe, expect, it } from 'vitest';
import type { SagaSnapshot, SagaWrite } from '../../src/saga/index.ts';
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

  signalsConformance(get);
  edgesConformance(get);
}

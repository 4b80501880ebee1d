import { describe, expect, it } from 'vitest';
import type { SagaSnapshot } from '../../src/saga/index.ts';
import { HOSTILE, LEASE_MS, World, entry, write } from './store-world.ts';
import type { StoreUnderTest } from './store-world.ts';

/** The part of the suite about signals, cancellations, lists, purges and transactions. */
export function signalsConformance(get: () => StoreUnderTest): void {
  const world = (): World => new World(get());

  describe('signals', () => {
    it('keep the first event of a name, count, and make a waiting saga due', async () => {
      const w = world();
      const worker = await w.store.enlist(LEASE_MS);
      const id = await w.released(worker, Infinity);
      expect(await w.claim(worker)).toEqual([]);
      expect(await w.store.signal(id, { name: 'paid', payload: '1' })).toBe(true);
      expect(await w.store.signal(id, { name: 'paid', payload: '2' })).toBe(true);
      expect(await w.store.signal(id, { name: '__proto__', payload: '3' })).toBe(true);
      expect(await w.store.signal(`${id} none`, { name: 'paid', payload: '1' })).toBe(false);
      const [{ events, record }] = (await w.claim(worker)) as [SagaSnapshot];
      expect(new Map(events.map(({ name, payload }) => [name, payload]))).toEqual(
        new Map([
          ['paid', '1'],
          ['__proto__', '3'],
        ]),
      );
      expect(record.signals).toBe(2);
    });

    it('are told to the owner with its renewal until it has written that it knows', async () => {
      const w = world();
      const [worker, other] = [await w.store.enlist(LEASE_MS), await w.store.enlist(LEASE_MS)];
      const id = await w.created(worker);
      await w.store.signal(id, { name: 'paid', payload: '1' });
      expect(await w.store.renew(worker, LEASE_MS)).toEqual([{ id, signals: 1, cancelReason: null }]);
      expect(await w.store.cancel(id, HOSTILE)).toBe(true);
      expect(await w.store.renew(worker, LEASE_MS)).toEqual([{ id, signals: 2, cancelReason: HOSTILE }]);
      expect(await w.store.renew(other, LEASE_MS)).toEqual([]);
      await w.store.write(worker, [write(id, { seenSignals: 1, entries: [entry('a')] })]);
      expect((await w.store.renew(worker, LEASE_MS))!.length).toBe(1);
      await w.store.write(worker, [write(id, { seenSignals: 2, seq: 1, entries: [entry('b')] })]);
      await w.store.write(worker, [write(id, { seenSignals: 0, seq: 2, entries: [entry('c')] })]);
      expect(await w.store.renew(worker, LEASE_MS)).toEqual([]);
    });

    it('that came before a release are not missed: the saga is due at once', async () => {
      const w = world();
      const worker = await w.store.enlist(LEASE_MS);
      const id = await w.created(worker);
      await w.store.signal(id, { name: 'paid', payload: '1' });
      await w.store.write(worker, [write(id, { entries: [entry('wait')], releaseAfterMs: Infinity })]);
      expect((await w.claim(worker)).map(({ record }) => record.id)).toEqual([id]);
      await w.store.write(worker, [write(id, { fence: 2, seenSignals: 1, releaseAfterMs: Infinity })]);
      expect(await w.claim(worker)).toEqual([]);
    });

    it('are refused by a saga that has ended', async () => {
      const w = world();
      const worker = await w.store.enlist(LEASE_MS);
      for (const status of ['completed', 'compensated'] as const) {
        const id = await w.released(worker, Infinity, { status, entries: [entry('a')] });
        expect(await w.store.signal(id, { name: 'paid', payload: '1' })).toBe(false);
        expect(await w.store.cancel(id, 'why')).toBe(false);
      }
      expect(await w.claim(worker, { suspects: 9 })).toEqual([]);
    });
  });

  describe('cancel', () => {
    it('keeps the first reason, makes a waiting saga due, and answers the same when repeated', async () => {
      const w = world();
      const worker = await w.store.enlist(LEASE_MS);
      const id = await w.released(worker, Infinity);
      expect(await w.store.cancel(id, 'first')).toBe(true);
      expect(await w.store.cancel(id, 'second')).toBe(true);
      const [{ record }] = (await w.claim(worker)) as [SagaSnapshot];
      expect([record.cancelReason, record.signals]).toEqual(['first', 1]);
      expect(await w.store.cancel(`${id} none`, 'why')).toBe(false);
    });

    it('is refused by a saga that is past its pivot or on its way back', async () => {
      const w = world();
      const worker = await w.store.enlist(LEASE_MS);
      const id = await w.created(worker);
      await w.store.write(worker, [write(id, { entries: [entry('pay')], isCancellable: false })]);
      expect(await w.store.cancel(id, 'why')).toBe(false);
      expect((await w.store.get([id]))[0]).toMatchObject({ cancelReason: null, signals: 0, isCancellable: false });
    });
  });

  describe('list and purge', () => {
    it('list by status and name, page by page', async () => {
      const w = world();
      const worker = await w.store.enlist(LEASE_MS);
      const ids: string[] = [];
      for (let k = 0; k < 5; k++) ids.push(await w.created(worker));
      await w.store.write(worker, [
        write(ids[2]!, { status: 'stuck', entries: [entry('a')], releaseAfterMs: Infinity }),
      ]);
      const { name } = w.definition;
      expect((await w.store.list({ name, status: 'stuck' })).map(({ id }) => id)).toEqual([ids[2]]);
      const pages: string[] = [];
      for (let after: string | undefined; ;) {
        const page = await w.store.list({ name, after, limit: 2 });
        expect(page.length).toBeLessThanOrEqual(2);
        if (page.length === 0) break;
        pages.push(...page.map(({ id }) => id));
        after = pages.at(-1);
      }
      expect(pages.length).toBe(5);
      expect([...pages].sort()).toEqual([...ids].sort());
    });

    it('delete what ended before, up to a limit, and nothing else', async () => {
      const w = world();
      const worker = await w.store.enlist(LEASE_MS);
      const done = { status: 'completed', entries: [entry('a')] } as const;
      const ids = [await w.released(worker, Infinity, done), await w.released(worker, Infinity, done)];
      const live = await w.created(worker);
      const stuck = await w.released(worker, Infinity, { status: 'stuck', entries: [entry('a')] });
      const { finishedAtMs } = (await w.store.get([ids[0]!]))[0]!;
      await w.store.purge(finishedAtMs!, 10_000);
      expect((await w.store.get([ids[0]!])).length).toBe(1);
      await get().pass(5);
      expect(await w.store.purge(finishedAtMs! + 86_400_000, 1)).toBe(1);
      while ((await w.store.purge(finishedAtMs! + 86_400_000, 1)) === 1);
      expect(await w.store.get(ids)).toEqual([]);
      expect(await w.store.load(ids[0]!)).toBeUndefined();
      expect((await w.store.get([live, stuck])).length).toBe(2);
      await w.created(worker, { id: ids[0]! });
      expect((await w.store.load(ids[0]!))!.log).toEqual([]);
    });
  });

  describe('atomic', () => {
    it('does the write that its function answers, once', async () => {
      const w = world();
      if (!w.store.atomic) return;
      const worker = await w.store.enlist(LEASE_MS);
      const id = await w.created(worker);
      let calls = 0;
      const once = (): PromiseLike<string> =>
        w.store.atomic!(worker, { id, fence: 1, seq: 0 }, async () => {
          calls++;
          return write(id, { entries: [entry('a')] });
        });
      expect([await once(), await once(), calls]).toEqual(['written', 'present', 1]);
      expect((await w.store.load(id))!.log.length).toBe(1);
    });

    it('does nothing when its function rejects, and for whoever would be refused', async () => {
      const w = world();
      if (!w.store.atomic) return;
      const [worker, other] = [await w.store.enlist(LEASE_MS), await w.store.enlist(LEASE_MS)];
      const id = await w.created(worker);
      const failure = new Error('no');
      await expect(w.store.atomic(worker, { id, fence: 1, seq: 0 }, () => Promise.reject(failure))).rejects.toBe(
        failure,
      );
      const never = (): never => {
        throw new Error('must not be called');
      };
      expect(await w.store.atomic(worker, { id, fence: 2, seq: 0 }, never)).toBe('stale');
      expect(await w.store.atomic(other, { id, fence: 1, seq: 0 }, never)).toBe('stale');
      expect((await w.store.load(id))!.log).toEqual([]);
    });
  });
}

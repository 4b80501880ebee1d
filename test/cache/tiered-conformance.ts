import { describe, expect, it } from 'vitest';
import type { TierCaller, TierEntry, TierMessage, TierPartition } from '../../src/cache/index.ts';

/** A partition that nobody else uses, and how time passes there. */
export interface Subject {
  readonly part: TierPartition;
  readonly pass: (ms: number) => Promise<unknown>;
  /** Loses everything. */
  readonly flush: () => Promise<unknown>;
  /** Comes back later to how it is now. */
  readonly snapshot: () => Promise<() => Promise<unknown>>;
  readonly end: () => Promise<unknown>;
}

const limits = { timeoutMs: 5000 };
const NOTHING = { epoch: '', mark: 0 };

const entry = (payload: string, tags: readonly string[] = [], ttlMs = 60_000): TierEntry => ({ payload, tags, ttlMs });

/** Callers with tokens of their own. */
function callers(member: string): () => TierCaller {
  let count = 0;
  return () => ({ member, token: `${member}.${++count}` });
}

/** What every tier has to do, one verb at a time. */
export function tierConformance(name: string, make: () => Promise<Subject>): void {
  const check = (title: string, test: (subject: Subject) => Promise<void>): void =>
    it(title, async () => {
      const subject = await make();
      try {
        await test(subject);
      } finally {
        await subject.end();
      }
    });
  const ann = callers('ann');
  const bob = callers('bob');

  describe(`${name}: entries`, () => {
    check('are read with what is left of their time, their tags, and as they were written', async ({ part, pass }) => {
      const keys = ['', 'a', 'ä"\\\n{}', '\ud800', '\ud801', '__proto__', ' '.repeat(2000)];
      const tags = ['', '*', 'null', 'a\nb', '\ud800', '\ud801'];
      // The first write of all only says where things stand.
      let state = await part.write(ann(), 'x', false, undefined, NOTHING, limits);
      for (const key of keys) {
        state = await part.write(ann(), key, false, entry(`value\n${key.length}`, tags, 10_000), state, limits);
        const answer = await part.read(ann(), key, 100, false, limits);
        expect(answer).toMatchObject({ isLeased: false, entry: { payload: `value\n${key.length}`, tags } });
        expect(answer.entry!.ttlMs).toBeGreaterThan(5000);
        expect(answer.entry!.ttlMs).toBeLessThanOrEqual(10_000);
      }
      const first = await part.read(ann(), keys[3]!, 0, false, limits);
      await part.write(ann(), keys[4]!, false, undefined, state, limits);
      expect((await part.read(ann(), keys[3]!, 0, false, limits)).entry).toEqual({
        ...first.entry,
        ttlMs: expect.any(Number) as number,
      });
      expect((await part.read(ann(), keys[4]!, 0, false, limits)).entry).toBe(undefined);
      state = await part.write(ann(), 'short', false, entry('x', [], 30), NOTHING, limits);
      state = await part.write(ann(), 'short', false, entry('x', [], 30), state, limits);
      await pass(60);
      expect((await part.read(ann(), 'short', 0, false, limits)).entry).toBe(undefined);
    });

    check('are kept by a write that knew of all changes of its key, and not by another', async ({ part, flush }) => {
      const first = await part.write(ann(), 'a', false, entry('unknown'), NOTHING, limits);
      expect((await part.read(ann(), 'a', 0, false, limits)).entry).toBe(undefined);
      await part.write(bob(), 'b', false, entry('b'), first, limits);
      const second = await part.write(bob(), 'a', false, entry('bob'), first, limits);
      expect(second.mark).toBe(first.mark + 2);
      await part.write(ann(), 'a', false, entry('ann'), first, limits);
      expect((await part.read(ann(), 'a', 0, false, limits)).entry).toBe(undefined);
      expect((await part.read(ann(), 'b', 0, false, limits)).entry?.payload).toBe('b');
      // The same command, sent again because its answer was lost, after somebody else's delete.
      const again = ann();
      const since = await part.write(ann(), 'c', false, undefined, NOTHING, limits);
      await part.write(again, 'c', false, entry('c'), since, limits);
      await part.write(bob(), 'c', false, undefined, since, limits);
      await part.write(again, 'c', false, entry('c'), since, limits);
      expect((await part.read(ann(), 'c', 0, false, limits)).entry).toBe(undefined);
      // A tag of it was invalidated meanwhile.
      await part.invalidate(bob(), ['t'], false, limits);
      await part.write(ann(), 't', false, entry('t', ['t']), since, limits);
      expect((await part.read(ann(), 't', 0, false, limits)).entry).toBe(undefined);
      await part.write(ann(), 'd', false, entry('ahead'), { ...since, mark: since.mark + 100 }, limits);
      expect((await part.read(ann(), 'd', 0, false, limits)).entry).toBe(undefined);
      await flush();
      await part.write(ann(), 'c', false, entry('c'), since, limits);
      expect((await part.read(ann(), 'c', 0, false, limits)).entry).toBe(undefined);
    });

    check(
      'are voided by each of their tags, and by those that were invalidated while they were loaded',
      async ({ part }) => {
        let state = await part.invalidate(ann(), ['t'], false, limits);
        for (const tags of [['t'], ['u'], ['x', 'u', '\ud800'], null]) {
          state = await part.write(ann(), 'a', false, entry('a', ['t', 'u']), state, limits);
          expect((await part.read(ann(), 'a', 0, false, limits)).entry?.payload).toBe('a');
          await part.invalidate(bob(), ['v', 'T'], false, limits);
          expect((await part.read(ann(), 'a', 0, false, limits)).entry?.payload).toBe('a');
          state = await part.invalidate(bob(), tags, false, limits);
          expect((await part.read(ann(), 'a', 0, false, limits)).entry).toBe(undefined);
        }
        const loader = ann();
        const lease = await part.read(loader, 'b', 1000, false, limits);
        expect(lease.isLeased).toBe(true);
        await part.invalidate(bob(), ['t'], false, limits);
        expect(await part.fill(loader, 'b', entry('b', ['t']), lease, limits)).toBe(true);
        expect((await part.read(ann(), 'b', 0, false, limits)).entry).toBe(undefined);
      },
    );
  });

  describe(`${name}: leases`, () => {
    check('go to one, who alone can fill, once', async ({ part }) => {
      const [first, second] = [ann(), bob()];
      const lease = await part.read(first, 'a', 5000, false, limits);
      expect([lease.isLeased, lease.entry]).toEqual([true, undefined]);
      const refused = await part.read(second, 'a', 5000, false, limits);
      expect(refused.isLeased).toBe(false);
      expect(refused.waitMs).toBeGreaterThan(1000);
      expect(refused.waitMs).toBeLessThanOrEqual(5000);
      // Asked again, because the answer was lost.
      expect((await part.read(first, 'a', 5000, false, limits)).isLeased).toBe(true);
      expect(await part.fill(second, 'a', entry('bob'), refused, limits)).toBe(false);
      expect(await part.fill(first, 'a', entry('ann'), lease, limits)).toBe(true);
      expect(await part.fill(first, 'a', entry('again'), lease, limits)).toBe(false);
      expect((await part.read(second, 'a', 5000, false, limits)).entry?.payload).toBe('ann');
      expect((await part.read(second, 'a', 5000, true, limits)).isLeased).toBe(true);
      expect((await part.read(first, 'a', 0, true, limits)).isLeased).toBe(false);
    });

    check('of one key are not those of another', async ({ part }) => {
      const keys = ['a', 'b', '', '\ud800', '\ud801'];
      const leases = [];
      for (const key of keys) {
        const loader = ann();
        leases.push({ key, loader, lease: await part.read(loader, key, 5000, false, limits) });
      }
      expect(leases.map(({ lease }) => lease.isLeased)).toEqual(keys.map(() => true));
      await part.write(bob(), 'a', false, undefined, NOTHING, limits);
      const filled = [];
      for (const { key, loader, lease } of leases)
        filled.push(await part.fill(loader, key, entry(`value ${keys.indexOf(key)}`), lease, limits));
      expect(filled).toEqual([false, true, true, true, true]);
      for (const key of keys.slice(1))
        expect((await part.read(ann(), key, 0, false, limits)).entry).toMatchObject({
          payload: `value ${keys.indexOf(key)}`,
          tags: [],
        });
    });

    check(
      'end by themselves unless they are extended, and at once when they are given back',
      async ({ part, pass }) => {
        const [first, second] = [ann(), bob()];
        await part.read(first, 'a', 150, false, limits);
        await pass(80);
        await part.extend(first, 'a', 400, limits);
        await pass(200);
        expect((await part.read(second, 'a', 150, false, limits)).isLeased).toBe(false);
        await part.extend(second, 'a', 0, limits);
        expect((await part.read(second, 'a', 150, false, limits)).isLeased).toBe(false);
        await part.extend(first, 'a', 0, limits);
        const lease = await part.read(second, 'a', 50, false, limits);
        expect(lease.isLeased).toBe(true);
        await pass(80);
        expect((await part.read(first, 'a', 5000, false, limits)).isLeased).toBe(true);
        expect(await part.fill(second, 'a', entry('late'), lease, limits)).toBe(false);
      },
    );

    check('are voided by every change of their key', async ({ part, flush }) => {
      const voids = [
        () => part.write(bob(), 'a', false, undefined, NOTHING, limits),
        () => part.write(bob(), 'a', false, entry('bob'), NOTHING, limits),
        flush,
      ];
      for (const change of voids) {
        const loader = ann();
        const lease = await part.read(loader, 'a', 5000, false, limits);
        await change();
        expect(await part.fill(loader, 'a', entry('old'), lease, limits)).toBe(false);
      }
    });
  });

  describe(`${name}: members`, () => {
    check('are told of what they have not heard, and are lagging until they say that they have', async ({ part }) => {
      let receipt = await part.write(ann(), 'a', true, undefined, NOTHING, limits);
      // Whoever was there before the partition began cannot be known.
      expect(receipt.lagging.length).toBe(2);
      expect(await part.lagging(ann(), receipt.mark, receipt.lagging, limits)).toEqual([]);
      const news = await part.sync(bob(), NOTHING, limits);
      expect(news).toEqual({ epoch: receipt.epoch, mark: receipt.mark, changes: undefined });
      expect((await part.lagging(ann(), receipt.mark, [], limits)).length).toBe(2);
      expect(await part.sync(bob(), news, limits)).toEqual({ ...news, changes: [] });
      expect(await part.lagging(ann(), receipt.mark, [], limits)).toEqual([]);
      await part.write(ann(), 'a\ud800', true, undefined, NOTHING, limits);
      await part.invalidate(ann(), ['t', '\ud801'], true, limits);
      receipt = await part.invalidate(ann(), null, true, limits);
      expect(receipt.lagging.length).toBe(2);
      const more = await part.sync(bob(), news, limits);
      expect(more).toEqual({ epoch: news.epoch, mark: news.mark + 3, changes: ['a\ud800', ['t', '\ud801'], null] });
      expect((await part.lagging(ann(), more.mark, [], limits)).length).toBe(2);
      await part.sync(bob(), more, limits);
      expect(await part.lagging(ann(), more.mark, [], limits)).toEqual([]);
      // Own changes need not be heard of.
      expect((await part.write(bob(), 'a', true, undefined, NOTHING, limits)).lagging).toEqual([]);
    });

    check('that said something since are not forgotten, and those that leave are', async ({ part }) => {
      const start = await part.write(ann(), 'a', true, undefined, NOTHING, limits);
      await part.lagging(ann(), start.mark, start.lagging, limits);
      await part.sync(bob(), NOTHING, limits);
      const receipt = await part.write(ann(), 'a', true, undefined, NOTHING, limits);
      await part.sync(bob(), start, limits);
      expect((await part.lagging(ann(), receipt.mark, receipt.lagging, limits)).length).toBe(2);
      await part.leave(bob(), limits);
      expect(await part.lagging(ann(), receipt.mark, [], limits)).toEqual([]);
    });

    check('that missed more than is remembered have to drop everything', async ({ part }) => {
      let state = await part.invalidate(ann(), null, false, limits);
      const before = state;
      for (let changes = 0; changes < 1100; changes++)
        state = await part.write(ann(), 'a', false, undefined, state, limits);
      expect((await part.sync(bob(), before, limits)).changes).toBe(undefined);
      expect((await part.sync(bob(), { ...state, mark: state.mark - 2 }, limits)).changes).toEqual(['a', 'a']);
      await part.write(ann(), 'b', false, entry('b'), before, limits);
      expect((await part.read(ann(), 'b', 0, false, limits)).entry).toBe(undefined);
    });

    check(
      'have to drop everything when the tier lost everything, or what they know of',
      async ({ part, flush, snapshot }) => {
        const state = await part.write(ann(), 'a', false, entry('a'), NOTHING, limits);
        await part.write(ann(), 'a', false, entry('a'), state, limits);
        const restore = await snapshot();
        const later = await part.write(ann(), 'a', true, undefined, NOTHING, limits);
        await part.lagging(ann(), later.mark, later.lagging, limits);
        await restore();
        expect((await part.read(ann(), 'a', 0, false, limits)).entry?.payload).toBe('a');
        const news = await part.sync(bob(), later, limits);
        expect(news.changes).toBe(undefined);
        expect(news.epoch).not.toBe(later.epoch);
        expect(news.mark).toBeGreaterThanOrEqual(later.mark);
        expect((await part.read(ann(), 'a', 0, false, limits)).entry).toBe(undefined);
        const after = await part.write(ann(), 'a', false, undefined, NOTHING, limits);
        expect([after.epoch, after.mark]).toEqual([news.epoch, news.mark + 1]);
        expect((await part.sync(bob(), news, limits)).changes).toEqual(['a']);
        // Who was there is not known for sure any more.
        await part.leave(bob(), limits);
        expect((await part.lagging(ann(), news.mark + 1, [], limits)).length).toBe(2);
        await flush();
        const anew = await part.sync(bob(), news, limits);
        expect([anew.changes, anew.epoch === news.epoch]).toEqual([undefined, false]);
      },
    );

    check('that listen are told of every change, in order', async ({ part, pass }) => {
      const heard: TierMessage[] = [];
      const end = await part.subscribe!((message) => heard.push(message));
      const first = await part.write(ann(), 'a', true, undefined, NOTHING, limits);
      await part.write(ann(), 'b\n \ud800', false, entry('x'), first, limits);
      await part.invalidate(ann(), ['t', 'u'], false, limits);
      await part.invalidate(ann(), null, true, limits);
      await pass(100);
      const { epoch, mark } = first;
      expect(heard).toEqual([
        { epoch, mark, change: 'a', isAwaited: true },
        { epoch, mark: mark + 1, change: 'b\n \ud800', isAwaited: false },
        { epoch, mark: mark + 2, change: ['t', 'u'], isAwaited: false },
        { epoch, mark: mark + 3, change: null, isAwaited: true },
      ]);
      await end();
      await part.write(ann(), 'a', true, undefined, NOTHING, limits);
      await pass(100);
      expect(heard.length).toBe(4);
    });
  });
}

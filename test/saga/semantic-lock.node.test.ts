import { PGlite } from '@electric-sql/pglite';
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SqlClient } from '../../src/postgres/index.ts';
import { fromPg, fromPglite } from '../../src/postgres/index.ts';
import { SagaLockedError, saga, SagaRefusal, semanticLock } from '../../src/saga/index.ts';
import { postgresAvailability, startPostgres } from '../support/postgres.ts';

interface Engine {
  readonly name: string;
  readonly available: boolean;
  open(): Promise<{ readonly client: SqlClient; close(): Promise<unknown> }>;
}

const engines: readonly Engine[] = [
  {
    name: 'PGlite',
    available: true,
    open: async () => {
      const db = new PGlite();
      return { client: fromPglite(db), close: () => db.close() };
    },
  },
  {
    name: 'PostgreSQL',
    available: postgresAvailability().available,
    open: async () => {
      const server = await startPostgres();
      const pool = new pg.Pool({ connectionString: server.url });
      pool.on('error', () => {});
      return { client: fromPg(pool), close: () => pool.end().then(() => server.stop()) };
    },
  },
];

let keys = 0;
const aKey = (): string => `order ${++keys} '"\\`;

describe.each(engines.filter(({ available }) => available))('a semantic lock in $name', ({ open }) => {
  let opened: Awaited<ReturnType<Engine['open']>>;
  let client: SqlClient;
  beforeAll(async () => {
    opened = await open();
    client = opened.client;
    await Promise.all([1, 2, 3].map(() => semanticLock(client.query).init()));
  }, 60_000);
  afterAll(() => opened?.close());

  const acquire = (key: string, id: string) => client.transaction((query) => semanticLock(query).acquire(key, id));
  const release = (key: string, id: string) => client.transaction((query) => semanticLock(query).release(key, id));
  const look = () => semanticLock(client.query);

  it('is held by one saga, and refuses every other one with the id of the holder', async () => {
    const key = aKey();
    const all = await Promise.allSettled(['a', 'b', 'c', 'd'].map((id) => acquire(key, id)));
    const holder = (await look().peek(key))!.sagaId;
    expect(all.filter(({ status }) => status === 'fulfilled').length).toBe(1);
    for (const end of all) {
      if (end.status === 'rejected') {
        expect(end.reason).toBeInstanceOf(SagaLockedError);
        expect(end.reason).toMatchObject({ code: 'ERR_SAGA_LOCKED', name: 'SagaLockedError', key, holder });
        expect(String(end.reason)).toBe(`SagaLockedError: ${key} is locked by saga ${holder}`);
      }
    }
    await expect(acquire(`${key} 2`, 'b')).resolves.toBeUndefined();
  });

  it('may be asked for again by its saga, and is released once for all of that', async () => {
    const key = aKey();
    for (let k = 0; k < 3; k++) await acquire(key, 'a');
    await Promise.all([acquire(key, 'a'), acquire(key, 'a')]);
    expect(await release(key, 'a')).toBe(true);
    expect(await release(key, 'a')).toBe(false);
    await acquire(key, 'b');
  });

  it('is released by its holder alone', async () => {
    const key = aKey();
    await acquire(key, 'a');
    expect(await release(key, 'b')).toBe(false);
    expect((await look().peek(key))?.sagaId).toBe('a');
    await expect(acquire(key, 'c')).rejects.toMatchObject({ holder: 'a' });
  });

  it('is not taken any more by a call that comes after its saga has released it, or was undone before it came', async () => {
    const [kept, never] = [aKey(), aKey()];
    await acquire(kept, 'a');
    await release(kept, 'a');
    await release(never, 'a');
    for (const key of [kept, never]) {
      const refusal = acquire(key, 'a');
      await expect(refusal).rejects.toBeInstanceOf(SagaRefusal);
      await expect(refusal).rejects.toThrow(`${key} was released before it was to be locked`);
      expect(await look().peek(key)).toBeUndefined();
      await acquire(key, 'b');
      // Whoever holds it by now: the call that was late hears that it was late.
      await expect(acquire(key, 'a')).rejects.toMatchObject({ code: 'ERR_SAGA_REFUSED', retryable: false });
    }
  });

  it('takes effect with the transaction that asks for it, or not at all', async () => {
    const key = aKey();
    const failure = new Error('rolled back');
    const failed = client.transaction(async (query) => {
      await semanticLock(query).acquire(key, 'a');
      throw failure;
    });
    await expect(failed).rejects.toBe(failure);
    await acquire(key, 'b');
    await expect(
      client.transaction(async (query) => {
        await semanticLock(query).release(key, 'b');
        throw failure;
      }),
    ).rejects.toBe(failure);
    expect((await look().peek(key))?.sagaId).toBe('b');
  });

  it('tells who holds it since when, and what a saga holds', async () => {
    const [id, other] = [`saga ${++keys}`, `saga ${++keys}`];
    const taken = ['b', 'Z', 'a', 'é'].map((name) => `${name} of ${id}`);
    for (const key of taken) await acquire(key, id);
    await acquire('elsewhere', other);
    await release(taken[0]!, id);
    expect(await look().list(id)).toEqual([taken[1], taken[2], taken[3]]);
    expect(await look().list('nobody')).toEqual([]);
    expect(await look().peek(taken[0]!)).toBeUndefined();
    const [row] = await client.query('SELECT (extract(epoch FROM now()) * 1000)::text AS now', []);
    const holder = (await look().peek(taken[1]!))!;
    expect(holder.sagaId).toBe(id);
    expect(Number(row!['now']) - holder.sinceMs).toBeGreaterThanOrEqual(0);
    expect(Number(row!['now']) - holder.sinceMs).toBeLessThan(60_000);
  });

  it('forgets what was released long enough ago, and never what is held', async () => {
    const own = (query: SqlClient['query']) => semanticLock(query, { table: 'public.shop_lock' });
    const lock = own(client.query);
    await lock.init();
    await lock.init();
    for (const key of ['held', 'done', 'gone']) await lock.acquire(key, 'a');
    for (const key of ['done', 'gone', 'never']) await lock.release(key, 'a');
    expect(await lock.purge(3_600_000)).toBe(0);
    await expect(lock.acquire('done', 'a')).rejects.toThrow('was released before');
    expect(await lock.purge(-1000)).toBe(3);
    expect(await lock.list('a')).toEqual(['held']);
    await lock.acquire('done', 'a');
    expect(await look().list('a')).not.toContain('done');
  });

  it('has one holder at most, whatever sagas ask for it and release it, repeated or at once', async () => {
    const act = fc.record({ what: fc.constantFrom('acquire', 'release'), id: fc.constantFrom('a', 'b', 'c') });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(act, { minLength: 1, maxLength: 3 }), { maxLength: 6 }), async (turns) => {
        const key = aKey();
        const gone = new Set<string>();
        let holder: string | undefined;
        for (const turn of turns) {
          const ends = await Promise.allSettled(
            turn.map(({ what, id }) => (what === 'acquire' ? acquire(key, id) : release(key, id))),
          );
          const taken = turn.filter(({ what }, k) => what === 'acquire' && ends[k]!.status === 'fulfilled');
          const freed = new Set<string>(turn.filter(({ what }) => what === 'release').map(({ id }) => id));
          for (const { id } of taken) expect(gone).not.toContain(id);
          for (const id of freed) gone.add(id);
          const now = (await look().peek(key))?.sagaId;
          if (holder !== undefined && !freed.has(holder)) {
            expect(now).toBe(holder);
            expect(taken.every(({ id }) => id === holder)).toBe(true);
          }
          if (now === undefined) expect(taken.every(({ id }) => gone.has(id))).toBe(true);
          else expect(gone).not.toContain(now);
          if (now !== undefined && now !== holder) expect(taken.some(({ id }) => id === now)).toBe(true);
          holder = now;
        }
      }),
      { numRuns: 30 },
    );
  });

  it('lets one saga after the other change what it marks, where their steps retry', async () => {
    const key = aKey();
    const inside = new Set<string>();
    let most = 0;
    const revise = saga<{ fails: boolean }>('revise')
      .step('lock', {
        run: ({ sagaId }) => acquire(key, sagaId),
        compensate: async ({ sagaId }) => {
          inside.delete(sagaId);
          expect(await release(key, sagaId)).toBe(true);
        },
        retry: { maxAttempts: 10_000, baseDelayMs: 1, maxDelayMs: 5 },
      })
      .step('work', {
        run: async ({ input, sagaId }) => {
          inside.add(sagaId);
          most = Math.max(most, inside.size);
          await client.query('SELECT 1', []);
          if (input.fails) throw new SagaRefusal('no');
        },
      })
      .step('unlock', {
        kind: 'pivot',
        run: async ({ sagaId }) => {
          inside.delete(sagaId);
          expect(await release(key, sagaId)).toBe(true);
        },
      });
    const ends = await Promise.allSettled(
      Array.from({ length: 8 }, (_, k) => revise.run({ fails: k % 3 === 0 }, { id: `${key} ${k}` })),
    );
    expect(ends.map(({ status }) => status === 'fulfilled')).toEqual([
      false,
      true,
      true,
      false,
      true,
      true,
      false,
      true,
    ]);
    expect([most, await look().peek(key)]).toEqual([1, undefined]);
  });

  it('ends a saga that finds it taken, without a compensation of the step that asked', async () => {
    const key = aKey();
    await acquire(key, 'other');
    const undone: string[] = [];
    const revise = saga('revise')
      .step('before', { run: () => 1, compensate: () => void undone.push('before') })
      .step('lock', {
        run: ({ sagaId }) => acquire(key, sagaId),
        compensate: () => void undone.push('lock'),
      });
    const error = await revise.run().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ step: 'lock', cause: { code: 'ERR_SAGA_LOCKED', holder: 'other' } });
    expect(undone).toEqual(['before']);
  });
});

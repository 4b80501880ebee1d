import { PGlite } from '@electric-sql/pglite';
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SqlClient } from '../../src/postgres/index.ts';
import { fromPg, fromPglite } from '../../src/postgres/index.ts';
import { guard } from '../../src/saga/index.ts';
import { postgresAvailability, startPostgres } from '../support/postgres.ts';
import type { PostgresServer } from '../support/postgres.ts';

const { available } = postgresAvailability();

describe('guard', () => {
  it('refuses bad options by their names', () => {
    expect(() => guard(undefined as never)).toThrow('query must be');
    for (const table of ['', 'a b', 'x;DROP TABLE y', 'a.b.c']) {
      expect(() => guard(async () => [], { table })).toThrow('table must be');
    }
  });
});

let keys = 0;

/** A participant: an account that `add` changes and `undo` changes back. */
class Participant {
  readonly client: SqlClient;
  calls = 0;

  constructor(client: SqlClient) {
    this.client = client;
  }

  async init(): Promise<void> {
    await Promise.all([1, 2, 3].map(() => guard(this.client.query).init()));
    await this.client.query('CREATE TABLE IF NOT EXISTS account (cents bigint NOT NULL)', []);
    if ((await this.client.query('SELECT 1 FROM account', [])).length === 0) {
      await this.client.query('INSERT INTO account VALUES (0)', []);
    }
  }

  add(key: string, cents: number, fails: boolean = false): Promise<number> {
    return this.client.transaction((query) =>
      guard(query).once(key, async () => {
        this.calls++;
        await query('UPDATE account SET cents = cents + $1::bigint', [cents]);
        if (fails) throw new Error('refused');
        return cents;
      }),
    );
  }

  undo(key: string): Promise<void> {
    return this.client.transaction((query) =>
      guard(query).undo<number>(key, (cents) => query('UPDATE account SET cents = cents - $1::bigint', [cents])),
    );
  }

  async cents(): Promise<number> {
    return Number((await this.client.query('SELECT cents::text AS cents FROM account', []))[0]!['cents']);
  }
}

function guardSuite(get: () => SqlClient): void {
  const participant = async (): Promise<Participant> => {
    const one = new Participant(get());
    await one.init();
    return one;
  };

  it('calls what it guards once for a key, and answers the first result each time', async () => {
    const bank = await participant();
    const [key, before] = [`key ${++keys}`, await bank.cents()];
    expect([await bank.add(key, 5), await bank.add(key, 7), bank.calls]).toEqual([5, 5, 1]);
    expect(await bank.cents()).toBe(before + 5);
  });

  it('lets one of many calls at the same moment through, and answers its result to all', async () => {
    const bank = await participant();
    const [key, before] = [`key ${++keys}`, await bank.cents()];
    const all = await Promise.all(Array.from({ length: 6 }, () => bank.add(key, 3)));
    expect([all, bank.calls, await bank.cents()]).toEqual([[3, 3, 3, 3, 3, 3], 1, before + 3]);
  });

  it('forgets a call that failed, together with what it did', async () => {
    const bank = await participant();
    const [key, before] = [`key ${++keys}`, await bank.cents()];
    await expect(bank.add(key, 5, true)).rejects.toThrow('refused');
    expect(await bank.cents()).toBe(before);
    expect(await bank.add(key, 6)).toBe(6);
    expect(await bank.cents()).toBe(before + 6);
  });

  it('refuses a call that comes after it was undone, and undoes nothing then', async () => {
    const bank = await participant();
    const [key, before] = [`key ${++keys}`, await bank.cents()];
    await bank.undo(key);
    await bank.undo(key);
    await expect(bank.add(key, 5)).rejects.toMatchObject({ code: 'ERR_SAGA_REFUSED', retryable: false });
    expect([bank.calls, await bank.cents()]).toEqual([0, before]);
  });

  it('keeps results as they were, whatever a saga can store', async () => {
    const { client } = await participant();
    const value = {
      at: new Date(5),
      big: 5n,
      none: undefined,
      text: `'"\\ {}\u0000`,
      map: new Map([[1, new Set([2])]]),
    };
    const ask = (key: string): Promise<typeof value> =>
      client.transaction((query) => guard(query).once(key, () => value));
    const key = `key ${++keys} '"\\`;
    expect(await ask(key)).toEqual(value);
    expect(await ask(key)).toEqual(value);
  });

  it('forgets what was not used for long enough', async () => {
    const bank = await participant();
    const key = `key ${++keys}`;
    await bank.add(key, 1);
    expect(await guard(bank.client.query).purge(3_600_000)).toBe(0);
    expect(await guard(bank.client.query).purge(-1000)).toBeGreaterThan(0);
    await bank.add(key, 1);
    expect(bank.calls).toBe(2);
  });

  it('leaves the effect of a call or none, in whatever order calls and undoings come, repeated or at once', async () => {
    const bank = await participant();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.constantFrom('add', 'undo'), { minLength: 1, maxLength: 3 }), { maxLength: 5 }),
        async (turns) => {
          const [key, before] = [`key ${++keys}`, await bank.cents()];
          let added = false;
          let undone = false;
          for (const turn of turns) {
            const calls = turn.map((what) => (what === 'add' ? bank.add(key, 1).then(() => true) : bank.undo(key)));
            const results = await Promise.allSettled(calls);
            added ||= results.some((each) => each.status === 'fulfilled' && each.value === true);
            undone ||= turn.includes('undo');
            expect(await bank.cents()).toBe(before + (added && !undone ? 1 : 0));
          }
        },
      ),
      { numRuns: 30 },
    );
  });
}

describe.skipIf(!available)('guard in PostgreSQL', () => {
  let server: PostgresServer;
  let pool: pg.Pool;
  beforeAll(async () => {
    server = await startPostgres();
    pool = new pg.Pool({ connectionString: server.url });
    pool.on('error', () => {});
  }, 60_000);
  afterAll(async () => {
    await pool?.end();
    await server?.stop();
  });

  guardSuite(() => fromPg(pool));
});

describe('guard in PGlite', () => {
  const db = new PGlite();
  afterAll(() => db.close());

  guardSuite(() => fromPglite(db));
});

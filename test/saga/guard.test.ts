import { describe, expect, it } from 'vitest';
import type { GuardQuery } from '../../src/saga/index.ts';
import { guard } from '../../src/saga/index.ts';

interface Row {
  result: string | null;
  isUndone: boolean;
}

/** The table of a participant, as far as a guard speaks to it. PostgreSQL itself has its tests among the stores. */
function table(name = 'holdfast_guard') {
  const rows = new Map<string, Row>();
  const sent: string[] = [];
  const query: GuardQuery = async (text, params) => {
    sent.push(text);
    const key = params[0] as string;
    const row = rows.get(key);
    if (text.startsWith(`INSERT INTO ${name} AS g (key, is_undone) VALUES ($1::text, false)`)) {
      if (!row) rows.set(key, { result: null, isUndone: false });
      return [{ result: row?.result ?? null, is_undone: String(row?.isUndone ?? false) }];
    }
    if (text.startsWith(`UPDATE ${name} SET result`)) return (void (row!.result = params[1] as string), []);
    if (text.startsWith(`INSERT INTO ${name} AS g (key, is_undone) VALUES ($1::text, true)`)) {
      if (row?.isUndone) return [];
      rows.set(key, { result: row?.result ?? null, isUndone: true });
      return [{ result: row?.result ?? null }];
    }
    if (text.includes(`DELETE FROM ${name} WHERE used_at <`)) return [{ n: String(params[0]) }];
    throw new Error(`not expected: ${text}`);
  };
  return { query, rows, sent };
}

describe('guard', () => {
  it('calls the first time, and answers the result of that each time after', async () => {
    const { query, sent } = table();
    let calls = 0;
    const charge = (): Promise<Map<string, number>> =>
      guard(query).once('k', async () => {
        calls++;
        return new Map([['cents', 5]]);
      });
    expect([await charge(), await charge(), calls]).toEqual([new Map([['cents', 5]]), new Map([['cents', 5]]), 1]);
    expect(sent.length).toBe(3);
  });

  it('refuses a key that PostgreSQL cannot keep, or would keep as another one', async () => {
    const { query, sent } = table();
    for (const key of ['a\0', '\ud800', 5 as never]) {
      await expect(guard(query).once(key, () => 1)).rejects.toThrow(/^key must be a well-formed text/);
      await expect(guard(query).undo(key, () => {})).rejects.toThrow(/^runKey must be a well-formed text/);
    }
    expect(sent).toEqual([]);
  });

  it('remembers a call that answers nothing, too', async () => {
    const { query } = table();
    let calls = 0;
    for (let k = 0; k < 2; k++) expect(await guard(query).once('k', () => void calls++)).toBeUndefined();
    expect(calls).toBe(1);
  });

  it('refuses what comes after it was undone, and rejects with the error of the call', async () => {
    const { query } = table();
    await guard(query).undo('k', () => {
      throw new Error('must not be called');
    });
    const never = (): never => {
      throw new Error('must not be called');
    };
    await expect(guard(query).once('k', never)).rejects.toMatchObject({
      code: 'ERR_SAGA_REFUSED',
      message: 'k was undone before it came',
    });
    const failure = new Error('no money');
    await expect(guard(query).once('other', () => Promise.reject(failure))).rejects.toBe(failure);
    await expect(guard(query).once('third', () => Symbol('x'))).rejects.toThrow('third cannot be stored');
  });

  it('undoes a call once, with its result', async () => {
    const { query } = table();
    await guard(query).once('k', () => 7n);
    const undone: unknown[] = [];
    for (let k = 0; k < 2; k++) await guard(query).undo('k', async (result) => undone.push(result));
    expect(undone).toEqual([7n]);
  });

  it('answers how many keys it has forgotten, and takes a table of another name', async () => {
    const { query } = table('shop.guard_2');
    const own = guard(query, { table: 'shop.guard_2' });
    expect(await own.purge(42)).toBe(42);
    expect(await own.once('k', () => 1)).toBe(1);
  });

  it('makes its table where it is missing, also where another one is faster', async () => {
    const sent: string[] = [];
    const answers = (name: unknown, failure?: object): GuardQuery => {
      return async (text, params) => {
        sent.push(text);
        if (text.startsWith('SELECT to_regclass')) return [{ name, params }];
        if (failure) throw failure;
        return [];
      };
    };
    await guard(answers('there')).init();
    expect(sent.length).toBe(1);
    await guard(answers(null)).init();
    expect(sent[2]).toMatch(/^CREATE TABLE IF NOT EXISTS holdfast_guard \(key text PRIMARY KEY, result text/);
    for (const code of ['23505', '42P07', '42710']) await guard(answers(null, { code })).init();
    await expect(guard(answers(null, { code: '42501' })).init()).rejects.toEqual({ code: '42501' });
  });

  it('refuses bad options by name', () => {
    const { query } = table();
    expect(() => guard(5 as never)).toThrow(/^query must be a function/);
    for (const name of ['', '1a', 'a.b.c', 'a b', 'a;', '.a', 'a.', 'x"y']) {
      expect(() => guard(query, { table: name })).toThrow(/^table must be/);
    }
    for (const name of ['_a', 'A_1', 's.t', 'S_.t2']) expect(() => guard(query, { table: name })).not.toThrow();
  });
});

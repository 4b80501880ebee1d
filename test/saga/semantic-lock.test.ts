import { describe, expect, it } from 'vitest';
import type { GuardQuery } from '../../src/saga/index.ts';
import { semanticLock } from '../../src/saga/index.ts';

/** Answers one statement after the other. PGlite and PostgreSQL themselves have their tests in semantic-lock.node.test.ts. */
function answering(...answers: readonly (readonly Record<string, unknown>[])[]) {
  const sent: { readonly text: string; readonly params: readonly unknown[] }[] = [];
  const query: GuardQuery = async (text, params) => {
    sent.push({ text, params });
    return answers[sent.length - 1]!;
  };
  return { query, sent };
}

describe('semanticLock', () => {
  it('costs one statement where the key is free, and two where it is taken', async () => {
    const free = answering([{ key: 'k' }]);
    await semanticLock(free.query).acquire('k', 'a');
    expect(free.sent.map(({ params }) => params)).toEqual([['k', 'a']]);
    const taken = answering([], [{ saga_id: 'b', held: 'k' }]);
    await expect(semanticLock(taken.query).acquire('k', 'a')).rejects.toMatchObject({ holder: 'b' });
    expect(taken.sent.length).toBe(2);
  });

  it('asks again where the key was released between its two statements', async () => {
    const { query, sent } = answering([], [], [{ key: 'k' }]);
    await semanticLock(query).acquire('k', 'a');
    expect(sent.length).toBe(3);
    expect(sent[2]).toEqual(sent[0]);
  });

  it('takes a table of another name', async () => {
    const { query, sent } = answering([{ acquired_at: 'then' }], [], []);
    const lock = semanticLock(query, { table: 'shop.lock_2' });
    expect([await lock.release('k', 'a'), await lock.peek('k'), await lock.list('a')]).toEqual([true, undefined, []]);
    for (const { text } of sent) expect(text).toMatch(/ shop\.lock_2 /);
  });

  it('refuses bad options and keys by name, and sends nothing then', async () => {
    expect(() => semanticLock(5 as never)).toThrow(/^query must be a function/);
    for (const table of ['', 'a b', 'a;', 'a.b.c']) {
      expect(() => semanticLock(async () => [], { table })).toThrow(/^table must be/);
    }
    const { query, sent } = answering();
    const lock = semanticLock(query);
    for (const bad of ['a\0', '\ud800', 5 as never, undefined as never]) {
      await expect(lock.acquire(bad, 'a')).rejects.toThrow(/^key must be a well-formed text/);
      await expect(lock.release(bad, 'a')).rejects.toThrow(/^key must be/);
      await expect(lock.peek(bad)).rejects.toThrow(/^key must be/);
      await expect(lock.acquire('k', bad)).rejects.toThrow(/^sagaId must be/);
      await expect(lock.release('k', bad)).rejects.toThrow(/^sagaId must be/);
      await expect(lock.list(bad)).rejects.toThrow(/^sagaId must be/);
    }
    await expect(lock.acquire('k', '')).rejects.toThrow(/^sagaId must be .* of 1 to/);
    await expect(lock.list('')).rejects.toThrow(/^sagaId must be .* of 1 to/);
    expect(sent).toEqual([]);
  });
});

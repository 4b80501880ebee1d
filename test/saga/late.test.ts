import { describe, expect, it } from 'vitest';
import type { Saga, StepContext } from '../../src/saga/index.ts';
import { saga } from '../../src/saga/index.ts';
import { bed, never } from './kit.ts';

describe('an attempt that was left behind', () => {
  it('keeps its own number, keys and signal, and emits nothing into the attempts after it', async () => {
    const own = bed();
    let first: StepContext<unknown, unknown> | undefined;
    const def = saga('order').step('a', {
      timeoutMs: 100,
      retry: { baseDelayMs: 0 },
      run: (c): unknown => {
        if (!first) {
          first = c;
          c.emit('topic', 'first');
          return never();
        }
        first.emit('topic', 'late');
        c.emit('topic', 'second');
        return [first.attempt, c.attempt, first.attemptKey !== c.attemptKey, first.signal.aborted, c.signal.aborted];
      },
    });
    const handle = await own.runner([def], { abandonMs: 50 }).start(def, undefined, { id: 'x' });
    const result = handle.result();
    await own.pass(200);
    expect(await result).toEqual({ a: [1, 2, true, true, false] });
    expect(first!.attempt).toBe(1);
    expect((await own.store.outbox!(10)).map(({ id, payload }) => [id, payload])).toEqual([['x/a/run/0', '"second"']]);
  });

  it('is reported when it settles, and changes nothing', async () => {
    const own = bed();
    let settle: (value: string) => void = () => {};
    const def = saga('order').step('a', {
      timeoutMs: 100,
      run: () => new Promise<string>((resolve) => (settle = resolve)),
    });
    const handle = await own.runner([def], { abandonMs: 50 }).start(def, undefined, { id: 'x' });
    handle.result().catch(() => undefined);
    await own.pass(200);
    expect(own.events.map(({ type }) => type)).toEqual(['started', 'compensated']);
    settle('after all');
    await own.pass(1);
    expect(own.events.at(-1)).toEqual({ type: 'late', id: 'x', step: 'a', isOk: true, result: 'after all' });
  });
});

describe('a value that no store can keep', () => {
  it.each<[string, Saga<void, unknown>]>([
    [
      'a key of legs must be',
      saga('order').each('legs', { items: () => ['a\0'], key: String, run: () => 1 }) as Saga<void, unknown>,
    ],
    [
      'a key of legs must be',
      saga('order').each('legs', { items: () => ['\ud800'], key: String, run: () => 1 }) as Saga<void, unknown>,
    ],
    ['topic must be', saga('order').step('a', { run: (c) => c.emit('a\0', 1) }) as Saga<void, unknown>],
    ['topic must be', saga('order').step('a', { run: (c) => c.emit(5 as never, 1) }) as Saga<void, unknown>],
    ['a.ms must be', saga('order').sleep('a', () => Number.NaN) as Saga<void, unknown>],
    ['a.ms must be', saga('order').sleep('a', () => '5' as never) as Saga<void, unknown>],
  ])('fails its step by name: %s', async (message, def) => {
    const own = bed();
    const handle = await own.runner([def]).start(def, undefined);
    await expect(handle.result()).rejects.toMatchObject({
      code: 'ERR_SAGA_COMPENSATED',
      cause: { message: expect.stringContaining(message) },
    });
  });

  it('is refused by name where it is handed to a runner', async () => {
    const runner = bed().runner([]);
    expect(() => runner.handle('a\0')).toThrow(/^id must be/);
    const refused: readonly (readonly [() => Promise<unknown>, RegExp])[] = [
      [() => runner.signal('x', 'a\0'), /^event must be/],
      [() => runner.signal('x', '\ud800'), /^event must be/],
      [() => runner.signal('', 'a'), /^id must be/],
      [() => runner.cancel('x', 'a\0'), /^reason must be/],
      [() => runner.cancel('', 'a'), /^id must be/],
      [() => runner.retry('\ud800'), /^id must be/],
      [() => runner.resolve('\0', 'a'), /^id must be/],
      [() => runner.get(''), /^id must be/],
      [() => runner.history('x'.repeat(256)), /^id must be/],
      [() => runner.recover({ limit: Number.NaN }), /^limit must be/],
      [() => runner.recover({ limit: -1 }), /^limit must be/],
      [() => runner.list({ limit: 0 }), /^limit must be/],
      [() => runner.purge({ finishedBeforeMs: -1 }), /^finishedBeforeMs must be/],
      [() => runner.purge({ finishedBeforeMs: 1, limit: 0.5 }), /^limit must be/],
      [() => saga('a').run(undefined, { id: '' }), /^id must be/],
      [() => saga('a').run(undefined, { abandonMs: -1 }), /^abandonMs must be/],
    ];
    for (const [refusal, message] of refused) await expect(refusal()).rejects.toThrow(message);
    expect(() => saga('a', { version: 2 ** 31 })).toThrow(/^version must be/);
  });

  it('is none of a wait that lies in the past', async () => {
    expect(
      await saga('order')
        .sleep('a', () => -5)
        .run(),
    ).toEqual({});
  });
});

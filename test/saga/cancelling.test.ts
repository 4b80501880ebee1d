import { describe, expect, it } from 'vitest';
import type { Saga, SagaNews, SagaStore } from '../../src/saga/index.ts';
import { saga } from '../../src/saga/index.ts';
import { gate, outcomeOf } from '../support/gate.ts';
import { LEASE_MS, bed, never } from './kit.ts';
import type { Bed } from './kit.ts';

type Verb = Exclude<keyof SagaStore, symbol | number>;

/** The store, with one verb of another kind. */
function changed<V extends Verb>(own: Bed, verb: V, method: NonNullable<SagaStore[V]>): SagaStore {
  return new Proxy(own.store, {
    get: (target, each: Verb) => (each === verb ? method : (target[each] as () => void)?.bind(target)),
  });
}

describe('a cancellation', () => {
  it('that comes when the pivot has completed and is not stored yet aborts nothing that follows', async () => {
    const own = bed();
    const stored = gate();
    let isSlow = false;
    const store = changed(own, 'write', async (...args) => {
      if (isSlow) await stored.promise;
      return own.store.write(...args);
    });
    let wasAborted: boolean | undefined;
    const def = saga('order')
      .step('a', { run: () => 1, compensate: () => void (wasAborted = true) })
      .step('pivot', { kind: 'pivot', run: () => void (isSlow = true) })
      .step('b', {
        run: ({ signal }) => {
          wasAborted = signal.aborted;
          return 'done';
        },
      });
    const runner = own.runner([def], { store });
    const handle = await runner.start(def, undefined, { id: 'x' });
    await own.pass(10);
    await runner.cancel('x');
    stored.open();
    expect(await handle.result()).toMatchObject({ b: 'done' });
    expect(wasAborted).toBe(false);
  });

  it('that was asked for before the first retriable step begins undoes the saga, though that step would not fail', async () => {
    for (const kind of ['step', 'group'] as const) {
      const own = bed();
      const slow = gate();
      const calls: string[] = [];
      const start = saga('order').step('a', {
        run: () => slow.promise,
        compensate: () => void calls.push('undo a'),
      });
      const last = { kind: 'retriable', run: () => void calls.push('b') } as const;
      const def = (kind === 'step' ? start.step('b', last) : start.parallel('p', { b: last })) as Saga<void, unknown>;
      const runner = own.runner([def]);
      const handle = await runner.start(def, undefined, { id: 'x' });
      await own.pass(10);
      expect(await runner.cancel('x', 'why')).toBe(true);
      slow.open();
      await expect(handle.result()).rejects.toMatchObject({ step: '', cause: { reason: 'why' } });
      expect(calls).toEqual(['undo a']);
    }
  });

  it('is refused once a retriable group has begun, whose branches are tried until they succeed', async () => {
    const own = bed();
    const calls: string[] = [];
    let isDown = true;
    const def = saga('order')
      .step('a', { run: () => 1, compensate: () => void calls.push('undo a') })
      .parallel('p', {
        b: {
          kind: 'retriable',
          run: () => {
            if (isDown) throw new Error('down');
            return 'b';
          },
        },
      });
    const runner = own.runner([def]);
    const handle = await runner.start(def, undefined, { id: 'x' });
    await own.pass(5000);
    expect(await runner.cancel('x')).toBe(false);
    isDown = false;
    const result = handle.result();
    await own.pass(60_000);
    expect(await result).toEqual({ a: 1, p: { b: 'b' } });
    expect(calls).toEqual([]);
  });

  it('of a saga that waits is acted on at once by a runner that works, however seldom it looks', async () => {
    const own = bed();
    const undone: string[] = [];
    const def = saga('order')
      .step('a', { run: () => 1, compensate: () => void undone.push('a') })
      .event('paid');
    const runner = own.runner([def], { pollMs: 3_600_000 });
    void runner.work();
    const result = (await runner.start(def, undefined, { id: 'x' })).result();
    result.catch(() => {});
    await own.pass(100);
    expect(await runner.cancel('x')).toBe(true);
    await own.pass(100);
    await expect(result).rejects.toMatchObject({ cause: { reason: '', message: 'cancelled' } });
    expect(undone).toEqual(['a']);
    expect((await runner.history('x')).at(-2)).toMatchObject({ type: 'compensating', path: '' });
  });

  it('is heard of once: when the saga has turned back, no renewal tells it again', async () => {
    const own = bed();
    const news: (readonly SagaNews[] | null)[] = [];
    const store = changed(own, 'renew', async (...args) => {
      const answer = await own.store.renew(...args);
      news.push(answer);
      return answer;
    });
    const def = saga('order')
      .step('a', { run: () => 1, compensate: () => never<void>() })
      .step('b', {
        run: ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      });
    const runner = own.runner([def], { store });
    await runner.start(def, undefined, { id: 'x' });
    await own.pass(10);
    await own.runner([]).cancel('x', 'why');
    await own.pass(LEASE_MS);
    expect(news).toEqual([[{ id: 'x', signals: 1, cancelReason: 'why' }], [], []]);
  });

  it('that comes while the saga is on its way back changes nothing: no step is called twice, and the cause stays', async () => {
    const own = bed();
    const slow = gate();
    const calls: string[] = [];
    const def = saga('order')
      .step('a', { run: () => 1, compensate: () => void calls.push('undo a') })
      .step('b', {
        run: () => 1,
        compensate: async ({ signal }) => {
          calls.push('undo b');
          await slow.promise;
          calls.push(`aborted: ${signal.aborted}`);
        },
      })
      .step('c', {
        run: () => {
          throw new Error('no');
        },
      });
    const runner = own.runner([def]);
    const handle = await runner.start(def, undefined, { id: 'x' });
    await own.pass(10);
    await runner.cancel('x');
    await own.pass(LEASE_MS / 2);
    slow.open();
    await expect(handle.result()).rejects.toMatchObject({ step: 'c', cause: { message: 'no' } });
    expect(calls).toEqual(['undo b', 'aborted: false', 'undo a']);
  });
});

describe('a saga that is cancelled while a step runs', () => {
  it('asks no function of its definition any more once that has ended', async () => {
    const start = () => saga('order').step('a', { run: () => slow.promise });
    let slow = gate();
    let asked = 0;
    const count = (): number => ++asked;
    const defs = [
      start().when('w', () => count() > 0, { run: count }),
      start().sleep('s', count),
      start().child('c', saga<number>('inner'), count),
      start().each('e', { items: () => [count()], key: String, run: count }),
    ] as readonly Saga<void, unknown>[];
    for (const def of defs) {
      const own = bed();
      slow = gate();
      const runner = own.runner([def]);
      const handle = await runner.start(def, undefined, { id: 'x' });
      await own.pass(10);
      expect([await runner.cancel('x'), runner.handle('x').created]).toEqual([true, false]);
      slow.open();
      await expect(handle.result()).rejects.toMatchObject({ step: '', cause: { code: 'ERR_SAGA_CANCELLED' } });
    }
    expect(asked).toBe(0);
  });

  it('cannot be, where its first step is retriable and has begun', async () => {
    const own = bed();
    const slow = gate();
    const def = saga('order').step('a', { kind: 'retriable', run: () => slow.promise });
    const runner = own.runner([def]);
    const handle = await runner.start(def, undefined, { id: 'x' });
    await own.pass(10);
    expect(await runner.cancel('x')).toBe(false);
    slow.open();
    expect(await handle.result()).toEqual({ a: undefined });
  });
});

describe('an event from elsewhere', () => {
  it('does not abort the step that runs, and is taken when that has ended', async () => {
    const own = bed();
    const slow = gate();
    const aborts: boolean[] = [];
    const def = saga('order')
      .step('a', {
        run: async ({ signal }) => {
          await slow.promise;
          aborts.push(signal.aborted);
        },
      })
      .event('paid');
    const runner = own.runner([def], { pollMs: 100 });
    void runner.work();
    const handle = await runner.start(def, undefined, { id: 'x' });
    await own.pass(10);
    expect(await own.runner([]).signal('x', 'paid', 5)).toBe(true);
    await own.pass(LEASE_MS);
    slow.open();
    await own.pass(1000);
    expect(await outcomeOf(handle.result())).toMatchObject({ state: 'fulfilled', value: { paid: 5 } });
    expect(aborts).toEqual([false]);
  });

  it('whose `parse` throws fails the step, and the log says why', async () => {
    const own = bed();
    const undone: string[] = [];
    const def = saga('order')
      .step('a', { run: () => 1, compensate: () => void undone.push('a') })
      .event('paid', {
        parse: (): number => {
          throw new Error('no number');
        },
      });
    const runner = own.runner([def]);
    const handle = await runner.start(def, undefined, { id: 'x' });
    const result = handle.result();
    result.catch(() => {});
    await own.pass(10);
    await runner.signal('x', 'paid', 'five');
    await own.pass(1100);
    await expect(result).rejects.toMatchObject({ step: 'paid', cause: { message: 'no number' } });
    expect(undone).toEqual(['a']);
    expect((await runner.history('x')).map(({ type, path }) => `${type} ${path}`)).toEqual([
      'completed a',
      'waiting paid',
      'failed paid',
      'compensating paid',
      'compensated a',
    ]);
  });
});

import { describe, expect, it } from 'vitest';
import type { Saga } from '../../src/saga/index.ts';
import { SagaRefusal, saga } from '../../src/saga/index.ts';
import { gate } from '../support/gate.ts';
import { bed, counted } from './kit.ts';

const refuse = (): never => {
  throw new SagaRefusal('no');
};

describe('a group of a saga that is stored', () => {
  it('is not let go of while a branch waits long to try again, as its siblings run on', async () => {
    const own = bed();
    const slow = gate();
    const calls: string[] = [];
    const def = saga('order').parallel('p', {
      a: {
        run: ({ attempt }) => {
          calls.push(`a ${attempt}`);
          if (attempt === 1) throw new Error('again');
          return 'a';
        },
        retry: { baseDelayMs: 5000, jitter: 'none' },
      },
      b: {
        run: async () => {
          calls.push('b');
          await slow.promise;
          return 'b';
        },
      },
    });
    const handle = await own.runner([def]).start(def, undefined);
    await own.pass(6000);
    slow.open();
    expect(await handle.result()).toStrictEqual({ p: { a: 'a', b: 'b' } });
    expect(calls).toEqual(['a 1', 'b', 'a 2']);
    expect(own.events.map(({ type }) => type)).toEqual(['started', 'completed']);
  });

  it('leaves the saga free to be let go of in the waits that follow, forwards and backwards', async () => {
    const own = bed();
    let isDown = true;
    const branch = { run: () => 1, compensate: () => {} };
    const def = saga('order')
      .step('a', {
        run: () => 1,
        compensate: () => {
          if (isDown) throw new Error('down');
        },
        compensationRetry: { baseDelayMs: 5000, jitter: 'none' },
      })
      .parallel('p', { x: branch, y: branch }, { compensation: 'parallel' })
      .sleep('s', 60_000)
      .step('z', { run: refuse });
    const runner = own.runner([def]);
    await runner.start(def, undefined, { id: 'x' });
    await own.pass(10);
    expect((await own.store.get(['x']))[0]).toMatchObject({ worker: null, status: 'running' });
    await own.pass(61_500);
    expect((await own.store.get(['x']))[0]).toMatchObject({ worker: null, status: 'compensating' });
    isDown = false;
    await own.pass(7000);
    expect((await own.store.get(['x']))[0]).toMatchObject({ status: 'compensated' });
  });

  it('that is undone at the same time is stuck at the branch that breaks, unless that one is to be passed over', async () => {
    const undone = (name: string, log: string[]) => () => void log.push(name);
    const broken = (): never => {
      throw new SagaRefusal('broken');
    };
    for (const [x, y, goesOn] of [
      ['continue', 'park', false],
      ['park', 'continue', true],
      ['continue', 'continue', true],
    ] as const) {
      const own = bed();
      const log: string[] = [];
      const def = saga('order')
        .step('a', { run: () => 1, compensate: undone('a', log) })
        .parallel(
          'p',
          {
            x: { run: () => 1, compensate: undone('x', log), onExhausted: x },
            y: { run: () => 1, compensate: broken, onExhausted: y },
          },
          { compensation: 'parallel' },
        )
        .step('z', { run: refuse });
      const handle = await own.runner([def]).start(def, undefined);
      await expect(handle.result()).rejects.toMatchObject({
        code: 'ERR_SAGA_STUCK',
        step: 'p/y',
        cause: { message: 'broken' },
      });
      expect(log).toEqual(goesOn ? ['x', 'a'] : ['x']);
    }
  });

  it('fails by the error of the branch that failed first, and where two items have one key', async () => {
    const own = bed();
    const slow = gate();
    const two = saga('two').parallel('p', {
      a: {
        run: async () => {
          await slow.promise;
          throw new SagaRefusal('second');
        },
      },
      b: {
        run: () => {
          throw new SagaRefusal('first');
        },
      },
    });
    const same = saga('same').each('e', { items: () => [1, 1], key: (item) => String(item), run: () => 1 });
    const runner = own.runner([two, same] as never);
    const handle = await runner.start(two, undefined);
    await own.pass(10);
    slow.open();
    await expect(handle.result()).rejects.toMatchObject({ step: 'p/b', cause: { message: 'first' } });
    await expect((await runner.start(same, undefined)).result()).rejects.toMatchObject({
      step: 'e',
      cause: new RangeError('two items have the same key'),
    });
  });

  it('has a fence and keys of its own for each attempt, which tell one owner from the next', async () => {
    const own = bed();
    const keys: string[] = [];
    const def = saga('order').step('a', {
      kind: 'retriable',
      run: ({ attemptKey, fence }) => {
        keys.push(`${fence} ${attemptKey}`);
        if (keys.length === 1) throw new Error('again');
      },
      retry: { baseDelayMs: 5000, jitter: 'none' },
    });
    const runner = own.runner([def]);
    await runner.start(def, undefined, { id: 'x' });
    await own.pass(7000);
    expect(keys).toEqual(['1 x/a/run/1.1', '2 x/a/run/2.2']);
  });
});

describe('a step of a saga that is stored', () => {
  it('that refuses is not undone, and one after which the saga turned back is called no more', async () => {
    const own = bed();
    const calls: string[] = [];
    const def = saga('order')
      .step('a', { run: () => 1, compensate: () => void calls.push('undo a') })
      .step('b', {
        run: () => {
          calls.push('b');
          throw new SagaRefusal('no');
        },
        compensate: () => void calls.push('undo b'),
      });
    const { store, calls: verbs } = counted(own.store);
    const handle = await own.runner([def], { store }).start(def, undefined);
    await expect(handle.result()).rejects.toMatchObject({ step: 'b' });
    expect(calls).toEqual(['b', 'undo a']);
    expect(verbs['write']).toBeLessThanOrEqual(3);
  });

  it('waits as long as at first when it is retried by hand', async () => {
    const own = bed();
    const at: number[] = [];
    const def = saga('order').step('a', {
      kind: 'retriable',
      run: () => {
        at.push(own.clock.now());
        throw new Error('no');
      },
      retry: { maxAttempts: 3, baseDelayMs: 100, jitter: 'none' },
    }) as Saga<void, unknown>;
    const runner = own.runner([def]);
    await runner.start(def, undefined, { id: 'x' });
    await own.pass(1000);
    expect(await runner.retry('x')).toBe(true);
    await own.pass(1000);
    const waits = at.map((ms, k) => ms - (at[k - 1] ?? ms));
    expect([waits.slice(0, 3), waits.slice(4)]).toEqual([
      [0, 100, 200],
      [100, 200],
    ]);
    expect((await runner.history('x')).filter(({ type }) => type === 'retried').length).toBe(1);
  });
});

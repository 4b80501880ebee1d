import { describe, expect, it } from 'vitest';
import type { Saga } from '../../src/saga/index.ts';
import { SagaRefusal, saga } from '../../src/saga/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { countingSignal } from '../support/counting-signal.ts';
import { flush, outcomeOf } from '../support/gate.ts';
import { broken, reports } from './kit.ts';

const refuse = (): never => {
  throw new SagaRefusal('no');
};

describe('a saga without a store', () => {
  it('undoes what has an undoing, with its output, and passes over what has none', async () => {
    const undone: unknown[] = [];
    const def = saga('order')
      .step('a', { run: () => 1, compensate: ({ outcome, output, step }) => void undone.push(step, outcome, output) })
      .step('b', { run: () => 2 })
      .step('c', { run: () => 3, compensate: ({ outcome, output, step }) => void undone.push(step, outcome, output) })
      .step('d', { run: refuse });
    await expect(def.run()).rejects.toMatchObject({ code: 'ERR_SAGA_COMPENSATED', step: 'd' });
    expect(undone).toEqual(['c', 'completed', 3, 'a', 'completed', 1]);
  });

  it('has results that are an object of branches, a list of items, what a child answers, and no key for what is left out', async () => {
    const inner = saga<{ n: number }>('inner').step('twice', { run: ({ input }) => 2 * input.n });
    const def = saga<number>('order')
      .parallel('p', { x: { run: () => 'X' }, y: { run: () => 'Y' } })
      .each('e', { items: () => ['a', 'b'], key: (item) => item, run: ({ item }) => item.toUpperCase() })
      .child('c', inner, ({ input, results }) => ({ n: input + results.e.length }))
      .when('w', () => false, { run: () => 1 });
    const results = await def.run(5);
    expect(results).toStrictEqual({ p: { x: 'X', y: 'Y' }, e: ['A', 'B'], c: { twice: 14 } });
    expect(Object.keys(results)).toEqual(['p', 'e', 'c']);
  });

  it('has fence 0, and fails a step that emits, as there is nowhere to keep that', async () => {
    const def = saga('order')
      .step('a', { run: ({ fence, attemptKey }) => [fence, attemptKey] })
      .step('b', { run: ({ emit }) => emit('topic', 1) });
    await expect(def.run(undefined, { id: 'x' })).rejects.toMatchObject({
      step: 'b',
      cause: new TypeError('emit needs a store: start the saga with a runner'),
    });
    const only = saga('order').step('a', { run: ({ fence, attemptKey }) => [fence, attemptKey] });
    expect(await only.run(undefined, { id: 'x' })).toEqual({ a: [0, 'x/a/run/0.1'] });
  });

  it('leaves behind a step that does not end after an abort, as of unknown outcome, and minds nothing it does later', async () => {
    const clock = createVirtualClock();
    const abort = new AbortController();
    const undone: unknown[] = [];
    const late: ((value: string) => void)[] = [];
    const def = saga('order')
      .step('a', { run: () => 1, compensate: ({ outcome }) => void undone.push('a', outcome) })
      .step('b', {
        run: () => new Promise<string>((resolve) => late.push(resolve)),
        timeoutMs: 60_000,
        compensate: ({ outcome, output }) => void undone.push('b', outcome, output),
      });
    const run = def.run(undefined, { clock, signal: abort.signal });
    const outcome = outcomeOf(run);
    await flush();
    abort.abort(new Error('enough'));
    await flush();
    await clock.advance(29_999);
    expect([undone, (await outcomeOf(run)).state]).toEqual([[], 'pending']);
    await clock.advance(1);
    expect(undone).toEqual(['b', 'unknown', undefined, 'a', 'completed']);
    await expect(run).rejects.toMatchObject({ step: '', cause: { message: 'enough' } });
    late[0]!('too late');
    await flush();
    await outcome;
    expect([undone.length, clock.pendingTimers]).toEqual([5, 0]);
  });

  it('leaves no timer behind where a step ends at an abort before its time limit', async () => {
    const clock = createVirtualClock();
    const abort = new AbortController();
    const def = saga('order').step('a', {
      timeoutMs: 1000,
      run: ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    });
    const run = def.run(undefined, { clock, signal: abort.signal });
    run.catch(() => {});
    await flush();
    expect(clock.pendingTimers).toBe(1);
    abort.abort();
    await expect(run).rejects.toMatchObject({ code: 'ERR_SAGA_COMPENSATED' });
    expect(clock.pendingTimers).toBe(0);
  });

  it('takes an outcome as unknown where `isAmbiguous` throws, and tries no more where `retryIf` does', async () => {
    const reported = reports();
    const undone: unknown[] = [];
    let attempts = 0;
    const throws = (): never => {
      throw new Error('a bug');
    };
    const def = saga('order').step('a', {
      run: () => {
        attempts++;
        throw new Error('no');
      },
      isAmbiguous: throws,
      retry: { maxAttempts: 5, baseDelayMs: 0, retryIf: throws },
      compensate: ({ outcome }) => void undone.push(outcome),
    });
    await expect(def.run()).rejects.toMatchObject({ cause: { message: 'no' } });
    expect([undone, attempts]).toEqual([['unknown'], 1]);
    expect(reported.map(String)).toEqual(['Error: a bug', 'Error: a bug']);
  });

  it('takes an error whose cause goes round in a circle, and what only looks like one, for what they are', async () => {
    const circle = new Error('round');
    circle.cause = circle;
    const deep = (depth: number): Error => (depth === 0 ? broken() : new Error('outer', { cause: deep(depth - 1) }));
    for (const [error, isUnknown] of [
      [circle, false],
      [deep(1), true],
      [deep(8), true],
      [undefined, false],
      ['text', false],
    ] as const) {
      let outcome: string | undefined;
      const def = saga('order').step('a', {
        run: () => {
          throw error;
        },
        compensate: (c) => void (outcome = c.outcome),
      });
      await def.run().catch(() => {});
      expect(outcome).toBe(isUnknown ? 'unknown' : undefined);
    }
  });

  it('listens to the signal it is given once, however many steps, branches and attempts there are', async () => {
    const counting = countingSignal();
    let def = saga('order') as Saga<void, unknown>;
    for (let k = 0; k < 15; k++) def = def.step(`s${k}`, { run: ({ signal }) => signal.aborted });
    const flaky = {
      run: ({ attempt }: { readonly attempt: number }) => {
        if (attempt < 15) throw new Error('again');
      },
      retry: { maxAttempts: 15, baseDelayMs: 0 },
    };
    def = def.parallel('p', Object.fromEntries(Array.from({ length: 15 }, (_, k) => [`b${k}`, flaky])));
    await def.run(undefined, { signal: counting.signal });
    expect([counting.peak, counting.listeners]).toEqual([1, 0]);
  });
});

import { describe, expect, it } from 'vitest';
import type { CompensateContext, StepContext } from '../../src/saga/index.ts';
import { SagaCompensatedError, SagaRefusal, SagaStuckError, StepTimeoutError, saga } from '../../src/saga/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { countingSignal } from '../support/counting-signal.ts';
import { gate, outcomeOf } from '../support/gate.ts';
import { broken } from './kit.ts';

/** A trace of what was called. */
function tracer(): {
  readonly trace: string[];
  does: (name: string, run?: () => unknown) => { run: () => Promise<unknown>; compensate: () => void };
} {
  const trace: string[] = [];
  return {
    trace,
    does: (name, run = () => name) => ({
      run: async () => {
        trace.push(name);
        return run();
      },
      compensate: () => void trace.push(`undo ${name}`),
    }),
  };
}

function fail(error: unknown): () => never {
  return () => {
    throw error;
  };
}

describe('order and outcome', () => {
  it('runs steps in the order of the definition and undoes completed ones one by one in exact reverse order', async () => {
    const { trace, does } = tracer();
    const failure = new Error('no');
    const def = saga('order')
      .step('a', does('a'))
      .parallel('p', { x: does('x'), y: does('y') })
      .each('e', { items: () => [1, 2], key: (k) => `${k}`, ...does('e') })
      .child('c', saga('inner').step('z', does('z')), () => undefined)
      .step('last', does('last', fail(failure)));
    await expect(def.run()).rejects.toMatchObject({ code: 'ERR_SAGA_COMPENSATED', step: 'last', cause: failure });
    expect(trace).toEqual([
      'a',
      'x',
      'y',
      'e',
      'e',
      'z',
      'last',
      'undo z',
      'undo e',
      'undo e',
      'undo y',
      'undo x',
      'undo a',
    ]);
  });

  it('undoes the branches of a group at the same time where it is told to', async () => {
    const gates = [gate(), gate()];
    const trace: string[] = [];
    const branch = (k: number): { run: () => number; compensate: () => Promise<void> } => ({
      run: () => k,
      compensate: async () => {
        trace.push(`begin ${k}`);
        await gates[k]!.promise;
      },
    });
    const running = saga('order')
      .parallel('p', { a: branch(0), b: branch(1) }, { compensation: 'parallel' })
      .step('last', { run: fail(new Error('no')) })
      .run();
    expect((await outcomeOf(running)).state).toBe('pending');
    expect(trace).toEqual(['begin 0', 'begin 1']);
    for (const each of gates) each.open();
    await expect(running).rejects.toThrow(SagaCompensatedError);
  });

  it('keeps nothing of one run in the definition: runs of it know nothing of each other', async () => {
    const { trace, does } = tracer();
    const def = saga<boolean>('order')
      .step('a', does('a'))
      .step('b', {
        run: ({ input }) => {
          if (input) throw new Error('no');
        },
      });
    await def.run(false);
    await expect(def.run(true)).rejects.toThrow(SagaCompensatedError);
    await def.run(false);
    expect(trace).toEqual(['a', 'a', 'undo a', 'a']);
    expect(def.nodes.map(({ name }) => name)).toEqual(['a', 'b']);
    def.step('c', does('c'));
    expect(def.nodes.length).toBe(2);
  });

  it('answers the results of all steps under their names, and leaves out what was skipped', async () => {
    const def = saga<number>('order')
      .step('a', { run: ({ input }) => input + 1 })
      .when('big', ({ results }) => results.a > 10, { run: () => 'big' })
      .when('small', ({ results }) => results.a <= 10, { run: () => 'small' })
      .each('squares', { items: ({ input }) => [input, input + 1], key: String, run: ({ item }) => item ** 2 });
    expect(await def.run(2)).toEqual({ a: 3, small: 'small', squares: [4, 9] });
  });

  it('runs at most `concurrency` items of a fan-out at once', async () => {
    const gates = [gate(), gate(), gate()];
    let begun = 0;
    const def = saga('order').each('e', {
      items: () => [0, 1, 2],
      key: String,
      concurrency: 2,
      run: async ({ item }) => {
        begun++;
        await gates[item]!.promise;
      },
    });
    const running = def.run();
    await outcomeOf(running);
    expect(begun).toBe(2);
    gates[1]!.open();
    await outcomeOf(running);
    expect(begun).toBe(3);
    for (const each of gates) each.open();
    await running;
  });

  it('undoes what came before when a function of the definition throws or two items have one key', async () => {
    for (const key of [() => 'same', fail(new Error('no'))]) {
      const { trace, does } = tracer();
      const def = saga('order')
        .step('a', does('a'))
        .each('e', { items: () => [1, 2], key, run: () => 1 });
      await expect(def.run()).rejects.toMatchObject({ step: 'e' });
      expect(trace).toEqual(['a', 'undo a']);
    }
  });
});

describe('outcomes of steps', () => {
  it('does not undo a step that refused, and undoes one of unknown outcome without an output', async () => {
    const seen: unknown[] = [];
    for (const error of [
      new Error('no'),
      new SagaRefusal('no'),
      broken(),
      Object.assign(new Error(), { name: 'AbortError' }),
    ]) {
      const def = saga('order').step('a', {
        run: fail(error),
        compensate: ({ output, outcome, cause }: CompensateContext<void, object, unknown>) =>
          void seen.push([output, outcome, cause === error]),
      });
      await expect(def.run()).rejects.toMatchObject({ cause: error });
      seen.push('|');
    }
    expect(seen).toEqual(['|', '|', [undefined, 'unknown', true], '|', [undefined, 'unknown', true], '|']);
  });

  it.each([
    ['ECONNRESET', true],
    ['EPIPE', true],
    ['ETIMEDOUT', true],
    ['08006', true],
    ['57P01', true],
    ['23505', false],
    ['ECONNREFUSED', false],
    ['ENOTFOUND', false],
  ])('knows of an error %s, also as a cause, whether it leaves the outcome open: %s', async (code, isOpen) => {
    for (const error of [Object.assign(new Error('x'), { code }), new TypeError('fetch failed', { cause: { code } })]) {
      let undone = false;
      const def = saga('order').step('a', { run: fail(error), compensate: () => void (undone = true) });
      await expect(def.run()).rejects.toThrow(SagaCompensatedError);
      expect(undone).toBe(isOpen);
    }
  });

  it('keeps a step unknown after one ambiguous attempt, whatever later attempts say', async () => {
    const { trace, does } = tracer();
    const errors = [broken(), new SagaRefusal('no')];
    const def = saga('order').step('a', { ...does('a', () => fail(errors.shift())()), retry: { baseDelayMs: 0 } });
    await expect(def.run()).rejects.toMatchObject({ cause: { message: 'no' } });
    expect(trace).toEqual(['a', 'a', 'undo a']);
  });

  it('asks the step, then the saga, what is ambiguous', async () => {
    const undone: string[] = [];
    for (const [ofSaga, ofStep] of [
      [true, undefined],
      [true, false],
      [false, true],
    ] as const) {
      const def = saga('order', { isAmbiguous: () => ofSaga }).step('a', {
        run: fail(new Error('no')),
        compensate: () => void undone.push(`${ofSaga} ${ofStep}`),
        ...(ofStep === undefined ? {} : { isAmbiguous: () => ofStep }),
      });
      await expect(def.run()).rejects.toThrow(SagaCompensatedError);
    }
    expect(undone).toEqual(['true undefined', 'false true']);
  });
});

describe('time limits and aborts', () => {
  it('begins to undo only when every run has settled, and leaves behind what takes longer than `abandonMs`', async () => {
    const clock = createVirtualClock();
    const slow = gate();
    const trace: string[] = [];
    const def = saga('order').step('a', {
      run: ({ signal }: StepContext<void, object>) => {
        signal.addEventListener('abort', () => trace.push('aborted'));
        return slow.promise;
      },
      timeoutMs: 100,
      compensate: ({ outcome }) => void trace.push(`undo ${outcome}`),
    });
    const first = def.run(undefined, { clock });
    await clock.advance(100);
    expect(trace).toEqual(['aborted']);
    slow.open();
    expect(await outcomeOf(first)).toMatchObject({
      state: 'rejected',
      reason: { cause: expect.any(StepTimeoutError) },
    });
    expect(trace).toEqual(['aborted', 'undo unknown']);
    const never = saga('order').step('a', { run: () => new Promise(() => {}), timeoutMs: 100 });
    const second = never.run(undefined, { clock, abandonMs: 50 });
    await clock.advance(149);
    expect((await outcomeOf(second)).state).toBe('pending');
    await clock.advance(1);
    expect((await outcomeOf(second)).state).toBe('rejected');
    expect(clock.pendingTimers).toBe(0);
  });

  it('aborts the siblings of a branch that fails, and waits for them', async () => {
    const sibling = gate<string>();
    const trace: unknown[] = [];
    const failure = new Error('no');
    const running = saga('order')
      .parallel('p', {
        bad: { run: fail(failure) },
        good: {
          run: ({ signal }) => {
            signal.addEventListener('abort', () => trace.push(signal.reason));
            return sibling.promise;
          },
          compensate: ({ output }) => void trace.push(output),
        },
      })
      .run();
    expect((await outcomeOf(running)).state).toBe('pending');
    expect(trace).toEqual([failure]);
    sibling.open('late');
    await expect(running).rejects.toMatchObject({ step: 'p/bad', cause: failure });
    expect(trace).toEqual([failure, 'late']);
  });

  it('is undone when its signal aborts, with live signals for what undoes it, and leaves no listener', async () => {
    const counted = countingSignal();
    const trace: unknown[] = [];
    const def = saga('order')
      .step('a', { run: () => 'a', compensate: (c) => void trace.push(c.signal.aborted) })
      .step('b', {
        run: (c) => new Promise((_, reject) => c.signal.addEventListener('abort', () => reject(c.signal.reason))),
        compensate: ({ outcome }) => void trace.push(outcome),
      });
    const running = def.run(undefined, { signal: counted.signal });
    await outcomeOf(running);
    counted.abort('stop');
    await expect(running).rejects.toMatchObject({ code: 'ERR_SAGA_COMPENSATED', step: '', cause: 'stop' });
    expect(trace).toEqual(['unknown', false]);
    expect(counted.listeners).toBe(0);
    await expect(def.run(undefined, { signal: AbortSignal.abort('before') })).rejects.toBe('before');
    expect(trace.length).toBe(2);
  });

  it('waits for a sleep, which an abort ends', async () => {
    const clock = createVirtualClock();
    const controller = new AbortController();
    const def = saga('order')
      .sleep('s', 1000)
      .step('a', { run: () => 'a' });
    const slept = def.run(undefined, { clock });
    await clock.advance(999);
    expect((await outcomeOf(slept)).state).toBe('pending');
    await clock.advance(1);
    expect(await slept).toEqual({ a: 'a' });
    const aborted = def.run(undefined, { clock, signal: controller.signal });
    controller.abort('stop');
    await expect(aborted).rejects.toMatchObject({ cause: 'stop' });
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('pivot', () => {
  it('undoes nothing after the pivot, tries later steps without end, and no longer hears of an abort', async () => {
    const clock = createVirtualClock();
    const controller = new AbortController();
    const { trace, does } = tracer();
    let failures = 20;
    const def = saga('order')
      .step('a', does('a'))
      .step('pivot', { run: () => controller.abort(), kind: 'pivot' })
      .step('b', {
        run: () => {
          if (failures-- > 0) throw broken();
          return 'done';
        },
      });
    const running = def.run(undefined, { clock, signal: controller.signal, random: () => 0.5 });
    await clock.advance(20 * 30_000);
    expect(await running).toMatchObject({ b: 'done' });
    expect(trace).toEqual(['a']);
  });

  it('is stuck where a step after the pivot gives up', async () => {
    const { trace, does } = tracer();
    const failure = new SagaRefusal('no');
    const def = saga('order')
      .step('a', does('a'))
      .step('pivot', { run: () => 1, kind: 'pivot' });
    const running = def.step('b', { run: fail(failure) }).run();
    await expect(running).rejects.toMatchObject({ code: 'ERR_SAGA_STUCK', step: 'b', cause: failure });
    expect(trace).toEqual(['a']);
  });

  it('turns back when the pivot itself fails', async () => {
    const { trace, does } = tracer();
    const def = saga('order')
      .step('a', does('a'))
      .step('pivot', { run: fail(new Error('no')), kind: 'pivot' });
    await expect(def.run()).rejects.toThrow(SagaCompensatedError);
    expect(trace).toEqual(['a', 'undo a']);
  });
});

describe('attempts', () => {
  it('waits base x factor^n up to the cap between attempts, spread by chance', async () => {
    const clock = createVirtualClock();
    const at: number[] = [];
    const retry = { maxAttempts: 5, baseDelayMs: 10, factor: 3, maxDelayMs: 100 };
    const def = (jitter: 'none' | 'full'): Promise<unknown> =>
      saga('order')
        .step('a', {
          run: () => {
            at.push(clock.now());
            throw new Error('no');
          },
          retry: { ...retry, jitter },
        })
        .run(undefined, { clock, random: () => 0.5 })
        .catch((error: unknown) => error);
    const plain = def('none');
    await clock.advance(1000);
    await plain;
    expect(at.map((ms, k) => ms - (at[k - 1] ?? 0))).toEqual([0, 10, 30, 90, 100]);
    at.length = 0;
    const spread = def('full');
    await clock.advance(1000);
    await spread;
    expect(at.map((ms, k) => ms - (at[k - 1] ?? 1000))).toEqual([0, 5, 15, 45, 50]);
  });

  it('ends attempts at once for a refusal, for `retryable: false`, and where `retryIf` says so', async () => {
    for (const [error, retryIf] of [
      [new SagaRefusal('no'), undefined],
      [Object.assign(new Error('no'), { retryable: false }), undefined],
      [new Error('no'), () => false],
    ] as const) {
      let calls = 0;
      const run = (): never => {
        calls++;
        throw error;
      };
      const def = saga('order').step('a', { run, retry: retryIf ? { retryIf } : {} });
      await expect(def.run()).rejects.toMatchObject({ cause: error });
      expect(calls).toBe(1);
    }
  });

  it('tries compensations without end, from attempt 1, whatever the step used up', async () => {
    const clock = createVirtualClock();
    const attempts: number[] = [];
    let tries = 2;
    const def = saga('order')
      .step('a', {
        run: ({ attempt }) => {
          if (--tries > 0) throw new Error(`${attempt}`);
        },
        retry: { maxAttempts: 2 },
        compensate: ({ attempt }) => {
          attempts.push(attempt);
          if (attempt < 12) throw new Error('not yet');
        },
      })
      .step('b', { run: fail(new Error('no')) });
    const running = def.run(undefined, { clock });
    running.catch(() => undefined);
    await clock.advance(600_000);
    await expect(running).rejects.toThrow(SagaCompensatedError);
    expect(attempts).toEqual([...Array(12).keys()].map((k) => k + 1));
  });

  it('is stuck at a compensation that gives up, and the ones before wait, unless told to continue', async () => {
    for (const onExhausted of ['park', 'continue'] as const) {
      const { trace, does } = tracer();
      const failure = new Error('broken');
      const def = saga('order')
        .step('a', does('a'))
        .step('b', { run: () => 1, compensate: fail(failure), compensationRetry: { maxAttempts: 1 }, onExhausted })
        .step('c', { run: fail(new Error('no')) });
      await expect(def.run()).rejects.toMatchObject({ code: 'ERR_SAGA_STUCK', step: 'b', cause: failure });
      expect(trace).toEqual(onExhausted === 'park' ? ['a'] : ['a', 'undo a']);
    }
    expect(SagaStuckError.prototype.name).toBe('SagaStuckError');
  });

  it('limits compensations in time, too', async () => {
    const clock = createVirtualClock();
    const def = saga('order')
      .step('a', {
        run: () => 1,
        compensate: () => new Promise<void>(() => {}),
        compensationTimeoutMs: 10,
        compensationRetry: { maxAttempts: 1 },
      })
      .step('b', { run: fail(new Error('no')) });
    const running = def.run(undefined, { clock, abandonMs: 5 });
    running.catch(() => undefined);
    await clock.advance(15);
    await expect(running).rejects.toMatchObject({ code: 'ERR_SAGA_STUCK', cause: expect.any(StepTimeoutError) });
  });
});

describe('keys', () => {
  it('are the same for every attempt of a step and differ for every step, item, child and direction', async () => {
    const keys: string[] = [];
    const attemptKeys: string[] = [];
    const seen = (c: StepContext<unknown, unknown>): void => {
      keys.push(c.idempotencyKey);
      attemptKeys.push(c.attemptKey);
    };
    const step = {
      run: (c: StepContext<unknown, unknown>): void => {
        seen(c);
        if (c.attempt === 1) throw new Error('once');
      },
      retry: { baseDelayMs: 0 },
      compensate: (c: CompensateContext<unknown, unknown, unknown>): void => {
        expect(keys).toContain(c.runKey);
        seen(c);
      },
    };
    const def = saga('order')
      .step('a', step)
      .parallel('p', { a: step, b: step })
      .each('e', { items: () => ['a', 'b/a', 'b'], key: String, ...step })
      .child('c', saga('inner').step('a', step), () => undefined)
      .step('z', { run: fail(new Error('no')) });
    await expect(def.run(undefined, { id: 'x/y%' })).rejects.toThrow(SagaCompensatedError);
    const counts = new Map<string, number>();
    for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
    expect([...counts.values()].sort()).toEqual([...Array(7).fill(1), ...Array(7).fill(2)]);
    expect(new Set(attemptKeys).size).toBe(attemptKeys.length);
    // An id never runs into the path after it.
    expect(keys[0]).toBe('x%2Fy%25/a/run');
  });
});

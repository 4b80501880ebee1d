import { describe, expect, it } from 'vitest';
import type { CompensateContext, StepContext } from '../../src/saga/index.ts';
import { SagaCompensatedError, SagaRefusal, SagaStuckError, StepTimeoutError, saga } from '../../src/saga/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
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

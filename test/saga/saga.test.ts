import { describe, expect, it } from 'vitest';
import type { CompensateContext, StepContext } from '../../src/saga/index.ts';
import { SagaCompensatedError, SagaRefusal, StepTimeoutError, saga } from '../../src/saga/index.ts';
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
    expect(trace.join()).toBe('a,x,y,e,e,z,last,undo z,undo e,undo e,undo y,undo x,undo a');
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

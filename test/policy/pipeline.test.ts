import { describe, expect, it } from 'vitest';
import type { Policy } from '../../src/policy/index.ts';
import { createBulkhead, fallback, hedge, pipeline, retry, timeout } from '../../src/policy/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { outcomeOf } from '../support/gate.ts';
import { foreignPolicy, sleep } from './kit.ts';

/** A policy as a user writes one: nothing of the library's in it. */
function tracing(name: string, trace: string[]): Pick<Policy, 'run'> {
  return {
    async run(op, options) {
      trace.push(`${name} in`);
      try {
        return await op({ signal: options?.signal ?? new AbortController().signal, attempt: 1 });
      } finally {
        trace.push(`${name} out`);
      }
    },
  };
}

describe('pipeline', () => {
  it('a pipeline runs its policies outermost first, as a(b(c(op))) would', async () => {
    const trace: string[] = [];
    const policy = pipeline(tracing('a', trace), tracing('b', trace), tracing('c', trace));
    await policy.run(() => trace.push('op'));
    expect(trace).toEqual(['a in', 'b in', 'c in', 'op', 'c out', 'b out', 'a out']);
  });

  it('lets an outer fallback answer for the timeout of an inner one, and not the other way round', async () => {
    const clock = createVirtualClock();
    const slow = (): Promise<string> => sleep(clock, 50).then(() => 'late');
    const answer = fallback(() => sleep(clock, 20).then(() => 'instead'));
    const limit = timeout({ ms: 10, strategy: 'aggressive', clock });
    const right = pipeline(answer, limit).run(slow);
    const wrong = pipeline(limit, answer).run(slow);
    const wrongOutcome = expect(wrong).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    await clock.advance(100);
    expect(await right).toBe('instead');
    await wrongOutcome;
  });

  it('without policies only runs the operation', async () => {
    expect(await pipeline().run(({ attempt }) => attempt)).toBe(1);
    await expect(
      pipeline().run(() => {
        throw 'thrown';
      }),
    ).rejects.toBe('thrown');
  });

  it('takes pipelines as policies', async () => {
    const trace: string[] = [];
    const inner = pipeline(tracing('b', trace), pipeline(tracing('c', trace)));
    await pipeline(tracing('a', trace), inner, pipeline()).run(() => trace.push('op'));
    expect(trace).toEqual(['a in', 'b in', 'c in', 'op', 'c out', 'b out', 'a out']);
  });

  it('shares the state of a policy that stands in several pipelines', async () => {
    const clock = createVirtualClock();
    const slots = createBulkhead({ maxConcurrent: 1, clock });
    const first = pipeline(retry({ clock }), slots).run(() => sleep(clock, 10).then(() => 'first'));
    await expect(pipeline(slots, timeout({ ms: 5, clock })).run(() => 'second')).rejects.toMatchObject({
      code: 'ERR_BULKHEAD_REJECTED',
    });
    await clock.advance(10);
    expect(await first).toBe('first');
  });

  it('may hold one policy twice, each place with its own calls', async () => {
    const twice = retry({ maxAttempts: 2, backoff: () => 0 });
    const attempts: number[] = [];
    const failed = pipeline(twice, twice).run(({ attempt }) => {
      attempts.push(attempt);
      throw new Error('always');
    });
    await expect(failed).rejects.toThrow('always');
    expect(attempts).toEqual([1, 2, 1, 2]);
  });

  it('hands the attempt of the innermost retry or hedge to the operation', async () => {
    const clock = createVirtualClock();
    const seen: number[] = [];
    const policy = pipeline(hedge({ delayMs: 10, clock }), retry({ maxAttempts: 2, backoff: () => 1, clock }));
    const call = policy.run(async ({ attempt }) => {
      seen.push(attempt);
      await sleep(clock, 20);
      throw new Error('always');
    });
    const failed = expect(call).rejects.toThrow('always');
    await clock.advance(100);
    await failed;
    expect(seen).toEqual([1, 1, 2, 2]);
  });

  it('keeps the attempt of an outer retry through timeout, bulkhead, fallback and a foreign policy', async () => {
    const seen: number[] = [];
    const foreign: Pick<Policy, 'run'> = { run: (op) => Promise.resolve((op as () => never)()) };
    const policy = pipeline(
      retry({ maxAttempts: 3, backoff: () => 0 }),
      timeout({ ms: 1000, clock: createVirtualClock() }),
      createBulkhead({ maxConcurrent: 1 }),
      fallback(() => 'never asked', { when: () => false }),
      foreign,
    );
    const answer = await policy.run(({ attempt }) => {
      seen.push(attempt);
      if (attempt < 3) throw new Error('not yet');
      return 'third';
    });
    expect([answer, seen]).toEqual(['third', [1, 2, 3]]);
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a function', () => 'op'],
    ['an object without run', {}],
    ['an object whose run is no function', { run: 1 }],
  ])('refuses %s as a policy', (_, part) => {
    expect(() => pipeline(retry(), part as never)).toThrow(TypeError);
    expect(() => pipeline(part as never)).toThrow('policy must be a policy (an object with a run method), got ');
  });
});

describe('a foreign policy in a pipeline', () => {
  it('may run the operation several times, or not at all', async () => {
    const thrice: Pick<Policy, 'run'> = {
      async run(op, options) {
        const signal = options?.signal ?? new AbortController().signal;
        await op({ signal, attempt: 1 });
        await op({ signal, attempt: 2 });
        return op({ signal, attempt: 3 });
      },
    };
    const never = { run: (): Promise<never> => Promise.resolve('own answer') as Promise<never> };
    const attempts: number[] = [];
    await pipeline(retry(), thrice).run(({ attempt }) => attempts.push(attempt));
    expect(attempts).toEqual([1, 2, 3]);
    expect(await pipeline(never, retry()).run(() => attempts.push(0))).toBe('own answer');
    expect(attempts).toEqual([1, 2, 3]);
  });

  it('is a failure like any other when its run throws', async () => {
    const broken: Pick<Policy, 'run'> = {
      run() {
        throw 'broken';
      },
    };
    expect(
      await pipeline(
        fallback((error) => `caught ${String(error)}`),
        broken,
      ).run(() => 1),
    ).toBe('caught broken');
    await expect(pipeline(retry({ maxAttempts: 1 }), broken).run(() => 1)).rejects.toBe('broken');
  });

  it('hands its own signal on to the operation', async () => {
    const own = new AbortController();
    const foreign = foreignPolicy(async (op) => op({ signal: own.signal, attempt: 7 }));
    const seen = await pipeline(retry(), foreign).run(({ signal, attempt }) => ({ signal, attempt }));
    expect(seen).toEqual({ signal: own.signal, attempt: 7 });
    expect(seen.signal).toBe(own.signal);
  });

  it('gets the signal of the call, and its abort reaches the operation', async () => {
    const caller = new AbortController();
    const reason = new Error('enough');
    let inner: AbortSignal | undefined;
    const foreign: Pick<Policy, 'run'> = { run: (op, options) => pipeline().run(op, options) };
    const call = pipeline(foreign, timeout({ ms: 1000, clock: createVirtualClock() })).run(
      ({ signal }) => {
        inner = signal;
        return new Promise<never>((_, reject) => {
          signal.addEventListener('abort', () => reject(new Error('other')));
        });
      },
      { signal: caller.signal },
    );
    caller.abort(reason);
    expect(await outcomeOf(call)).toEqual({ state: 'rejected', reason });
    expect(inner?.reason).toBe(reason);
  });
});

import { describe, expect, it } from 'vitest';
import type { FallbackEvent } from '../../src/policy/index.ts';
import { fallback, pipeline, retry, timeout, TimeoutError } from '../../src/policy/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { outcomeOf } from '../support/gate.ts';
import { collectReports, sleep } from './kit.ts';

const failure = new Error('failure');
const failing = [
  (): never => {
    throw failure;
  },
  (): Promise<never> => Promise.reject(failure),
];

describe('handler', () => {
  it('answers in place of a failure, and is given it', async () => {
    for (const op of failing) {
      const given: unknown[] = [];
      const call = fallback((error) => {
        given.push(error);
        return 'instead';
      }).run(op);
      expect([await call, given]).toEqual(['instead', [failure]]);
    }
  });

  it('is not asked when the call succeeds', async () => {
    const policy = fallback(() => {
      throw 'asked';
    });
    expect(await policy.run(() => undefined)).toBeUndefined();
    expect(await policy.run(async () => 'value')).toBe('value');
  });

  it('may answer with a promise, a thenable or undefined', async () => {
    const thenable = { then: (resolve: (value: string) => void) => resolve('thenable') };
    expect(await fallback(async () => 'promise').run(failing[0]!)).toBe('promise');
    expect(await fallback(() => thenable as PromiseLike<string>).run(failing[1]!)).toBe('thenable');
    expect(await fallback(() => undefined).run(failing[0]!)).toBeUndefined();
  });

  it('that fails is the failure of the call', async () => {
    const own = new Error('own');
    await expect(fallback(() => Promise.reject(own)).run(failing[0]!)).rejects.toBe(own);
    const throwing = fallback(() => {
      throw own;
    });
    await expect(throwing.run(failing[1]!)).rejects.toBe(own);
  });

  it('gets the context of the call', async () => {
    const caller = new AbortController();
    const policy = pipeline(
      retry({ maxAttempts: 2, backoff: () => 0 }),
      fallback((_, { attempt, signal }) => {
        if (attempt === 1) throw failure;
        return [attempt, signal === caller.signal];
      }),
    );
    expect(await policy.run(failing[0]!, { signal: caller.signal })).toEqual([2, true]);
  });
});

describe('when', () => {
  it('says for which failures the handler answers', async () => {
    const asked: unknown[] = [];
    const policy = fallback(() => 'instead', { when: (error) => asked.push(error) > 0 && error === failure });
    expect(await policy.run(failing[0]!)).toBe('instead');
    await expect(policy.run(() => Promise.reject('other'))).rejects.toBe('other');
    expect(asked).toEqual([failure, 'other']);
  });

  it('that throws is reported, and the failure comes through', async () => {
    const reports = collectReports();
    const policy = fallback(() => 'instead', {
      when: () => {
        throw 'broken';
      },
    });
    await expect(policy.run(failing[1]!)).rejects.toBe(failure);
    expect(reports).toEqual(['broken']);
  });
});

describe('onEvent', () => {
  it('is told of each failure that the handler answers for, before it does', async () => {
    const trace: unknown[] = [];
    const onEvent = (event: FallbackEvent): void => void trace.push(event);
    const policy = fallback(() => trace.push('handler'), { onEvent, when: (error) => error === failure });
    await policy.run(failing[0]!);
    await policy.run(() => 1);
    await policy.runOutcome(() => Promise.reject('other'));
    expect(trace).toEqual([{ type: 'fallback', error: failure }, 'handler']);
  });

  it('that throws changes nothing', async () => {
    const reports = collectReports();
    const policy = fallback(() => 'instead', {
      onEvent: () => {
        throw 'broken';
      },
    });
    expect([await policy.run(failing[0]!), reports]).toEqual(['instead', ['broken']]);
  });
});

describe('abort', () => {
  it('a fallback is not asked after an abort', async () => {
    for (const strategy of ['cooperative', 'aggressive'] as const) {
      const clock = createVirtualClock();
      const caller = new AbortController();
      const asked: unknown[] = [];
      const policy = pipeline(
        fallback((error) => asked.push(error), { when: (error) => asked.push(error) > 0 }),
        timeout({ ms: 100, strategy, clock }),
      );
      const call = policy.run(() => sleep(clock, 50).then(() => Promise.reject(failure)), { signal: caller.signal });
      void call.catch(() => {});
      caller.abort('enough');
      await clock.advance(50);
      expect(await outcomeOf(call)).toEqual({ state: 'rejected', reason: 'enough' });
      await expect(policy.run(failing[0]!, { signal: caller.signal })).rejects.toBe('enough');
      expect(asked).toEqual([]);
    }
  });

  it('by the listener of the event keeps the handler from being asked', async () => {
    const caller = new AbortController();
    const asked: unknown[] = [];
    const policy = fallback((error) => asked.push(error), { onEvent: () => caller.abort('from the event') });
    await expect(policy.run(failing[0]!, { signal: caller.signal })).rejects.toBe('from the event');
    expect(asked).toEqual([]);
  });

  it('while the handler runs rejects with the reason when it has ended', async () => {
    const clock = createVirtualClock();
    const caller = new AbortController();
    const call = fallback(() => sleep(clock, 50).then(() => 'instead')).run(failing[0]!, { signal: caller.signal });
    caller.abort('enough');
    expect((await outcomeOf(call)).state).toBe('pending');
    const failed = expect(call).rejects.toBe('enough');
    await clock.advance(50);
    await failed;
  });

  it('by a timeout outside keeps an inner fallback from being asked', async () => {
    const clock = createVirtualClock();
    const asked: unknown[] = [];
    const policy = pipeline(
      timeout({ ms: 10, clock }),
      fallback((error) => asked.push(error)),
    );
    const failed = expect(
      policy.run(() => sleep(clock, 50).then(() => Promise.reject(failure))),
    ).rejects.toBeInstanceOf(TimeoutError);
    await clock.advance(50);
    await failed;
    expect(asked).toEqual([]);
  });

  it('by a timeout inside is a failure like any other', async () => {
    const clock = createVirtualClock();
    const policy = pipeline(
      fallback((error) => error),
      timeout({ ms: 10, strategy: 'aggressive', clock }),
    );
    const call = policy.run(() => sleep(clock, 50));
    await clock.advance(10);
    expect(await call).toBeInstanceOf(TimeoutError);
  });
});

import { describe, expect, it } from 'vitest';
import type { HedgeEvent, HedgeOptions, RetryBudget } from '../../src/policy/index.ts';
import { createRetryBudget, hedge } from '../../src/policy/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { isHoldfastError } from '../../src/index.ts';
import { outcomeOf } from '../support/gate.ts';
import { collectReports, sleep } from './kit.ts';

/** What attempt n does: answers or fails after its time. */
type Plan = readonly { readonly ms: number; readonly error?: unknown }[];

interface Rehearsal {
  readonly clock: VirtualClock;
  readonly startsMs: readonly number[];
  readonly signals: readonly AbortSignal[];
  readonly events: readonly HedgeEvent[];
  readonly call: Promise<unknown>;
}

function rehearse(options: Omit<HedgeOptions, 'clock' | 'onEvent'>, plan: Plan, signal?: AbortSignal): Rehearsal {
  const clock = createVirtualClock();
  const startsMs: number[] = [];
  const signals: AbortSignal[] = [];
  const events: HedgeEvent[] = [];
  const policy = hedge({ ...options, clock, onEvent: (event) => events.push(event) });
  const call = policy.run(
    async (ctx) => {
      const { ms, error } = plan[ctx.attempt - 1] ?? { ms: Infinity };
      startsMs.push(clock.now());
      signals.push(ctx.signal);
      await sleep(clock, ms);
      if (error !== undefined) throw error;
      return `answer ${ctx.attempt}`;
    },
    { signal },
  );
  void call.catch(() => {});
  return { clock, startsMs, signals, events, call };
}

describe('hedges', () => {
  it('start one per delay beside the attempts that run', async () => {
    const { clock, startsMs, events, call } = rehearse({ delayMs: 10, maxHedges: 3 }, [
      { ms: 45 },
      { ms: 100 },
      { ms: 100 },
      { ms: 100 },
    ]);
    await clock.advance(200);
    expect(await call).toBe('answer 1');
    expect(startsMs).toEqual([0, 10, 20, 30]);
    expect(events).toEqual([2, 3, 4].map((attempt) => ({ type: 'hedge', attempt })));
    expect(clock.pendingTimers).toBe(0);
  });

  it('do not start before their delay, nor after an answer', async () => {
    const early = rehearse({ delayMs: 10 }, [{ ms: 9.5 }]);
    await early.clock.advance(9.5);
    expect(await early.call).toBe('answer 1');
    expect([early.startsMs, early.events, early.clock.pendingTimers]).toEqual([[0], [], 0]);
  });

  it('are one by default', async () => {
    const { clock, startsMs } = rehearse({ delayMs: 10 }, []);
    await clock.advance(100);
    expect([startsMs, clock.pendingTimers]).toEqual([[0, 10], 2]);
  });

  it('wait as the function says, which is given the number of the hedge', async () => {
    const asked: number[] = [];
    const delayMs = (n: number): number => asked.push(n) && n * 10;
    const { clock, startsMs } = rehearse({ delayMs, maxHedges: 3 }, []);
    await clock.advance(500);
    expect([startsMs, asked]).toEqual([
      [0, 10, 30, 60],
      [1, 2, 3],
    ]);
  });

  it('start at once, yet after the attempt before, when the delay is 0 or less', async () => {
    for (const delayMs of [0, () => -5]) {
      const { clock, startsMs } = rehearse({ delayMs, maxHedges: 2 }, []);
      expect(startsMs).toEqual([0]);
      await clock.advance(0);
      expect(startsMs).toEqual([0, 0, 0]);
    }
  });

  it('do not start when the delay is Infinity or no number', async () => {
    for (const delayMs of [Infinity, () => Infinity, () => Number.NaN]) {
      const { clock, startsMs, call } = rehearse({ delayMs }, [{ ms: 1000 }]);
      expect(clock.pendingTimers).toBe(1);
      await clock.advance(1000);
      expect([await call, startsMs]).toEqual(['answer 1', [0]]);
    }
  });

  it('start at once when an attempt has failed, and the delay starts afresh', async () => {
    const { clock, startsMs, call } = rehearse({ delayMs: 10, maxHedges: 3 }, [
      { ms: 3, error: 'a' },
      { ms: 4, error: 'b' },
      { ms: 100 },
      { ms: 2 },
    ]);
    await clock.advance(50);
    expect(await call).toBe('answer 4');
    expect(startsMs).toEqual([0, 3, 7, 17]);
    expect(clock.pendingTimers).toBe(1);
  });

  it('take a sync answer and a sync failure', async () => {
    const attempts: number[] = [];
    const policy = hedge({ delayMs: 10, maxHedges: 1000, clock: createVirtualClock() });
    const call = policy.run(({ attempt }) => {
      attempts.push(attempt);
      if (attempt < 1001) throw attempt;
      return 'last';
    });
    expect(await call).toBe('last');
    expect(attempts).toHaveLength(1001);
  });
});

describe('the first success', () => {
  it('the first success wins and the signals of the losers abort', async () => {
    const { clock, signals, call } = rehearse({ delayMs: 10, maxHedges: 2 }, [{ ms: 100 }, { ms: 20 }, { ms: 100 }]);
    await clock.advance(30);
    expect(await call).toBe('answer 2');
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false, true]);
    const [first, , third] = signals;
    expect(isHoldfastError(first?.reason, 'ERR_HEDGE_SUPERSEDED')).toBe(true);
    expect([first?.reason.name, first?.reason.message]).toEqual([
      'HoldfastError',
      'another attempt of the call has ended it',
    ]);
    expect(third?.reason).toBe(first?.reason);
  });

  it('wins over a failure before it', async () => {
    const { clock, call } = rehearse({ delayMs: 10 }, [{ ms: 15, error: 'first' }, { ms: 20 }]);
    await clock.advance(15);
    expect((await outcomeOf(call)).state).toBe('pending');
    await clock.advance(15);
    expect(await call).toBe('answer 2');
  });

  it('is not changed by what the losers do later', async () => {
    const rejected = rehearse({ delayMs: 10 }, [{ ms: 50, error: 'late' }, { ms: 5 }]);
    const answered = rehearse({ delayMs: 10 }, [{ ms: 50 }, { ms: 5 }]);
    for (const { clock, call, startsMs } of [rejected, answered]) {
      await clock.advance(100);
      expect([await call, startsMs.length, clock.pendingTimers]).toEqual(['answer 2', 2, 0]);
    }
  });
});

describe('failures', () => {
  it('of all attempts reject the call with the last one', async () => {
    const { clock, call, startsMs } = rehearse({ delayMs: 10, maxHedges: 2 }, [
      { ms: 50, error: 'a' },
      { ms: 5, error: 'b' },
      { ms: 5, error: 'c' },
    ]);
    await clock.advance(49);
    expect([(await outcomeOf(call)).state, startsMs]).toEqual(['pending', [0, 10, 15]]);
    await clock.advance(1);
    expect(await outcomeOf(call)).toEqual({ state: 'rejected', reason: 'a' });
    expect(clock.pendingTimers).toBe(0);
  });

  it('a fatal error ends a hedged call at once', async () => {
    const isFatal = (error: unknown): boolean => error === 'fatal';
    const { clock, call, signals } = rehearse({ delayMs: 10, maxHedges: 3, isFatal }, [
      { ms: 100 },
      { ms: 5, error: 'fatal' },
    ]);
    await clock.advance(15);
    expect(await outcomeOf(call)).toEqual({ state: 'rejected', reason: 'fatal' });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    expect(clock.pendingTimers).toBe(1);
  });

  it('are not fatal when isFatal throws, which is reported', async () => {
    const reports = collectReports();
    const isFatal = (): never => {
      throw 'broken';
    };
    const { clock, call } = rehearse({ delayMs: 10, isFatal }, [{ ms: 5, error: 'a' }, { ms: 5 }]);
    await clock.advance(10);
    expect([await call, reports]).toEqual(['answer 2', ['broken']]);
  });
});

describe('callbacks that throw', () => {
  it('start no hedge when delayMs throws', async () => {
    const reports = collectReports();
    const delayMs = (): never => {
      throw 'no delay';
    };
    const { clock, call, startsMs } = rehearse({ delayMs }, [{ ms: 500 }]);
    await clock.advance(500);
    expect([await call, startsMs, reports]).toEqual(['answer 1', [0], ['no delay']]);
  });

  it('start the hedge all the same when onEvent throws', async () => {
    const reports = collectReports();
    const clock = createVirtualClock();
    const policy = hedge({
      delayMs: 10,
      clock,
      onEvent: ({ type }) => {
        throw type;
      },
    });
    const call = policy.run<unknown>(({ attempt }) => (attempt === 1 ? sleep(clock, 100) : 'hedge'));
    await clock.advance(10);
    expect([await call, reports]).toEqual(['hedge', ['hedge']]);
  });
});

describe('a budget in hedge', () => {
  it('an empty budget stops new hedges and leaves the running ones alone', async () => {
    const budget = createRetryBudget({ ratio: 0, minRetriesPerSecond: 0.1, clock: createVirtualClock() });
    const { clock, call, startsMs, signals, events } = rehearse({ delayMs: 10, maxHedges: 5, budget }, [
      { ms: 50, error: 'a' },
      { ms: 80 },
    ]);
    await clock.advance(60);
    expect([startsMs, events.length]).toEqual([[0, 10], 1]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
    await clock.advance(30);
    expect(await call).toBe('answer 2');
  });

  it('lets the real error through when it is empty and nothing runs', async () => {
    const budget = createRetryBudget({ ratio: 0, minRetriesPerSecond: 0, clock: createVirtualClock() });
    const { clock, call } = rehearse({ delayMs: 10, budget }, [{ ms: 5, error: 'real' }]);
    await clock.advance(5);
    expect(await outcomeOf(call)).toEqual({ state: 'rejected', reason: 'real' });
  });

  it('is told of the call once and of every result, and is asked once for each hedge', async () => {
    const told: string[] = [];
    const budget: RetryBudget = {
      deposit: () => void told.push('deposit'),
      record: (ok) => void told.push(`record ${ok}`),
      tryWithdraw: () => told.push('withdraw') > 0,
      balance: 1,
    };
    const { clock, call } = rehearse({ delayMs: 10, maxHedges: 2, budget }, [
      { ms: 5, error: 'a' },
      { ms: 50 },
      { ms: 5 },
    ]);
    await clock.advance(20);
    await call;
    expect(told).toEqual(['deposit', 'record false', 'withdraw', 'withdraw', 'record true']);
  });
});

describe('abort', () => {
  it('rejects at once and aborts every attempt with the reason', async () => {
    const caller = new AbortController();
    const { clock, call, signals, startsMs } = rehearse({ delayMs: 10, maxHedges: 3 }, [], caller.signal);
    await clock.advance(15);
    const reason = new Error('enough');
    caller.abort(reason);
    expect(await outcomeOf(call)).toEqual({ state: 'rejected', reason });
    expect(signals.map((signal) => signal.reason)).toEqual([reason, reason]);
    await clock.advance(100);
    expect(startsMs).toHaveLength(2);
  });

  it('by the listener of the hedge event starts no hedge', async () => {
    const clock = createVirtualClock();
    const caller = new AbortController();
    let calls = 0;
    const policy = hedge({ delayMs: 10, clock, onEvent: () => caller.abort('from the event') });
    const call = policy.run(() => ++calls && new Promise(() => {}), { signal: caller.signal });
    const failed = expect(call).rejects.toBe('from the event');
    await clock.advance(10);
    await failed;
    expect([calls, clock.pendingTimers]).toEqual([1, 0]);
  });
});

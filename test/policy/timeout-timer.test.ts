import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/index.ts';
import type { TimeoutEvent } from '../../src/policy/index.ts';
import { timeout } from '../../src/policy/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { outcomeOf } from '../support/gate.ts';
import { sleep } from './kit.ts';

describe('the timer', () => {
  it('all calls of one timeout share one timer', async () => {
    const clock = createVirtualClock();
    const policy = timeout({ ms: 100, strategy: 'aggressive', clock });
    const calls = Array.from({ length: 50 }, () => policy.runOutcome(() => new Promise(() => {})));
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(60);
    calls.push(...Array.from({ length: 50 }, () => policy.runOutcome(() => new Promise(() => {}))));
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(40);
    expect([clock.pendingTimers, clock.nextTimerMs]).toEqual([1, 60]);
    await clock.advance(60);
    expect(clock.pendingTimers).toBe(0);
    expect((await Promise.all(calls)).filter(({ ok }) => ok)).toEqual([]);
  });

  it('is not restarted by calls that come and go, and goes by itself when none is left', async () => {
    const clock = createVirtualClock();
    let started = 0;
    const counting: Clock = { ...bound(clock), setTimeout: (fn, ms) => ++started && clock.setTimeout(fn, ms) };
    const policy = timeout({ ms: 100, clock: counting });
    for (let call = 0; call < 90; call++) {
      await policy.run(() => call);
      clock.stall(1);
    }
    expect([started, clock.pendingTimers, clock.nextTimerMs]).toEqual([1, 1, 10]);
    await clock.advance(10);
    expect([started, clock.pendingTimers]).toEqual([1, 0]);
  });

  it('is set anew for a call that is left when it fires for one that has ended', async () => {
    const clock = createVirtualClock();
    const policy = timeout({ ms: 100, strategy: 'aggressive', clock });
    const first = policy.run(() => sleep(clock, 10));
    await clock.advance(60);
    await first;
    const second = policy.run(() => new Promise(() => {}));
    await clock.advance(99.5);
    expect([(await outcomeOf(second)).state, clock.pendingTimers]).toEqual(['pending', 1]);
    await clock.advance(0.5);
    expect((await outcomeOf(second)).state).toBe('rejected');
  });

  it('keeps its calls straight when the oldest, the newest and one between them end', async () => {
    const clock = createVirtualClock();
    const policy = timeout({ ms: 100, strategy: 'aggressive', clock });
    for (const ending of [[0], [4], [2], [0, 1], [3, 4], [4, 3], [1, 3], [0, 4], [0, 1, 2, 3, 4], [4, 2, 0]]) {
      const ends: (() => void)[] = [];
      const start = (): Promise<{ ok: boolean }> =>
        policy.runOutcome(() => new Promise<void>((resolve) => ends.push(resolve)));
      const calls: Promise<{ ok: boolean }>[] = [];
      for (let call = 0; call < 5; call++) {
        calls.push(start());
        await clock.advance(1);
      }
      for (const call of ending) {
        ends[call]?.();
        await clock.advance(1);
      }
      await clock.advance(200);
      const survivors = (await Promise.all(calls)).flatMap(({ ok }, call) => (ok ? [call] : []));
      expect([survivors, clock.pendingTimers]).toEqual([[...ending].sort(), 0]);
    }
  });

  it('serves calls that are started while others time out', async () => {
    const clock = createVirtualClock();
    const atMs: number[] = [];
    let left = 3;
    const policy = timeout({
      ms: 10,
      strategy: 'aggressive',
      clock,
      onEvent: () => {
        atMs.push(clock.now());
        if (left-- > 0) again();
      },
    });
    const again = (): void => void policy.runOutcome(() => new Promise(() => {}));
    again();
    again();
    await clock.advance(100);
    expect([atMs, clock.pendingTimers]).toEqual([[10, 10, 20, 20, 30], 0]);
  });
});

function bound(clock: Clock): Clock {
  return {
    now: () => clock.now(),
    epochMs: () => clock.epochMs(),
    setTimeout: (fn, ms) => clock.setTimeout(fn, ms),
    clearTimeout: (handle) => clock.clearTimeout(handle),
  };
}

describe('a late timer', () => {
  /** A call with a limit of 100 ms on a loop that was blocked until `lateMs` after it. */
  async function blocked(
    lateMs: number,
    lagGrace: boolean | undefined,
    answersAfterMs: number,
  ): Promise<readonly [boolean, number, number]> {
    const clock = createVirtualClock();
    const events: TimeoutEvent[] = [];
    const policy = timeout({
      ms: 100,
      strategy: 'aggressive',
      clock,
      onEvent: (event) => events.push(event),
      ...(lagGrace === undefined ? {} : { lagGrace }),
    });
    const call = policy.runOutcome(() => sleep(clock, 100 + answersAfterMs));
    clock.stall(100 + lateMs);
    await clock.advance(0);
    const { ok } = await call;
    return [ok, events.length, clock.now()];
  }

  it('of over 50 ms gives the loop one turn to read what has arrived', async () => {
    expect(await blocked(50.5, undefined, 20)).toEqual([true, 0, 150.5]);
    expect(await blocked(300, true, 20)).toEqual([true, 0, 400]);
  });

  it('of 50 ms or less says that the answer is slow', async () => {
    expect(await blocked(50, undefined, 20)).toEqual([false, 1, 150]);
    expect(await blocked(0, undefined, 20)).toEqual([false, 1, 100]);
  });

  it('gives no turn without lagGrace', async () => {
    expect(await blocked(300, false, 20)).toEqual([false, 1, 400]);
  });

  it('gives one turn and no more', async () => {
    expect(await blocked(300, true, 5000)).toEqual([false, 1, 400]);
  });

  it('gives a turn again the next time, after one that nobody needed', async () => {
    const clock = createVirtualClock();
    const policy = timeout({ ms: 100, strategy: 'aggressive', clock });
    for (let round = 0; round < 3; round++) {
      const answered = policy.runOutcome(() => sleep(clock, 110));
      clock.stall(200);
      await clock.advance(0);
      expect(await answered).toMatchObject({ ok: true });
      const slow = policy.runOutcome(() => new Promise(() => {}));
      clock.stall(200);
      await clock.advance(0);
      expect(await slow).toMatchObject({ ok: false });
      expect(clock.pendingTimers).toBe(0);
    }
  });
});

describe('a clock that misleads', () => {
  it('a clock that stands still or is set back keeps no call waiting for ever', async () => {
    for (const reading of [() => 0, (ms: number) => (ms < 50 ? ms : ms - 3_600_000)]) {
      const timers = createVirtualClock();
      const clock: Clock = { ...bound(timers), now: () => reading(timers.now()) };
      const policy = timeout({ ms: 100, strategy: 'aggressive', clock });
      const endsMs: number[] = [];
      const start = (): void => {
        void policy.runOutcome(() => new Promise(() => {})).then(() => endsMs.push(timers.now()));
      };
      start();
      start();
      await timers.advance(30);
      start();
      await timers.advance(40);
      start();
      await timers.advance(400);
      expect(endsMs).toHaveLength(4);
      // Nobody can say when the later ones were due; they are not early, and a limit late at most.
      for (const [at, startMs] of [0, 0, 30, 70].entries()) {
        expect(endsMs[at]).toBeGreaterThanOrEqual(startMs + 100);
        expect(endsMs[at]).toBeLessThanOrEqual(startMs + 200);
      }
      expect(endsMs[0]).toBe(100);
      expect(timers.pendingTimers).toBe(0);
    }
  });

  it('does not cut calls short that come after the timer of a coarse clock was set anew', async () => {
    const timers = createVirtualClock();
    // A reading of whole tenths of a second, as some browsers give.
    const clock: Clock = { ...bound(timers), now: () => Math.floor(timers.now() / 100) * 100 };
    const policy = timeout({ ms: 250, strategy: 'aggressive', clock });
    const durationsMs: number[] = [];
    for (let call = 0; call < 40; call++) {
      const startMs = timers.now();
      void policy.runOutcome(() => new Promise(() => {})).then(() => durationsMs.push(timers.now() - startMs));
      await timers.advance(17);
    }
    await timers.advance(2000);
    expect(durationsMs).toHaveLength(40);
    expect(Math.min(...durationsMs)).toBeGreaterThanOrEqual(250 - 100);
    expect(Math.max(...durationsMs)).toBeLessThanOrEqual(250 + 250);
  });
});

import { describe, expect, it } from 'vitest';
import { createVirtualClock } from '../../src/testing/index.ts';
import { badNumbers } from '../support/arbitraries.ts';

const EPOCH_2026 = Date.UTC(2026, 0, 1);

describe('createVirtualClock', () => {
  it('starts at 0 and at the first moment of 2026, or where it is told', () => {
    const [standard, told] = [createVirtualClock(), createVirtualClock({ nowMs: -5.5, epochMs: 7 })];
    expect([standard.now(), standard.epochMs()]).toEqual([0, EPOCH_2026]);
    expect([told.now(), told.epochMs()]).toEqual([-5.5, 7]);
    expect([standard.pendingTimers, standard.nextTimerMs]).toEqual([0, undefined]);
  });

  it.each(badNumbers({ min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }))(
    'refuses a reading that is no finite number: %s',
    (_, bad) => {
      const value = bad as number;
      expect(() => createVirtualClock({ nowMs: value })).toThrow('nowMs must be a number of at least');
      expect(() => createVirtualClock({ epochMs: value })).toThrow('epochMs must be a number of at least');
      const clock = createVirtualClock();
      expect(() => clock.setNow(value)).toThrow('ms must be a number of at least -9007199254740991');
      expect(() => clock.setEpoch(value)).toThrow('ms must be a number of at least -9007199254740991');
      expect([clock.now(), clock.epochMs()]).toEqual([0, EPOCH_2026]);
    },
  );

  it.each(badNumbers({ min: 0, max: Number.MAX_SAFE_INTEGER }))(
    'refuses to move back, or by what is no number: %s',
    async (_, bad) => {
      const clock = createVirtualClock();
      await expect(clock.advance(bad as number)).rejects.toThrow('ms must be a number of at least 0, got ');
      expect(() => clock.stall(bad as number)).toThrow('ms must be a number of at least 0, got ');
      expect([clock.now(), clock.epochMs()]).toEqual([0, EPOCH_2026]);
    },
  );
});

describe('advance', () => {
  it('stands still until it is told to move, and then moves both readings by exactly that much', async () => {
    const clock = createVirtualClock({ nowMs: 10, epochMs: 1000 });
    await Promise.resolve();
    expect(clock.now()).toBe(10);
    await clock.advance(0);
    expect([clock.now(), clock.epochMs()]).toEqual([10, 1000]);
    await clock.advance(2.5);
    expect([clock.now(), clock.epochMs()]).toEqual([12.5, 1002.5]);
  });

  it('fires each timer once, at its own time, in order of time and then of setting', async () => {
    const clock = createVirtualClock({ nowMs: 100, epochMs: 0 });
    const log: string[] = [];
    for (const [name, ms] of Object.entries({ a: 30, b: 10, c: 20, d: 10, e: 0, f: 30, g: 10 })) {
      clock.setTimeout(() => log.push(`${name} ${clock.now()} ${clock.epochMs()}`), ms);
    }
    await clock.advance(30);
    const wanted = ['e 100 0', 'b 110 10', 'd 110 10', 'g 110 10', 'c 120 20', 'a 130 30', 'f 130 30'];
    expect(log).toEqual(wanted);
    await clock.advance(100);
    expect(log).toEqual(wanted);
  });

  it('fires a timer that is due at its end, and none a moment later', async () => {
    const clock = createVirtualClock();
    let fired = 0;
    clock.setTimeout(() => fired++, 10);
    clock.setTimeout(() => fired++, 10.001);
    await clock.advance(9.999);
    expect(fired).toBe(0);
    await clock.advance(0.001);
    expect([fired, clock.now()]).toEqual([1, 10]);
    await clock.advance(1);
    expect([fired, clock.now()]).toEqual([2, 11]);
  });

  it('also fires timers that are set while it moves', async () => {
    const clock = createVirtualClock();
    const times: number[] = [];
    const tick = (): void => {
      times.push(clock.now());
      clock.setTimeout(tick, 10);
    };
    clock.setTimeout(tick, 10);
    await clock.advance(35);
    expect([times, clock.now(), clock.nextTimerMs]).toEqual([[10, 20, 30], 35, 5]);
  });

  it('lets promise callbacks run before, between and after timers', async () => {
    const clock = createVirtualClock();
    const log: string[] = [];
    void Promise.resolve().then(() => clock.setTimeout(() => log.push(`from a promise ${clock.now()}`), 5));
    clock.setTimeout(() => {
      log.push('first');
      void (async () => {
        for (let k = 0; k < 10; k++) await undefined;
        log.push(`after the first ${clock.now()}`);
        clock.setTimeout(() => log.push(`from the first ${clock.now()}`), 2);
      })();
    }, 10);
    clock.setTimeout(() => void Promise.resolve().then(() => log.push('after the last')), 15);
    await clock.advance(15);
    expect(log).toEqual(['from a promise 5', 'first', 'after the first 10', 'from the first 12', 'after the last']);
  });

  it('rejects after 200 000 timers at one time, which would go on for ever', async () => {
    const clock = createVirtualClock({ nowMs: undefined, epochMs: undefined });
    let fired = 0;
    const again = (): void => {
      fired++;
      clock.setTimeout(again, 0);
    };
    clock.setTimeout(again, 5);
    await expect(clock.advance(10)).rejects.toThrow(
      'timers at one time must be a number of at least 1 and at most 200000',
    );
    expect([fired, clock.now(), clock.pendingTimers]).toEqual([200_000, 5, 1]);
  });

  it('rejects with what a timer throws and goes on from there', async () => {
    const clock = createVirtualClock();
    const error = new Error('from a timer');
    let fired = 0;
    clock.setTimeout(() => {
      throw error;
    }, 10);
    clock.setTimeout(() => fired++, 20);
    await expect(clock.advance(30)).rejects.toBe(error);
    expect([clock.now(), clock.pendingTimers]).toEqual([10, 1]);
    await clock.advance(10);
    expect(fired).toBe(1);
  });
});

describe('setTimeout', () => {
  it.each([0, -1, -Infinity, NaN, undefined])('takes a delay of %s as none', async (ms) => {
    const clock = createVirtualClock({ nowMs: 5 });
    let fired = 0;
    clock.setTimeout(() => fired++, ms as number);
    expect([fired, clock.nextTimerMs]).toEqual([0, 0]);
    await clock.advance(0);
    expect([fired, clock.now()]).toEqual([1, 5]);
  });

  it('keeps delays beyond the longest of a runtime, and never fires after Infinity', async () => {
    const clock = createVirtualClock();
    const fired: string[] = [];
    const endless = clock.setTimeout(() => fired.push('endless'), Infinity);
    clock.setTimeout(() => fired.push('long'), 2 ** 40);
    expect([clock.pendingTimers, clock.nextTimerMs]).toEqual([2, 2 ** 40]);
    await clock.advance(2 ** 40 - 1);
    expect(fired).toEqual([]);
    await clock.advance(2 ** 41);
    expect([fired, clock.pendingTimers, clock.nextTimerMs]).toEqual([['long'], 1, Infinity]);
    clock.clearTimeout(endless);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('clearTimeout', () => {
  it('takes back the timer it is given, and no other', async () => {
    const clock = createVirtualClock();
    const fired: number[] = [];
    const handles = [5, 5, 5, 1, 9].map((ms, k) => clock.setTimeout(() => fired.push(k), ms));
    for (const k of [1, 3]) clock.clearTimeout(handles[k]);
    expect([clock.pendingTimers, clock.nextTimerMs]).toEqual([3, 5]);
    await clock.advance(10);
    expect(fired).toEqual([0, 2, 4]);
  });

  it('works from inside another timer, on one that is due at the same time', async () => {
    const clock = createVirtualClock();
    let fired = 0;
    clock.setTimeout(() => clock.clearTimeout(second), 10);
    const second = clock.setTimeout(() => fired++, 10);
    await clock.advance(10);
    expect([fired, clock.pendingTimers]).toEqual([0, 0]);
  });

  it('takes nothing, a foreign handle and one that has fired or was cleared as no error', async () => {
    const clock = createVirtualClock();
    const fired = clock.setTimeout(() => {}, 1);
    await clock.advance(1);
    const cleared = clock.setTimeout(() => {}, 1);
    clock.clearTimeout(cleared);
    clock.setTimeout(() => {}, 1);
    for (const handle of [undefined, null, 0, 7, {}, fired, cleared]) clock.clearTimeout(handle);
    expect(clock.pendingTimers).toBe(1);
  });
});

describe('stall', () => {
  it('moves both readings on and fires nothing, and the next advance fires what is late', async () => {
    const clock = createVirtualClock({ nowMs: 0, epochMs: 100 });
    const times: number[] = [];
    for (const ms of [30, 10, 60]) clock.setTimeout(() => times.push(ms, clock.now()), ms);
    clock.stall(50);
    await Promise.resolve();
    expect([times, clock.now(), clock.epochMs(), clock.pendingTimers]).toEqual([[], 50, 150, 3]);
    expect(clock.nextTimerMs).toBe(0);
    await clock.advance(5);
    expect([times, clock.now(), clock.epochMs(), clock.nextTimerMs]).toEqual([[10, 50, 30, 50], 55, 155, 5]);
  });

  it('inside a timer makes the others of the same advance late', async () => {
    const clock = createVirtualClock();
    const times: number[] = [];
    clock.setTimeout(() => clock.stall(100), 10);
    clock.setTimeout(() => times.push(clock.now()), 20);
    await clock.advance(30);
    expect([times, clock.now()]).toEqual([[110], 110]);
  });
});

describe('setNow', () => {
  it('sets the monotonic reading either way, fires nothing and leaves the epoch', async () => {
    const clock = createVirtualClock({ nowMs: 1000, epochMs: 5 });
    let fired = 0;
    clock.setTimeout(() => fired++, 10);
    clock.setNow(400);
    expect([clock.now(), clock.epochMs(), clock.nextTimerMs]).toEqual([400, 5, 610]);
    await clock.advance(10);
    expect([fired, clock.now(), clock.epochMs()]).toEqual([0, 410, 15]);
    clock.setNow(2000);
    expect([fired, clock.nextTimerMs]).toEqual([0, 0]);
    await clock.advance(0);
    expect([fired, clock.now()]).toEqual([1, 2000]);
  });
});

describe('setEpoch', () => {
  it('sets Unix time either way and leaves the monotonic reading and the timers', async () => {
    const clock = createVirtualClock();
    clock.setTimeout(() => {}, 10);
    clock.setEpoch(-50);
    expect([clock.now(), clock.epochMs(), clock.nextTimerMs]).toEqual([0, -50, 10]);
    await clock.advance(3);
    expect([clock.now(), clock.epochMs(), clock.nextTimerMs]).toEqual([3, -47, 7]);
  });
});

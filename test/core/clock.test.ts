import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { keepAlive, systemClock, systemTime } from '../../src/core/clock.ts';

const LONGEST_MS = 2 ** 31 - 1;

beforeEach(() => {
  vi.useFakeTimers({ now: 5_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('systemClock', () => {
  it('looks the globals up at each call, so that a test which replaces them is obeyed', () => {
    const before = [systemClock.now(), systemClock.epochMs()] as const;
    expect(systemTime.now()).toBe(before[0]);
    let fired = 0;
    const handle = systemClock.setTimeout(() => fired++, 10);
    systemClock.setTimeout(() => fired++, 20);
    systemClock.clearTimeout(handle);
    vi.advanceTimersByTime(19);
    expect(fired).toBe(0);
    vi.advanceTimersByTime(1);
    expect(fired).toBe(1);
    expect([systemClock.now() - before[0], systemTime.now() - before[0]]).toEqual([20, 20]);
    expect([before[1], systemClock.epochMs()]).toEqual([5_000, 5_020]);
  });

  it('takes undefined and a handle that has fired as nothing to clear', () => {
    const handles = [systemClock.setTimeout(() => {}, 1), systemClock.setTimeout(() => {}, LONGEST_MS + 1)];
    vi.advanceTimersByTime(LONGEST_MS + 1);
    for (const handle of [...handles, undefined]) systemClock.clearTimeout(handle);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a delay', () => {
  it.each([
    ['of the longest runtime timer', LONGEST_MS],
    ['one above it', LONGEST_MS + 1],
    ['twice as long', 2 * LONGEST_MS],
    ['one above twice', 2 * LONGEST_MS + 1],
    ['a hundred days over thrice', 3 * LONGEST_MS + 100 * 86_400_000],
    ['with a fraction', 2 * LONGEST_MS + 10.5],
  ])('%s fires exactly once, at its time, with one timer at a time', (_, ms) => {
    let fired = 0;
    systemClock.setTimeout(() => fired++, ms);
    const whole = Math.floor(ms);
    for (let left = whole - 1; left > 0; left -= LONGEST_MS) {
      vi.advanceTimersByTime(Math.min(left, LONGEST_MS));
      expect([fired, vi.getTimerCount()]).toEqual([0, 1]);
    }
    vi.advanceTimersByTime(1);
    expect([fired, vi.getTimerCount()]).toEqual([1, 0]);
    vi.advanceTimersByTime(2 * LONGEST_MS);
    expect(fired).toBe(1);
  });

  it.each([0, 1, 2])('can be cleared in stage %i', (stage) => {
    let fired = 0;
    const handle = systemClock.setTimeout(() => fired++, 3 * LONGEST_MS);
    vi.advanceTimersByTime(stage * LONGEST_MS + 5);
    expect(vi.getTimerCount()).toBe(1);
    systemClock.clearTimeout(handle);
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(4 * LONGEST_MS);
    expect(fired).toBe(0);
  });

  it('of Infinity never fires and can be cleared', () => {
    let fired = 0;
    const handle = systemClock.setTimeout(() => fired++, Infinity);
    for (let k = 0; k < 20; k++) vi.advanceTimersByTime(LONGEST_MS);
    expect([fired, vi.getTimerCount()]).toEqual([0, 1]);
    systemClock.clearTimeout(handle);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('keepAlive', () => {
  it('refs and unrefs where the handle can', () => {
    const calls: string[] = [];
    const handle = { ref: () => calls.push('ref'), unref: () => calls.push('unref') };
    keepAlive(handle, true);
    keepAlive(handle, false);
    expect(calls).toEqual(['ref', 'unref']);
  });

  it.each([1, undefined, null, {}, 'timer'])('leaves a handle alone that cannot: %s', (handle) => {
    expect(() => {
      keepAlive(handle, true);
      keepAlive(handle, false);
    }).not.toThrow();
  });
});

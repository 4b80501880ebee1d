import { afterEach, describe, expect, it, vi } from 'vitest';
import { keepAlive, systemClock } from '../../src/core/clock.ts';

const LONGEST_MS = 2 ** 31 - 1;

afterEach(() => {
  vi.restoreAllMocks();
});

/** Stands in for the runtime's timers: those started so far, fired by hand. */
function handTimers(): { readonly started: NodeJS.Timeout[]; fire(): void } {
  const { setTimeout, clearTimeout } = globalThis;
  const started: NodeJS.Timeout[] = [];
  let next: (() => void) | undefined;
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(((fn: () => void, ms: number) => {
    const timer = setTimeout(() => {}, ms);
    started.push(timer);
    next = () => {
      clearTimeout(timer);
      fn();
    };
    return timer;
  }) as typeof setTimeout);
  return { started, fire: () => next?.() };
}

describe('a chain of timers', () => {
  it('keeps the process alive in every stage unless told not to', () => {
    const { started, fire } = handTimers();
    const handle = systemClock.setTimeout(() => {}, 3 * LONGEST_MS);
    fire();
    fire();
    expect(started.map((timer) => timer.hasRef())).toEqual([true, true, true]);
    systemClock.clearTimeout(handle);
  });

  it('carries unref and ref from stage to stage', () => {
    const { started, fire } = handTimers();
    const handle = systemClock.setTimeout(() => {}, 4 * LONGEST_MS);
    keepAlive(handle, false);
    expect(started[0]!.hasRef()).toBe(false);
    fire();
    expect(started[1]!.hasRef()).toBe(false);
    keepAlive(handle, true);
    expect(started[1]!.hasRef()).toBe(true);
    fire();
    expect(started[2]!.hasRef()).toBe(true);
    keepAlive(handle, false);
    fire();
    expect(started.map((timer) => timer.hasRef())).toEqual([false, true, false, false]);
    systemClock.clearTimeout(handle);
    expect(started).toHaveLength(4);
  });

  it('of Infinity keeps the process alive unless told not to', () => {
    const { started, fire } = handTimers();
    const handle = systemClock.setTimeout(() => {}, Infinity);
    fire();
    expect(started.map((timer) => timer.hasRef())).toEqual([true, true]);
    keepAlive(handle, false);
    fire();
    expect(started.at(-1)!.hasRef()).toBe(false);
    systemClock.clearTimeout(handle);
  });
});

it('a short timer keeps the process alive unless told not to', () => {
  const handle = systemClock.setTimeout(() => {}, 1000) as NodeJS.Timeout;
  expect(handle.hasRef()).toBe(true);
  keepAlive(handle, false);
  expect(handle.hasRef()).toBe(false);
  keepAlive(handle, true);
  expect(handle.hasRef()).toBe(true);
  systemClock.clearTimeout(handle);
});

import { afterEach, describe, expect, it, vi } from 'vitest';
import { flush, gate, outcomeOf } from './gate.ts';

afterEach(() => {
  vi.useRealTimers();
});

describe('gate', () => {
  it('holds its promise until it is opened', async () => {
    const door = gate<number>();
    expect(await outcomeOf(door.promise)).toEqual({ state: 'pending' });
    expect(door.isSettled).toBe(false);
    door.open(7);
    expect(door.isSettled).toBe(true);
    expect(await outcomeOf(door.promise)).toEqual({ state: 'fulfilled', value: 7 });
  });

  it('rejects with the very error it was failed with', async () => {
    const door = gate();
    const error = new Error('closed');
    door.fail(error);
    await expect(door.promise).rejects.toBe(error);
  });

  it('causes no unhandled rejection when nobody waits for it', async () => {
    gate().fail(new Error('nobody hears this'));
    await flush();
  });
});

describe('flush', () => {
  it('runs a chain of a thousand promise callbacks dry', async () => {
    let turns = 0;
    const chain = (async () => {
      while (turns < 1000) {
        await Promise.resolve();
        turns++;
      }
    })();
    await flush();
    expect(turns).toBe(1000);
    await chain;
  });

  it('works while a test has replaced the timers', async () => {
    vi.useFakeTimers();
    await flush();
  });
});

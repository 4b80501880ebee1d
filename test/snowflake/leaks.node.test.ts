import { describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { createLeasedSnowflake, createSnowflake } from '../../src/snowflake/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { abortListeners, heapGrowth, watchTimers } from '../support/leaks.ts';
import { START_MS, tinyLayout } from './kit.ts';
import { MemoryStore } from './lease.kit.ts';

describe('memory', () => {
  it('does not grow with ids, texts, refusals and waits', async () => {
    const clock = createVirtualClock({ epochMs: START_MS });
    const ids = createSnowflake({ worker: 0, layout: tinyLayout, maxLeadMs: 2, clock });
    const { signal } = new AbortController();
    const growth = await heapGrowth(
      async (k) => {
        try {
          ids.next();
          ids.nextString();
        } catch {
          const waiting = ids.nextAsync({ signal });
          await clock.advance(10);
          await waiting;
        }
        if (k % 100 === 0) clock.stall(1);
      },
      { operations: 10_000 },
    );
    expect(growth).toBeLessThan(50_000);
    expect([abortListeners(signal), clock.pendingTimers]).toEqual([0, 0]);
  });

  it('does not grow with leases that are renewed, lost and replaced', async () => {
    const clock = createVirtualClock({ epochMs: START_MS });
    const store = new MemoryStore(() => START_MS + clock.now());
    const ids = await createLeasedSnowflake({
      store,
      clock,
      layout: tinyLayout,
      workerIds: 4,
      ttlMs: 30,
      coldStart: 'immediate',
    });
    const growth = await heapGrowth(
      async (k) => {
        store.calls.length = 0;
        store.windows.length = 0;
        if (k % 10 === 0) store.loseEverything();
        await clock.advance(10);
      },
      { operations: 3000 },
    );
    expect(growth).toBeLessThan(50_000);
    await ids.close();
    expect(clock.pendingTimers).toBe(0);
  });

  it('leaves no runtime timer after a close', async () => {
    const timers = watchTimers();
    try {
      const store = new MemoryStore(() => Date.now());
      const ids = await createLeasedSnowflake({ store, ttlMs: 1000, coldStart: 'immediate' });
      ids.next();
      expect(timers.count).toBe(1);
      await ids.close();
      expect(timers.count).toBe(0);
    } finally {
      timers.stop();
    }
  });

  it('keeps the process alive for who waits, and for nothing that runs in the background', async () => {
    const timers: { readonly timer: NodeJS.Timeout; readonly ms: number }[] = [];
    const clock = {
      ...systemClock,
      setTimeout: (fn: () => void, ms: number) => {
        const timer = setTimeout(fn, Math.min(ms, 5));
        timers.push({ timer, ms });
        return timer;
      },
    };
    const store = new MemoryStore(() => Date.now());
    const ids = await createLeasedSnowflake({ store, clock, ttlMs: 900, renewEveryMs: 100, maxLeadMs: 1e5 });
    const isAwake = (ms: number): boolean[] =>
      timers.filter((each) => each.ms === ms).map(({ timer }) => timer.hasRef());
    // The wait for the window of the first lease, and the renewals.
    expect(isAwake(900)).toEqual([true]);
    expect(new Set(isAwake(100))).toEqual(new Set([false]));
    // Another lease is looked for in the background while the store is down.
    store.loseEverything();
    store.acquire = () => Promise.reject(new Error('unreachable'));
    await vi.waitFor(() => expect(isAwake(25)).not.toEqual([]));
    expect(new Set(isAwake(25))).toEqual(new Set([false]));
    await ids.close();
  });
});

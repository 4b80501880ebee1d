import { describe, expect, it } from 'vitest';
import { createSingleflight } from '../../src/singleflight/index.ts';
import { gate } from '../support/gate.ts';
import { abortListeners, heapGrowth, watchRejections } from '../support/leaks.ts';

describe('memory', () => {
  it('does not grow with flights that succeed, fail and are abandoned', async () => {
    const flights = createSingleflight<number, number>();
    const { signal } = new AbortController();
    const growth = await heapGrowth(
      async (k) => {
        const caller = new AbortController();
        const ends = [
          flights.run(k, async () => k, { signal }),
          flights.run(k, async () => k),
          flights.run(-1 - k, async () => Promise.reject(new Error('down')), { signal }),
          flights.run(k + 0.5, () => new Promise<never>(() => {}), { signal: caller.signal }),
        ];
        caller.abort('left');
        await Promise.allSettled(ends);
      },
      { operations: 10_000 },
    );
    expect(growth).toBeLessThan(50_000);
    expect([flights.size, abortListeners(signal)]).toEqual([0, 0]);
  });

  it('does not grow with callers that give up on a flight which others wait for', async () => {
    const flights = createSingleflight<string, number>();
    const work = gate<number>();
    const stays = flights.run('k', () => work.promise);
    const growth = await heapGrowth(
      async () => {
        const caller = new AbortController();
        const left = flights.run('k', () => 0, { signal: caller.signal });
        caller.abort('left');
        await left.catch(() => {});
      },
      { operations: 10_000 },
    );
    expect(growth).toBeLessThan(50_000);
    expect(flights.waiters('k')).toBe(1);
    work.open(1);
    expect(await stays).toBe(1);
  });
});

describe('an unhandled rejection', () => {
  it('is never caused by a flight whose callers have all left or handle their own', async () => {
    const watch = watchRejections();
    try {
      const flights = createSingleflight<string, never>();
      const caller = new AbortController();
      const fail = async (): Promise<never> => Promise.reject(new Error('down'));
      const ends = [
        flights.run('a', fail, { signal: caller.signal }),
        flights.run('b', fail),
        flights.runShared('b', fail),
      ];
      const settled = Promise.allSettled(ends);
      caller.abort('left');
      await settled;
      await new Promise((resolve) => setTimeout(resolve, 0));
      expect(watch.reasons).toEqual([]);
    } finally {
      watch.stop();
    }
  });
});

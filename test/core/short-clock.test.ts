import { describe, expect, it, vi } from 'vitest';
import { shortClock } from '../../src/core/clock.ts';

describe('shortClock', () => {
  it('looks the globals of the runtime up at each call', () => {
    vi.useFakeTimers({ now: 1000 });
    try {
      let fired = 0;
      const startMs = shortClock.now();
      shortClock.clearTimeout(shortClock.setTimeout(() => fired++, 5));
      shortClock.setTimeout(() => fired++, 10);
      vi.advanceTimersByTime(10);
      expect([fired, shortClock.epochMs(), shortClock.now() - startMs]).toEqual([1, 1010, 10]);
    } finally {
      vi.useRealTimers();
    }
  });
});

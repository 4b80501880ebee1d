import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OutlierEvent } from '../../src/balance/index.ts';
import { createOutlierDetector } from '../../src/balance/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';

const fail = (detector: ReturnType<typeof createOutlierDetector>, id: string, times = 1): void => {
  for (let k = 0; k < times; k++) detector.record(id, false);
};

describe('createOutlierDetector', () => {
  it('ejects a host after so many failures in a row, and takes it back when the time is over', async () => {
    const clock = createVirtualClock();
    const events: OutlierEvent[] = [];
    const detector = createOutlierDetector({
      consecutiveFailures: 3,
      baseEjectionMs: 1000,
      clock,
      onEvent: (event) => events.push(event),
    });
    detector.setHosts(['a', 'b']);
    fail(detector, 'a', 2);
    detector.record('a', true);
    fail(detector, 'a', 2);
    expect(detector.isEjected('a')).toBe(false);
    fail(detector, 'a');
    expect([detector.isEjected('a'), detector.ejected]).toEqual([true, ['a']]);
    await clock.advance(999);
    expect(detector.isEjected('a')).toBe(true);
    await clock.advance(1);
    expect([detector.isEjected('a'), detector.ejected]).toEqual([false, []]);
    expect(events).toEqual([
      { type: 'ejected', id: 'a', forMs: 1000 },
      { type: 'returned', id: 'a' },
    ]);
  });

  it('ejects for longer each time, up to maxEjectionMs, and forgets that in time', async () => {
    const clock = createVirtualClock();
    const lengths: number[] = [];
    const detector = createOutlierDetector({
      consecutiveFailures: 1,
      baseEjectionMs: 1000,
      maxEjectionMs: 2500,
      clock,
      onEvent: (event) => event.type === 'ejected' && lengths.push(event.forMs),
    });
    detector.setHosts(['a', 'b']);
    for (let k = 0; k < 4; k++) {
      fail(detector, 'a');
      await clock.advance(lengths.at(-1)!);
      expect(detector.isEjected('a')).toBe(false);
    }
    expect(lengths).toEqual([1000, 2000, 2500, 2500]);
    await clock.advance(2500);
    fail(detector, 'a');
    expect(lengths.at(-1)).toBe(1000);
    // Back for as long as it was out, less a moment.
    await clock.advance(1000 + 999);
    fail(detector, 'a');
    await clock.advance(2000 + 1999);
    fail(detector, 'a');
    expect(lengths.slice(-3)).toEqual([1000, 2000, 2500]);
  });

  it('takes back whose time is over before it says who is ejected, and goes on when its clock is set back', async () => {
    const clock = createVirtualClock();
    const detector = createOutlierDetector({ consecutiveFailures: 1, baseEjectionMs: 1000, clock });
    detector.setHosts(['a', 'b']);
    fail(detector, 'a');
    await clock.advance(400);
    expect(detector.ejected).toEqual(['a']);
    for (let k = 0; k < 2; k++) {
      clock.setNow(-1e6 * (k + 1));
      expect(detector.ejected).toEqual(['a']);
      await clock.advance(299);
      expect(detector.ejected).toEqual(['a']);
    }
    await clock.advance(2);
    expect(detector.ejected).toEqual([]);
  });

  it('never has more than its share of the hosts ejected, right after an ejection', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.array(fc.nat(19), { maxLength: 60 }),
        (count, ratio, failures) => {
          const ids = Array.from({ length: count }, (_, k) => String(k));
          let most = 0;
          const detector = createOutlierDetector({
            consecutiveFailures: 1,
            maxEjectionRatio: ratio,
            clock: createVirtualClock(),
            onEvent: () => (most = Math.max(most, detector.ejected.length)),
          });
          detector.setHosts(ids);
          for (const id of failures) fail(detector, String(id));
          expect(most / count).toBeLessThanOrEqual(ratio);
        },
      ),
    );
  });

  it('ejects the whole of its share, whatever the rounding of its product', () => {
    const detector = createOutlierDetector({ consecutiveFailures: 1, maxEjectionRatio: 0.29 });
    const ids = Array.from({ length: 100 }, (_, k) => String(k));
    detector.setHosts(ids);
    for (const id of ids) fail(detector, id);
    expect(detector.ejected).toHaveLength(29);
  });

  it('has taken back all whose time is over when it tells of the first, and keeps the others', async () => {
    const clock = createVirtualClock();
    const seen: (readonly string[])[] = [];
    const detector = createOutlierDetector({
      consecutiveFailures: 1,
      baseEjectionMs: 100,
      maxEjectionRatio: 1,
      clock,
      onEvent: ({ type }) => type === 'returned' && seen.push(detector.ejected),
    });
    detector.setHosts(['a', 'b', 'c']);
    fail(detector, 'a');
    fail(detector, 'b');
    await clock.advance(50);
    fail(detector, 'c');
    await clock.advance(50);
    expect(detector.isEjected('c')).toBe(true);
    expect(seen).toEqual([['c'], ['c']]);
    await clock.advance(50);
    expect(detector.isEjected('c')).toBe(false);
  });

  it('does not force an ejection that its share does not allow', () => {
    const detector = createOutlierDetector({ consecutiveFailures: 1, maxEjectionRatio: 0.1 });
    detector.setHosts(['a', 'b', 'c']);
    fail(detector, 'a', 100);
    expect(detector.ejected).toEqual([]);
  });

  it('forgets hosts that are gone, and ignores those it does not know', () => {
    const detector = createOutlierDetector({ consecutiveFailures: 1, maxEjectionRatio: 1 });
    fail(detector, 'stranger');
    detector.setHosts(['a', '__proto__']);
    fail(detector, 'a');
    fail(detector, '__proto__');
    expect(detector.ejected).toEqual(['a', '__proto__']);
    detector.setHosts(['__proto__']);
    expect(detector.ejected).toEqual(['__proto__']);
    detector.setHosts(['a', '__proto__']);
    expect(detector.isEjected('a')).toBe(false);
    detector.uneject('stranger');
  });

  it('counts neither the failures nor the share of a host that was gone meanwhile', () => {
    const detector = createOutlierDetector({ consecutiveFailures: 2, maxEjectionRatio: 0.5 });
    detector.setHosts(['a', 'b']);
    fail(detector, 'a');
    detector.setHosts(['b']);
    fail(detector, 'b', 2);
    expect(detector.ejected).toEqual([]);
    detector.setHosts(['a', 'b']);
    fail(detector, 'a');
    expect(detector.ejected).toEqual([]);
    fail(detector, 'a');
    expect(detector.ejected).toEqual(['a']);
  });

  it('takes a host back by hand, as good as new', async () => {
    const clock = createVirtualClock();
    const events: OutlierEvent[] = [];
    const detector = createOutlierDetector({
      consecutiveFailures: 2,
      baseEjectionMs: 1000,
      clock,
      onEvent: (event) => events.push(event),
    });
    detector.setHosts(['a', 'b']);
    fail(detector, 'a', 2);
    detector.uneject('a');
    expect(detector.isEjected('a')).toBe(false);
    fail(detector, 'a');
    // One that was not out stays as it is.
    detector.uneject('a');
    fail(detector, 'a');
    expect(events).toEqual([
      { type: 'ejected', id: 'a', forMs: 1000 },
      { type: 'returned', id: 'a' },
      { type: 'ejected', id: 'a', forMs: 1000 },
    ]);
  });

  it('counts the failures of calls that were under way when their host was ejected for nothing', async () => {
    const clock = createVirtualClock();
    const detector = createOutlierDetector({ consecutiveFailures: 2, baseEjectionMs: 1000, clock });
    detector.setHosts(['a', 'b', 'c', 'd']);
    fail(detector, 'a', 6);
    await clock.advance(1000);
    expect(detector.isEjected('a')).toBe(false);
    fail(detector, 'a');
    expect(detector.isEjected('a')).toBe(false);
  });

  it('counts failures from the end of an ejection on, though nobody has asked since then', async () => {
    const clock = createVirtualClock();
    const detector = createOutlierDetector({ consecutiveFailures: 2, baseEjectionMs: 1000, clock });
    detector.setHosts(['a', 'b']);
    fail(detector, 'a', 2);
    await clock.advance(1000);
    fail(detector, 'a', 2);
    expect(detector.ejected).toEqual(['a']);
  });

  it('keeps working when its listener throws', () => {
    const before = globalThis.reportError;
    globalThis.reportError = () => {};
    try {
      const detector = createOutlierDetector({
        consecutiveFailures: 1,
        onEvent: () => {
          throw new Error('listener');
        },
      });
      detector.setHosts(['a', 'b']);
      fail(detector, 'a');
      expect(detector.ejected).toEqual(['a']);
    } finally {
      globalThis.reportError = before;
    }
  });

  it('refuses bad options by name', () => {
    const bad = [
      { consecutiveFailures: 0 },
      { baseEjectionMs: 0 },
      { maxEjectionMs: 1 },
      { maxEjectionRatio: 1.5 },
      { consecutiveFailures: 1.5 },
    ];
    for (const options of bad) expect(() => createOutlierDetector(options)).toThrow(Object.keys(options)[0]);
  });
});

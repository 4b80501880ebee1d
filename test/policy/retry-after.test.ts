import { describe, expect, it } from 'vitest';
import type { RetryEvent } from '../../src/policy/index.ts';
import { parseRetryAfter, retry } from '../../src/policy/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { failingWith } from './kit.ts';

const NOW = Date.UTC(1994, 10, 6, 8, 49, 0);

describe('parseRetryAfter', () => {
  it.each([
    ['0', 0],
    ['1', 1000],
    ['120', 120_000],
    ['007', 7000],
    ['  5\t', 5000],
    ['Sun, 06 Nov 1994 08:49:37 GMT', 37_000],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 37_000],
    ['Sun Nov  6 08:49:37 1994', 37_000],
    ['Wednesday, 16-Nov-94 08:49:00 GMT', 864_000_000],
    ['Wed Nov 16 08:49:00 1994', 864_000_000],
    ['Sat, 31 Dec 1994 23:59:60 GMT', Date.UTC(1995, 0, 1) - NOW],
    ['Thu, 29 Feb 1996 00:00:00 GMT', Date.UTC(1996, 1, 29) - NOW],
    ['Sun, 06 Nov 1994 08:49:00 GMT', 0],
    ['Sun, 06 Nov 1994 08:48:59 GMT', 0],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['Sat, 01 Jan 0050 00:00:00 GMT', 0],
    ['9'.repeat(400), Infinity],
  ])('reads %j as %d ms', (value, expected) => {
    expect(parseRetryAfter(value, NOW)).toBe(expected);
  });

  it.each([
    ['no value', null],
    ['no value', undefined],
    ['a number instead of a header', 5],
    ['nothing', ''],
    ['blanks', '  '],
    ['a negative delay', '-5'],
    ['a signed delay', '+5'],
    ['a fraction', '1.5'],
    ['an exponent', '1e3'],
    ['hexadecimal', '0x10'],
    ['Infinity', 'Infinity'],
    ['digits of another script', '\u0665'],
    ['a delay with a unit', '5s'],
    ['two values', '5, 6'],
    ['an ISO date', '1994-11-06T08:49:37Z'],
    ['another time zone', 'Sun, 06 Nov 1994 08:49:37 EST'],
    ['an offset', 'Sun, 06 Nov 1994 08:49:37 +0100'],
    ['no time zone', 'Sun, 06 Nov 1994 08:49:37'],
    ['an unknown month', 'Sun, 06 Nop 1994 08:49:37 GMT'],
    ['day 0', 'Sun, 00 Nov 1994 08:49:37 GMT'],
    ['day 31 of November', 'Sun, 31 Nov 1994 08:49:37 GMT'],
    ['29 February of a common year', 'Wed, 29 Feb 1995 00:00:00 GMT'],
    ['hour 24', 'Sun, 06 Nov 1994 24:00:00 GMT'],
    ['minute 60', 'Sun, 06 Nov 1994 08:60:00 GMT'],
    ['second 61', 'Sun, 06 Nov 1994 08:49:61 GMT'],
    ['a day of one digit', 'Sun, 6 Nov 1994 08:49:37 GMT'],
    ['small letters', 'sun, 06 nov 1994 08:49:37 gmt'],
    ['something in front', 'x Sun, 06 Nov 1994 08:49:37 GMT'],
    ['something behind', 'Sun, 06 Nov 1994 08:49:37 GMT x'],
    ['an RFC 850 date with something in front', 'x Sunday, 06-Nov-94 08:49:37 GMT'],
    ['an RFC 850 date with something behind', 'Sunday, 06-Nov-94 08:49:37 GMT x'],
    ['an asctime date with something in front', 'x Sun Nov  6 08:49:37 1994'],
    ['an asctime date with something behind', 'Sun Nov  6 08:49:37 1994 GMT'],
  ])('answers undefined to %s (%j)', (_, value) => {
    expect(parseRetryAfter(value as string, NOW)).toBeUndefined();
  });

  it.each([
    [1994, '94', 1994],
    [1994, '44', 2044],
    [1994, '45', 1945],
    [1994, '00', 2000],
    [2026, '76', 2076],
    [2026, '77', 1977],
    [2026, '26', 2026],
    [2099, '00', 2100],
    [2099, '98', 2098],
    [2050, '00', 2100],
    [2050, '01', 2001],
  ])('in %d takes the year %s of an RFC 850 date for %d', (thisYear, twoDigits, year) => {
    const nowMs = Date.UTC(thisYear, 0, 1);
    const expected = Math.max(0, Date.UTC(year, 5, 15, 12) - nowMs);
    expect(parseRetryAfter(`Monday, 15-Jun-${twoDigits} 12:00:00 GMT`, nowMs)).toBe(expected);
  });

  it('holds dates against the clock of the system by default', () => {
    const inAnHour = new Date(Date.now() + 3_600_000).toUTCString();
    const waitMs = parseRetryAfter(inAnHour) ?? 0;
    expect(waitMs).toBeGreaterThan(3_500_000);
    expect(waitMs).toBeLessThanOrEqual(3_600_000);
  });
});

const busy = (retryAfterMs: unknown): unknown => ({ status: 503, retryAfterMs });

describe('retry with a hint of the server', () => {
  it('a wait that the server asked for is obeyed to the millisecond, 0 included', async () => {
    const clock = createVirtualClock();
    const startsMs: number[] = [];
    const errors = [busy(1234), busy(0), busy(60_000), busy(0.5)];
    const call = retry({ maxAttempts: 5, backoff: () => 7, clock }).run(() => {
      startsMs.push(clock.now());
      const error = errors.shift();
      if (error) throw error;
      return 'value';
    });
    await clock.advance(100_000);
    expect(await call).toBe('value');
    expect(startsMs).toEqual([0, 1234, 1234, 61_234, 61_234.5]);
  });

  it('a server that asks for more than maxRetryAfterMs ends the call at once', async () => {
    const clock = createVirtualClock();
    for (const [limit, askedMs] of [
      [undefined, 60_001],
      [500, 501],
      [0, 0.1],
      [500, Infinity],
    ] as const) {
      const events: RetryEvent[] = [];
      const error = busy(askedMs);
      const operation = failingWith([error], 'value');
      const policy = retry({
        clock,
        onEvent: (event) => events.push(event),
        ...(limit === undefined ? {} : { maxRetryAfterMs: limit }),
      });
      await expect(policy.run(operation)).rejects.toBe(error);
      expect(events).toEqual([{ type: 'give-up', attempt: 1, error, reason: 'retry-after' }]);
      expect([operation.calls, clock.pendingTimers]).toEqual([1, 0]);
    }
  });

  it('gives up at once when the wait is infinite, even where any wait is allowed', async () => {
    const clock = createVirtualClock();
    const events: RetryEvent[] = [];
    const policy = retry({ clock, maxRetryAfterMs: Infinity, onEvent: (event) => events.push(event) });
    const operation = failingWith([busy(Infinity)], 'value');
    await expect(policy.run(operation)).rejects.toMatchObject({ retryAfterMs: Infinity });
    expect(operation.calls).toBe(1);
    expect(events).toMatchObject([{ type: 'give-up', attempt: 1, reason: 'retry-after' }]);
  });

  it('caps what maxRetryAfterMs allows at the longest timer', async () => {
    const clock = createVirtualClock();
    const call = retry({ clock, maxRetryAfterMs: Infinity }).run(failingWith([busy(2 ** 40)], 'value'));
    expect(clock.nextTimerMs).toBe(2 ** 31 - 1);
    await clock.advance(2 ** 31);
    expect(await call).toBe('value');
  });

  it.each([
    ['negative', -1],
    ['not a number', Number.NaN],
    ['text', '5'],
    ['null', null],
    ['absent', undefined],
    ['an object', {}],
  ])('follows the backoff when the hint is %s', async (_, hint) => {
    for (const options of [{}, { retryAfterMs: () => hint as number }]) {
      const clock = createVirtualClock();
      const call = retry({ backoff: () => 77, clock, ...options }).run(failingWith([busy(hint)], 'value'));
      expect(clock.nextTimerMs).toBe(77);
      await clock.advance(77);
      expect(await call).toBe('value');
    }
  });

  it.each([
    ['null', null],
    ['undefined', undefined],
    ['text', 'text'],
  ])('follows the backoff when %s was thrown', async (_, thrown) => {
    const clock = createVirtualClock();
    const call = retry({ backoff: () => 77, clock }).run(failingWith([thrown], 'value'));
    expect(clock.nextTimerMs).toBe(77);
    await clock.advance(77);
    expect(await call).toBe('value');
  });

  it('asks retryAfterMs instead of the error when there is one', async () => {
    const clock = createVirtualClock();
    const error = busy(9000);
    const asked: unknown[] = [];
    const policy = retry({ clock, retryAfterMs: (seen) => asked.push(seen) * 40 });
    const call = policy.run(failingWith([error], 'value'));
    expect([clock.nextTimerMs, asked]).toEqual([40, [error]]);
    await clock.advance(40);
    expect(await call).toBe('value');
  });

  it('gives the backoff its own last wait, not that of the server', async () => {
    const clock = createVirtualClock();
    const previous: number[] = [];
    const backoff = (_: number, previousMs: number): number => previous.push(previousMs) * 10;
    const call = retry({ maxAttempts: 4, backoff, clock }).run(failingWith(['a', busy(500), 'c'], 'value'));
    await clock.advance(1000);
    expect(await call).toBe('value');
    expect(previous).toEqual([0, 10]);
  });
});

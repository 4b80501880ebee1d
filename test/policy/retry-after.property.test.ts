import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRetryAfter } from '../../src/policy/index.ts';

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** The three forms of an HTTP-date, as RFC 9110 section 5.6.7 gives them. */
function forms(date: Date): readonly string[] {
  const [weekday = '', day = '', month = '', year = '', time = ''] = date.toUTCString().split(/,? /);
  return [
    date.toUTCString(),
    `${DAYS[date.getUTCDay()]}, ${day}-${month}-${year.slice(-2)} ${time} GMT`,
    `${weekday} ${month} ${day.replace(/^0/, ' ')} ${time} ${year}`,
  ];
}

const epochSeconds = fc.integer({ min: Date.UTC(1970, 0, 1) / 1000, max: Date.UTC(2190, 0, 1) / 1000 });

describe('parseRetryAfter', () => {
  it('reads all three date forms of any moment in the next 49 years to the millisecond', () => {
    fc.assert(
      fc.property(epochSeconds, fc.nat({ max: 999 }), fc.nat({ max: 49 * 365 * 86_400 }), (now, extraMs, ahead) => {
        const nowMs = now * 1000 + extraMs;
        const date = new Date((now + 1 + ahead) * 1000);
        for (const text of forms(date)) expect(parseRetryAfter(text, nowMs)).toBe(date.getTime() - nowMs);
      }),
    );
  });

  it('waits no time for a date in the last 49 years', () => {
    fc.assert(
      fc.property(epochSeconds, fc.nat({ max: 49 * 365 * 86_400 }), (now, ago) => {
        for (const text of forms(new Date((now - ago) * 1000))) {
          if (now - ago >= 0) expect(parseRetryAfter(text, now * 1000)).toBe(0);
        }
      }),
    );
  });

  it('reads whole seconds', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10 ** 9 }), (seconds) => {
        expect(parseRetryAfter(String(seconds))).toBe(seconds * 1000);
      }),
    );
  });

  it('answers undefined to rubbish, and never throws', () => {
    const nearly = fc
      .tuple(
        fc.constantFrom(...forms(new Date(784_111_777_000)), '120'),
        fc.nat({ max: 30 }),
        fc.constantFrom('x', '-', ':', '.', '/'),
      )
      .map(([text, at, rubbish]) => text.slice(0, at) + rubbish + text.slice(at));
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), nearly), (text) => {
        const isDelay = /^\s*\d+\s*$/.test(text);
        expect(parseRetryAfter(text) === undefined).toBe(!isDelay);
      }),
    );
  });
});

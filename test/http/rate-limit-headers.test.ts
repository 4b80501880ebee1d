import { describe, expect, it } from 'vitest';
import type { RateLimitHeaderItem, RateLimitHeaderOptions } from '../../src/http/index.ts';
import { rateLimitHeaders, rateLimitProblem } from '../../src/http/index.ts';

const PASSED = { allowed: true, limit: 10, remaining: 7, retryAfterMs: 0, resetAfterMs: 1_200 };
const REFUSED = { allowed: false, limit: 10, remaining: 0, retryAfterMs: 1_001, resetAfterMs: 9_000 };
const NEVER = { ...REFUSED, remaining: 10, retryAfterMs: Infinity };

const clock = { epochMs: () => 1_700_000_000_400 };

const legacy = (item: RateLimitHeaderItem): Record<string, string> =>
  rateLimitHeaders([item], { format: 'legacy', clock });

describe('rateLimitHeaders', () => {
  it('announces the policy and what is left of it', () => {
    expect(rateLimitHeaders([{ name: 'per-client', decision: PASSED, windowMs: 1_000 }])).toEqual({
      'RateLimit-Policy': '"per-client";q=10;w=1',
      RateLimit: '"per-client";r=7;t=2',
    });
  });

  it('tells a refused client when to come back', () => {
    expect(rateLimitHeaders([{ name: 'a', decision: REFUSED, windowMs: 60_000 }])).toEqual({
      'RateLimit-Policy': '"a";q=10;w=60',
      RateLimit: '"a";r=0;t=2',
      'Retry-After': '2',
    });
  });

  it('a client whose request can never pass is told no time', () => {
    expect(rateLimitHeaders([{ name: 'a', decision: NEVER }])).toEqual({
      'RateLimit-Policy': '"a";q=10',
      RateLimit: '"a";r=10',
    });
    expect(legacy({ name: 'a', decision: NEVER })).toEqual({
      'X-RateLimit-Limit': '10',
      'X-RateLimit-Remaining': '10',
    });
  });

  it('every wait is a second at least, for there are no smaller ones', () => {
    const soon = { ...REFUSED, retryAfterMs: 0.5 };
    const headers = rateLimitHeaders([{ name: 'a', decision: soon, windowMs: 100 }]);
    expect(headers).toMatchObject({ 'RateLimit-Policy': '"a";q=10;w=1', RateLimit: '"a";r=0;t=1', 'Retry-After': '1' });
    const fresh = { ...PASSED, resetAfterMs: 0 };
    expect(rateLimitHeaders([{ name: 'a', decision: fresh }])['RateLimit']).toBe('"a";r=7;t=1');
  });

  it('announces several policies, and tells of those that have a decision', () => {
    const headers = rateLimitHeaders([
      { name: 'minute', quota: 60, windowMs: 60_000 },
      { name: 'hour', decision: REFUSED, quota: 1_000, windowMs: 3_600_000 },
      { name: 'unknown' },
      { name: 'day', decision: { ...REFUSED, retryAfterMs: 5_000 } },
      { name: 'month', decision: PASSED },
    ]);
    expect(headers).toEqual({
      'RateLimit-Policy': '"minute";q=60;w=60, "hour";q=1000;w=3600, "day";q=10, "month";q=10',
      RateLimit: '"hour";r=0;t=2, "day";r=0;t=5, "month";r=7;t=2',
      'Retry-After': '5',
    });
  });

  it('carries partition keys as bytes', () => {
    const partitioned = (partitionKey: string | Uint8Array): string | undefined =>
      rateLimitHeaders([{ name: 'a', decision: PASSED, partitionKey }])['RateLimit'];
    expect(partitioned('trial121323')).toBe('"a";r=7;t=2;pk=:dHJpYWwxMjEzMjM=:');
    expect(partitioned('é')).toBe('"a";r=7;t=2;pk=:w6k=:');
    expect(partitioned(Uint8Array.of(0, 255))).toBe('"a";r=7;t=2;pk=:AP8=:');
    expect(partitioned('')).toBe('"a";r=7;t=2;pk=::');
  });

  it('sends nothing when there is nothing to say', () => {
    expect(rateLimitHeaders([])).toEqual({});
    expect(rateLimitHeaders([], { format: 'both' })).toEqual({});
    expect(rateLimitHeaders([{ name: 'a' }], { format: 'both' })).toEqual({});
  });

  it.each([['draft-11'], ['legacy'], ['both']] as const)('sends the fields of format %s', (format) => {
    const headers = rateLimitHeaders([{ name: 'a', decision: REFUSED }], { format, clock });
    expect(Object.keys(headers)).toEqual([
      ...(format === 'legacy' ? [] : ['RateLimit-Policy', 'RateLimit']),
      ...(format === 'draft-11' ? [] : ['X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset']),
      'Retry-After',
    ]);
  });

  it('gives the legacy reset as Unix time in seconds, rounded up', () => {
    expect(legacy({ name: 'a', decision: PASSED })).toEqual({
      'X-RateLimit-Limit': '10',
      'X-RateLimit-Remaining': '7',
      'X-RateLimit-Reset': '1700000002',
    });
    expect(legacy({ name: 'a', decision: { ...REFUSED, retryAfterMs: 600 } })['X-RateLimit-Reset']).toBe('1700000001');
    expect(legacy({ name: 'a', decision: { ...REFUSED, retryAfterMs: 601 } })['X-RateLimit-Reset']).toBe('1700000002');
  });

  it('tells in legacy fields of the policy that refuses longest, or else leaves least', () => {
    const limitOf = (...decisions: readonly (typeof PASSED)[]): string | undefined =>
      rateLimitHeaders(
        decisions.map((decision, k) => ({ name: String(k), decision, quota: k })),
        { format: 'legacy', clock },
      )['X-RateLimit-Limit'];
    expect(limitOf(PASSED, { ...PASSED, remaining: 6 }, PASSED)).toBe('1');
    expect(limitOf(PASSED, PASSED)).toBe('0');
    expect(limitOf({ ...PASSED, remaining: 0 }, { ...REFUSED, remaining: 5 })).toBe('1');
    expect(limitOf(REFUSED, PASSED)).toBe('0');
    expect(limitOf({ ...REFUSED, remaining: 5 }, { ...PASSED, remaining: 0 })).toBe('0');
    expect(limitOf(REFUSED, { ...REFUSED, retryAfterMs: 1_002 }, REFUSED)).toBe('1');
    expect(limitOf(REFUSED, NEVER)).toBe('1');
  });

  it('rounds a quota and a rest down, to what the format can hold', () => {
    const huge = { ...PASSED, remaining: 2 ** 53, resetAfterMs: 1e300 };
    const { RateLimit, ...rest } = rateLimitHeaders([{ name: 'a', quota: 1.9, decision: huge }]);
    expect(RateLimit).toBe('"a";r=999999999999999;t=999999999999999');
    expect(rest).toEqual({ 'RateLimit-Policy': '"a";q=1' });
    expect(rateLimitHeaders([{ name: 'a', decision: { ...PASSED, remaining: -3 } }])['RateLimit']).toBe('"a";r=0;t=2');
  });

  it.each([['é'], ['a\r\nSet-Cookie: x=1'], ['\u007F'], ['tab\t'], ['\u{1F600}']])(
    'refuses the name %j, which a header cannot carry',
    (name) => {
      expect(() => rateLimitHeaders([{ name, decision: PASSED }])).toThrow(RangeError);
      expect(() => rateLimitHeaders([{ name, decision: PASSED }])).toThrow(
        `name must be printable ASCII, got ${JSON.stringify(name)}`,
      );
    },
  );

  it('escapes quotes and backslashes in names', () => {
    const { RateLimit } = rateLimitHeaders([{ name: String.raw`a"b\c`, decision: PASSED }]);
    expect(RateLimit).toBe(String.raw`"a\"b\\c";r=7;t=2`);
  });

  it('jitter is added to what a refused client is told, and to nothing else', () => {
    const options: RateLimitHeaderOptions = { jitterMs: 10_000, random: () => 0.5, format: 'both', clock };
    expect(rateLimitHeaders([{ name: 'a', decision: REFUSED }], options)).toMatchObject({
      RateLimit: '"a";r=0;t=7',
      'Retry-After': '7',
      'X-RateLimit-Reset': '1700000007',
    });
    const untouched = { ...options, random: () => expect.unreachable('no chance is needed') };
    expect(rateLimitHeaders([{ name: 'a', decision: PASSED }], untouched)['RateLimit']).toBe('"a";r=7;t=2');
    expect(rateLimitHeaders([{ name: 'a', decision: REFUSED }], { random: untouched.random })['Retry-After']).toBe('2');
  });

  it.each([
    [{ format: 'draft-7' }, 'format must be one of draft-11, legacy, both, got "draft-7"'],
    [{ jitterMs: -1 }, 'jitterMs must be a number of at least 0, got -1'],
    [{ jitterMs: Number.NaN }, 'jitterMs must be a number of at least 0, got NaN'],
  ])('refuses %j', (options, message) => {
    expect(() => rateLimitHeaders([], options as RateLimitHeaderOptions)).toThrow(message);
  });

  it.each(['quota', 'windowMs'])('a %s that is no number is refused, as no field can hold it', (name) => {
    for (const value of [Number.NaN, -1, '5']) {
      const item = { name: 'a', quota: 1, decision: PASSED, [name]: value } as never;
      expect(() => rateLimitHeaders([item])).toThrow(`${name} must be a number of at least 0`);
    }
  });
});

describe('rateLimitProblem', () => {
  it('names the policies that refuse', () => {
    expect(rateLimitProblem({ violated: ['daily', 'bandwidth'] })).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Quota Exceeded',
      status: 429,
      'violated-policies': ['daily', 'bandwidth'],
    });
  });

  it('does not blame the client when no policy refuses', () => {
    expect(rateLimitProblem({ violated: [] })).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
      title: 'Temporary Reduced Capacity',
      status: 503,
      'violated-policies': [],
    });
  });
});

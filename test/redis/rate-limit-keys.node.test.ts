import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { fixedWindow, slidingWindow } from '../../src/rate-limit/index.ts';
import { redisAvailability } from '../support/redis.ts';
import { useRedis } from './redis-suite.ts';

const HOUR = 3_600_000;

describe.skipIf(!redisAvailability().available)('a key of redisRateLimiter', () => {
  const suite = useRedis();
  const { limiterOf, keys, counts } = suite;
  const hostile = [
    '',
    '__proto__',
    'x'.repeat(1_000_000),
    '{a}',
    '{}',
    'a}b{c',
    '\ud800',
    '\udfff',
    '\ufffd',
    '%d800',
    'a\0b',
    '*',
    'é😀',
  ];

  it('is any text, and none is another', async () => {
    const limiter = limiterOf(fixedWindow({ limit: 1, windowMs: HOUR }), { denyCache: false });
    for (const key of hostile) expect((await limiter.consume(key)).allowed).toBe(true);
    for (const key of hostile) expect((await limiter.consume(key)).allowed).toBe(false);
    expect((await keys()).length).toBe(hostile.length);
  });

  it('decides on no slot of a cluster: its name has no braces', async () => {
    const limiter = limiterOf(fixedWindow({ limit: 1, windowMs: HOUR, name: '{name}' }));
    for (const key of ['{a}', 'a{', '}b', '{}']) await limiter.consume(key);
    expect((await keys()).filter((key) => /[{}]/.test(key))).toEqual([]);
  });

  it('is known apart for all texts', async () => {
    const unit = fc.constantFrom('%', '{', '}', 'd', '8', '0', '\ud800', '\udc00', '\ufffd', '\0', '7', 'b');
    const texts = fc.uniqueArray(fc.string({ unit, maxLength: 6 }), { minLength: 2, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(texts, async (some) => {
        await suite.redis.send(['FLUSHALL']);
        const limiter = limiterOf(fixedWindow({ limit: 1, windowMs: HOUR }));
        await Promise.all(some.map((key) => limiter.consume(key)));
        expect((await keys()).length).toBe(some.length);
      }),
      { numRuns: 30 },
    );
  });

  it('is shared by limiters of the same policies and by no others', async () => {
    const one = fixedWindow({ limit: 1, windowMs: HOUR });
    await limiterOf(one).consume('k');
    expect((await limiterOf(one).consume('k')).allowed).toBe(false);
    for (const other of [
      limiterOf({ ...one, name: 'other' }),
      limiterOf({ ...one, align: 'epoch' }),
      limiterOf(slidingWindow({ limit: 1, windowMs: HOUR })),
      limiterOf(fixedWindow({ limit: 2, windowMs: HOUR })),
      limiterOf(one, { prefix: 'other:' }),
    ]) {
      expect((await other.consume('k')).allowed).toBe(true);
    }
    expect((await keys()).length).toBe(6);
  });

  it('alone is touched by a reset, whatever its text', async () => {
    const limiter = limiterOf(fixedWindow({ limit: 1, windowMs: HOUR }));
    for (const key of ['*', 'a', 'b', '?']) await limiter.consume(key);
    await limiter.reset('*');
    expect((await limiter.consume('*')).allowed).toBe(true);
    for (const key of ['a', 'b', '?']) expect((await limiter.consume(key)).allowed).toBe(false);
    expect(await counts(() => limiter.reset('a'))).toEqual({ evalsha: 1, time: 1, get: 1, del: 1 });
  });
});

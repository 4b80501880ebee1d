import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redisSlot } from '../../src/ring/index.ts';
import type { RedisServer } from '../support/redis.ts';
import { redisAvailability, startRedis } from '../support/redis.ts';

const availability = redisAvailability();

/** Braces and what is between them are what slots depend on, so keys are made of little else. */
const keys = fc.oneof(
  fc.string({ unit: fc.constantFrom('{', '}', 'a', 'é', '😀', ''), maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
);

describe.skipIf(!availability.available)('redisSlot', () => {
  let redis: RedisServer;

  beforeAll(async () => {
    redis = await startRedis({ args: ['--cluster-enabled', 'yes'] });
  });
  afterAll(() => redis?.stop());

  const slotOf = (key: string): Promise<unknown> => redis.send(['CLUSTER', 'KEYSLOT', key]);

  it('is what a real server answers to CLUSTER KEYSLOT', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(keys, { minLength: 1, maxLength: 20 }), async (some) => {
        const answers = await Promise.all(some.map(slotOf));
        expect(some.map((key) => redisSlot(key))).toEqual(answers);
        expect(some.map((key) => redisSlot(new TextEncoder().encode(key)))).toEqual(answers);
      }),
    );
  });

  it.each([
    '',
    '{}',
    '{}{a}',
    'x{}',
    '{a',
    'a}',
    '{a}{b}',
    '{{a}}',
    'A}B{C',
    'foo{bar}{zap}',
    '{\ud800}',
    'é{ü}',
    'x'.repeat(1000),
  ])('is what a real server answers for %j', async (key) => {
    expect(redisSlot(key)).toBe(await slotOf(key));
  });
});

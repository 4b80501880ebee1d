import { expect, it } from 'vitest';
import { createScalableBloom } from '../../src/bloom/index.ts';

// A million keys with forty hashes each, which takes seconds: on one runtime only.
it('throws ERR_BLOOM_FULL where the next stage would need more than 2^32 bits, and keeps what it has', () => {
  const initialCapacity = 1_330_000;
  const filter = createScalableBloom({ initialCapacity, falsePositiveRate: 1e-12, growth: 16, tightening: 0.1 });
  for (let k = 0; k < initialCapacity; k++) filter.add(k);
  const before = filter.stats();
  expect(before.stages).toBe(1);
  for (const key of ['one more', 'and another']) {
    expect(() => filter.add(key)).toThrow(
      expect.objectContaining({ code: 'ERR_BLOOM_FULL', message: expect.stringContaining('2^32 bits') }),
    );
    expect(filter.has(key)).toBe(false);
  }
  expect([filter.stats(), filter.has(0), filter.add(1)]).toEqual([before, true, false]);
}, 60_000);

it('refuses a first stage of more than 2^32 bits when it is made', () => {
  expect(() => createScalableBloom({ initialCapacity: 1e12, falsePositiveRate: 0.01 })).toThrow(RangeError);
});

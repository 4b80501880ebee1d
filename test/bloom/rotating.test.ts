import { describe, expect, it } from 'vitest';
import type { RotatingBloomOptions } from '../../src/bloom/index.ts';
import { createRotatingBloom, hashKey } from '../../src/bloom/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { badNumbers } from '../support/arbitraries.ts';
import { chernoffBound } from './families.ts';

const options: RotatingBloomOptions = { capacity: 100, falsePositiveRate: 1e-9, windowMs: 1000 };

describe('createRotatingBloom', () => {
  it('keeps a key that is added again and again', () => {
    const clock = createVirtualClock();
    const filter = createRotatingBloom({ ...options, clock });
    expect(filter.add('key')).toBe(true);
    for (let step = 0; step < 50; step++) {
      clock.stall(990);
      expect(filter.add('key')).toBe(false);
    }
    clock.stall(1500);
    expect(filter.add('key')).toBe(true);
  });

  it('never forgets early because its clock steps back, and lives with one frozen at 0', () => {
    const clock = createVirtualClock({ nowMs: 1e9 });
    const filter = createRotatingBloom({ ...options, clock });
    filter.add('key');
    for (let step = 0; step < 100; step++) {
      clock.setNow(1e9 - step * 1e6);
      expect(filter.has('key')).toBe(true);
    }
    const frozen = createRotatingBloom({ ...options, clock: { now: () => 0 } });
    frozen.add('key');
    expect(frozen.has('key')).toBe(true);
  });

  it('forgets everything when its clock leaps, however far, and goes on', () => {
    for (const leapMs of [1e4, 1e17, 1e300, Infinity]) {
      let nowMs = 0;
      const filter = createRotatingBloom({ ...options, windowMs: 1, generations: 64, clock: { now: () => nowMs } });
      filter.add('before');
      nowMs = leapMs;
      expect([filter.has('before'), filter.add('key'), filter.has('key')]).toEqual([false, true, true]);
      expect(filter.stats().estimatedCounts.filter((count) => count > 0)).toHaveLength(1);
    }
  });

  it('reads no clock when it is made', () => {
    let reads = 0;
    const filter = createRotatingBloom({ ...options, clock: { now: () => reads++ } });
    expect(reads).toBe(0);
    filter.has('key');
    expect(reads).toBe(1);
  });

  it('keeps its rate with `capacity` keys in every generation', () => {
    const clock = createVirtualClock();
    const rate = 0.01;
    const filter = createRotatingBloom({
      capacity: 2000,
      falsePositiveRate: rate,
      windowMs: 1000,
      generations: 3,
      clock,
    });
    for (let generation = 0; generation < 4; generation++) {
      if (generation > 0) clock.stall(334);
      for (let k = 0; k < 2000; k++) filter.add(`${generation}-${k}`);
    }
    const asked = 100_000;
    let reported = 0;
    for (let k = 0; k < asked; k++) if (filter.has(k)) reported++;
    expect(reported).toBeLessThanOrEqual(chernoffBound(asked, rate));
    const stats = filter.stats();
    expect(stats.estimatedFalsePositiveRate / (reported / asked)).toBeCloseTo(1, 0);
    for (const count of stats.estimatedCounts)
      expect(Math.abs(count - 2000)).toBeLessThan(2000 * 0.02 + 6 * Math.sqrt(2000));
    clock.stall(10_000);
    expect(filter.stats()).toEqual({ estimatedCounts: [0, 0, 0, 0], estimatedFalsePositiveRate: 0, saturated: false });
  });

  it('says when a generation holds more than it was made for', () => {
    const clock = createVirtualClock();
    const filter = createRotatingBloom({ ...options, clock });
    filter.addAll(Array.from({ length: 300 }, (_, k) => k));
    expect(filter.stats().saturated).toBe(true);
    filter.clear();
    expect([filter.has(1), filter.stats().saturated]).toEqual([false, false]);
  });

  it('takes hashed keys', () => {
    const filter = createRotatingBloom({ ...options, seed: 3, clock: createVirtualClock() });
    const hash = hashKey('key', { seed: 3 });
    expect([filter.hasHash(hash), filter.addHash(hash), filter.has('key'), filter.addAll(['key', 'b'])]).toEqual([
      false,
      true,
      true,
      1,
    ]);
    expect(() => filter.has(undefined as unknown as string)).toThrow(TypeError);
  });

  it.each(badNumbers({ min: 1, max: Number.MAX_SAFE_INTEGER }))('refuses a windowMs of %s', (_text, bad) => {
    expect(() => createRotatingBloom({ ...options, windowMs: bad as number })).toThrow(/windowMs must be/);
  });

  it.each(badNumbers({ min: 1, max: 64, isInteger: true }))('refuses %s generations', (_text, bad) => {
    expect(() => createRotatingBloom({ ...options, generations: bad as number })).toThrow(/generations must be/);
  });

  it('refuses other bad options by their names', () => {
    for (const [name, value] of Object.entries({
      capacity: 0,
      falsePositiveRate: 1,
      layout: '',
      seed: -1,
      secret: 1,
    })) {
      expect(() => createRotatingBloom({ ...options, [name]: value })).toThrow(`${name} must be`);
    }
  });
});

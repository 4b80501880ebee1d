import { describe, expect, it } from 'vitest';
import { createLeastConnections, createP2cEwma, createWeightedRoundRobin } from '../../src/balance/index.ts';
import { createSeededRandom, createVirtualClock } from '../../src/testing/index.ts';
import { countOf, hold, hosts, picks } from './kit.ts';

describe('slow start', () => {
  it.each([
    ['createWeightedRoundRobin', createWeightedRoundRobin],
    ['createP2cEwma', createP2cEwma],
  ])('%s gives a host that comes later a tenth at first, and all after slowStartMs', async (_name, create) => {
    const clock = createVirtualClock();
    const random = createSeededRandom(1);
    const picker = create(hosts(1, 1), { slowStartMs: 1000, clock, random });
    const shareOf = async (): Promise<number> => {
      const ids: string[] = [];
      for (let k = 0; k < 2000; k++) {
        // Under the power of two choices a share shows only under load.
        const leases = hold(picker, 8);
        ids.push(...leases.map(({ id }) => id));
        for (const lease of leases) lease.release();
      }
      return countOf(ids)['c']! / ids.length;
    };
    picks(picker, 10);
    picker.add({ id: 'c' });
    const early = await shareOf();
    await clock.advance(1000);
    const late = await shareOf();
    expect(early).toBeLessThan(0.13);
    expect(late).toBeGreaterThan(0.25);
  });

  it('gives a share of the weight that grows evenly with time, whatever becomes of the clock', async () => {
    const clock = createVirtualClock({ nowMs: 5_000 });
    const picker = createWeightedRoundRobin(hosts(1), { slowStartMs: 1000, clock });
    picker.add({ id: 'b' });
    /** The weight of b for each 1 of a. */
    const weight = (): number => {
      const { a, b } = countOf(picks(picker, 10_000)) as { a: number; b: number };
      return b / a;
    };
    expect(weight()).toBeCloseTo(0.1, 2);
    await clock.advance(500);
    expect(weight()).toBeCloseTo(0.55, 2);
    clock.setNow(-1e6);
    expect(weight()).toBeCloseTo(0.55, 2);
    await clock.advance(250);
    expect(weight()).toBeCloseTo(0.775, 2);
    clock.setNow(-2e6);
    expect(weight()).toBeCloseTo(0.775, 2);
    await clock.advance(249);
    expect(weight()).toBeCloseTo(0.999, 2);
    await clock.advance(1e6);
    expect(weight()).toBe(1);
  });

  it('ends with its host', () => {
    const picker = createLeastConnections(hosts(1, 1), { slowStartMs: 1000, clock: createVirtualClock() });
    picker.add({ id: 'c' });
    picker.remove('c');
    expect(picks(picker, 4)).toEqual(['a', 'b', 'a', 'b']);
  });

  it('is nothing for hosts that are there from the start', () => {
    const picker = createWeightedRoundRobin(hosts(1, 1), { slowStartMs: 1000, clock: createVirtualClock() });
    expect(countOf(picks(picker, 10))).toEqual({ a: 5, b: 5 });
  });

  it('lets least connections send the newcomer more as it warms', async () => {
    const clock = createVirtualClock({ nowMs: 5_000 });
    const picker = createLeastConnections(hosts(1), { slowStartMs: 1000, clock });
    picker.add({ id: 'b' });
    const early = hold(picker, 10);
    expect(picker.inFlight('b')).toBeLessThanOrEqual(1);
    for (const lease of early) lease.release();
    await clock.advance(1000);
    hold(picker, 10);
    expect([picker.inFlight('a'), picker.inFlight('b')]).toEqual([5, 5]);
  });
});

import { describe, expect, it } from 'vitest';
import { flush, outcomeOf } from '../support/gate.ts';
import { count, createFleet, LEASE_MS, settle, STALE_MS, warm } from './tiered-fleet.ts';

describe('who waits', () => {
  it('for acknowledgements asks soon at first and ten times a second later', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await warm(two);
    two.network.latencyMs = () => 5;
    const quick = one.cache.delete('a', { wait: 'all' });
    await fleet.clock.advance(40);
    expect((await outcomeOf(quick)).state).toBe('fulfilled');
    two.freeze();
    const asks = count(fleet.parts[0]!, 'lagging');
    const slow = one.cache.delete('a', { wait: 'all' });
    await fleet.clock.advance(STALE_MS * 1.02 + 1);
    await slow;
    expect(asks()).toBeGreaterThan(10);
    expect(asks()).toBeLessThan(20);
  });

  it('for acknowledgements waits on when the tier does not say who is missing', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await warm(two);
    two.freeze();
    const change = one.cache.delete('a', { wait: 'all' });
    await fleet.clock.advance(5);
    one.network.state = 'refused';
    await fleet.clock.advance(STALE_MS - 10);
    expect((await outcomeOf(change)).state).toBe('pending');
    await fleet.clock.advance(40);
    await change;
    two.thaw();
  });

  it('for the load of another process asks soon at first and ten times a second later', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await Promise.all([one.cache.ready(), two.cache.ready()]);
    const wait = async (loadMs: number, key: string): Promise<number> => {
      const startMs = fleet.clock.now();
      let overMs = 0;
      void one.cache.getOrLoad(
        key,
        () => new Promise<string>((done) => void fleet.clock.setTimeout(() => done('x'), loadMs)),
      );
      await flush();
      void two.cache.getOrLoad(key, async () => 'own').then(() => (overMs = fleet.clock.now() - startMs));
      await fleet.clock.advance(loadMs + 200);
      return overMs;
    };
    expect(await wait(10, 'a')).toBeLessThanOrEqual(20);
    const reads = count(fleet.parts[0]!, 'read');
    expect(await wait(4 * LEASE_MS, 'b')).toBeGreaterThanOrEqual(4 * LEASE_MS);
    expect(reads()).toBeGreaterThan(12);
    expect(reads()).toBeLessThan(24);
    expect(two.cache.stats().loads).toBe(0);
  });

  it('for the load of another process leaves no timer behind when it gives up', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await Promise.all([one.cache.ready(), two.cache.ready()]);
    void one.cache.getOrLoad('a', () => new Promise<string>(() => {}));
    await flush();
    const before = fleet.clock.pendingTimers;
    const caller = new AbortController();
    const left = two.cache.getOrLoad('a', async () => 'x', { signal: caller.signal });
    await flush();
    expect(fleet.clock.pendingTimers).toBe(before + 1);
    caller.abort('left');
    await expect(left).rejects.toBe('left');
    await flush();
    expect(fleet.clock.pendingTimers).toBe(before);
  });
});

import { describe, expect, it } from 'vitest';
import { createCache } from '../../src/cache/index.ts';
import { outcomeOf } from '../support/gate.ts';
import type { Network } from './tiered-fleet.ts';
import { createFleet, settle, STALE_MS, warm } from './tiered-fleet.ts';

/** The next ways take these times, one each, and later ones none. */
function nextWays(network: Network, ...times: readonly number[]): void {
  const left = [...times];
  network.latencyMs = () => left.shift() ?? 0;
}

describe('a process', () => {
  it('counts the time for which it may use its memory from when it asked, not from when it was answered', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await two.cache.ready();
    await fleet.clock.advance(STALE_MS / 3 - 1);
    await warm(two);
    nextWays(two.network, 0, 45);
    await fleet.clock.advance(1);
    two.network.state = 'lost';
    // Executed after the answer had left.
    const change = one.cache.delete('a', { wait: 'all' });
    await fleet.clock.advance(STALE_MS - 1);
    expect(await two.cache.get('a')).toBe('old');
    await fleet.clock.advance(1);
    const read = two.cache.getOrLoad('a', async () => 'new');
    await fleet.clock.advance(100);
    await change;
    expect(await read).toBe('new');
  });

  it('drops what it read while its own change was on the way', async () => {
    const fleet = createFleet();
    const one = fleet.join();
    await settle(fleet, one);
    await warm(one);
    await fleet.clock.advance(1);
    one.network.isBusDead = true;
    for (const read of [() => one.cache.get('a'), () => one.cache.getOrLoad('a', async () => 'loaded')]) {
      await one.cache.ready();
      await one.cache.set('a', 'old');
      nextWays(one.network, 20);
      const change = one.cache.delete('a');
      expect(await read()).toBe('old');
      await fleet.clock.advance(20);
      await change;
      expect(await one.cache.get('a')).toBe(undefined);
    }
  });

  it('that missed a message asks for it when it gets the next', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await warm(two);
    two.network.isBusDead = true;
    await one.cache.delete('a');
    expect(await two.cache.get('a')).toBe('old');
    two.network.isBusDead = false;
    await one.cache.delete('b');
    await fleet.clock.advance(1);
    expect(await two.cache.get('a')).toBe(undefined);
  });

  it('loses nothing newer to a message that comes late', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await warm(two);
    nextWays(two.network, STALE_MS / 2);
    await one.cache.delete('a');
    await fleet.clock.advance(STALE_MS / 3);
    await warm(two, 'new');
    await fleet.clock.advance(1);
    const [part] = fleet.parts as [(typeof fleet.parts)[0]];
    const said = part.members.size > 0 && [...part.members.values()].at(-1);
    await fleet.clock.advance(STALE_MS / 6);
    // Nor does it ask for news because of that.
    expect([...part.members.values()].at(-1)).toBe(said);
    two.network.state = 'answers lost';
    const got = two.cache.get('a');
    await fleet.clock.advance(1000);
    expect(await got).toBe('new');
  });

  it('serves what its first level has out of date without waiting for the process that loads it anew', async () => {
    const fleet = createFleet();
    const l1 = createCache<string, string>({ maxEntries: 9, staleWhileRevalidateMs: 1000, clock: fleet.clock });
    const [one, two] = [fleet.join({ l1, ttlMs: 100 }), fleet.join({ ttlMs: 100 })] as const;
    await Promise.all([warm(one), two.cache.ready()]);
    await fleet.clock.advance(100);
    void two.cache.getOrLoad('a', () => new Promise<string>(() => {}));
    await fleet.clock.advance(1);
    expect(await outcomeOf(one.cache.getOrLoad('a', async () => 'new'))).toEqual({ state: 'fulfilled', value: 'old' });
    await fleet.clock.advance(200);
    expect(one.cache.stats().loads).toBe(1);
  });

  it('keeps nothing of a read that a change overtook', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await Promise.all([one.cache.ready(), two.cache.ready()]);
    await one.cache.set('a', 'old');
    nextWays(two.network, 0, 20);
    const read = two.cache.get('a');
    await one.cache.delete('a');
    await fleet.clock.advance(20);
    expect(await read).toBe('old');
    expect(await two.cache.get('a')).toBe(undefined);
  });

  it('hears of what happened before it joined as if all had been changed', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await warm(one);
    expect(await two.cache.get('a')).toBe('old');
    expect(two.cache.stats()).toMatchObject({ tierHits: 1, loads: 0, isConnected: true });
  });
});

import { describe, expect, it } from 'vitest';
import { createCache, createTieredCache } from '../../src/cache/index.ts';
import { flush, outcomeOf } from '../support/gate.ts';
import { count, createFleet, directly, settle, STALE_MS, warm } from './tiered-fleet.ts';
import type { MemoryPartition } from './tiered-memory.ts';

describe('a process', () => {
  it('drops what it hears of without asking, and asks when somebody waits for its word or it missed something', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await Promise.all([one.cache.ready(), warm(two)]);
    await fleet.clock.advance(1);
    const syncs = count(fleet.parts[0]!, 'sync');
    for (let changes = 0; changes < 3; changes++) {
      await one.cache.set('b', 'x');
      await one.cache.invalidateTags(['t']);
      await two.cache.delete('c');
    }
    expect(await two.cache.get('a')).toBe('old');
    await one.cache.delete('a');
    await flush();
    two.network.state = 'refused';
    expect(await two.cache.get('a')).toBe(undefined);
    two.network.state = 'up';
    expect(syncs()).toBe(0);
    await Promise.all([one.cache.delete('a', { wait: 'all' }), fleet.clock.advance(5)]);
    // Once for the news, once to say that they were carried out.
    expect(syncs()).toBeGreaterThan(0);
    expect(syncs()).toBeLessThanOrEqual(2);
    expect(fleet.clock.pendingTimers).toBe(2);
  });

  it('asks a tier that loses everything all the time no more often than any other', async () => {
    const fleet = createFleet();
    const { cache } = fleet.join();
    let syncs = 0;
    Object.assign(fleet.parts[0]!, { sync: () => ({ epoch: `life ${++syncs}`, mark: 0 }) });
    await cache.ready();
    await fleet.clock.advance(STALE_MS);
    expect(syncs).toBeLessThanOrEqual(5);
    await cache.close();
  });

  it('writes on top of what it has heard of', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await Promise.all([one.cache.ready(), two.cache.ready()]);
    for (let round = 0; round < 3; round++) {
      await one.cache.delete('a');
      await flush();
      await two.cache.set('a', `${round}`);
      await flush();
      expect(await one.cache.get('a')).toBe(`${round}`);
    }
  });

  it('does not take its own change for all that has happened', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await warm(two);
    await fleet.clock.advance(1);
    two.network.isBusDead = true;
    await one.cache.delete('a');
    await two.cache.delete('b');
    expect(await two.cache.get('a')).toBe('old');
    await fleet.clock.advance(STALE_MS / 3);
    expect(await two.cache.get('a')).toBe(undefined);
  });

  it('goes on from its own change when it did not hear of that', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await warm(two);
    await fleet.clock.advance(1);
    const syncs = count(fleet.parts[0]!, 'sync');
    two.network.isBusDead = true;
    await two.cache.delete('b');
    await two.cache.delete('c');
    two.network.isBusDead = false;
    await one.cache.delete('a');
    await flush();
    expect(syncs()).toBe(0);
    two.network.state = 'refused';
    expect(await two.cache.get('a')).toBe(undefined);
  });

  it('makes nothing of news that are older than what it has heard', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await Promise.all([one.cache.ready(), warm(two)]);
    await fleet.clock.advance(1);
    // Its next question takes long to be answered.
    const ways = [0, 40];
    two.network.latencyMs = () => ways.shift() ?? 0;
    await fleet.clock.advance(STALE_MS / 3);
    const syncs = count(fleet.parts[0]!, 'sync');
    await one.cache.delete('x');
    await fleet.clock.advance(50);
    await one.cache.delete('a');
    await flush();
    expect([ways, syncs()]).toEqual([[], 0]);
    two.network.state = 'refused';
    expect(await two.cache.get('a')).toBe(undefined);
  });

  it('makes nothing of a receipt that is older than what it has heard', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await Promise.all([one.cache.ready(), two.cache.ready()]);
    await fleet.clock.advance(1);
    // There, its own message, and back.
    const ways = [0, 0, 40];
    two.network.latencyMs = () => ways.shift() ?? 0;
    const slow = two.cache.delete('b');
    await flush();
    await one.cache.delete('a');
    await fleet.clock.advance(40);
    await slow;
    await two.cache.set('a', 'newest');
    expect([ways, await one.cache.get('a')]).toEqual([[], 'newest']);
  });

  it.each(['another process', 'itself'])(
    'drops everything when a change by %s comes from another life of the tier, whatever its number',
    async (who) => {
      const fleet = createFleet();
      const [part] = fleet.parts as [MemoryPartition];
      const [one, two] = [fleet.join(), fleet.join()] as const;
      await settle(fleet, one);
      await warm(two);
      await fleet.clock.advance(1);
      const { mark } = part;
      two.network.isBusDead = true;
      part.flush();
      await one.cache.delete('a');
      while (part.mark < mark) await one.cache.delete('b');
      expect([part.mark, await two.cache.get('a')]).toEqual([mark, 'old']);
      // What it does itself it need not hear of.
      two.network.isBusDead = who === 'itself';
      await (who === 'itself' ? two : one).cache.delete('c');
      await flush();
      expect(await two.cache.get('a')).toBe(undefined);
    },
  );

  it('that learns by a change of its own that the tier has lost everything drops everything', async () => {
    const fleet = createFleet();
    const two = fleet.join();
    await settle(fleet, two);
    await warm(two);
    await fleet.clock.advance(1);
    two.network.isBusDead = true;
    fleet.parts[0]!.flush();
    await two.cache.delete('b');
    await flush();
    expect(await two.cache.get('a')).toBe(undefined);
  });

  it('that only writes does not ask for news, and takes no leave when it was never used', async () => {
    const fleet = createFleet();
    const [writer, unused] = [fleet.join(), fleet.join()] as const;
    const [syncs, leaves] = [count(fleet.parts[0]!, 'sync'), count(fleet.parts[0]!, 'leave')];
    await writer.cache.set('a', '1');
    await writer.cache.set('a', '2');
    await flush();
    expect([syncs(), fleet.clock.pendingTimers]).toEqual([0, 0]);
    await unused.cache.close();
    expect([leaves(), unused.errors]).toEqual([0, []]);
  });

  it('says once more that it is up to date when it was told of a change while it asked', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await warm(two);
    const [started, ways] = [fleet.clock.now(), [0, 40]];
    two.network.latencyMs = () => ways.shift() ?? 0;
    await fleet.clock.advance(STALE_MS / 3);
    const change = one.cache.delete('a', { wait: 'all' });
    expect((await outcomeOf(change)).state).toBe('pending');
    await fleet.clock.advance(110);
    expect((await outcomeOf(change)).state).toBe('fulfilled');
    expect(fleet.clock.now() - started).toBeLessThan(STALE_MS);
  });

  it('asks for nothing more when it is ready', async () => {
    const fleet = createFleet();
    const { cache, network } = fleet.join();
    await cache.ready();
    await fleet.clock.advance(1);
    network.state = 'refused';
    await cache.ready();
    expect(cache.stats().tierFailures).toBe(0);
  });

  it('needs no bus: it hears of changes when it asks', async () => {
    const { clock, parts } = createFleet();
    const errors: unknown[] = [];
    const make = (): ReturnType<typeof createTieredCache<string>> => {
      const { subscribe: _, ...part } = directly(parts[0]!, clock);
      return createTieredCache<string>({
        l1: createCache({ maxEntries: 9, clock }),
        tier: { partitions: [part] },
        ttlMs: 60_000,
        l1MaxStaleMs: STALE_MS,
        clock,
        onError: (error) => errors.push(error),
      });
    };
    const [one, two] = [make(), make()];
    await Promise.all([one.delete('nothing', { wait: 'all' }), clock.advance(STALE_MS + 100)]);
    expect(await two.getOrLoad('a', async () => 'old')).toBe('old');
    await one.delete('a');
    await clock.advance(STALE_MS / 3);
    expect(await two.get('a')).toBe(undefined);
    await Promise.all([one.close(), two.close()]);
    expect([errors, clock.pendingTimers]).toEqual([[], 0]);
  });
});

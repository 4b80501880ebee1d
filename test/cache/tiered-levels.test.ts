import { describe, expect, it } from 'vitest';
import type { TierPartition } from '../../src/cache/index.ts';
import { createCache, createTieredCache } from '../../src/cache/index.ts';
import { flush } from '../support/gate.ts';
import { createFleet, directly, settle, STALE_MS, warm } from './tiered-fleet.ts';

describe('the first level', () => {
  it('answers what it has without a call to the tier, whether it was loaded, read or got', async () => {
    const fleet = createFleet();
    const [one, two, three] = [fleet.join(), fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await Promise.all([two.cache.ready(), three.cache.ready()]);
    await warm(one);
    await fleet.clock.advance(1);
    expect(await two.cache.getOrLoad('a', async () => 'new')).toBe('old');
    expect(await three.cache.get('a')).toBe('old');
    for (const { cache, network } of [one, two, three]) {
      network.state = 'refused';
      expect(await cache.get('a')).toBe('old');
      expect(await cache.getOrLoad('a', async () => 'new')).toBe('old');
      expect(cache.stats().tierFailures).toBe(0);
    }
    expect([two, three].map(({ cache }) => cache.stats().tierHits)).toEqual([1, 1]);
  });

  it('keeps values of other keys and tags when one is changed, here or elsewhere', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    for (const { cache } of [one, two]) {
      for (const key of ['a', 'b', 'c'])
        await cache.getOrLoad(key, async (_, ctx) => {
          ctx.tags = [`tag of ${key}`];
          return key;
        });
    }
    await one.cache.delete('a');
    await one.cache.invalidateTags(['tag of b']);
    await flush();
    for (const { cache, network } of [one, two]) {
      network.state = 'refused';
      expect(await cache.get('c')).toBe('c');
      expect(cache.stats().tierFailures).toBe(0);
      expect([await cache.get('a'), await cache.get('b')]).toEqual([undefined, undefined]);
    }
  });

  it('keeps a value for `l1TtlMs` at most, and never longer than the tier does', async () => {
    const fleet = createFleet();
    const options = { ttlMs: 5000, l1TtlMs: 2000, l1MaxStaleMs: 100_000 };
    const [one, two] = [fleet.join(options), fleet.join(options)] as const;
    await Promise.all([one.cache.ready(), two.cache.ready()]);
    const read = ({ cache }: typeof one): Promise<string | undefined> => cache.getOrLoad('a', async () => 'anew');
    await one.cache.getOrLoad('a', async () => 'old');
    await fleet.clock.advance(1000);
    expect(await read(two)).toBe('old');
    const asked = (): number[] => [one, two].map(({ cache }) => cache.stats().tierHits);
    expect(asked()).toEqual([0, 1]);
    await fleet.clock.advance(1000);
    expect([await read(one), await read(two), asked()]).toEqual(['old', 'old', [1, 1]]);
    await fleet.clock.advance(1000);
    expect([await read(one), await read(two), asked()]).toEqual(['old', 'old', [1, 2]]);
    await fleet.clock.advance(1999);
    expect(await read(one)).toBe('old');
    await fleet.clock.advance(1);
    expect([await read(two), await read(one)]).toEqual(['anew', 'anew']);
  });

  it('is used on once the tier has said that nothing has changed', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await warm(two);
    await fleet.clock.advance(1);
    // As on a machine that slept.
    fleet.clock.setEpoch(fleet.clock.epochMs() + STALE_MS);
    expect(two.cache.stats().isConnected).toBe(false);
    expect(await two.cache.getOrLoad('a', async () => 'new')).toBe('old');
    expect(two.cache.stats()).toMatchObject({ isConnected: true, loads: 1, tierHits: 0 });
    fleet.clock.setEpoch(fleet.clock.epochMs() + STALE_MS);
    expect(await two.cache.get('a')).toBe('old');
    expect(two.cache.stats()).toMatchObject({ isConnected: true, loads: 1, tierHits: 0 });
  });

  it('is not used for longer because the wall clock was set back', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await warm(two);
    fleet.clock.setEpoch(fleet.clock.epochMs() - 100 * STALE_MS);
    two.network.state = 'refused';
    await fleet.clock.advance(STALE_MS);
    expect([two.cache.stats().isConnected, await two.cache.get('a')]).toEqual([false, undefined]);
  });
});

describe('partitions', () => {
  it('share the keys as FNV-1a says, which processes of all versions have in common', async () => {
    const fleet = createFleet(4);
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await Promise.all([one.cache.ready(), two.cache.ready()]);
    // The hashes that Noll's page of the algorithm lists for these texts, modulo 4.
    const places = { '': 1, a: 0, b: 1, c: 2, fo: 2, foo: 3, foobar: 0 };
    for (const [key, at] of Object.entries(places)) {
      await one.cache.set(key, `value of ${key}`);
      expect([key, fleet.parts.findIndex(({ entries }) => entries.has(key))]).toEqual([key, at]);
      expect(await two.cache.get(key)).toBe(`value of ${key}`);
    }
    await two.cache.clear();
    await flush();
    for (const key of Object.keys(places)) expect(await one.cache.get(key)).toBe(undefined);
  });

  it('count as connected when all of them are', async () => {
    const { clock, parts } = createFleet(2);
    let isDown = true;
    const [up, other] = [directly(parts[0]!, clock), directly(parts[1]!, clock)];
    const down: TierPartition = {
      ...other,
      sync: async (...args) => (isDown ? Promise.reject(new Error('down')) : other.sync(...args)),
    };
    const cache = createTieredCache<string>({
      l1: createCache({ maxEntries: 9, clock }),
      tier: { partitions: [up, down] },
      ttlMs: 1000,
      tierRetryMs: 100,
      clock,
    });
    await expect(cache.ready()).rejects.toThrow('down');
    expect(cache.stats().isConnected).toBe(false);
    isDown = false;
    await clock.advance(100);
    expect(cache.stats().isConnected).toBe(true);
    await cache.close();
  });
});

describe('what the tier keeps', () => {
  it('has the tags of the loader, the write and the options, and no others', async () => {
    const fleet = createFleet();
    const { cache } = fleet.join();
    const tagged = fleet.join({ tags: (key, value) => [`${key} ${value}`] });
    await Promise.all([cache.ready(), tagged.cache.ready()]);
    await cache.set('a', '1');
    await cache.set('b', '2', { tags: ['t'] });
    await cache.getOrLoad('c', async () => '3');
    await tagged.cache.set('d', '4', { tags: ['t'] });
    await tagged.cache.getOrLoad('e', async (_, ctx) => ((ctx.tags = ['u']), '5'));
    await flush();
    const { entries } = fleet.parts[0]!;
    expect([...entries].map(([key, { tags }]) => [key, tags])).toEqual([
      ['a', []],
      ['b', ['t']],
      ['c', []],
      ['d', ['t', 'd 4']],
      ['e', ['u', 'e 5']],
    ]);
  });

  it('is nothing where there is no time to live, and nothing where nothing was found', async () => {
    const fleet = createFleet();
    const { cache } = fleet.join();
    await cache.ready();
    await cache.set('a', '1', { ttlMs: 0 });
    await cache.getOrLoad('b', async (_, ctx) => ((ctx.ttlMs = 0), '2'));
    await cache.getOrLoad('c', async () => undefined);
    await flush();
    const [{ entries, leases }] = fleet.parts as [(typeof fleet.parts)[0]];
    expect([entries.size, [...leases.values()].filter(({ untilMs }) => untilMs > fleet.clock.now())]).toEqual([0, []]);
    expect(cache.stats()).toMatchObject({ loads: 2, fills: 0, refusedFills: 0, tierFailures: 0 });
  });
});

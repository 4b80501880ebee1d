import { describe, expect, it } from 'vitest';
import type { TieredCacheOptions } from '../../src/cache/index.ts';
import { createCache, createTieredCache } from '../../src/cache/index.ts';
import type { NumberRule } from '../support/arbitraries.ts';
import { badFunctions, badNumbers } from '../support/arbitraries.ts';
import { outcomeOf } from '../support/gate.ts';
import { createFleet, LEASE_MS, settle, STALE_MS } from './tiered-fleet.ts';

const LONGEST_MS = 2 ** 31 - 1;
const TEN_YEARS_MS = 315_360_000_000;

const rules: Readonly<Record<string, NumberRule>> = {
  ttlMs: { min: 1, max: TEN_YEARS_MS },
  l1TtlMs: { min: 0, max: TEN_YEARS_MS },
  l1MaxStaleMs: { min: 1, max: LONGEST_MS },
  leaseMs: { min: 1, max: LONGEST_MS, isInteger: true },
  tierTimeoutMs: { min: 1, max: LONGEST_MS },
  tierRetryMs: { min: 1, max: LONGEST_MS },
};

const create = (options: object): unknown =>
  createTieredCache({
    l1: createCache({ maxEntries: 9 }),
    tier: { partitions: [{}] },
    ttlMs: 1000,
    ...options,
  } as unknown as TieredCacheOptions<number>);

describe('createTieredCache', () => {
  it.each(
    Object.entries(rules).flatMap(([name, rule]) =>
      badNumbers(rule).flatMap(([text, value]) => (value === undefined ? [] : [[name, text, value] as const])),
    ),
  )('refuses %s of %s', (name, _, value) => {
    expect(() => create({ [name]: value })).toThrow(new RegExp(`^${name} must be `));
  });

  it.each(['loader', 'tags', 'onError', 'random'])('refuses %s that is no function', (name) => {
    for (const [, value] of badFunctions) expect(() => create({ [name]: value })).toThrow(`${name} must be a function`);
  });

  it('refuses levels, serializers and switches that are none', () => {
    for (const l1 of [undefined, null, {}, 'l1']) expect(() => create({ l1 })).toThrow('l1 must be a cache');
    for (const tier of [undefined, null, {}, { partitions: [] }])
      expect(() => create({ tier })).toThrow('tier must be a tier, as redisTier makes');
    for (const serializer of [{}, { serialize: JSON.stringify }, { deserialize: JSON.parse }])
      expect(() => create({ serializer })).toThrow('serializer must be an object with serialize and deserialize');
    expect(() => create({ distributedSingleflight: 1 })).toThrow(
      'distributedSingleflight must be true or false, got 1',
    );
    expect(() => create({ ttlMs: undefined })).toThrow('ttlMs must be');
  });

  it('rejects bad calls, and changes nothing', async () => {
    const fleet = createFleet();
    const { cache } = fleet.join<unknown>();
    await cache.ready();
    const { mark } = fleet.parts[0]!;
    await expect(cache.set('a', undefined)).rejects.toThrow('value must be anything but undefined');
    await expect(cache.set('a', 1, { ttlMs: Infinity })).rejects.toThrow('ttlMs must be a number of at least 0');
    await expect(cache.set('a', 1, { wait: 'everybody' as never })).rejects.toThrow('wait must be one of local');
    await expect(cache.invalidateTags('t' as never)).rejects.toThrow('tags must be a list of texts');
    await expect(cache.invalidateTags([undefined] as never)).rejects.toThrow('tags must be a list of texts');
    await expect(cache.set('a', 1, { tags: 't' as never })).rejects.toThrow('tags must be a list of texts');
    await expect(cache.set('a', () => 1)).rejects.toThrow('value must be one that can be serialized');
    for (const timeoutMs of [NaN, -1, Infinity])
      await expect(cache.delete('a', { wait: 'all', timeoutMs })).rejects.toThrow('timeoutMs must be a number');
    for (const key of [null, undefined, 7] as never[]) {
      const calls = [cache.delete(key), cache.set(key, 1), cache.get(key), cache.getOrLoad(key, () => 1)];
      for (const call of calls) await expect(call).rejects.toThrow('key must be a text');
    }
    await expect(cache.getOrLoad('a')).rejects.toThrow('no loader was given');
    const loop: unknown[] = [];
    loop.push(loop);
    await expect(cache.set('a', loop)).rejects.toThrow(TypeError);
    await cache.invalidateTags([]);
    expect(fleet.parts[0]!.mark).toBe(mark);
    const gone = AbortSignal.abort('gone');
    await expect(cache.get('a', { signal: gone })).rejects.toBe('gone');
    await expect(cache.getOrLoad('a', () => 1, { signal: gone })).rejects.toBe('gone');
    expect(fleet.parts[0]!.mark).toBe(mark);
    fleet.parts[0]!.entries.clear();
    await expect(cache.getOrLoad('a', () => loop)).resolves.toBe(loop);
    const fn = (): number => 1;
    await expect(cache.getOrLoad('f', () => fn)).resolves.toBe(fn);
    expect(fleet.parts[0]!.entries.size).toBe(0);
  });

  it('takes times to live from the loader, the write, or the options, and never more of the tier than is left', async () => {
    const fleet = createFleet();
    const one = fleet.join({ ttlMs: 5000, l1TtlMs: 2000, l1MaxStaleMs: 100_000 });
    const two = fleet.join({ ttlMs: 5000, l1TtlMs: 2000, l1MaxStaleMs: 100_000 });
    await Promise.all([one.cache.ready(), two.cache.ready()]);
    await one.cache.getOrLoad('short', async (_, ctx) => {
      ctx.ttlMs = 1000;
      return 'short';
    });
    await one.cache.getOrLoad('usual', async () => 'usual');
    await one.cache.set('set', 'set', { ttlMs: 3000 });
    await one.cache.getOrLoad('never', async (_, ctx) => {
      ctx.ttlMs = 0;
      return 'never';
    });
    await one.cache.set('zero', 'zero', { ttlMs: 0 });
    const left = (): Promise<(string | undefined)[]> =>
      Promise.all(['short', 'usual', 'set', 'never', 'zero'].map((key) => two.cache.get(key)));
    expect(await left()).toEqual(['short', 'usual', 'set', undefined, undefined]);
    await fleet.clock.advance(999);
    expect(await left()).toEqual(['short', 'usual', 'set', undefined, undefined]);
    await fleet.clock.advance(1);
    expect(await left()).toEqual([undefined, 'usual', 'set', undefined, undefined]);
    const before = two.cache.stats().tierHits;
    await fleet.clock.advance(1000);
    expect(await left()).toEqual([undefined, 'usual', 'set', undefined, undefined]);
    expect(two.cache.stats().tierHits).toBe(before + 2);
    await fleet.clock.advance(1000);
    expect(await left()).toEqual([undefined, 'usual', undefined, undefined, undefined]);
    await fleet.clock.advance(2000);
    expect(await left()).toEqual([undefined, undefined, undefined, undefined, undefined]);
  });

  it('loads anew where that is asked for, in the tier as well', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await one.cache.getOrLoad('a', async () => 'first');
    expect(await two.cache.getOrLoad('a', async () => 'second', { forceRefresh: true })).toBe('second');
    await fleet.clock.advance(1);
    expect(await fleet.join().cache.get('a')).toBe('second');
  });

  it('asks for news three times per `l1MaxStaleMs`, and for nothing before it is used', async () => {
    const fleet = createFleet();
    const { cache } = fleet.join();
    await fleet.clock.advance(10 * STALE_MS);
    expect([fleet.clock.pendingTimers, fleet.parts[0]!.epoch]).toEqual([0, '']);
    await cache.ready();
    const said = (): number => Number([...fleet.parts[0]!.members.values()].at(-1)!.split('.').at(-1));
    const before = said();
    await fleet.clock.advance(10 * STALE_MS);
    expect(said() - before).toBe(30);
    expect(fleet.clock.pendingTimers).toBe(1);
  });

  it('rejects `ready` with what the tier rejects with', async () => {
    const fleet = createFleet();
    const { cache, network } = fleet.join();
    network.state = 'refused';
    await expect(cache.ready()).rejects.toThrow('connection refused');
    network.state = 'up';
    await cache.ready();
    expect(cache.stats()).toEqual({
      tierHits: 0,
      loads: 0,
      fills: 0,
      refusedFills: 0,
      tierFailures: 1,
      isConnected: true,
    });
  });

  it('is ready with word that took longer than it lasts, and not when it is closed meanwhile', async () => {
    const fleet = createFleet();
    for (const isClosed of [false, true]) {
      const { cache, network } = fleet.join({ l1MaxStaleMs: 30 });
      network.state = 'refused';
      await expect(cache.ready()).rejects.toThrow('connection refused');
      Object.assign(network, { state: 'up', latencyMs: () => 20 });
      const ready = cache.ready();
      if (isClosed) void cache.close();
      const end = isClosed ? expect(ready).rejects.toThrow('closed') : expect(ready).resolves.toBe(undefined);
      await fleet.clock.advance(40);
      await end;
      void cache.close();
      await fleet.clock.advance(STALE_MS);
    }
    expect(fleet.clock.pendingTimers).toBe(0);
  });

  it('does not use its own memory after its wall clock ran on while the other stood still', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await two.cache.getOrLoad('a', async () => 'old');
    two.network.isBusDead = true;
    await one.cache.delete('a');
    // As on a machine that slept.
    fleet.clock.setEpoch(fleet.clock.epochMs() + STALE_MS);
    expect(await two.cache.get('a')).toBe(undefined);
  });

  it('loads nothing for callers that left while they waited for another process', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await outcomeOf(one.cache.getOrLoad('a', () => new Promise<string>(() => {})));
    const caller = new AbortController();
    const read = two.cache.getOrLoad('a', async () => 'x', { signal: caller.signal });
    await outcomeOf(read);
    caller.abort('left');
    await expect(read).rejects.toBe('left');
    one.freeze();
    await fleet.clock.advance(LEASE_MS + 200);
    expect(two.cache.stats().loads).toBe(0);
    expect(await two.cache.getOrLoad('a', async () => 'x')).toBe('x');
  });

  it('gives callers that abort their reason at once, also while they wait for another process', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    const first = one.cache.getOrLoad('a', () => new Promise<string>(() => {}));
    await outcomeOf(first);
    const caller = new AbortController();
    const reads = [
      two.cache.getOrLoad('a', async () => 'x', { signal: caller.signal }),
      two.cache.getOrLoad('b', async () => 'b', { signal: caller.signal }),
    ];
    const stays = two.cache.getOrLoad('a', async () => 'x');
    two.network.latencyMs = () => 10;
    const got = two.cache.get('c', { signal: caller.signal });
    await outcomeOf(stays);
    caller.abort('left');
    for (const read of reads) await expect(read).rejects.toBe('left');
    await expect(got).rejects.toBe('left');
    expect((await outcomeOf(stays)).state).toBe('pending');
    one.freeze();
    await fleet.clock.advance(LEASE_MS + 200);
    expect(await stays).toBe('x');
  });
});

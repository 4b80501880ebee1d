import { describe, expect, it } from 'vitest';
import { flush, outcomeOf } from '../support/gate.ts';
import { createOrigin } from './origin.ts';
import { createFleet, directly, RETRY_MS, settle, TIMEOUT_MS, warm } from './tiered-fleet.ts';

describe('a call to the tier that fails', () => {
  it('is told of once, and reads go past the tier until `tierRetryMs` are over', async () => {
    for (const read of ['get', 'getOrLoad'] as const) {
      const fleet = createFleet();
      const { cache, network, errors } = fleet.join();
      await cache.ready();
      await fleet.clock.advance(1);
      network.state = 'refused';
      const one = (key: string): Promise<string | undefined> =>
        read === 'get' ? cache.get(key) : cache.getOrLoad(key, async () => key);
      for (const key of ['a', 'b', 'c']) expect(await one(key)).toBe(read === 'get' ? undefined : key);
      expect([errors.map(String), cache.stats().tierFailures]).toEqual([['Error: connection refused'], 1]);
      network.state = 'up';
      await fleet.clock.advance(RETRY_MS - 1);
      expect(await one('d')).toBe(read === 'get' ? undefined : 'd');
      await flush();
      expect(fleet.parts[0]!.entries.size).toBe(0);
      await fleet.clock.advance(1);
      await cache.getOrLoad('e', async () => 'e');
      await flush();
      expect([...fleet.parts[0]!.entries.keys()]).toEqual(['e']);
    }
  });

  it('before the tier has given word is not repeated by every read either', async () => {
    const fleet = createFleet();
    const { cache, network, errors } = fleet.join();
    network.state = 'refused';
    for (let reads = 0; reads < 5; reads++) expect(await cache.getOrLoad('a', async () => `${reads}`)).toBe(`${reads}`);
    for (let reads = 0; reads < 5; reads++) expect(await cache.get('a')).toBe(undefined);
    expect(errors.length).toBe(1);
  });

  it('when what was loaded is handed over costs the caller nothing, and is told of', async () => {
    const fleet = createFleet();
    const { cache, network, errors } = fleet.join();
    const { load, loads } = createOrigin<string>();
    const caller = cache.getOrLoad('a', load);
    await outcomeOf(caller);
    network.state = 'refused';
    loads[0]!.open('loaded');
    expect(await caller).toBe('loaded');
    await flush();
    expect([errors.map(String), cache.stats()]).toMatchObject([
      ['Error: connection refused'],
      { loads: 1, fills: 0, refusedFills: 0, tierFailures: 1 },
    ]);
  });

  it('is missed by nobody where there is no onError', async () => {
    const reported: unknown[] = [];
    const { reportError } = globalThis;
    globalThis.reportError = (error) => void reported.push(error);
    try {
      const { cache, network } = createFleet().join({ onError: undefined });
      network.state = 'refused';
      expect(await cache.getOrLoad('a', async () => 'x')).toBe('x');
      await flush();
      expect([reported, cache.stats().tierFailures]).toEqual([[], 1]);
    } finally {
      globalThis.reportError = reportError;
    }
  });
});

describe("functions of the caller's", () => {
  it('that fail for a value that was loaded are told of, and cost nobody that value', async () => {
    const fleet = createFleet();
    const { cache, errors } = fleet.join({
      tags: () => {
        throw new Error('no tags');
      },
    });
    expect(await cache.getOrLoad('a', async () => 'loaded')).toBe('loaded');
    await flush();
    expect([errors.map(String), fleet.parts[0]!.entries.size]).toEqual([['Error: no tags'], 0]);
  });

  it('that make payloads are not called where there is no tier to take them', async () => {
    const fleet = createFleet();
    let payloads = 0;
    const { cache, network } = fleet.join({
      serializer: { serialize: (value) => (payloads++, value), deserialize: (text) => text },
    });
    network.state = 'refused';
    expect(await cache.getOrLoad('a', async () => 'x')).toBe('x');
    expect(payloads).toBe(0);
    network.state = 'up';
    await fleet.clock.advance(RETRY_MS);
    expect(await cache.getOrLoad('b', async () => 'x')).toBe('x');
    expect(payloads).toBe(1);
  });

  it('may be left out of a call where the options have a loader', async () => {
    const { cache } = createFleet().join({ loader: async (key) => `value of ${key}` });
    const { signal } = new AbortController();
    expect(await cache.getOrLoad('a', { signal })).toBe('value of a');
    expect(await cache.getOrLoad('b')).toBe('value of b');
    await expect(cache.getOrLoad('b', { signal: AbortSignal.abort('gone') })).rejects.toBe('gone');
    await expect(cache.getOrLoad('c', { signal: AbortSignal.abort('gone') })).rejects.toBe('gone');
  });
});

describe('close', () => {
  it('waits for changes and values that are on their way', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await warm(one);
    await two.cache.ready();
    await fleet.clock.advance(1);
    two.network.latencyMs = () => 20;
    const { load, loads } = createOrigin<string>();
    const caller = two.cache.getOrLoad('b', load);
    await fleet.clock.advance(40);
    loads[0]!.open('loaded');
    expect(await caller).toBe('loaded');
    await two.cache.delete('a', { wait: 'local' });
    const closed = two.cache.close();
    expect((await outcomeOf(closed)).state).toBe('pending');
    expect([...fleet.parts[0]!.entries.keys()]).toEqual(['a']);
    const { members } = fleet.parts[0]!;
    const before = members.size;
    await fleet.clock.advance(39);
    expect([[...fleet.parts[0]!.entries.keys()], members.size]).toEqual([['b'], before]);
    await fleet.clock.advance(41);
    await closed;
    expect(members.size).toBe(before - 1);
  });

  it('takes leave of the tier when the changes that nobody waits for are carried out', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await Promise.all([warm(one), two.cache.ready()]);
    await fleet.clock.advance(1);
    const { entries, members } = fleet.parts[0]!;
    const before = members.size;
    two.network.latencyMs = () => 20;
    await two.cache.delete('a', { wait: 'local' });
    const closed = two.cache.close();
    await fleet.clock.advance(39);
    expect([entries.size, members.size]).toEqual([0, before]);
    await fleet.clock.advance(41);
    await closed;
    expect(members.size).toBe(before - 1);
  });

  it('ends within twice `tierTimeoutMs` though the tier hangs, and hears of nothing afterwards', async () => {
    for (const isSyncing of [false, true]) {
      const fleet = createFleet(2);
      const { cache, network } = fleet.join();
      await cache.ready();
      await fleet.clock.advance(1);
      network.state = 'lost';
      if (isSyncing) await fleet.clock.advance(300);
      cache.set('a', 'x', { wait: 'local' }).catch(() => {});
      const closed = cache.close();
      await fleet.clock.advance(2 * TIMEOUT_MS);
      expect(await outcomeOf(closed)).toMatchObject({ state: 'fulfilled' });
      expect(fleet.parts.map(({ listeners }) => listeners.size)).toEqual([0, 0]);
      expect(fleet.clock.pendingTimers).toBe(0);
    }
  });

  it('ends within `tierTimeoutMs` though the bus hangs, and takes leave', async () => {
    const never = new Promise<never>(() => {});
    for (const subscribe of [() => never, async () => () => never]) {
      const fleet = createFleet();
      const [part] = fleet.parts;
      const { cache } = fleet.join({ tier: { partitions: [{ ...directly(part!, fleet.clock), subscribe }] } });
      await cache.ready();
      const closed = cache.close();
      await fleet.clock.advance(TIMEOUT_MS);
      expect(await outcomeOf(closed)).toMatchObject({ state: 'fulfilled' });
      expect([...part!.members.keys()]).toEqual(['']);
    }
  });

  it('is what disposing does, and after it nothing is sent', async () => {
    const fleet = createFleet();
    const { cache, network, errors } = fleet.join();
    {
      await using own = cache;
      await own.ready();
      await fleet.clock.advance(1);
    }
    network.state = 'refused';
    await expect(cache.getOrLoad('a', async () => 'x')).rejects.toMatchObject({ code: 'ERR_CACHE_CLOSED' });
    await expect(cache.get('a')).rejects.toMatchObject({ code: 'ERR_CACHE_CLOSED' });
    await flush();
    expect([errors, fleet.clock.pendingTimers]).toEqual([[], 0]);
  });

  it('while the tier is asked for news leaves no timer behind', async () => {
    for (const state of ['up', 'lost', 'answers lost'] as const) {
      const fleet = createFleet();
      const { cache, network } = fleet.join();
      Object.assign(network, { state, latencyMs: () => 10 });
      const ready = outcomeOf(cache.ready());
      const closed = cache.close();
      await fleet.clock.advance(2 * TIMEOUT_MS);
      await Promise.all([ready, closed]);
      expect([fleet.clock.pendingTimers, cache.stats().isConnected]).toEqual([0, false]);
    }
  });

  it('resolves although the tier does not answer, within `tierTimeoutMs`, and tells of it', async () => {
    for (const state of ['refused', 'lost'] as const) {
      const fleet = createFleet();
      const { cache, network, errors } = fleet.join();
      await cache.ready();
      network.state = state;
      const closed = cache.close();
      await fleet.clock.advance(TIMEOUT_MS);
      await closed;
      expect([errors.length, fleet.clock.pendingTimers]).toEqual([1, 0]);
    }
  });
});

import { describe, expect, it } from 'vitest';
import { createCache } from '../../src/cache/index.ts';
import { gate, outcomeOf } from '../support/gate.ts';
import { createOrigin } from './origin.ts';
import { createFleet, LEASE_MS, RETRY_MS, settle, STALE_MS, TIMEOUT_MS, warm } from './tiered-fleet.ts';

describe('loads', () => {
  it('that are under way when their key or one of their tags is changed anywhere answer their callers and are kept nowhere', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    const changes = [
      () => two.cache.delete('a'),
      () => two.cache.set('a', 'new'),
      () => two.cache.clear(),
      // Which tags a load has is known at its end only.
      () => two.cache.invalidateTags(['t']),
    ];
    for (const change of changes) {
      const { load, loads } = createOrigin<string>();
      await two.cache.delete('a');
      for (const isBusDead of [false, true]) {
        one.network.isBusDead = isBusDead;
        const before = one.cache.getOrLoad('a', load);
        await outcomeOf(before);
        await change();
        const at = loads.length - 1;
        loads[at]!.ctx.tags = ['t'];
        loads[at]!.open('old');
        expect(await before).toBe('old');
        await fleet.clock.advance(STALE_MS);
        const kept = change === changes[1] ? 'new' : undefined;
        expect([await one.cache.get('a'), await two.cache.get('a')]).toEqual([kept, kept]);
        await two.cache.delete('a');
        await fleet.clock.advance(STALE_MS);
      }
      expect(loads.length).toBe(2);
    }
  });

  it('of a key run one at a time in all processes together, and all of them get what it brought', async () => {
    const fleet = createFleet();
    const processes = Array.from({ length: 5 }, () => fleet.join());
    const { load, loads } = createOrigin<string>();
    const callers = processes.flatMap(({ cache }) => [1, 2, 3].map(() => cache.getOrLoad('a', load)));
    // Longer than the lease, which its holder extends.
    await fleet.clock.advance(3 * LEASE_MS);
    expect(loads.length).toBe(1);
    loads[0]!.open('loaded');
    await fleet.clock.advance(200);
    expect(await Promise.all(callers)).toEqual(callers.map(() => 'loaded'));
    const sum = processes.map(({ cache }) => cache.stats());
    expect(sum.reduce((all, { loads: own, fills, tierHits }) => all + 10_000 * own + 100 * fills + tierHits, 0)).toBe(
      10_104,
    );
  });

  it('that fail are tried again by the next process, and those that find nothing are not kept', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    const { load, loads } = createOrigin<string>();
    const first = one.cache.getOrLoad('a', load);
    await outcomeOf(first);
    const second = two.cache.getOrLoad('a', load);
    await outcomeOf(second);
    loads[0]!.fail(new Error('down'));
    await expect(first).rejects.toThrow('down');
    await fleet.clock.advance(10);
    expect(loads.length).toBe(2);
    loads[1]!.open(undefined as never);
    expect(await second).toBe(undefined);
    expect(fleet.parts[0]!.entries.size).toBe(0);
    expect(await one.cache.getOrLoad('a', async () => 'found')).toBe('found');
  });

  it('of a process that dies are taken over after `leaseMs`, and what it brings later is not kept', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    const { load, loads } = createOrigin<string>();
    const first = one.cache.getOrLoad('a', load);
    await outcomeOf(first);
    one.freeze();
    const second = two.cache.getOrLoad('a', load);
    await fleet.clock.advance(LEASE_MS - 1);
    expect(loads.length).toBe(1);
    await fleet.clock.advance(2);
    expect(loads.length).toBe(2);
    loads[1]!.open('new');
    expect(await second).toBe('new');
    one.thaw();
    loads[0]!.open('old');
    await first;
    await fleet.clock.advance(1);
    expect([await two.cache.get('a'), one.cache.stats().refusedFills]).toEqual(['new', 1]);
  });

  it('run in each process that needs them without `distributedSingleflight`, and one of them is kept', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join({ distributedSingleflight: false }), fleet.join({ distributedSingleflight: false })];
    const { load, loads } = createOrigin<string>();
    const callers = [one.cache.getOrLoad('a', load), two.cache.getOrLoad('a', load)];
    await outcomeOf(callers[0]!);
    expect(loads.length).toBe(2);
    loads[1]!.open('second');
    loads[0]!.open('first');
    expect(await Promise.all(callers)).toEqual(['first', 'second']);
    await fleet.clock.advance(1);
    expect(one.cache.stats().fills + two.cache.stats().fills).toBe(1);
  });

  it('are aborted when their last caller leaves, and the next process goes on at once', async () => {
    const fleet = createFleet();
    const [one, two] = [fleet.join(), fleet.join()] as const;
    const { load, loads } = createOrigin<string>();
    const caller = new AbortController();
    const first = one.cache.getOrLoad('a', load, { signal: caller.signal });
    await outcomeOf(first);
    const { signal } = loads[0]!.ctx;
    caller.abort('left');
    await expect(first).rejects.toBe('left');
    expect(signal.aborted).toBe(true);
    loads[0]!.fail(signal.reason);
    await outcomeOf(first);
    const second = two.cache.getOrLoad('a', load);
    await outcomeOf(second);
    expect(loads.length).toBe(2);
    loads[1]!.open('new');
    expect(await second).toBe('new');
  });

  it('that are deaf to their signal hold up nobody once they are aborted, and leave nothing behind', async () => {
    for (const end of ['abort', 'hard timeout', 'close'] as const) {
      const fleet = createFleet();
      const l1 = createCache<string, string>({ maxEntries: 9, clock: fleet.clock, hardTimeoutMs: LEASE_MS });
      const [one, two] = [fleet.join({ l1 }), fleet.join()] as const;
      const { load, loads } = createOrigin<string>();
      const caller = new AbortController();
      const first = outcomeOf(one.cache.getOrLoad('a', load, { signal: caller.signal }));
      await fleet.clock.advance(LEASE_MS / 2);
      if (end === 'abort') caller.abort('left');
      if (end === 'close') await one.cache.close();
      await fleet.clock.advance(LEASE_MS);
      await first;
      expect(await two.cache.getOrLoad('a', async () => 'new')).toBe('new');
      loads[0]!.open('late');
      await fleet.clock.advance(2 * STALE_MS);
      expect(await two.cache.getOrLoad('a', load)).toBe('new');
      await Promise.all([one.cache.close(), two.cache.close()]);
      expect(fleet.clock.pendingTimers).toBe(0);
    }
  });
});

describe('without a tier', () => {
  it('reads go on from the first level for `l1MaxStaleMs` at most, and from the loader within `tierTimeoutMs`', async () => {
    for (const state of ['refused', 'lost', 'answers lost'] as const) {
      const fleet = createFleet();
      const one = fleet.join();
      await warm(one);
      one.network.state = state;
      await fleet.clock.advance(STALE_MS - 1);
      expect(await one.cache.getOrLoad('a', async () => 'new')).toBe('old');
      await fleet.clock.advance(STALE_MS);
      for (let reads = 0; reads < 20; reads++) {
        const startMs = fleet.clock.now();
        const read = one.cache.getOrLoad('a', async () => `new ${reads}`);
        void read.then(() => expect(fleet.clock.now() - startMs).toBeLessThanOrEqual(TIMEOUT_MS));
        await fleet.clock.advance(TIMEOUT_MS);
        expect(await read).toBe(`new ${reads}`);
        expect((await outcomeOf(one.cache.get('b'))).state).not.toBe('rejected');
      }
      one.network.state = 'up';
      await fleet.clock.advance(RETRY_MS + TIMEOUT_MS);
      expect(one.cache.stats().isConnected).toBe(true);
      expect(await one.cache.getOrLoad('a', async () => 'unasked')).toMatch(/^new 19|old$/);
    }
  });

  it('a read shares only a load that began after it', async () => {
    const fleet = createFleet();
    const one = fleet.join();
    one.network.state = 'refused';
    const { load, loads } = createOrigin<string>();
    const wave = (): Promise<string | undefined>[] => [1, 2, 3].map(() => one.cache.getOrLoad('a', load));
    const first = wave();
    await outcomeOf(first[0]!);
    const second = wave();
    await outcomeOf(first[0]!);
    expect(loads.length).toBe(1);
    loads[0]!.open('first');
    expect(await Promise.all(first)).toEqual(['first', 'first', 'first']);
    await outcomeOf(first[0]!);
    expect(loads.length).toBe(2);
    loads[1]!.open('second');
    expect(await Promise.all(second)).toEqual(['second', 'second', 'second']);
  });

  it('that has lost everything, or knows less than it did, everything of before is dropped', async () => {
    const fleet = createFleet();
    const [part] = fleet.parts as [(typeof fleet.parts)[0]];
    const [one, two] = [fleet.join(), fleet.join()] as const;
    await settle(fleet, one);
    await warm(two);
    part.flush();
    // Nobody knows any more who has the value, so nobody who may have it is forgotten.
    const change = one.cache.delete('a', { wait: 'all' });
    expect((await outcomeOf(change)).state).toBe('pending');
    await fleet.clock.advance(STALE_MS + 100);
    await change;
    expect(await two.cache.get('a')).toBe(undefined);

    await warm(two);
    const restore = part.snapshot();
    await Promise.all([one.cache.delete('a', { wait: 'all' }), fleet.clock.advance(10)]);
    restore();
    await fleet.clock.advance(STALE_MS / 3);
    expect([await one.cache.get('a'), await two.cache.get('a')]).toEqual([undefined, undefined]);
  });
});

describe('payloads', () => {
  it('that were written under another version, or cannot be read, are misses', async () => {
    const fleet = createFleet();
    const one = fleet.join();
    await warm(one);
    const other = fleet.join({ version: 2 });
    expect([await other.cache.get('a'), other.errors]).toEqual([undefined, []]);
    expect(await other.cache.getOrLoad('a', async () => 'two')).toBe('two');
    const strict = fleet.join({
      version: 2,
      serializer: {
        serialize: (value) => `strict ${value}`,
        deserialize: (text) => {
          if (!text.startsWith('strict ')) throw new Error('what is this?');
          return text.slice(7);
        },
      },
    });
    expect(await strict.cache.get('a')).toBe(undefined);
    expect(await strict.cache.getOrLoad('a', async () => 'three')).toBe('three');
    expect(strict.errors).toEqual([new Error('what is this?'), new Error('what is this?')]);
    expect(await fleet.join({ version: 2 }).cache.get('a')).toBe(undefined);
  });
});

describe('a tiered cache', () => {
  it('leaves no timer, no member and no listener behind when it is closed, and rejects later calls', async () => {
    const fleet = createFleet(2);
    const one = fleet.join();
    const { load, loads } = createOrigin<string>();
    const hanging = one.cache.getOrLoad('a', load);
    await one.cache.getOrLoad('b', async () => 'b');
    expect(loads.length).toBe(1);
    const wait = gate();
    const refused = expect(hanging).rejects.toMatchObject({ code: 'ERR_CACHE_CLOSED' });
    await one.cache.close();
    wait.open();
    await refused;
    loads[0]!.fail(new Error('aborted'));
    await fleet.clock.advance(1);
    expect(fleet.clock.pendingTimers).toBe(0);
    for (const { members, listeners } of fleet.parts) {
      expect(listeners.size).toBe(0);
      expect([...members.keys()].filter((name) => name !== '')).toEqual([]);
    }
    for (const call of [
      one.cache.get('a'),
      one.cache.getOrLoad('a', load),
      one.cache.set('a', 'x'),
      one.cache.delete('a'),
      one.cache.clear(),
      one.cache.ready(),
    ])
      await expect(call).rejects.toMatchObject({ code: 'ERR_CACHE_CLOSED' });
    await one.cache.close();
  });
});

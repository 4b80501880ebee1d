import { expect } from 'vitest';
import type { Tier, TieredCache, TieredCacheOptions, TierPartition } from '../../src/cache/index.ts';
import { createCache, createTieredCache } from '../../src/cache/index.ts';
import type { Deadline } from '../../src/core/deadline.ts';
import { withDeadline } from '../../src/core/deadline.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { MemoryPartition } from './tiered-memory.ts';

/** What can go wrong between a process and the tier. */
export interface Network {
  /** `'refused'`: calls fail at once. `'lost'`: they get lost on the way, or their answers do. */
  state: 'up' | 'refused' | 'lost' | 'answers lost';
  isBusDead: boolean;
  /** How long one way takes; drawn for each. */
  latencyMs: () => number;
}

/** A process of a fleet that shares one tier: its cache, and what is done to it. */
export interface Process<V> {
  readonly cache: TieredCache<V>;
  readonly network: Network;
  readonly errors: unknown[];
  /** As SIGSTOP does: no timer fires and nothing that arrives is read. */
  freeze(): void;
  thaw(): void;
}

export interface Fleet {
  readonly clock: VirtualClock;
  readonly parts: readonly MemoryPartition[];
  /** Starts one more process. */
  join<V = string>(options?: Partial<TieredCacheOptions<V>>): Process<V>;
}

export const STALE_MS = 900;
export const TIMEOUT_MS = 50;
export const LEASE_MS = 300;
export const RETRY_MS = 100;

/** A fleet in virtual time, over a tier in memory. */
export function createFleet(partitions = 1): Fleet {
  const clock = createVirtualClock();
  const parts = Array.from({ length: partitions }, () => new MemoryPartition(clock));
  return { clock, parts, join: (options) => joinFleet(clock, parts, options) };
}

function joinFleet<V>(
  clock: VirtualClock,
  parts: readonly MemoryPartition[],
  options: Partial<TieredCacheOptions<V>> = {},
): Process<V> {
  const network: Network = { state: 'up', isBusDead: false, latencyMs: () => 0 };
  const errors: unknown[] = [];
  let held: (() => void)[] | undefined;
  const run = (fn: () => void): void => {
    if (held) held.push(fn);
    else fn();
  };
  const own = {
    now: () => clock.now(),
    epochMs: () => clock.epochMs(),
    setTimeout: (fn: () => void, ms: number) => clock.setTimeout(() => run(fn), ms),
    clearTimeout: (handle: unknown) => clock.clearTimeout(handle),
  };
  const tier: Tier = { partitions: parts.map((part) => overNetwork(part, clock, network, run)) };
  const cache = createTieredCache<V>({
    l1: createCache<string, V>({ maxEntries: 100, clock: own }),
    tier,
    ttlMs: 60_000,
    l1MaxStaleMs: STALE_MS,
    leaseMs: LEASE_MS,
    tierTimeoutMs: TIMEOUT_MS,
    tierRetryMs: RETRY_MS,
    onError: (error) => errors.push(error),
    clock: own,
    ...options,
  });
  return {
    cache,
    network,
    errors,
    freeze: () => void (held ??= []),
    thaw: () => {
      const late = held ?? [];
      held = undefined;
      for (const fn of late) fn();
    },
  };
}

/** A process that has a value of `a`, and more time to serve it from its own memory than the others are given. */
export async function warm(process: Process<string>, value = 'old'): Promise<void> {
  expect(await process.cache.getOrLoad('a', async () => value)).toBe(value);
}

/** Lets the ghost of a new tier go, as happens with the first change that somebody waits for. */
export async function settle({ clock }: Fleet, one: Process<string>): Promise<void> {
  await Promise.all([one.cache.delete('nothing', { wait: 'all' }), clock.advance(STALE_MS + 100)]);
}

type Run = (fn: () => void) => void;

function overNetwork(part: MemoryPartition, clock: VirtualClock, network: Network, run: Run): TierPartition {
  const way = (arrive: Run): Promise<void> =>
    new Promise((resolve) => {
      const ms = network.latencyMs();
      if (ms === 0) arrive(resolve);
      else clock.setTimeout(() => arrive(resolve), ms);
    });
  const call = <T>(limits: Deadline, verb: () => T): Promise<T> =>
    withDeadline('the tier', limits, async () => {
      if (network.state === 'refused') throw new Error('connection refused');
      if (network.state === 'lost') return new Promise<T>(() => {});
      await way((arrived) => arrived());
      const answer = verb();
      if (network.state === 'answers lost') return new Promise<T>(() => {});
      await way(run);
      return answer;
    });
  return {
    read: (caller, key, leaseMs, isForced, limits) => call(limits, () => part.read(caller, key, leaseMs, isForced)),
    extend: (caller, key, leaseMs, limits) => call(limits, () => part.extend(caller, key, leaseMs)),
    fill: (caller, key, entry, since, limits) => call(limits, () => part.fill(caller, key, entry, since)),
    write: (caller, key, isAwaited, entry, since, limits) =>
      call(limits, () => part.write(caller, key, isAwaited, entry, since)),
    invalidate: (caller, tags, isAwaited, limits) => call(limits, () => part.invalidate(caller, tags, isAwaited)),
    sync: (caller, since, limits) => call(limits, () => part.sync(caller, since)),
    lagging: (caller, mark, gone, limits) => call(limits, () => part.lagging(caller, mark, gone)),
    leave: (caller, limits) => call(limits, () => part.leave(caller)),
    subscribe: async (onMessage) => {
      const listener: typeof onMessage = (message) => {
        if (network.isBusDead || network.state !== 'up') return;
        void way(run).then(() => onMessage(message));
      };
      part.listeners.add(listener);
      return () => part.listeners.delete(listener);
    },
  };
}

/** The partition as a process sees it that nothing stands between. */
export function directly(part: MemoryPartition, clock: VirtualClock): TierPartition {
  return overNetwork(part, clock, { state: 'up', isBusDead: false, latencyMs: () => 0 }, (fn) => fn());
}

type Verb = 'read' | 'sync' | 'lagging' | 'leave' | 'write';

/** Counts the calls of a verb from now on. */
export function count(part: MemoryPartition, verb: Verb): () => number {
  let calls = 0;
  const own = part[verb].bind(part) as (...args: unknown[]) => unknown;
  Object.assign(part, { [verb]: (...args: unknown[]) => (calls++, own(...args)) });
  return () => calls;
}

import type { BreakerRegistry } from '../../../src/circuit-breaker/index.ts';
import { consecutiveFailures, createBreakerRegistry } from '../../../src/circuit-breaker/index.ts';
import type { Policy } from '../../../src/policy/index.ts';
import { timeout } from '../../../src/policy/index.ts';
import type { RedisSend } from '../../../src/redis/index.ts';
import type { Ring } from '../../../src/ring/index.ts';
import { createRing } from '../../../src/ring/index.ts';

/** One server of the cache. */
export interface CacheNode {
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string, ttlMs: number): Promise<void>;
}

export function redisNode(send: RedisSend): CacheNode {
  return {
    get: async (key) => ((await send(['GET', key], key)) as string | null) ?? undefined,
    set: async (key, value, ttlMs) => void (await send(['SET', key, value, 'PX', String(ttlMs)], key)),
  };
}

export interface DistributedCacheOptions {
  readonly nodes: Readonly<Record<string, CacheNode>>;
  /** Nodes that keep each key. */
  readonly replicas: number;
  readonly timeoutMs: number;
  readonly ttlMs: number;
  /** A node that has failed three times in a row is not asked for so long. */
  readonly openMs: number;
}

/** A cache over several servers that know nothing of each other. Any client with the same nodes agrees where keys are. */
export class DistributedCache {
  readonly #options: DistributedCacheOptions;
  readonly #nodes: Map<string, CacheNode>;
  readonly #circuits: BreakerRegistry;
  readonly #limited: Policy;
  #ring: Ring;
  /** Values that a replica had to be told again. */
  repairs = 0;

  constructor(options: DistributedCacheOptions) {
    const { nodes, timeoutMs, openMs } = options;
    this.#options = options;
    this.#nodes = new Map(Object.entries(nodes));
    this.#ring = createRing({ nodes: this.#nodes.keys() });
    this.#limited = timeout({ ms: timeoutMs });
    this.#circuits = createBreakerRegistry({
      create: (name) => ({ name, trip: consecutiveFailures(3), openDurationMs: openMs }),
    });
  }

  get ring(): Ring {
    return this.#ring;
  }

  /** Keys move to it as they are read or written: a share of 1/n, and no others. */
  add(id: string, node: CacheNode): void {
    this.#nodes.set(id, node);
    this.#ring = this.#ring.with(id);
  }

  /** Asks the nodes of a key in order, and tells those again that had lost it. */
  async get(key: string): Promise<string | undefined> {
    const empty: string[] = [];
    for (const id of this.#ring.getN(key, this.#options.replicas)) {
      try {
        const value = await this.#ask(id, (node) => node.get(key));
        if (value !== undefined) {
          await this.#repair(empty, key, value);
          return value;
        }
        empty.push(id);
      } catch {
        // This one is away or slow; the next one has it too.
      }
    }
    return undefined;
  }

  /** Resolves when at least one node has it. Rejects with an AggregateError when none could take it. */
  async set(key: string, value: string): Promise<void> {
    const { replicas, ttlMs } = this.#options;
    const ids = this.#ring.getN(key, replicas);
    const results = await Promise.allSettled(ids.map((id) => this.#ask(id, (node) => node.set(key, value, ttlMs))));
    if (results.some(({ status }) => status === 'fulfilled')) return;
    throw new AggregateError(
      results.map((result) => (result as PromiseRejectedResult).reason),
      `no node took ${key}`,
    );
  }

  async #repair(ids: readonly string[], key: string, value: string): Promise<void> {
    this.repairs += ids.length;
    const { ttlMs } = this.#options;
    await Promise.allSettled(ids.map((id) => this.#ask(id, (node) => node.set(key, value, ttlMs))));
  }

  #ask<T>(id: string, fn: (node: CacheNode) => Promise<T>): Promise<T> {
    return this.#circuits.get(id).run(() => this.#limited.run(() => fn(this.#nodes.get(id)!)));
  }
}

import { describe, expect, it } from 'vitest';
import type { CacheNode } from '../../docs/examples/distributed-cache/distributed-cache.ts';
import { DistributedCache } from '../../docs/examples/distributed-cache/distributed-cache.ts';
import { canRunTypeScript } from '../support/processes.ts';
import { runExample } from './run-example.ts';

class Shelf implements CacheNode {
  readonly entries = new Map<string, string>();
  isDead = false;

  async get(key: string): Promise<string | undefined> {
    if (this.isDead) throw new Error('dead');
    return this.entries.get(key);
  }

  async set(key: string, value: string): Promise<void> {
    if (this.isDead) throw new Error('dead');
    this.entries.set(key, value);
  }
}

function cacheOver(nodes: Readonly<Record<string, CacheNode>>): DistributedCache {
  return new DistributedCache({ nodes, replicas: 2, timeoutMs: 5_000, ttlMs: 60_000, openMs: 60_000 });
}

const keys = Array.from({ length: 50 }, (_, k) => `key ${k}`);

describe('the distributed cache', () => {
  it('keeps each key on the two nodes that the ring names', async () => {
    const nodes = { a: new Shelf(), b: new Shelf(), c: new Shelf() };
    const cache = cacheOver(nodes);
    for (const key of keys) await cache.set(key, key);
    for (const key of keys) {
      const keepers = Object.entries(nodes).filter(([, { entries }]) => entries.has(key));
      expect(keepers.map(([id]) => id)).toEqual(cache.ring.getN(key, 2).sort());
    }
  });

  it('tells a node again what it has lost', async () => {
    const nodes = { a: new Shelf(), b: new Shelf() };
    const cache = cacheOver(nodes);
    for (const key of keys) await cache.set(key, key);
    nodes.a.entries.clear();
    for (const key of keys) expect(await cache.get(key)).toBe(key);
    const owned = keys.filter((key) => cache.ring.get(key) === 'a');
    expect([...nodes.a.entries.keys()].sort()).toEqual(owned.sort());
    expect(cache.repairs).toBe(owned.length);
  });

  it('rejects a write that no node takes, and answers nothing where none can be asked', async () => {
    const nodes = { a: new Shelf(), b: new Shelf() };
    const cache = cacheOver(nodes);
    nodes.a.isDead = nodes.b.isDead = true;
    await expect(cache.set('key', 'value')).rejects.toBeInstanceOf(AggregateError);
    expect(await cache.get('key')).toBeUndefined();
  });

  it.skipIf(!canRunTypeScript)('keeps its promises as an example', { timeout: 60_000 }, async () => {
    expect(await runExample('distributed-cache')).toEqual({ code: 0, broken: [], sum: '6 of 6 promises kept' });
  });
});

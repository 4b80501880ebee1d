import { amount } from '../core/check.ts';
import type { RingKey } from './key.ts';
import type { Ring } from './ring.ts';

export interface BoundedLoadsOptions {
  /** How far above its fair share of the load a node may go, at least 1: 1.25 is a quarter above. */
  readonly factor: number;
}

/** A key's place at a node, until it is given back. */
export interface LoadLease extends Disposable {
  readonly node: string;
  /** Gives the place back; once more does nothing. */
  release(): void;
}

export interface BoundedLoads {
  /**
   * Takes a place at the owner of `key`, or at the first node after it that has room. `undefined` only when no node
   * has a weight.
   */
  acquire(key: RingKey): LoadLease | undefined;
  /** Places taken at a node now. */
  load(id: string): number;
}

/**
 * Keeps the load of every node near its share: consistent hashing with bounded loads (arXiv 1608.01350).
 *
 * A place is only taken at a node that has, itself included, at most `ceil(factor * total * weight / weights)` of all
 * `total` places. Releases make the total smaller, and move nothing. It keeps to `ring`: for a ring that has changed
 * make it anew, which counts from 0, and release the old leases where they were taken.
 *
 * @example
 * ```ts
 * import { createBoundedLoads, createRing } from 'holdfast/ring';
 *
 * const loads = createBoundedLoads(createRing({ nodes: ['a', 'b', 'c'] }), { factor: 1.25 });
 * const lease = loads.acquire('popular');
 * console.log(lease?.node, loads.load('a') + loads.load('b') + loads.load('c')); // ... 1
 * lease?.release();
 * ```
 */
export function createBoundedLoads(ring: Ring, options: BoundedLoadsOptions): BoundedLoads {
  const factor = amount('factor', options.factor, 1, Number.MAX_VALUE);
  const { nodes } = ring;
  const loads = new Map<string, number>();
  let weights = 0;
  for (const { weight = 1 } of nodes.values()) weights += weight;
  let total = 0;
  const load = (id: string): number => loads.get(id) ?? 0;
  const hasRoom = (id: string): boolean => {
    const { weight = 1 } = nodes.get(id)!;
    return load(id) < Math.ceil((factor * (total + 1) * weight) / weights);
  };
  const add = (id: string, count: number): void => {
    total += count;
    loads.set(id, load(id) + count);
  };
  return {
    load,
    acquire(key) {
      const node = ring.pick(key, hasRoom);
      if (node === undefined) return undefined;
      add(node, 1);
      let isHeld = true;
      const release = (): void => {
        if (isHeld) add(node, -1);
        isHeld = false;
      };
      return { node, release, [Symbol.dispose]: release };
    },
  };
}

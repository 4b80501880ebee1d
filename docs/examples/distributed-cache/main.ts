/*
 * A cache over redis-servers that know nothing of each other (maps in this process where no redis-server is found): a
 * ring says which two keep a key, a killed one is not missed, a new one takes its share. `npm run demo -- distributed-cache`
 */
import { createBulkhead } from '../../../src/policy/index.ts';
import { diffRings } from '../../../src/ring/index.ts';
import { findRedis } from '../rate-limit/processes.ts';
import { Promises } from '../promises.ts';
import { DistributedCache } from './distributed-cache.ts';
import { startNode } from './nodes.ts';

const KEYS = Array.from({ length: 1_000 }, (_, k) => `user:${k}`);

/** Runs the example. Resolves with its exit code. */
export async function main(): Promise<number> {
  const promises = new Promises();
  console.log(
    `nodes: ${findRedis() === undefined ? 'maps in this process, no redis-server was found' : 'redis-servers'}`,
  );
  const names = ['one', 'two', 'three'];
  const nodes = await Promise.all(names.map(() => startNode()));
  const fourth = await startNode();
  try {
    const cache = new DistributedCache({
      nodes: Object.fromEntries(names.map((name, k) => [name, nodes[k]!])),
      replicas: 2,
      timeoutMs: 3_000,
      ttlMs: 600_000,
      openMs: 60_000,
    });
    await fill(cache);
    promises.promise('every key is found', (await found(cache)) === KEYS.length);
    const shares = [...cache.ring.ownership()].map(([id, share]) => `${id} ${Math.round(share * 100)} %`);
    promises.promise('each node has its share', shares.length === 3, shares.join(', '));

    await nodes[1]!.kill();
    const left = await found(cache);
    promises.promise('no key is lost with one node', left === KEYS.length, `${left} of ${KEYS.length} found`);
    await fill(cache);
    promises.promise('writes go on', (await found(cache)) === KEYS.length);

    const before = cache.ring;
    cache.add('four', fourth);
    const { movedFraction } = diffRings(before, cache.ring);
    const isFair = movedFraction > 0.15 && movedFraction < 0.35;
    promises.promise('a fourth node takes about a quarter', isFair, `${(movedFraction * 100).toFixed(1)} % move`);
    const after = await found(cache);
    // Where its owner was the new one and its other node the dead one, a key has to be loaded again.
    const most = KEYS.filter((key) => cache.ring.getN(key, 2).every((id) => id === 'four' || id === 'two')).length;
    const isExpected = after >= KEYS.length - most;
    promises.promise(
      'and learns its keys from the others',
      isExpected && cache.repairs > 0,
      `${cache.repairs} learnt; ${KEYS.length - after} have to be loaded again, at most ${most}`,
    );
  } finally {
    for (const node of [...nodes, fourth]) await node.kill().catch(() => {});
  }
  return promises.close();
}

const callers = createBulkhead({ maxConcurrent: 20, maxQueue: Infinity });

async function fill(cache: DistributedCache): Promise<void> {
  await callers.map(KEYS, (key) => cache.set(key, `value of ${key}`));
}

async function found(cache: DistributedCache): Promise<number> {
  const values = await callers.map(KEYS, (key) => cache.get(key));
  return values.filter((value, k) => value === `value of ${KEYS[k]}`).length;
}

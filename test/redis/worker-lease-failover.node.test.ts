import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { fromIoredis, redisWorkerLeaseStore } from '../../src/redis/index.ts';
import type { RedisSend } from '../../src/redis/index.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import type { FaultProxy } from '../support/fault-proxy.ts';
import { redisAvailability, startRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';

const { available } = redisAvailability();
const request = { pool: 'ids', workerIds: 2, ttlMs: 60_000, coldStart: 'immediate' } as const;

/** As the guide has it: a reply counts once the replica has what led to it. */
function replicated(send: RedisSend): RedisSend {
  return async (command, key) => {
    const reply = await send(command, key);
    if (Number(await send(['WAIT', '1', '1000'], key)) < 1) throw new Error('the replica does not have it');
    return reply;
  };
}

interface Pair {
  readonly primary: RedisServer;
  readonly replica: RedisServer;
  /** Between the two. */
  readonly proxy: FaultProxy;
  readonly send: RedisSend;
}

/** A primary, its replica behind a proxy, and a client of the primary. */
async function withPair(use: (pair: Pair) => Promise<void>): Promise<void> {
  await using primary = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] });
  await using proxy = await startFaultProxy({ target: { port: primary.port } });
  await using replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(proxy.port)] });
  const client = new Redis(primary.port, { lazyConnect: true, retryStrategy: null });
  client.on('error', () => {});
  try {
    // Right after its first synchronisation a replica may answer only a second later.
    for (let k = 0; k < 3; k++) {
      await primary.send(['SET', 'first', '1']);
      expect(await primary.send(['WAIT', '1', '20000'])).toBe(1);
    }
    await use({ primary, replica, proxy, send: fromIoredis(client) });
  } finally {
    client.disconnect();
  }
}

async function failOver({ primary, replica }: Pair): Promise<RedisSend> {
  await primary.kill();
  await replica.send(['REPLICAOF', 'NO', 'ONE']);
  return (command) => replica.send(command);
}

describe.skipIf(!available)('leases over a failover', () => {
  it('stay where each command waits for the replica', async () => {
    await withPair(async (pair) => {
      const store = redisWorkerLeaseStore(replicated(pair.send));
      const { workerId, fencingToken } = (await store.acquire(request))!;
      const untilMs = (await store.renew({ pool: 'ids', workerId, fencingToken, ttlMs: 90_000 }))!;
      const promoted = redisWorkerLeaseStore(await failOver(pair));
      expect(await promoted.renew({ pool: 'ids', workerId, fencingToken, ttlMs: 1 })).toBe(untilMs);
      expect((await promoted.acquire(request))!.workerId).not.toBe(workerId);
      expect(await promoted.acquire(request)).toBeNull();
    });
  }, 60_000);

  it('are not granted when the replica does not get them, and are granted twice where nobody waits for it', async () => {
    await withPair(async (pair) => {
      const store = redisWorkerLeaseStore(replicated(pair.send));
      const { workerId, fencingToken } = (await store.acquire(request))!;
      pair.proxy.set({ blackHole: 'downstream' });
      const renewal = { pool: 'ids', workerId, fencingToken, ttlMs: 90_000 };
      await expect(store.renew(renewal)).rejects.toThrow('the replica does not have it');
      const careless = (await redisWorkerLeaseStore(pair.send).acquire(request))!;
      const promoted = redisWorkerLeaseStore(await failOver(pair));
      const again = (await promoted.acquire(request))!;
      expect([careless.workerId, again.workerId]).toEqual([1, 1]);
      expect(again.fromMs).toBeLessThan(careless.untilMs);
    });
  }, 60_000);
});

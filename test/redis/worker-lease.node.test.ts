import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redisWorkerLeaseStore } from '../../src/redis/index.ts';
import type { RedisSend } from '../../src/redis/index.ts';
import { storeContract } from '../snowflake/store-contract.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { connectRedis } from '../support/redis-client.ts';
import { redisAvailability, startRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import type { RedisCluster } from '../support/redis-cluster.ts';
import { clustered, single } from './client.kit.ts';

const { available } = redisAvailability();
const request = { pool: 'ids', workerIds: 4, ttlMs: 60_000, coldStart: 'immediate' } as const;

/** What every client must answer alike. */
async function exercise(client: RedisSend, prefix: string, pool = 'ids'): Promise<void> {
  const store = redisWorkerLeaseStore(client, { prefix });
  const ask = { ...request, pool, workerIds: 1 };
  const grant = (await store.acquire(ask))!;
  expect(grant).toMatchObject({ workerId: 0, fromMs: 0, untilMs: grant.nowMs + 60_000 });
  expect(await store.acquire(ask)).toBeNull();
  const { workerId, fencingToken, untilMs } = grant;
  expect(await store.renew({ pool, workerId, fencingToken, ttlMs: 90_000 })).toBeGreaterThan(untilMs);
  expect(await store.renew({ pool, workerId, fencingToken: 1, ttlMs: 1 })).toBeNull();
  await store.release({ pool, workerId, fencingToken, untilMs: 5 });
  const next = (await store.acquire(ask))!;
  expect(next).toMatchObject({ workerId: 0, fromMs: 5 });
  expect(next.fencingToken).toBeGreaterThan(fencingToken);
}

describe.skipIf(!available)('redisWorkerLeaseStore', () => {
  let server: RedisServer;
  let send: RedisSend;
  beforeAll(async () => {
    server = await startRedis();
    send = (command) => server.send(command);
  });
  afterAll(() => server?.stop());

  storeContract(() => redisWorkerLeaseStore(send));

  it('keeps a pool in one key under its prefix, which expires when nobody uses it', async () => {
    const store = redisWorkerLeaseStore(send, { prefix: 'mine:' });
    await store.acquire(request);
    expect(await send(['KEYS', 'mine:*'], '')).toEqual(['mine:ids']);
    const week = 7 * 24 * 3_600_000;
    expect(Number(await send(['PTTL', 'mine:ids'], ''))).toBeGreaterThan(week - 5000);
    await send(['PEXPIRE', 'mine:ids', '100000'], '');
    const { workerId, fencingToken } = (await store.acquire(request))!;
    await send(['PEXPIRE', 'mine:ids', '100000'], '');
    await store.renew({ pool: 'ids', workerId, fencingToken, ttlMs: 1000 });
    expect(Number(await send(['PTTL', 'mine:ids'], ''))).toBeGreaterThan(week - 5000);
  });

  it('looks at all worker ids once for all who wait while they are taken, and again when one is free', async () => {
    const store = redisWorkerLeaseStore(send, { prefix: 'full:' });
    const ask = { ...request, workerIds: 200 };
    const grants = [];
    for (let k = 0; k < 200; k++) grants.push((await store.acquire(ask))!);
    const gets = async (): Promise<number> =>
      Number(/cmdstat_hget:calls=(\d+)/.exec(String(await send(['INFO', 'commandstats'], '')))?.[1]);
    // Who asks for fewer is told nothing about the rest.
    expect(await store.acquire({ ...ask, workerIds: 3 })).toBeNull();
    const before = await gets();
    for (let k = 0; k < 50; k++) expect(await store.acquire(ask)).toBeNull();
    expect((await gets()) - before).toBeLessThan(500);
    await store.release({ ...grants[7]!, pool: 'ids', untilMs: 1 });
    expect((await store.acquire(ask))?.workerId).toBe(7);
    await store.release({ ...grants[5]!, pool: 'ids', untilMs: grants[5]!.untilMs - 58_500 });
    let next = await store.acquire(ask);
    // One more worker id than there was room for, and so the first to be free.
    const { workerId } = (await store.acquire({ ...ask, workerIds: 201, ttlMs: 1 }))!;
    let last;
    const lastMs = Date.now() + 1000;
    while (!last && Date.now() < lastMs) last = await store.acquire({ ...ask, workerIds: 201 });
    expect([workerId, last?.workerId]).toEqual([200, 200]);
    const endMs = Date.now() + 5000;
    while (!next && Date.now() < endMs) next = await store.acquire(ask);
    expect(next?.workerId).toBe(5);
  });

  it('gives a token that no later one goes below, also after the data were lost', async () => {
    const store = redisWorkerLeaseStore(send, { prefix: 'lost:' });
    const before = (await store.acquire(request))!;
    await send(['FLUSHALL'], '');
    await send(['SCRIPT', 'FLUSH'], '');
    const { workerId, fencingToken } = before;
    expect(await store.renew({ pool: 'ids', workerId, fencingToken, ttlMs: 1000 })).toBeNull();
    const after = (await store.acquire({ ...request, coldStart: 'wait' }))!;
    expect(after.fencingToken).toBeGreaterThan(fencingToken);
    expect(after.fromMs).toBeGreaterThan(before.untilMs - 1);
  });

  it.each(Object.entries(single))('answers the same through %s', async (name, connect) => {
    const [client, end] = await connect(server.port);
    try {
      await server.send(['SCRIPT', 'FLUSH']);
      await exercise(client, `through ${name}:`);
    } finally {
      await end();
    }
  });

  it('settles within its deadline when the server swallows what it is sent', async () => {
    await using proxy = await startFaultProxy({ target: { port: server.port } });
    const client = connectRedis(proxy.port);
    const store = redisWorkerLeaseStore((command) => client.send(command), { timeoutMs: 100 });
    await store.acquire({ ...request, pool: 'proxied' });
    proxy.set({ blackHole: 'both' });
    const startMs = performance.now();
    const lost = { pool: 'proxied', workerId: 0, fencingToken: 1 };
    const calls = [store.acquire(request), store.renew({ ...lost, ttlMs: 1 }), store.release({ ...lost, untilMs: 1 })];
    for (const result of await Promise.allSettled(calls)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ERR_STORE_TIMEOUT' } });
    }
    expect(performance.now() - startMs).toBeLessThan(1000);
    client.close();
  });

  it('takes two worker ids for a request whose reply was lost, and never one twice', async () => {
    const store = redisWorkerLeaseStore(send, { prefix: 'resent:' });
    // As ioredis does by default: what got no reply is sent again.
    const resending = redisWorkerLeaseStore(
      async (command, key) => {
        await send(command, key);
        return send(command, key);
      },
      { prefix: 'resent:' },
    );
    const first = (await resending.acquire(request))!;
    const others = [await store.acquire(request), await store.acquire(request), await store.acquire(request)];
    expect([first, ...others].map((grant) => grant?.workerId)).toEqual([1, 2, 3, undefined]);
    const { workerId, fencingToken, untilMs } = first;
    expect(await resending.renew({ pool: 'ids', workerId, fencingToken, ttlMs: 60_000 })).toBeGreaterThanOrEqual(
      untilMs,
    );
    await resending.release({ pool: 'ids', workerId, fencingToken, untilMs: 7 });
    expect(await store.acquire(request)).toMatchObject({ workerId, fromMs: 7 });
  });

  it('refuses bad options by name', async () => {
    await expect(redisWorkerLeaseStore(send).acquire({ ...request, workerIds: 65_537 })).rejects.toThrow(
      'workerIds must be',
    );
    expect(() => redisWorkerLeaseStore({} as never)).toThrow('send must be a function');
    expect(() => redisWorkerLeaseStore(send, { prefix: 1 as never })).toThrow('prefix must be a text');
    expect(() => redisWorkerLeaseStore(send, { timeoutMs: 0 })).toThrow('timeoutMs must be');
  });
});

describe.skipIf(!available)('redisWorkerLeaseStore on a cluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster?.stop());

  it.each(Object.entries(clustered))('keeps each pool on the node of its key, through %s', async (name, connect) => {
    const [client, end] = await connect(cluster.nodes.map((node) => node.port));
    try {
      for (let k = 0; k < 12; k++) await exercise(client, `${name}:`, `pool ${k}`);
    } finally {
      await end();
    }
    const keys = await Promise.all(cluster.nodes.map((node) => node.send(['KEYS', `${name}:*`])));
    expect(keys.flat()).toHaveLength(12);
    // By their hashes these twelve lie on all three nodes.
    for (const some of keys) expect(some).not.toEqual([]);
  });
});

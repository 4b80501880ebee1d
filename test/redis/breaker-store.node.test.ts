import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CircuitReport } from '../../src/circuit-breaker/index.ts';
import { redisBreakerStore } from '../../src/redis/index.ts';
import type { RedisSend } from '../../src/redis/index.ts';
import { breakerStoreContract } from '../circuit-breaker/shared-store-contract.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { connectRedis } from '../support/redis-client.ts';
import { redisAvailability, startRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';

const { available } = redisAvailability();

const report: CircuitReport = {
  name: 'payments',
  node: 'a',
  holder: 'a 1',
  openForMs: 0,
  openedAgoMs: 0,
  quorum: 2,
  trial: 'none',
  ttlMs: 500,
  fencingToken: 0,
};

describe.skipIf(!available)('redisBreakerStore', () => {
  let server: RedisServer;
  let send: RedisSend;
  beforeAll(async () => {
    server = await startRedis();
    send = (command) => server.send(command);
  });
  afterAll(() => server?.stop());

  // Real time passes here: the server's clock is what it goes by.
  const flush = async (): Promise<unknown> => [await send(['FLUSHALL'], ''), await send(['SCRIPT', 'FLUSH'], '')];
  breakerStoreContract(() => ({ store: redisBreakerStore(send), pass: (ms) => delay(ms + 2), flush }));

  it('keeps a circuit in one key under its prefix, which expires when nothing changes any more', async () => {
    const store = redisBreakerStore(send, { prefix: 'mine:' });
    const ttl = async (): Promise<number> => Number(await send(['PTTL', 'mine:payments'], ''));
    await store.sync({ ...report, openForMs: 1000 });
    expect(await send(['KEYS', 'mine:*'], '')).toEqual(['mine:payments']);
    expect(await ttl()).toBeGreaterThan(3_600_000 - 5000);
    expect(await ttl()).toBeLessThanOrEqual(3_600_000);
    // For as long again as it is open.
    await store.sync({ ...report, openForMs: 7_200_000 });
    expect(await ttl()).toBeGreaterThan(2 * 7_200_000 - 5000);
    await store.sync(report);
    expect(await ttl()).toBeLessThanOrEqual(3_600_000);
  });

  it('writes nothing while all are closed, before and after an outage', async () => {
    const store = redisBreakerStore(send, { prefix: 'calm:' });
    const writes = async (): Promise<string> => {
      const stats = String(await send(['INFO', 'commandstats'], ''));
      return stats
        .split('\r\n')
        .filter((line) => /cmdstat_(hset|hdel|pexpire):/.test(line))
        .map((line) => line.split(',')[0])
        .join();
    };
    const quietly = async (): Promise<void> => {
      const before = await writes();
      for (let k = 0; k < 5; k++) await store.sync({ ...report, node: `node ${k}` });
      expect(await writes()).toBe(before);
    };
    await quietly();
    expect(await send(['EXISTS', 'calm:payments'], '')).toBe(0);
    await store.sync({ ...report, openForMs: 1000 });
    await store.sync({ ...report, node: 'b', openForMs: 1000 });
    expect(await store.sync({ ...report, recoveredAgoMs: 0 })).toMatchObject({ isOpen: false });
    await store.sync(report);
    await quietly();
    expect(await send(['EXISTS', 'calm:payments'], '')).toBe(1);
  });

  it('settles within its deadline when the server swallows what it is sent', async () => {
    await using proxy = await startFaultProxy({ target: { port: server.port } });
    const client = connectRedis(proxy.port);
    const store = redisBreakerStore((command) => client.send(command), { timeoutMs: 100 });
    await store.sync(report);
    proxy.set({ blackHole: 'both' });
    const startMs = performance.now();
    await expect(Promise.resolve(store.sync(report))).rejects.toMatchObject({ code: 'ERR_STORE_TIMEOUT' });
    expect(performance.now() - startMs).toBeLessThan(1000);
    client.close();
  });

  it('bears commands that are sent again, as clients do with those that got no reply', async () => {
    const resending = redisBreakerStore(
      async (command, key) => {
        await send(command, key);
        return send(command, key);
      },
      { prefix: 'resent:' },
    );
    expect(await resending.sync({ ...report, openForMs: 1000, openedAgoMs: 50 })).toMatchObject({
      openNodes: 1,
      isOpen: false,
    });
    expect(await resending.sync({ ...report, node: 'b', openForMs: 1000, openedAgoMs: 50 })).toMatchObject({
      openNodes: 2,
      isOpen: true,
    });
    expect(await resending.sync({ ...report, recoveredAgoMs: 0 })).toMatchObject({ openNodes: 0, isOpen: false });
  });

  it('refuses bad options by name', () => {
    expect(() => redisBreakerStore({} as never)).toThrow('send must be a function');
    expect(() => redisBreakerStore(send, { prefix: 1 as never })).toThrow('prefix must be a text');
    expect(() => redisBreakerStore(send, { timeoutMs: 0 })).toThrow('timeoutMs must be');
  });
});

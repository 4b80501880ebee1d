import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CircuitReport, FleetView } from '../../src/circuit-breaker/index.ts';
import { redisBreakerStore } from '../../src/redis/index.ts';
import type { RedisSend } from '../../src/redis/index.ts';
import { breakerStoreContract } from '../circuit-breaker/shared-store-contract.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { outcomeOf } from '../support/gate.ts';
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

  it('keeps nothing of nodes that are gone, nor of reports that a recovery has ended', async () => {
    const store = redisBreakerStore(send, { prefix: 'gone:' });
    const reports = async (): Promise<string[]> =>
      ((await send(['HKEYS', 'gone:payments'], '')) as string[]).filter((field) => field.startsWith('n'));
    for (let k = 0; k < 3; k++) await store.sync({ ...report, node: `pod ${k}`, openForMs: 60_000, ttlMs: 50 });
    expect(await reports()).toHaveLength(3);
    await delay(52);
    await store.sync({ ...report, node: 'next', openForMs: 60_000 });
    expect(await reports()).toEqual(['nnext']);
    await delay(2);
    await store.sync({ ...report, node: 'other', recoveredAgoMs: 0 });
    await store.sync({ ...report, node: 'late', openForMs: 60_000, openedAgoMs: 50_000 });
    expect(await reports()).toEqual([]);
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

  it('goes on when the clock of the server is set back', async () => {
    const store = redisBreakerStore(send, { prefix: 'back:' });
    const key = 'back:payments';
    const openedBy = async (node: string): Promise<FleetView> => store.sync({ ...report, node, openForMs: 1000 });
    await openedBy('a');
    await openedBy('b');
    await store.sync({ ...report, recoveredAgoMs: 0 });
    // As seen from an hour before.
    const laterMs = Date.now() + 3_600_000;
    await send(['HSET', key, 'r', String(laterMs), 'f', String(laterMs * 1000), 'c', '0'], '');
    expect(await store.sync(report)).toMatchObject({ recoveredAgoMs: 0 });
    const held = await store.sync({ ...report, trial: 'wanted' });
    expect(held).toMatchObject({ trialsForMs: 500, fencingToken: laterMs * 1000 + 1 });
    // What opens now opened after that recovery, and what recovers now recovered after that opening.
    await openedBy('a');
    expect(await openedBy('b')).toMatchObject({ isOpen: true, openNodes: 2 });
    await send(['HSET', key, 'o', String(laterMs)], '');
    expect(await store.sync({ ...report, recoveredAgoMs: 0 })).toMatchObject({ isOpen: false });
    expect(Number(await send(['HGET', key, 'r'], ''))).toBeLessThan(laterMs - 3_000_000);
  });

  it('counts a circuit that is open for less than a millisecond more', async () => {
    const store = redisBreakerStore(send, { prefix: 'short:' });
    expect(await store.sync({ ...report, quorum: 1, openForMs: 0.25 })).toMatchObject({ openNodes: 1, isOpen: true });
  });

  it('gives up by the clock that it is given', async () => {
    const clock = createVirtualClock();
    const store = redisBreakerStore(() => new Promise(() => {}), { clock, timeoutMs: 70 });
    const late = Promise.resolve(store.sync(report));
    late.catch(() => {});
    await clock.advance(69);
    expect((await outcomeOf(late)).state).toBe('pending');
    await clock.advance(1);
    expect(await outcomeOf(late)).toMatchObject({ state: 'rejected', reason: { code: 'ERR_STORE_TIMEOUT' } });
    expect(clock.pendingTimers).toBe(0);
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

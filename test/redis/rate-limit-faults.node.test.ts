import { GlideClient, Logger } from '@valkey/valkey-glide';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRateLimiter, fixedWindow } from '../../src/rate-limit/index.ts';
import type { StoredRateLimitDecision } from '../../src/rate-limit/index.ts';
import type { RedisSend } from '../../src/redis/index.ts';
import { fromGlide, fromIoredis, fromNodeRedis, redisRateLimiter } from '../../src/redis/index.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import type { FaultProxy } from '../support/fault-proxy.ts';
import { redisAvailability, startRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { inTime } from '../support/in-time.ts';

const hourly = fixedWindow({ limit: 1000, windowMs: 3_600_000 });

// It warns of every error reply, and some are wanted here.
Logger.init('off');

type Connected = readonly [send: RedisSend, end: () => unknown];

const clients: Readonly<Record<string, (port: number) => Promise<Connected>>> = {
  async ioredis(port) {
    const client = new Redis(port, { retryStrategy: () => 20 });
    client.on('error', () => {});
    return [fromIoredis(client), () => client.disconnect()];
  },
  async 'node-redis'(port) {
    const client = createClient({ url: `redis://127.0.0.1:${port}`, socket: { reconnectStrategy: 20 } });
    client.on('error', () => {});
    await client.connect();
    return [fromNodeRedis(client), () => client.destroy()];
  },
  async glide(port) {
    const client = await GlideClient.createClient({
      addresses: [{ host: '127.0.0.1', port }],
      connectionBackoff: { numberOfRetries: 100, factor: 10, exponentBase: 1 },
    });
    return [fromGlide(client), () => client.close()];
  },
};

describe.skipIf(!redisAvailability().available).each(Object.entries(clients))(
  'a network that fails under %s',
  (_name, connect) => {
    let redis: RedisServer;
    let proxy: FaultProxy;
    let send: RedisSend;
    let end: () => unknown;
    beforeAll(async () => {
      redis = await startRedis();
      proxy = await startFaultProxy({ target: { port: redis.port } });
      [send, end] = await connect(proxy.port);
    });
    afterAll(async () => {
      await end?.();
      await proxy?.close();
      await redis?.stop();
    });
    beforeEach(async () => {
      proxy.set();
      await proxy.accept();
      await redis.send(['FLUSHALL']);
    });

    const limiterOf = (timeoutMs = 200): ReturnType<typeof redisRateLimiter> =>
      redisRateLimiter(send, hourly, { timeoutMs, cooldownMs: 50, onStoreError: 'deny', denyCache: false });

    /** What the server has counted, asked past the proxy. */
    async function counted(): Promise<number> {
      const observer = redisRateLimiter((command) => redis.send(command), hourly, { timeoutMs: 10_000 });
      return 1000 - (await observer.peek('k', 0)).remaining;
    }

    /** Calls until the store decides again. */
    async function untilStore(limiter: ReturnType<typeof redisRateLimiter>): Promise<StoredRateLimitDecision> {
      const deadline = performance.now() + 10_000;
      for (;;) {
        const decision = await limiter.consume('k');
        if (decision.source === 'store') return decision;
        if (performance.now() > deadline) throw new Error('the store has not come back');
      }
    }

    it('settles every call within its deadline while nothing comes through, and recovers by itself', async () => {
      const limiter = limiterOf();
      await untilStore(limiter);
      proxy.set({ blackHole: 'both' });
      for (let k = 0; k < 6; k++) {
        expect((await inTime(limiter.consume('k'), 200)).source).toBe('fallback');
      }
      proxy.set();
      expect((await untilStore(limiter)).allowed).toBe(true);
    });

    it('counts every admitted call on the server although replies are lost, and admits none that is not', async () => {
      const limiter = limiterOf();
      let admitted = (await untilStore(limiter)).allowed ? 1 : 0;
      for (let round = 0; round < 5; round++) {
        proxy.set({ blackHole: 'downstream' });
        const lost = limiter.consume('k');
        await new Promise((resolve) => void setTimeout(resolve, 50));
        proxy.resetAll();
        proxy.set();
        if ((await lost).allowed) admitted++;
        if ((await untilStore(limiter)).allowed) admitted++;
      }
      const count = await counted();
      expect(admitted).toBeGreaterThan(5);
      expect(admitted).toBeLessThanOrEqual(count);
    });

    it('settles every call within its deadline while connections are refused', async () => {
      const limiter = limiterOf();
      await untilStore(limiter);
      proxy.refuse();
      proxy.resetAll();
      for (let k = 0; k < 6; k++) {
        expect((await inTime(limiter.consume('k'), 200)).allowed).toBe(false);
      }
      await proxy.accept();
      expect((await untilStore(limiter)).allowed).toBe(true);
    });

    it('is decided by the local limiter while the server is frozen, and by the server once it is not', async () => {
      const local = createRateLimiter(fixedWindow({ limit: 2, windowMs: 3_600_000 }));
      const limiter = redisRateLimiter(send, hourly, { timeoutMs: 100, cooldownMs: 50, onStoreError: local });
      await untilStore(limiter);
      local.reset('k');
      redis.freeze();
      const frozen: boolean[] = [];
      for (let k = 0; k < 5; k++) frozen.push((await limiter.consume('k')).allowed);
      redis.thaw();
      expect(frozen).toEqual([true, true, false, false, false]);
      expect((await untilStore(limiter)).allowed).toBe(true);
    });

    it('goes on with an empty count where the server was killed and started anew', async () => {
      const limiter = limiterOf();
      await untilStore(limiter);
      await redis.restart();
      await untilStore(limiter);
      expect(await counted()).toBeLessThan(10);
    });
  },
);

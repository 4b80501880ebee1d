import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import type { TieredCache } from '../../src/cache/index.ts';
import { createCache, createTieredCache } from '../../src/cache/index.ts';
import { fromIoredis, redisTier, subscriberFromIoredis } from '../../src/redis/index.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { watchTimers } from '../support/leaks.ts';
import { canRunTypeScript, spawnScript } from '../support/processes.ts';
import { redisAvailability, startRedis } from '../support/redis.ts';

const { available } = redisAvailability();

const TIMEOUT_MS = 150;
const STALE_MS = 600;
const RETRY_MS = 100;
/** Of a machine that has other things to do. */
const SLACK_MS = 250;

interface Member extends AsyncDisposable {
  readonly cache: TieredCache<string>;
}

function join(port: number): Member {
  const connect = (): Redis => new Redis(port, { retryStrategy: () => 30 }).on('error', () => {});
  const [client, listener] = [connect(), connect()];
  const cache = createTieredCache<string>({
    l1: createCache({ maxEntries: 100 }),
    tier: redisTier(fromIoredis(client), { subscriber: subscriberFromIoredis(listener) }),
    ttlMs: 60_000,
    l1MaxStaleMs: STALE_MS,
    leaseMs: 500,
    tierTimeoutMs: TIMEOUT_MS,
    tierRetryMs: RETRY_MS,
  });
  return {
    cache,
    async [Symbol.asyncDispose]() {
      await cache.close();
      client.disconnect();
      listener.disconnect();
    },
  };
}

async function took<T>(work: () => Promise<T>): Promise<readonly [T, number]> {
  const startMs = performance.now();
  const result = await work();
  return [result, performance.now() - startMs];
}

describe.skipIf(!available)('a tiered cache', () => {
  it('goes on reading within `tierTimeoutMs` while Redis is frozen, gone, swallowed or cut off, and shares again by itself', async () => {
    await using server = await startRedis();
    await using proxy = await startFaultProxy({ target: { port: server.port } });
    await using one = join(proxy.port);
    const faults: readonly (readonly [string, () => unknown, () => unknown])[] = [
      ['frozen', () => server.freeze(), () => server.thaw()],
      ['gone', () => server.kill(), () => server.restart()],
      [
        'cut off',
        () => {
          proxy.refuse();
          proxy.resetAll();
        },
        () => proxy.accept(),
      ],
      ['swallowed', () => proxy.set({ blackHole: 'both' }), () => proxy.set()],
    ];
    for (const [name, strike, heal] of faults) {
      await expect
        .poll(
          () =>
            one.cache.ready().then(
              () => true,
              () => false,
            ),
          { timeout: 10_000 },
        )
        .toBe(true);
      await one.cache.getOrLoad('kept', async () => 'kept');
      await strike();
      const [kept, keptMs] = await took(() => one.cache.getOrLoad('kept', async () => 'new'));
      expect([name, kept]).toEqual([name, 'kept']);
      expect(keptMs).toBeLessThan(SLACK_MS);
      const ends = performance.now() + STALE_MS + 300;
      for (let reads = 0; performance.now() < ends; reads++) {
        const [value, ms] = await took(() => one.cache.getOrLoad(`${name} ${reads}`, async () => 'loaded'));
        expect([name, value]).toEqual([name, 'loaded']);
        expect(ms).toBeLessThan(TIMEOUT_MS + SLACK_MS);
        await delay(10);
      }
      // Older than anybody may be served who has had no word.
      expect(await one.cache.getOrLoad('kept', async () => 'new')).toBe('new');
      for (const change of [
        () => one.cache.delete('kept'),
        () => one.cache.set('kept', 'set', { wait: 'all' }),
        () => one.cache.invalidateTags(['t'], { wait: 'all' }),
      ]) {
        const [error, ms] = await took(() =>
          change().then(
            () => undefined,
            (reason: unknown) => reason,
          ),
        );
        expect(error, name).toBeInstanceOf(Error);
        expect(ms).toBeLessThan(TIMEOUT_MS + SLACK_MS);
      }
      await heal();
    }
    await expect.poll(() => one.cache.stats().isConnected, { timeout: 10_000 }).toBe(true);
    await one.cache.clear({ wait: 'all' });
    expect(await one.cache.getOrLoad('shared', async () => 'shared')).toBe('shared');
    await using two = join(server.port);
    await expect.poll(() => two.cache.get('shared')).toBe('shared');
  }, 60_000);

  it.skipIf(!canRunTypeScript)(
    'loads a key again `leaseMs` after the process was killed that loaded it',
    async () => {
      await using server = await startRedis();
      await using one = join(server.port);
      await one.cache.ready();
      await using holder = await spawnScript(new URL('fixtures/tier-holder.ts', import.meta.url), {
        args: [String(server.port), 'key'],
      });
      await holder.waitForLine('loading');
      let loads = 0;
      const read = one.cache.getOrLoad('key', async () => `load ${++loads}`);
      // Longer than the lease, which is extended as long as its holder lives.
      await delay(1200);
      expect(loads).toBe(0);
      await holder.kill();
      const [value, ms] = await took(() => read);
      expect(value).toBe('load 1');
      expect(ms).toBeLessThan(500 + SLACK_MS);
    },
    30_000,
  );

  it('leaves no timer behind when it is closed while Redis hangs', async () => {
    await using server = await startRedis();
    const one = join(server.port);
    await one.cache.ready();
    const timers = watchTimers();
    try {
      server.freeze();
      const reads = ['a', 'b'].map((key) => one.cache.getOrLoad(key, async () => key));
      const changes = [one.cache.delete('a', { wait: 'local' }), one.cache.clear().catch(() => {})];
      expect(await Promise.all(reads)).toEqual(['a', 'b']);
      await Promise.all(changes);
      const [, ms] = await took(() => one.cache.close());
      expect(ms).toBeLessThan(2 * TIMEOUT_MS + SLACK_MS);
      server.thaw();
      await one[Symbol.asyncDispose]();
      await expect.poll(() => timers.count, { timeout: 5000 }).toBe(0);
    } finally {
      timers.stop();
      server.thaw();
    }
  }, 30_000);
});

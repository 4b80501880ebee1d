import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BloomKey, BloomOptions } from '../../src/bloom/index.ts';
import { createBloomFilter } from '../../src/bloom/index.ts';
import type { RedisSend } from '../../src/redis/index.ts';
import { fromIoredis, redisBloom } from '../../src/redis/index.ts';
import { anyKey, layouts } from '../bloom/kit.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { redisAvailability, startRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';

const options: BloomOptions = { capacity: 1000, falsePositiveRate: 1e-6 };

const { available } = redisAvailability();

describe.skipIf(!available)('redisBloom over a real server', () => {
  let redis: RedisServer;
  const clients: Redis[] = [];

  /** A client of its own, and how many commands it has sent. */
  function connect(port = redis.port): { send: RedisSend; sent: string[] } {
    const client = new Redis(port, { maxRetriesPerRequest: null });
    client.on('error', () => {});
    clients.push(client);
    const through = fromIoredis(client);
    const sent: string[] = [];
    return { sent, send: (command, key) => (sent.push(command[0]!), through(command, key)) };
  }

  let names = 0;
  const fresh = (): string => `bloom-${names++}`;

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.disconnect();
  });
  afterAll(() => redis?.stop());

  it('answers as the local filter of the same options does, bit for bit, for every kind of key', async () => {
    const { send } = connect();
    const own = fc.record({
      layout: fc.constantFrom(...layouts),
      capacity: fc.integer({ min: 1, max: 300 }),
      falsePositiveRate: fc.double({ min: 1e-6, max: 0.5, noNaN: true }),
      secret: fc.option(fc.uint8Array({ minLength: 8, maxLength: 8 }), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(
        own,
        fc.array(anyKey(), { maxLength: 20 }),
        fc.array(anyKey(), { maxLength: 20 }),
        async (settings, added, asked) => {
          const shared = redisBloom({ ...settings, send, key: fresh(), ttlMs: 60_000 });
          const local = createBloomFilter(settings);
          for (const key of added) expect(await shared.add(key)).toBe(local.add(key));
          expect(await shared.hasAll([...added, ...asked])).toEqual(local.hasAll([...added, ...asked]));
          for (const key of asked.slice(0, 3)) expect(await shared.has(key)).toBe(local.has(key));
          expect(await shared.addAll(asked)).toBe(local.addAll(asked));
          expect((await shared.snapshot()).toBytes()).toEqual(local.toBytes());
        },
      ),
      { numRuns: 30 },
    );
  });

  it('takes one round trip for each call, but for the first of a script', async () => {
    const { send, sent } = connect();
    await redis.send(['SCRIPT', 'FLUSH']);
    const bloom = redisBloom({ ...options, send, key: fresh(), ttlMs: 60_000 });
    await bloom.has('a');
    await bloom.add('a');
    await bloom.has('a');
    await bloom.addAll(['a', 'b', 'c']);
    await bloom.hasAll(['a', 'b', 'c']);
    expect(sent).toEqual(['EVALSHA', 'EVAL', 'EVALSHA', 'EVALSHA', 'EVALSHA', 'EVALSHA']);
    await bloom.addAll([]);
    expect(sent.length).toBe(6);
  });

  it('adds and finds more keys than one round trip takes', async () => {
    const { send, sent } = connect();
    const bloom = redisBloom({
      capacity: 5000,
      falsePositiveRate: 1e-9,
      send,
      key: fresh(),
      ttlMs: 60_000,
      timeoutMs: 10_000,
    });
    const keys = Array.from({ length: 3000 }, (_, k) => k);
    expect(await bloom.addAll(keys)).toBe(3000);
    expect(sent.length).toBeGreaterThan(1);
    expect([...(await bloom.hasAll(keys))]).toEqual(keys.map(() => 1));
    expect(await bloom.addAll(keys)).toBe(0);
  });

  it('tells exactly one of many racing clients that a key is new', async () => {
    const key = fresh();
    const blooms = Array.from({ length: 5 }, () =>
      redisBloom({ ...options, send: connect().send, key, ttlMs: 60_000, timeoutMs: 10_000 }),
    );
    const keys = Array.from({ length: 100 }, (_, k) => `key-${k}`);
    const told = await Promise.all(blooms.map((bloom) => Promise.all(keys.map((each) => bloom.add(each)))));
    for (const at of keys.keys()) expect(told.filter((answers) => answers[at]).length, keys[at]).toBe(1);
  });

  it('refuses a key that holds a filter of other settings, or anything else', async () => {
    const { send } = connect();
    const key = fresh();
    const mine = redisBloom({ ...options, send, key, ttlMs: 60_000 });
    await mine.add('a');
    const others: BloomOptions[] = [
      { ...options, capacity: 1001 },
      { ...options, falsePositiveRate: 1e-5 },
      { ...options, layout: 'standard' },
      { ...options, seed: 1 },
      { ...options, secret: new Uint8Array(8) },
    ];
    for (const other of others) {
      const bloom = redisBloom({ ...other, send, key, ttlMs: 60_000 });
      for (const call of [bloom.add('b'), bloom.has('a'), bloom.addAll(['b']), bloom.hasAll(['a']), bloom.snapshot()]) {
        await expect(call).rejects.toMatchObject({ code: 'ERR_BLOOM_MISMATCH' });
      }
      await expect(bloom.push(createBloomFilter(other))).rejects.toMatchObject({ code: 'ERR_BLOOM_MISMATCH' });
    }
    expect(await mine.hasAll(['a', 'b'])).toEqual(Uint8Array.of(1, 0));
    for (const foreign of [
      ['SET', 'text'],
      ['RPUSH', 'item'],
      ['SADD', 'item'],
    ]) {
      const name = fresh();
      await redis.send([foreign[0]!, name, foreign[1]!]);
      const bloom = redisBloom({ ...options, send, key: name, ttlMs: 60_000 });
      await expect(bloom.add('a')).rejects.toMatchObject({ code: 'ERR_BLOOM_MISMATCH' });
      await expect(bloom.has('a')).rejects.toMatchObject({ code: 'ERR_BLOOM_MISMATCH' });
    }
  });

  it('keeps everything in one key that lives for `ttlMs` from its first add', async () => {
    const { send } = connect();
    const key = fresh();
    const bloom = redisBloom({ ...options, send, key, ttlMs: 60_000 });
    const before = (await redis.send(['DBSIZE'])) as number;
    await bloom.has('a');
    expect(await redis.send(['EXISTS', key])).toBe(0);
    await bloom.add('a');
    expect(await redis.send(['DBSIZE'])).toBe(before + 1);
    const left = (await redis.send(['PTTL', key])) as number;
    expect(left).toBeGreaterThan(50_000);
    expect(left).toBeLessThanOrEqual(60_000);
    await redis.send(['PEXPIRE', key, '30000']);
    await bloom.add('b');
    expect((await redis.send(['PTTL', key])) as number).toBeLessThanOrEqual(30_000);
    const forever = fresh();
    await redisBloom({ ...options, send, key: forever, ttlMs: Infinity }).add('a');
    expect(await redis.send(['PTTL', forever])).toBe(-1);
  });

  it('takes a flushed or expired key for absent, and begins anew', async () => {
    const { send } = connect();
    const key = fresh();
    const bloom = redisBloom({ ...options, send, key, ttlMs: 60_000 });
    for (const lose of [['FLUSHALL'], ['PEXPIRE', key, '0'], ['DEL', key]]) {
      expect(await bloom.add('a')).toBe(true);
      await redis.send(lose);
      expect(await bloom.has('a')).toBe(false);
      expect((await bloom.snapshot()).stats().bitsSet).toBe(0);
    }
  });

  it('pushes a local filter and copies it back, bit for bit', async () => {
    const { send } = connect();
    const own = { capacity: 40_000, falsePositiveRate: 0.001 };
    const bloom = redisBloom({ ...own, send, key: fresh(), ttlMs: 60_000, timeoutMs: 10_000 });
    await bloom.addAll(['there', 1, 2n]);
    const local = createBloomFilter(own);
    for (let k = 0; k < 20_000; k++) local.add(`key-${k}`);
    await bloom.push(local);
    expect(await bloom.hasAll(['there', 1, 2, 'key-0', 'key-19999'])).toEqual(Uint8Array.of(1, 1, 1, 1, 1));
    const copy = await bloom.snapshot();
    local.addAll(['there', 1, 2]);
    expect(copy.toBytes()).toEqual(local.toBytes());
    const empty = redisBloom({ ...own, send, key: fresh(), ttlMs: 60_000 });
    await empty.push(createBloomFilter(own));
    expect(await empty.has('a')).toBe(false);
    await expect(bloom.push(createBloomFilter(options))).rejects.toThrow(/filter must have the options/);
    await expect(bloom.push({} as typeof local)).rejects.toThrow(TypeError);
  });

  it('keeps its promises over the BF commands too, where the server knows them', async ({ skip }) => {
    const known = (await redis.send(['COMMAND', 'INFO', 'BF.ADD'])) as readonly unknown[];
    skip(!known[0], 'this redis-server has no BF commands');
    const bloom = redisBloom({ ...options, send: connect().send, key: fresh(), ttlMs: 60_000, command: 'bf' });
    expect(await bloom.has('a')).toBe(false);
    expect([await bloom.add('a'), await bloom.add('a'), await bloom.has('a')]).toEqual([true, false, true]);
    expect(await bloom.addAll(['a', 'b', 1])).toBe(2);
  });

  it('refuses keys of no kind before anything is sent', async () => {
    const { send, sent } = connect();
    const bloom = redisBloom({ ...options, send, key: fresh(), ttlMs: 60_000 });
    const bad = undefined as unknown as BloomKey;
    for (const call of [bloom.add(bad), bloom.has(bad), bloom.addAll(['a', bad]), bloom.hasAll(['a', bad])]) {
      await expect(call).rejects.toThrow(TypeError);
    }
    for (const none of [undefined, null, 5, {}] as unknown as BloomKey[][]) {
      for (const call of [bloom.addAll(none), bloom.hasAll(none)]) await expect(call).rejects.toThrow(TypeError);
    }
    expect(sent).toEqual([]);
  });

  describe('with faults', () => {
    /** How long past its deadline a call may take on a busy machine. */
    const GRACE_MS = 500;

    async function expectDeadline(call: Promise<unknown>, timeoutMs: number): Promise<void> {
      const start = performance.now();
      await expect(call).rejects.toMatchObject({ code: 'ERR_STORE_TIMEOUT' });
      expect(performance.now() - start).toBeLessThan(timeoutMs + GRACE_MS);
    }

    it('rejects within its deadline while the server is frozen, and recovers by itself', async () => {
      const bloom = redisBloom({ ...options, send: connect().send, key: fresh(), ttlMs: 60_000, timeoutMs: 150 });
      await bloom.add('a');
      redis.freeze();
      try {
        await expectDeadline(bloom.has('a'), 150);
        await expectDeadline(bloom.add('b'), 150);
        await expectDeadline(bloom.snapshot(), 150);
      } finally {
        redis.thaw();
      }
      await expect.poll(() => bloom.has('a').catch(() => 'down'), { timeout: 10_000 }).toBe(true);
    });

    it('rejects within its deadline when packets are swallowed, either way, and ends with the reason of an abort', async () => {
      await using proxy = await startFaultProxy({ target: { port: redis.port } });
      const bloom = redisBloom({
        ...options,
        send: connect(proxy.port).send,
        key: fresh(),
        ttlMs: 60_000,
        timeoutMs: 150,
      });
      await bloom.add('a');
      for (const blackHole of ['upstream', 'downstream', 'both'] as const) {
        proxy.set({ blackHole });
        await expectDeadline(bloom.add('b'), 150);
        const controller = new AbortController();
        const call = bloom.has('a', { signal: controller.signal });
        controller.abort(new Error('enough'));
        await expect(call).rejects.toThrow('enough');
        proxy.set();
        await expect.poll(() => bloom.has('a').catch(() => 'down'), { timeout: 10_000 }).toBe(true);
      }
      expect(await bloom.add('b')).toBe(false);
    });

    it('keeps the key in, and tells nobody it is new, when the reply is lost and the client sends again', async () => {
      await using proxy = await startFaultProxy({ target: { port: redis.port } });
      const bloom = redisBloom({
        ...options,
        send: connect(proxy.port).send,
        key: fresh(),
        ttlMs: 60_000,
        timeoutMs: 10_000,
      });
      await bloom.add('a');
      proxy.set({ blackHole: 'downstream' });
      const call = bloom.add('b');
      await expect.poll(() => proxy.stats().upstreamBytes, { timeout: 5000 }).toBeGreaterThan(0);
      const direct = redisBloom({ ...options, send: connect().send, key: `bloom-${names - 1}`, ttlMs: 60_000 });
      await expect.poll(() => direct.has('b'), { timeout: 5000 }).toBe(true);
      proxy.resetAll();
      proxy.set();
      expect(await call).toBe(false);
      expect(await direct.has('b')).toBe(true);
    });

    it('rejects while the server is down, and begins anew when it is back without its data', async () => {
      const bloom = redisBloom({ ...options, send: connect().send, key: fresh(), ttlMs: 60_000, timeoutMs: 150 });
      await bloom.add('a');
      await redis.kill();
      await expectDeadline(bloom.has('a'), 150);
      await redis.restart();
      await expect.poll(() => bloom.has('a').catch(() => 'down'), { timeout: 10_000 }).toBe(false);
      expect(await bloom.add('a')).toBe(true);
    });
  });
});

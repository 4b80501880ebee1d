import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { outcomeOf } from './gate.ts';
import { isAlive } from './pids.ts';
import { redisAvailability, startRedis } from './redis.ts';
import type { RedisServer } from './redis.ts';
import { connectRedis } from './redis-client.ts';
import { startRedisCluster } from './redis-cluster.ts';
import type { RedisCluster } from './redis-cluster.ts';

const { available } = redisAvailability();

describe('redisAvailability', () => {
  const { REDIS_SERVER } = process.env;
  afterEach(() => {
    if (REDIS_SERVER === undefined) delete process.env['REDIS_SERVER'];
    else process.env['REDIS_SERVER'] = REDIS_SERVER;
  });

  it('says why there is no server', () => {
    process.env['REDIS_SERVER'] = '/no/such/redis';
    expect(redisAvailability()).toEqual({ available: false, reason: 'REDIS_SERVER=/no/such/redis is no program' });
  });
});

describe.skipIf(!available)('startRedis', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis?.stop());

  it('answers commands, on loopback only and without writing to disk', async () => {
    expect(await redis.send(['SET', 'key', 'välue'])).toBe('OK');
    expect(await redis.send(['GET', 'key'])).toBe('välue');
    expect(await redis.send(['EVAL', 'return {1, ARGV[1], false}', '0', 'x'])).toEqual([1, 'x', null]);
    expect(await redis.send(['CONFIG', 'GET', 'bind'])).toEqual(['bind', '127.0.0.1']);
    expect(await redis.send(['CONFIG', 'GET', 'save'])).toEqual(['save', '']);
    await expect(redis.send(['NONSENSE'])).rejects.toThrow('ERR unknown command');
  });

  it('answers nothing while frozen and everything once thawed', async () => {
    redis.freeze();
    const reply = redis.send(['PING']);
    const probe = connectRedis(redis.port);
    const second = probe.send(['PING']);
    // Time for many replies: that none comes is what freezing means.
    await delay(100);
    expect(await outcomeOf(Promise.race([reply, second]))).toEqual({ state: 'pending' });
    redis.thaw();
    expect(await Promise.all([reply, second])).toEqual(['PONG', 'PONG']);
    probe.close();
  });

  it('breaks its connections when killed, refuses new ones, and comes back empty on the same port', async () => {
    const { port, pid } = redis;
    await redis.send(['SET', 'key', 'value']);
    const client = connectRedis(port);
    await client.send(['PING']);
    const hanging = client.send(['BLPOP', 'nothing', '0']);
    await redis.kill();
    await expect(hanging).rejects.toThrow();
    expect(isAlive(pid)).toBe(false);
    await expect(redis.send(['PING'])).rejects.toThrow('ECONNREFUSED');
    await redis.restart();
    expect([redis.port, redis.url]).toEqual([port, `redis://127.0.0.1:${port}`]);
    expect(redis.pid).not.toBe(pid);
    expect(await redis.send(['GET', 'key'])).toBe(null);
  });

  it('restarts while it runs, too', async () => {
    await redis.send(['SET', 'key', 'value']);
    const { pid } = redis;
    await redis.restart();
    expect(isAlive(pid)).toBe(false);
    expect(await redis.send(['DBSIZE'])).toBe(0);
  });

  it('stops a frozen server and leaves no process', async () => {
    const other = await startRedis({ args: ['--maxmemory', '3mb'] });
    expect(await other.send(['CONFIG', 'GET', 'maxmemory'])).toEqual(['maxmemory', '3145728']);
    other.freeze();
    await other.stop();
    expect(isAlive(other.pid)).toBe(false);
  });

  it('shows what the server printed when it cannot start', async () => {
    await expect(startRedis({ args: ['--no-such-setting', '1'] })).rejects.toThrow('no-such-setting');
  });
});

describe.skipIf(!available)('startRedisCluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster?.stop());

  it('serves every key from the node that owns it', async () => {
    const keys = Array.from({ length: 30 }, (_, k) => `key ${k}`);
    for (const key of keys) await cluster.send(['SET', key, key]);
    expect(await Promise.all(keys.map((key) => cluster.send(['GET', key])))).toEqual(keys);
    const sizes = await Promise.all(cluster.nodes.map((node) => node.send(['DBSIZE'])));
    expect(sizes.reduce<number>((sum, size) => sum + Number(size), 0)).toBe(30);
    expect(sizes.every((size) => Number(size) > 0)).toBe(true);
  });

  it('loses only the slots of a node that is frozen', async () => {
    const [first, , third] = cluster.nodes as [RedisServer, RedisServer, RedisServer];
    third.freeze();
    expect(await first.send(['SET', 'key 5', 'still here']).catch(String)).toMatch(/OK|MOVED/);
    const hanging = third.send(['PING']);
    await delay(100);
    expect(await outcomeOf(hanging)).toEqual({ state: 'pending' });
    third.thaw();
    expect(await hanging).toBe('PONG');
  });
});

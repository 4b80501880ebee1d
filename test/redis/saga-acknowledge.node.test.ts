import { spawnSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { redisSagaStore } from '../../src/redis/index.ts';
import type { RedisSend } from '../../src/redis/index.ts';
import { connectRedis } from '../support/redis-client.ts';
import type { RedisServer } from '../support/redis.ts';
import { redisAvailability, startRedis } from '../support/redis.ts';

const redis = redisAvailability();
const { available } = redis;

const DEFINITION = { name: 'order', version: 1 };

function sendTo(server: RedisServer): RedisSend {
  return (command) => server.send(command);
}

/** WAITAOF came with Redis 7.2 and is in every Valkey. */
function knowsWaitAof(): boolean {
  const said = redis.available ? spawnSync(redis.path, ['--version'], { encoding: 'utf8' }).stdout : '';
  const [, major, minor] = /v=(\d+)\.(\d+)/.exec(said) ?? [];
  const isThere = Number(major) > 7 || (Number(major) === 7 && Number(minor) >= 2);
  if (redis.available && !isThere) console.log(`skipped, WAITAOF needs Redis 7.2: ${said.trim()}`);
  return isThere;
}

/** A real server's connection on which WAITAOF is answered as told, for servers that do not know it. */
function answeringWaitAof(server: RedisServer, reply: readonly [number, number]) {
  const asked: (readonly string[])[] = [];
  const send: RedisSend = async (command) => {
    if (command[0] !== 'WAITAOF') return server.send(command);
    asked.push(command);
    return reply;
  };
  return { send, asked };
}

describe.skipIf(!available)('acknowledged writes of redisSagaStore', () => {
  it('answers a write only when as many replicas have it as asked for', async () => {
    await using server = await startRedis();
    const options = { timeoutMs: 300, acknowledge: { replicas: 1 } };
    const store = redisSagaStore(sendTo(server), options);
    await expect(store.enlist(60_000)).rejects.toMatchObject({ code: 'ERR_STORE_TIMEOUT' });
    await using replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(server.port)] });
    const deadline = performance.now() + 20_000;
    while (!String(await replica.send(['INFO', 'replication'])).includes('master_link_status:up')) {
      expect(performance.now()).toBeLessThan(deadline);
      await delay(20);
    }
    const patient = redisSagaStore(sendTo(server), { ...options, timeoutMs: 5000 });
    const worker = await patient.enlist(60_000);
    await patient.create(worker, [{ ...DEFINITION, id: 'a', input: '1' }]);
    expect(await replica.send(['EXISTS', 'holdfast:saga:{0}:s:a'])).toBe(1);
    replica.freeze();
    await expect(store.signal('a', { name: 'paid', payload: '1' })).rejects.toMatchObject({
      code: 'ERR_STORE_TIMEOUT',
    });
    // Repeated over a connection that has written nothing, there is nothing left to do, and still it waits.
    const fresh = connectRedis(server.port);
    const again = redisSagaStore((command) => fresh.send(command), options);
    await expect(again.signal('a', { name: 'paid', payload: '1' })).rejects.toMatchObject({
      code: 'ERR_STORE_TIMEOUT',
    });
    fresh.close();
    replica.thaw();
    expect(await patient.signal('a', { name: 'paid', payload: '1' })).toBe(true);
    expect(await replica.send(['HGET', 'holdfast:saga:{0}:e:a', 'paid'])).toBe('1');
  });

  it('does not take the word of another connection than that of the write', async () => {
    await using server = await startRedis();
    const send: RedisSend = async (command) => {
      const client = connectRedis(server.port);
      try {
        return await client.send(command);
      } finally {
        client.close();
      }
    };
    const store = redisSagaStore(send, { timeoutMs: 500, acknowledge: { replicas: 0 } });
    await expect(store.enlist(60_000)).rejects.toThrow('the client has changed its connection');
  });

  it('are refused from the beginning where the server has no append-only file, or no WAITAOF', async () => {
    await using server = await startRedis();
    const store = redisSagaStore(sendTo(server), { acknowledge: { replicas: 0, isOnDisk: true } });
    await expect(store.init()).rejects.toThrow('WAITAOF');
    await expect(store.enlist(60_000)).rejects.toThrow('WAITAOF');
    await redisSagaStore(sendTo(server), { acknowledge: { replicas: 0, isOnDisk: false } }).init();
  });

  it('wait for the file here and on as many replicas as asked for, and time out where either has not synced', async () => {
    await using server = await startRedis();
    const signal = async (replicas: number, reply: readonly [number, number]) => {
      const { send, asked } = answeringWaitAof(server, reply);
      const store = redisSagaStore(send, { timeoutMs: 1001, acknowledge: { replicas, isOnDisk: true } });
      try {
        return await store.signal('a', { name: 'paid', payload: '1' });
      } finally {
        expect(asked).toEqual([['WAITAOF', '1', String(replicas), '801']]);
      }
    };
    const late = (why: string) => ({
      code: 'ERR_STORE_TIMEOUT',
      message: `Redis has not acknowledged a write within 1001 ms: ${why}`,
    });
    await expect(signal(0, [0, 0])).rejects.toMatchObject(late('its append-only file is not synced'));
    await expect(signal(2, [0, 2])).rejects.toMatchObject(late('its append-only file is not synced'));
    await expect(signal(2, [1, 1])).rejects.toMatchObject(late('1 of 2 replicas have it'));
    await expect(signal(2, [1, 2])).resolves.toBe(false);
    await expect(signal(0, [1, 0])).resolves.toBe(false);
  });

  it('ask nothing for what only reads', async () => {
    await using server = await startRedis();
    const { send, asked } = answeringWaitAof(server, [1, 0]);
    const store = redisSagaStore(send, { acknowledge: { replicas: 0, isOnDisk: true } });
    expect([await store.load('a'), await store.get(['a']), await store.list({}), asked]).toEqual([
      undefined,
      [],
      [],
      [],
    ]);
  });

  it.runIf(knowsWaitAof())(
    'are in the append-only file when they are answered, and time out or are refused where it stands still or is off',
    async () => {
      await using server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'everysec'] });
      const options = { timeoutMs: 5000, acknowledge: { replicas: 0, isOnDisk: true } };
      const store = redisSagaStore(sendTo(server), options);
      await store.init();
      const worker = await store.enlist(60_000);
      await store.create(worker, [{ ...DEFINITION, id: 'a', input: '1' }]);
      // The process is killed at once, without a word: what was answered is there again.
      await server.restart();
      expect((await store.load('a'))?.record).toMatchObject({ id: 'a', worker, fence: 1 });
      expect(await store.signal('a', { name: 'paid', payload: '1' })).toBe(true);
      await server.send(['CONFIG', 'SET', 'appendfsync', 'no']);
      const hasty = redisSagaStore(sendTo(server), { ...options, timeoutMs: 50 });
      await expect(hasty.signal('a', { name: 'sent', payload: '1' })).rejects.toMatchObject({
        code: 'ERR_STORE_TIMEOUT',
      });
      await server.send(['CONFIG', 'SET', 'appendonly', 'no']);
      await expect(store.signal('a', { name: 'lost', payload: '1' })).rejects.toThrow('appendonly is disabled');
      await server.send(['CONFIG', 'SET', 'appendonly', 'yes']);
      await server.send(['CONFIG', 'SET', 'appendfsync', 'always']);
      expect(await store.signal('a', { name: 'again', payload: '1' })).toBe(true);
    },
  );
});

import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromIoredis, redisTier, subscriberFromIoredis } from '../../src/redis/index.ts';
import type { Subject } from '../cache/tiered-conformance.ts';
import { tierConformance } from '../cache/tiered-conformance.ts';
import { redisAvailability, startRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';

const { available } = redisAvailability();

describe.skipIf(!available)('redisTier', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server?.stop());

  tierConformance('in Redis', async (): Promise<Subject> => {
    await server.send(['FLUSHALL']);
    const [client, listener] = [new Redis(server.port), new Redis(server.port)];
    const tier = redisTier(fromIoredis(client), { subscriber: subscriberFromIoredis(listener) });
    return {
      part: tier.partitions[0]!,
      pass: delay,
      flush: () => server.send(['FLUSHALL']),
      snapshot: async () => {
        const keys = await client.keys('*');
        const dumps = await Promise.all(
          keys.map(async (key) => [key, (await client.pttl(key)).toString(), (await client.dumpBuffer(key))!] as const),
        );
        return async () => {
          await client.flushall();
          for (const [key, ttl, dump] of dumps) await client.restore(key, ttl, dump);
        };
      },
      end: async () => {
        client.disconnect();
        listener.disconnect();
      },
    };
  });

  it('gives every key a time to live', async () => {
    await server.send(['FLUSHALL']);
    const client = new Redis(server.port);
    const send = fromIoredis(client);
    const [part] = redisTier(send, { prefix: 'p' }).partitions as [ReturnType<typeof redisTier>['partitions'][0]];
    const limits = { timeoutMs: 5000 };
    let tokens = 0;
    const caller = () => ({ member: 'm', token: String(++tokens) });
    const shortest = async (): Promise<number> => {
      const keys = await client.keys('*');
      return Math.min(...(await Promise.all(keys.map((key) => client.pttl(key)))));
    };
    const verbs = [
      () => part.read(caller(), 'a', 60_000, false, limits),
      () => part.sync(caller(), { epoch: '', mark: 0 }, limits),
      () => part.write(caller(), 'a', false, undefined, { epoch: '', mark: 0 }, limits),
      () => part.invalidate(caller(), ['t'], false, limits),
      () => part.lagging(caller(), 1, [], limits),
    ];
    for (const first of verbs) {
      await server.send(['FLUSHALL']);
      await first();
      expect(await shortest()).toBeGreaterThan(50_000);
      for (const verb of verbs) {
        await verb();
        expect(await shortest()).toBeGreaterThan(50_000);
      }
      const own = caller();
      const lease = await part.read(own, 'b', 60_000, false, limits);
      await part.fill(own, 'b', { payload: 'x', tags: ['t'], ttlMs: 200_000_000_000 }, lease, limits);
      expect((await part.read(caller(), 'b', 0, false, limits)).entry!.ttlMs).toBeGreaterThan(199_000_000_000);
      expect(await shortest()).toBeGreaterThan(50_000);
      // What entries depend on outlives them.
      for (const name of ['', ':l', ':t'])
        if ((await client.exists(`{p:0}${name}`)) === 1)
          expect(await client.pttl(`{p:0}${name}`)).toBeGreaterThan(200_000_000_000);
      expect((await client.keys('*')).every((key) => key.startsWith('{p:0}'))).toBe(true);
    }
    client.disconnect();
  });

  it('misses everything rather than trust what lost a part of itself', async () => {
    const client = new Redis(server.port);
    const [part] = redisTier(fromIoredis(client)).partitions as [ReturnType<typeof redisTier>['partitions'][0]];
    const limits = { timeoutMs: 5000 };
    let tokens = 0;
    const caller = () => ({ member: 'm', token: String(++tokens) });
    for (const lost of ['{holdfast:cache:0}', '{holdfast:cache:0}:t']) {
      await client.flushall();
      const first = await part.invalidate(caller(), ['t'], false, limits);
      await part.write(caller(), 'a', false, { payload: 'a', tags: ['u'], ttlMs: 60_000 }, first, limits);
      const second = await part.sync(caller(), first, limits);
      await part.invalidate(caller(), ['u'], false, limits);
      await client.del(lost);
      expect((await part.read(caller(), 'a', 0, false, limits)).entry).toBe(undefined);
      const news = await part.sync({ member: 'other', token: String(++tokens) }, second, limits);
      expect(news.changes === undefined || news.changes.includes(null)).toBe(true);
      // And goes on as if it were new.
      await part.write(caller(), 'a', false, { payload: 'new', tags: ['t', 'u'], ttlMs: 60_000 }, news, limits);
      expect((await part.read(caller(), 'a', 0, false, limits)).entry?.payload).toBe('new');
    }
    await client.flushall();
    const first = await part.invalidate(caller(), ['t'], false, limits);
    await part.invalidate(caller(), ['u'], false, limits);
    await client.del('{holdfast:cache:0}:l');
    expect((await part.sync(caller(), first, limits)).changes).toBe(undefined);
    await part.invalidate(caller(), ['u'], false, limits);
    expect((await part.sync(caller(), first, limits)).changes).toBe(undefined);
    client.disconnect();
  });

  it('forgets tags, and with them all it has, when there are more than 100 000', async () => {
    const client = new Redis(server.port);
    await client.flushall();
    const [part] = redisTier(fromIoredis(client)).partitions as [ReturnType<typeof redisTier>['partitions'][0]];
    const limits = { timeoutMs: 10_000 };
    let tokens = 0;
    const caller = () => ({ member: 'm', token: String(++tokens) });
    const entry = (payload: string) => ({ payload, tags: ['t'], ttlMs: 60_000 });
    let state = await part.invalidate(caller(), ['t'], false, limits);
    await part.write(caller(), 'a', false, entry('old'), state, limits);
    for (let batch = 0; batch < 20; batch++) {
      expect((await part.read(caller(), 'a', 0, false, limits)).entry?.payload).toBe('old');
      const tags = Array.from({ length: 5000 }, (_, at) => `${batch} ${at}`);
      state = await part.invalidate(caller(), tags, false, limits);
    }
    expect(await client.hlen('{holdfast:cache:0}:t')).toBe(1);
    expect((await part.read(caller(), 'a', 0, false, limits)).entry).toBe(undefined);
    await part.write(caller(), 'a', false, entry('new'), state, limits);
    expect((await part.read(caller(), 'a', 0, false, limits)).entry?.payload).toBe('new');
    client.disconnect();
  });

  it('forgets who was there when that is more than 4096, and then waits for all of them', async () => {
    const client = new Redis(server.port);
    await client.flushall();
    const [part] = redisTier(fromIoredis(client)).partitions as [ReturnType<typeof redisTier>['partitions'][0]];
    const limits = { timeoutMs: 5000 };
    let tokens = 0;
    const caller = (member: string) => ({ member, token: String(++tokens) });
    const first = await part.write(caller('one'), 'a', true, undefined, { epoch: '', mark: 0 }, limits);
    await part.lagging(caller('one'), first.mark, first.lagging, limits);
    const gone = Array.from({ length: 4100 }, (_, at) => [`mgone ${at}`, `${first.mark} 1`]);
    await client.hset('{holdfast:cache:0}', Object.fromEntries(gone) as Record<string, string>);
    const news = await part.sync(caller('two'), first, limits);
    expect(news.changes).toEqual([]);
    expect(await client.hlen('{holdfast:cache:0}')).toBe(5);
    expect((await part.lagging(caller('one'), news.mark, [], limits)).length).toBe(2);
    client.disconnect();
  });

  it('is not disturbed by what others publish on its channel', async () => {
    const [client, listener] = [new Redis(server.port), new Redis(server.port)];
    const [part] = redisTier(fromIoredis(client), { subscriber: subscriberFromIoredis(listener) }).partitions;
    const heard: unknown[] = [];
    const end = await part!.subscribe!((message) => heard.push(message));
    for (const text of ['', 'junk', 'e 1 1 {', 'e 1 1', 'e x 1 "a"', 'e 7 0 "a"'])
      await client.publish('{holdfast:cache:0}', text);
    await expect.poll(() => heard).toEqual([{ epoch: 'e', mark: 7, isAwaited: false, change: 'a' }]);
    await end();
    client.disconnect();
    listener.disconnect();
  });

  it('is heard on the same channel where the client puts a prefix of its own before keys', async () => {
    for (const keyPrefix of ['app:', '{app}:']) {
      await server.send(['FLUSHALL']);
      const [client, listener] = [new Redis(server.port, { keyPrefix }), new Redis(server.port, { keyPrefix })];
      const [part] = redisTier(fromIoredis(client), { subscriber: subscriberFromIoredis(listener) }).partitions;
      const changes: unknown[] = [];
      const end = await part!.subscribe!(({ change }) => changes.push(change));
      const caller = { member: 'm', token: 't' };
      await part!.write(caller, 'a', false, undefined, { epoch: '', mark: 0 }, { timeoutMs: 5000 });
      await part!.invalidate(caller, ['t'], false, { timeoutMs: 5000 });
      await expect.poll(() => changes).toEqual(['a', ['t']]);
      await end();
      client.disconnect();
      listener.disconnect();
    }
  });

  it('shares one subscription of an ioredis client among all who want the channel, and leaves none behind', async () => {
    const client = new Redis(server.port);
    const subscriber = subscriberFromIoredis(client);
    const heard: string[] = [];
    const ends = await Promise.all(
      ['x', 'x', 'y'].map((channel, at) => subscriber(channel, (message) => heard.push(`${at} ${message}`))),
    );
    const publish = async (channel: string, text: string): Promise<void> => {
      await server.send(['PUBLISH', channel, text]);
    };
    await publish('x', 'first');
    await expect.poll(() => heard.splice(0)).toEqual(['0 first', '1 first']);
    expect(client.listenerCount('message')).toBe(1);
    await ends[0]!();
    await ends[0]!();
    await publish('x', 'second');
    await publish('y', 'third');
    await expect.poll(() => heard).toEqual(['1 second', '2 third']);
    await ends[1]!();
    await ends[2]!();
    expect(client.listenerCount('message')).toBe(0);
    expect(await server.send(['PUBSUB', 'CHANNELS'])).toEqual([]);
    client.disconnect();
    await expect(subscriber('z', () => {})).rejects.toThrow('closed');
    expect(client.listenerCount('message')).toBe(0);
  });

  it('refuses bad options by name', () => {
    const send = async (): Promise<null> => null;
    const bad: readonly (readonly [unknown, object, string])[] = [
      [1, {}, 'send must be a function, as fromIoredis makes'],
      [send, { prefix: 'a{b' }, 'prefix must be a text without braces, got "a{b"'],
      [send, { prefix: 7 }, 'prefix must be a text without braces, got 7'],
      [send, { partitions: 0 }, 'partitions must be an integer of at least 1'],
      [send, { partitions: 1.5 }, 'partitions must be an integer of at least 1'],
      [send, { subscriber: {} }, 'subscriber must be a function'],
    ];
    for (const [first, options, message] of bad)
      expect(() => redisTier(first as never, options), message).toThrow(message);
  });
});

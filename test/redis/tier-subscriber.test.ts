import { describe, expect, it } from 'vitest';
import type { TierMessage } from '../../src/cache/index.ts';
import { createCache, createTieredCache } from '../../src/cache/index.ts';
import type { GlideSubscriptions, IoredisSubscriberLike } from '../../src/redis/index.ts';
import {
  redisTier,
  subscriberFromGlide,
  subscriberFromIoredis,
  subscriberFromNodeRedis,
} from '../../src/redis/index.ts';

type Listener = (channel: string, message: string) => void;

/** As much of an ioredis client as subscribing takes. */
class Client implements IoredisSubscriberLike {
  readonly listeners = new Set<Listener>();
  readonly sent: string[] = [];
  fails = false;

  async subscribe(channel: string): Promise<unknown> {
    this.sent.push(`+${channel}`);
    if (this.fails) throw new Error('not now');
    return undefined;
  }

  async unsubscribe(channel: string): Promise<unknown> {
    this.sent.push(`-${channel}`);
    if (this.fails) throw new Error('not that either');
    return undefined;
  }

  on(_event: 'message', listener: Listener): void {
    this.listeners.add(listener);
  }

  off(_event: 'message', listener: Listener): void {
    this.listeners.delete(listener);
  }

  publish(channel: string, message: string): void {
    for (const listener of this.listeners) listener(channel, message);
  }
}

describe('subscriberFromIoredis', () => {
  it('has one listener, and one subscription to a channel, however many want it', async () => {
    const client = new Client();
    const subscribe = subscriberFromIoredis(client);
    const heard: string[] = [];
    const hear =
      (who: string) =>
      (message: string): void =>
        void heard.push(`${who} ${message}`);
    const same = hear('same');
    const ends = [
      await subscribe('news', hear('one')),
      await subscribe('news', same),
      await subscribe('news', same),
      await subscribe('other', hear('other')),
    ];
    expect(client.listeners.size).toBe(1);
    client.publish('news', '1');
    client.publish('other', '2');
    client.publish('nobody wants it', '3');
    expect(heard.splice(0)).toEqual(['one 1', 'same 1', 'same 1', 'other 2']);
    await ends[1]!();
    await ends[1]!();
    client.publish('news', '4');
    expect(heard.splice(0)).toEqual(['one 4', 'same 4']);
    await ends[0]!();
    expect(client.sent.filter((text) => text.startsWith('-'))).toEqual([]);
    await ends[2]!();
    expect([client.sent.filter((text) => text.startsWith('-')), client.listeners.size]).toEqual([['-news'], 1]);
    await ends[3]!();
    await ends[3]!();
    expect([client.sent.filter((text) => text.startsWith('-')), client.listeners.size]).toEqual([
      ['-news', '-other'],
      0,
    ]);
    await subscribe('news', hear('again'));
    client.publish('news', '5');
    expect([heard, client.listeners.size]).toEqual([['again 5'], 1]);
  });

  it('rejects with what the client fails with, and leaves nothing behind', async () => {
    const client = new Client();
    client.fails = true;
    const heard: string[] = [];
    const subscribe = subscriberFromIoredis(client);
    await expect(subscribe('news', (message) => heard.push(message))).rejects.toThrow('not now');
    expect([client.listeners.size, client.sent]).toEqual([0, ['+news', '-news']]);
    client.fails = false;
    await subscribe('news', (message) => heard.push(message));
    client.publish('news', '1');
    expect(heard).toEqual(['1']);
  });
});

describe('subscriberFromNodeRedis', () => {
  it('ends with the listener that it began with', async () => {
    const sent: [string, string, unknown][] = [];
    const subscribe = subscriberFromNodeRedis({
      subscribe: async (channel, listener) => {
        sent.push(['+', channel, listener]);
        listener('heard');
      },
      unsubscribe: async (channel, listener) => void sent.push(['-', channel, listener]),
    });
    const heard: string[] = [];
    const end = await subscribe('news', (message) => heard.push(message));
    await end();
    expect([heard, sent.map(([how, channel]) => how + channel)]).toEqual([['heard'], ['+news', '-news']]);
    expect(sent[0]![2]).toBe(sent[1]![2]);
  });
});

describe('subscriberFromGlide', () => {
  it('makes a client for the channel, and closes it at the end', async () => {
    const heard: string[] = [];
    const closed: string[] = [];
    const subscribe = subscriberFromGlide(async ({ channelsAndPatterns, callback }: GlideSubscriptions) => {
      expect(channelsAndPatterns).toEqual({ 0: new Set(['news']) });
      callback({ message: 'a text' });
      callback({ message: Object.assign(new Uint8Array(), { toString: () => 'bytes' }) });
      return { close: () => closed.push('client') };
    });
    const end = await subscribe('news', (message) => heard.push(message));
    expect([heard, closed]).toEqual([['a text', 'bytes'], []]);
    await end();
    expect(closed).toEqual(['client']);
  });
});

describe('redisTier', () => {
  it('understands the messages of its own scripts, and no others', async () => {
    let tell = (_text: string): void => {};
    const channels: string[] = [];
    const { partitions } = redisTier(async () => [], {
      prefix: 'p',
      partitions: 2,
      subscriber: async (channel, onMessage) => {
        channels.push(channel);
        tell = onMessage;
        return () => 'ended';
      },
    });
    const heard: TierMessage[] = [];
    const end = await partitions[1]!.subscribe!((message) => heard.push(message));
    for (const text of [
      'e.1 7 1 "a b\\n"',
      'e.1 1234 0 ["t","u"]',
      'e.1 9 1 null',
      '',
      'hello',
      'e.1 7 1 {',
      'e.1 7 2 "a"',
      'e.1 x 1 "a"',
      'e.1 7 "a"',
      '1 e.1 7 1 "a"',
      'e.1 7 1 "a"\n',
      ' 7 1 "a"',
    ])
      tell(text);
    expect([channels, heard, end()]).toEqual([
      ['{p:1}'],
      [
        { epoch: 'e.1', mark: 7, isAwaited: true, change: 'a b\n' },
        { epoch: 'e.1', mark: 1234, isAwaited: false, change: ['t', 'u'] },
        { epoch: 'e.1', mark: 9, isAwaited: true, change: null },
      ],
      'ended',
    ]);
    expect(redisTier(async () => []).partitions.map(({ subscribe }) => subscribe)).toEqual([undefined]);
  });
});

it('redisTier takes an answer that is none for a failure, rather than ask for ever', async () => {
  for (const answer of ['OK', '', 5, {}, [], [1, 2, 3], ['epoch', 'x'], null, undefined]) {
    let sent = 0;
    const tier = redisTier(async () => (sent++, answer));
    const cache = createTieredCache<string>({ l1: createCache({ maxEntries: 9 }), tier, ttlMs: 1000 });
    expect(await cache.getOrLoad('a', async () => 'loaded')).toBe('loaded');
    await expect(cache.set('a', 'b')).rejects.toThrow('Redis answered with no state of a tier');
    await cache.close();
    expect(sent).toBeLessThanOrEqual(4);
  }
});

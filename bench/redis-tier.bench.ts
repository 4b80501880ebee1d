import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type * as CacheModule from '../src/cache/index.ts';
import type * as RedisModule from '../src/redis/index.ts';
import type { Case, Goal, Loop, ObservedCase, Subject } from './support/case.ts';
import { awaited, time, together } from './support/case.ts';
import { bundled } from './support/size.ts';

/** Loaded by name, so that types and lint need no peer. */
async function load<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}

interface Client {
  get(key: string): Promise<string | null>;
  set(key: string, value: string): Promise<unknown>;
  del(key: string): Promise<unknown>;
  call(...command: string[]): Promise<unknown>;
}

interface RedisJs {
  readonly Redis: new (port: number) => Client & RedisModule.IoredisSubscriberLike;
}

/** A redis-server of this process alone, REDIS_SERVER or that on the path. */
async function startServer(): Promise<() => Promise<Client & RedisModule.IoredisSubscriberLike>> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  const args = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no'];
  const server = spawn(process.env['REDIS_SERVER'] ?? 'redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  process.once('exit', () => server.kill('SIGKILL'));
  let output = '';
  for await (const chunk of server.stdout) {
    output += String(chunk);
    if (output.includes('Ready to accept connections')) break;
  }
  const { Redis } = await load<RedisJs>('ioredis');
  return async () => new Redis(port);
}

type Connect = Awaited<ReturnType<typeof startServer>>;
type Load = (key: string) => Promise<unknown>;

/** One member of a fleet. */
interface Member {
  read(key: string): Promise<unknown>;
  /** As sure as the library can be that nobody has it any more. */
  forget(key: string): Promise<unknown>;
}

/** Makes a member whose own memory has so many entries. */
type Maker = (connect: Connect, loader: Load, entries: number) => Promise<Member>;

const holdfast =
  (wait: 'all' | 'shared'): Maker =>
  async (connect, loader, entries) => {
    const { createCache, createTieredCache } = await load<typeof CacheModule>('holdfast/cache');
    const { fromIoredis, redisTier, subscriberFromIoredis } = await load<typeof RedisModule>('holdfast/redis');
    const tier = redisTier(fromIoredis(await connect()), { subscriber: subscriberFromIoredis(await connect()) });
    const l1 = createCache<string, unknown>({ maxEntries: entries });
    const cache = createTieredCache<unknown>({
      l1,
      tier,
      ttlMs: 3_600_000,
      l1MaxStaleMs: 1000,
      tierTimeoutMs: 10_000,
      loader,
    });
    await cache.ready();
    // The first of all waits for those whom a new server cannot know of.
    await cache.delete('nothing', { wait: 'all' });
    return { read: (key) => cache.getOrLoad(key), forget: (key) => cache.delete(key, { wait }) };
  };

interface Bento {
  readonly BentoCache: new (options: object) => {
    getOrSet(options: { key: string; factory: () => Promise<unknown> }): Promise<unknown>;
    delete(options: { key: string }): Promise<unknown>;
  };
  bentostore(): { useL1Layer(layer: object): { useL2Layer(layer: object): { useBus(bus: object): object } } };
}
type Driver = (options: object) => object;

const bento: Maker = async (connect, loader, entries) => {
  const { BentoCache, bentostore } = await load<Bento>('bentocache');
  const { redisDriver, redisBusDriver } = await load<{ redisDriver: Driver; redisBusDriver: Driver }>(
    'bentocache/drivers/redis',
  );
  const { memoryDriver } = await load<{ memoryDriver: Driver }>('bentocache/drivers/memory');
  const { Redis } = await load<{ Redis: new (options: object) => unknown }>('ioredis');
  const { options } = (await connect()) as unknown as { options: { port: number } };
  const store = bentostore()
    .useL1Layer(memoryDriver({ maxItems: entries }))
    .useL2Layer(redisDriver({ connection: new Redis({ port: options.port }) }))
    .useBus(redisBusDriver({ connection: { port: options.port } }));
  const cache = new BentoCache({ default: 'both', stores: { both: store }, ttl: '1h' });
  return {
    read: (key) => cache.getOrSet({ key, factory: () => loader(key) }),
    forget: (key) => cache.delete({ key }),
  };
};

interface Layered {
  readonly Loader: new (options: object) => {
    init(): Promise<unknown>;
    get(key: string): Promise<unknown>;
    invalidateCacheFor(key: string): Promise<unknown>;
  };
  readonly RedisCache: new (client: unknown, options: object) => object;
  createNotificationPair(options: object): { readonly publisher: object; readonly consumer: object };
}

const layered: Maker = async (connect, loader, entries) => {
  const { Loader, RedisCache, createNotificationPair } = await load<Layered>('layered-loader');
  const { publisher, consumer } = createNotificationPair({
    channel: 'news',
    publisherRedis: await connect(),
    consumerRedis: await connect(),
  });
  const cache = new Loader({
    inMemoryCache: { ttlInMsecs: 3_600_000, maxItems: entries },
    asyncCache: new RedisCache(await connect(), { ttlInMsecs: 3_600_000, json: true }),
    dataSources: [{ get: loader, name: 'origin', getMany: () => Promise.reject(new Error('unused')) }],
    notificationPublisher: publisher,
    notificationConsumer: consumer,
  });
  await cache.init();
  return { read: (key) => cache.get(key), forget: (key) => cache.invalidateCacheFor(key) };
};

/** Redis alone, without a first level, and without anything that could go wrong in between. */
const bare: Maker = async (connect, loader) => {
  const client = await connect();
  return {
    async read(key) {
      const text = await client.get(key);
      if (text !== null) return JSON.parse(text) as unknown;
      const value = await loader(key);
      await client.set(key, JSON.stringify(value));
      return value;
    },
    forget: (key) => client.del(key),
  };
};

const LIMIT = 'limit: bare GET, SET, DEL';
const makers = { holdfast: holdfast('shared'), bentocache: bento, 'layered-loader': layered, [LIMIT]: bare };

const constant: Load = async (key) => ({ name: 'value', of: key.length > 0 });

type Work = (member: Member, others: readonly Member[]) => Loop | Promise<Loop>;

function loops(
  work: Work,
  entries: number,
  others: number,
  all: Readonly<Record<string, Maker>>,
): readonly Subject<Loop>[] {
  return Object.entries(all).map(([name, make]) => ({
    name,
    counting: 'none' as const,
    prepare: async () => {
      const connect = await startServer();
      const members: Member[] = [];
      for (let k = 0; k <= others; k++) members.push(await make(connect, constant, entries));
      return work(members[0]!, members.slice(1));
    },
  }));
}

function of(
  name: string,
  about: string,
  subjects: readonly Subject<Loop>[],
  expected: unknown,
  ...goals: readonly Goal[]
): Case {
  return { kind: 'loop', name, about, expected, subjects, measures: [time(...goals)] };
}

const VALUE = { name: 'value', of: true };

const warmKeys: Work = async (member) => {
  const keys = Array.from({ length: 64 }, (_, at) => `key ${at}`);
  for (const key of keys) await member.read(key);
  // What is handed over behind the caller's back has arrived.
  await delay(50);
  let at = 0;
  return awaited(() => member.read(keys[at++ & 63]!));
};

const warmTogether: Work = async (member) => {
  const keys = Array.from({ length: 64 }, (_, at) => `key ${at}`);
  for (const key of keys) await member.read(key);
  await delay(50);
  let at = 0;
  return together(64, () => member.read(keys[at++ & 63]!));
};

const coldKeys: Work = (member) => {
  let at = 0;
  return awaited(() => member.read(`cold ${at++}`));
};

const forgetting: Work = async (member, others) => {
  for (const other of others) await other.read('key');
  return awaited(async () => {
    await member.forget('key');
    return true;
  });
};

const ROUNDS = 300;

/** What a fleet of three in one process, each with connections of its own, gets wrong. */
const mistakes: ObservedCase = {
  kind: 'observed',
  name: 'mistakes of a fleet of three',
  about: `${ROUNDS} changes that were awaited, read elsewhere at once; 50 loads overtaken by a change; 200 callers of one cold key`,
  rounds: 1,
  subjects: Object.entries({ holdfast: holdfast('all'), bentocache: bento, 'layered-loader': layered }).map(
    ([name, make]) => ({
      name,
      prepare: async () => {
        const connect = await startServer();
        let version = 1;
        let loads = 0;
        let loadMs = 0;
        const loader: Load = async () => {
          loads++;
          const read = { version };
          if (loadMs > 0) await delay(loadMs);
          return read;
        };
        const fleet: Member[] = [];
        for (let k = 0; k < 3; k++) fleet.push(await make(connect, loader, 1000));
        const [one, two, three] = fleet as [Member, Member, Member];
        const versionOf = async (member: Member, key: string): Promise<number> =>
          ((await member.read(key)) as { version: number }).version;
        let stale = 0;
        for (let round = 0; round < ROUNDS; round++) {
          await Promise.all(fleet.map((member) => member.read('key')));
          version++;
          await one.forget('key');
          if ((await versionOf(two, 'key')) < version) stale++;
        }
        let revived = 0;
        loadMs = 10;
        for (let round = 0; round < 50; round++) {
          const loading = two.read(`slow ${round}`);
          await delay(5);
          version++;
          await one.forget(`slow ${round}`);
          await loading;
          await delay(5);
          if ((await versionOf(three, `slow ${round}`)) < version) revived++;
        }
        loads = 0;
        await Promise.all(Array.from({ length: 200 }, (_, k) => fleet[k % 3]!.read('cold')));
        return { 'stale reads': stale, 'values revived': revived, loads };
      },
    }),
  ),
  measures: [
    { name: 'stale reads', unit: '', goals: [{ atMost: 0 }] },
    { name: 'values revived', unit: '', goals: [{ atMost: 0 }] },
    { name: 'loads', unit: '', goals: [{ atMost: 1 }] },
  ],
};

const size: Case = {
  kind: 'observed',
  name: 'size of two levels',
  about: 'both levels and the bus, minified and as brotli; ioredis is left out where it is only imported',
  rounds: 1,
  subjects: [
    bundled(
      'holdfast',
      "export { createCache, createTieredCache } from 'holdfast/cache'; export { fromIoredis, redisTier, subscriberFromIoredis } from 'holdfast/redis';",
    ),
    bundled('layered-loader', "export { Loader, RedisCache, createNotificationPair } from 'layered-loader';"),
  ],
  measures: [{ name: 'size', unit: 'B', goals: [] }],
};

export const cases: readonly Case[] = [
  of(
    'tier: a hit in the process',
    'one of 64 warm keys, awaited',
    loops(warmKeys, 1000, 0, makers),
    VALUE,
    { against: 'bentocache', ratio: 0.5 },
    { against: 'layered-loader', ratio: 1.5 },
  ),
  of(
    'tier: a hit in Redis, one after another',
    'one of 64 keys, awaited; the own memory holds one; a redis-server on this machine, through ioredis',
    loops(warmKeys, 1, 0, makers),
    VALUE,
    { against: 'bentocache', ratio: 1 },
  ),
  of(
    'tier: a hit in Redis, 64 at once',
    'per read of one of 64 keys; the own memory holds one',
    loops(warmTogether, 1, 0, makers),
    VALUE,
    { against: 'bentocache', ratio: 1 },
  ),
  of(
    'tier: a load',
    'a key that nobody has, awaited; the origin answers at once',
    loops(coldKeys, 1000, 0, makers),
    VALUE,
    { against: 'bentocache', ratio: 1 },
  ),
  of(
    'tier: a change',
    'a key dropped, awaited, with one more member; only the third waits for it',
    loops(forgetting, 1000, 1, { ...makers, "holdfast, wait: 'all'": holdfast('all') }),
    true,
    { against: 'bentocache', ratio: 1.2 },
  ),
  mistakes,
  size,
];

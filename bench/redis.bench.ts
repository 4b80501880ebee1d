import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import type * as RateLimitModule from '../src/rate-limit/index.ts';
import type * as RedisModule from '../src/redis/index.ts';
import type { Case, Goal, Loop, Subject } from './support/case.ts';
import { awaited, time, together } from './support/case.ts';
import { bundled } from './support/size.ts';

/** Loaded by name, so that types and lint need no peer. */
async function load<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}

interface Client {
  call(...command: string[]): Promise<unknown>;
  script(load: 'LOAD', lua: string): Promise<string>;
  evalsha(sha: string, keys: number, ...rest: string[]): Promise<unknown>;
  disconnect(): void;
}

/** A redis-server of this process alone, REDIS_SERVER or that on the path, and a connection to it. */
async function connect(): Promise<Client> {
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
  const { Redis } = await load<{ Redis: new (port: number) => Client }>('ioredis');
  return new Redis(port);
}

type Limits = readonly { readonly limit: number; readonly windowMs: number }[];

const FREE: Limits = [{ limit: 1_000_000_000, windowMs: 60_000 }];
const THREE: Limits = [...FREE, { limit: 900_000_000, windowMs: 30_000 }, { limit: 800_000_000, windowMs: 10_000 }];
const NONE: Limits = [{ limit: 1, windowMs: 3_600_000 }];

/** Takes one unit of a key; whether it was allowed. */
type Ask = (key: string) => Promise<boolean>;
type Maker = (limits: Limits) => Promise<Ask>;

const holdfast =
  (options: RedisModule.RedisRateLimiterOptions = {}): Maker =>
  async (limits) => {
    const { fromIoredis, redisRateLimiter } = await load<typeof RedisModule>('holdfast/redis');
    const { tokenBucket } = await load<typeof RateLimitModule>('holdfast/rate-limit');
    const policies = limits.map(({ limit, windowMs }) => tokenBucket({ limit, periodMs: windowMs }));
    const limiter = redisRateLimiter(fromIoredis(await connect()), policies, options);
    return async (key) => (await limiter.consume(key)).allowed;
  };

/** A script as long as ours, with the same arguments and reply, that reads and writes nothing. */
const bare: Maker = async (limits) => {
  const client = await connect();
  const lua = `-- ${'x'.repeat(3500)}\nreturn '1,0${',999999999,0,60000'.repeat(limits.length)}'`;
  const sha = await client.script('LOAD', lua);
  const rest = limits.flatMap(() => ['60000000000', '6', '100']);
  return async (key) => Number(String(await client.evalsha(sha, 1, `bare:${key}`, ...rest)).split(',')[0]) >= 0;
};

interface Flexible {
  consume(key: string): Promise<unknown>;
}
interface FlexibleModule {
  RateLimiterRedis: new (options: object) => Flexible;
  RateLimiterUnion: new (...limiters: Flexible[]) => Flexible;
}

const flexible: Maker = async (limits) => {
  const { RateLimiterRedis, RateLimiterUnion } = await load<FlexibleModule>('rate-limiter-flexible');
  const storeClient = await connect();
  const each = limits.map(
    ({ limit, windowMs }, at) =>
      new RateLimiterRedis({ storeClient, keyPrefix: `rlf${at}`, points: limit, duration: windowMs / 1000 }),
  );
  const limiter = each.length > 1 ? new RateLimiterUnion(...each) : each[0]!;
  return (key) =>
    limiter.consume(key).then(
      () => true,
      (error: unknown) => {
        if (error instanceof Error) throw error;
        return false;
      },
    );
};

interface UpstashModule {
  Ratelimit: {
    new (options: object): { limit(key: string): Promise<{ success: boolean }> };
    tokenBucket(refill: number, interval: string, max: number): unknown;
  };
}

/** Speaks to Redis as Upstash's own client does, and takes a flag out of the scripts that Redis does not know. */
function upstashRedis(client: Client): object {
  const known = new Map<string, string>();
  const run = (sha: string, keys: readonly string[], args: readonly unknown[]): Promise<unknown> =>
    client.evalsha(sha, keys.length, ...keys, ...args.map(String));
  return {
    evalsha: async (hash: string, keys: readonly string[], args: readonly unknown[]) => {
      const sha = known.get(hash);
      if (sha === undefined) throw new Error('NOSCRIPT No matching script');
      return run(sha, keys, args);
    },
    eval: async (lua: string, keys: readonly string[], args: readonly unknown[]) => {
      const sha = await client.script('LOAD', lua.replace(/^\s*#!lua[^\n]*\n/, ''));
      known.set(createHash('sha1').update(lua).digest('hex'), sha);
      return run(sha, keys, args);
    },
  };
}

const upstash: Maker = async ([only]) => {
  const { Ratelimit } = await load<UpstashModule>('@upstash/ratelimit');
  const limiter = new Ratelimit({
    redis: upstashRedis(await connect()),
    limiter: Ratelimit.tokenBucket(only!.limit, `${only!.windowMs} ms`, only!.limit),
  });
  return async (key) => (await limiter.limit(key)).success;
};

const LIMIT = 'limit: bare EVALSHA';

function subjects(
  limits: Limits,
  loop: (ask: Ask) => Loop,
  makers: Readonly<Record<string, Maker>>,
): readonly Subject<Loop>[] {
  return Object.entries(makers).map(([name, make]) => ({
    name,
    counting: 'none' as const,
    isPart: name === LIMIT,
    prepare: async () => {
      const ask = await make(limits);
      // The scripts are there, and the one unit of a limit that refuses is gone.
      for (let k = 0; k < 3; k++) await ask('key0');
      return loop(ask);
    },
  }));
}

function of(
  name: string,
  about: string,
  isAllowed: boolean,
  all: readonly Subject<Loop>[],
  ...goals: readonly Goal[]
): Case {
  return { kind: 'loop', name, about, expected: isAllowed, subjects: all, measures: [time(...goals)] };
}

const sequential = (ask: Ask): Loop => awaited(() => ask('key0'));

function atOnce(ask: Ask): Loop {
  let at = 0;
  return together(64, () => ask(`key${at++ & 63}`));
}

const size: Case = {
  kind: 'observed',
  name: 'size of the limiter in Redis',
  about: 'redisRateLimiter alone with its script, minified and as brotli',
  rounds: 1,
  subjects: [
    bundled('holdfast', "export { redisRateLimiter } from 'holdfast/redis';"),
    bundled('rate-limiter-flexible', "export { RateLimiterRedis } from 'rate-limiter-flexible';"),
    bundled('@upstash/ratelimit', "export { Ratelimit } from '@upstash/ratelimit';"),
  ],
  measures: [{ name: 'size', unit: 'B', goals: [{ against: 'rate-limiter-flexible', ratio: 1 }] }],
};

const usual = { holdfast: holdfast(), 'rate-limiter-flexible': flexible, '@upstash/ratelimit': upstash, [LIMIT]: bare };
const { '@upstash/ratelimit': _, ...severalLimits } = usual;

export const cases: readonly Case[] = [
  of(
    'one after another',
    'one unit of one key, awaited; a redis-server on this machine, through ioredis',
    true,
    subjects(FREE, sequential, usual),
    { against: LIMIT, ratio: 1.1 },
    { against: 'rate-limiter-flexible', ratio: 1 },
  ),
  of(
    '64 at once',
    'one unit of each of 64 keys, asked for together, per decision',
    true,
    subjects(FREE, atOnce, usual),
    { against: LIMIT, ratio: 1.25 },
    { against: 'rate-limiter-flexible', ratio: 1 },
  ),
  of(
    '64 at once on one key',
    'per decision',
    true,
    subjects(FREE, (ask) => together(64, () => ask('key0')), usual),
    { against: LIMIT, ratio: 0.5 },
  ),
  of(
    'leases of 1000 units',
    'one unit of one key, awaited',
    true,
    subjects(FREE, sequential, { holdfast: holdfast({ lease: { units: 1000, ttlMs: 1000 } }), [LIMIT]: bare }),
    { against: LIMIT, ratio: 0.05 },
  ),
  of(
    'three limits at once',
    'one unit of one key under three limits, awaited; the union of the peer takes three trips',
    true,
    subjects(THREE, sequential, severalLimits),
    { against: LIMIT, ratio: 1.3 },
    { against: 'rate-limiter-flexible', ratio: 1 },
  ),
  of(
    'a key that is refused',
    'one unit of a key that has none, awaited',
    false,
    subjects(NONE, sequential, { ...usual, 'holdfast, no deny cache': holdfast({ denyCache: false }) }),
    { against: LIMIT, ratio: 0.1 },
    { against: 'rate-limiter-flexible', ratio: 1 },
  ),
  size,
];

/*
 * The only door of the shop: a rate limit for each API key, shared through Redis where there is one, and then a shop
 * process that is well.
 */
import { nodeRateLimit } from '../../../src/http/index.ts';
import { createRateLimiter, tokenBucket } from '../../../src/rate-limit/index.ts';
import { redisRateLimiter } from '../../../src/redis/index.ts';
import type { Answer, Call, Reply } from './json-server.ts';
import { serveJson } from './json-server.ts';
import { readJob, tell } from './messages.ts';
import { limits } from './plan.ts';
import { connectRedis } from './redis.ts';
import type { Forward } from './upstreams.ts';
import { Upstreams } from './upstreams.ts';

export interface GatewayJob {
  readonly port: number;
  /** URLs of the shop processes by their names. */
  readonly shops: Readonly<Record<string, string>>;
  readonly redisPath: string | undefined;
}

const job = readJob<GatewayJob>();
const upstreams = new Upstreams(job.shops);

const policy = tokenBucket({ limit: limits.rateLimit, periodMs: 1_000, burst: limits.rateBurst, name: 'storefront' });
const here = createRateLimiter(policy);
const limiter =
  job.redisPath === undefined
    ? here
    : redisRateLimiter(await connectRedis(job.redisPath), policy, {
        timeoutMs: 500,
        onStoreError: here,
        onEvent: ({ type }) => type === 'store-error' && tell({ type: 'limiter-alone' }),
      });
const mayPass = nodeRateLimit(limiter, {
  key: ({ headers }) => {
    const key = headers['x-api-key'];
    return typeof key === 'string' ? key : undefined;
  },
});

function route({ method, path, body }: Call): Promise<Answer> {
  const [what, id = '', action] = path;
  const forward: Forward = { kind: what === 'products' ? 'pages' : 'orders', method, path: path.join('/'), body };
  if (what !== 'carts' || id === '') return upstreams.send(forward, 'anyone');
  return action === 'checkout' ? upstreams.send(forward, { cart: id }) : upstreams.keep(forward, id);
}

async function handle(call: Call): Promise<Reply> {
  try {
    const { status, body } = await route(call);
    return { status, body: JSON.parse(body) as unknown };
  } catch (error) {
    return { status: 503, body: { error: String(error) }, headers: { 'retry-after': '1' } };
  }
}

await serveJson(job.port, handle, mayPass);
tell({ type: 'listening' });

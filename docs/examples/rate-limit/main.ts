import { parseArgs } from 'node:util';
import { createRateLimiter } from '../../../src/rate-limit/index.ts';
import type { Answer, Burst } from './burst.ts';
import { count, isKept, isQuick, sendBurst } from './burst.ts';
import { findRedis, startRedis, startServer } from './processes.ts';
import { policy, serve } from './server.ts';

const help = `npm run demo -- rate-limit [options]
A token bucket of 10 a second and 20 at once in front of an HTTP server, and 25 requests. Then the same limit in
two processes that share it through Redis, where a redis-server is found (REDIS_SERVER, or on the PATH).
  --without   leaves the limiter out, to see the promise broken`;

/** Runs the demo. Resolves with the exit code: 1 when the counts are not those promised. */
export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { without: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  console.log('One process: 25 requests to a server that allows 10 a second and 20 at once\n');
  const isLocalKept = show(await inThisProcess(values.without));
  if (values.without) return isLocalKept ? 0 : 1;

  const redis = findRedis();
  if (redis === undefined) {
    console.log('\nTwo processes: left out, because no redis-server was found in REDIS_SERVER or on the PATH');
    return isLocalKept ? 0 : 1;
  }
  console.log(`\nTwo processes that share the limit through ${redis}: 25 requests, to each in turn\n`);
  const isSharedKept = show(await inTwoProcesses(redis));
  return isLocalKept && isSharedKept ? 0 : 1;
}

async function inThisProcess(isWithout: boolean): Promise<Burst> {
  const { server, url } = await serve(isWithout ? undefined : createRateLimiter(policy));
  try {
    return await sendBurst([url]);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function inTwoProcesses(program: string): Promise<Burst> {
  await using redis = await startRedis(program);
  await using first = await startServer(redis.path);
  await using second = await startServer(redis.path);
  return await sendBurst([first.url, second.url]);
}

/** Prints a burst and whether it went as promised. */
function show(burst: Burst): boolean {
  const { answers, tookMs } = burst;
  const isShared = answers.some(({ server }) => server > 1);
  console.log(`   #  ${isShared ? 'process  ' : ''}status  RateLimit           Retry-After`);
  for (const [k, answer] of answers.entries()) console.log(row(k + 1, answer, isShared));
  const refused = answers.find(({ status }) => status === 429);
  if (refused) {
    console.log(`\nRateLimit-Policy: ${refused.headers.get('ratelimit-policy')}`);
    console.log(`a refusal's body, ${refused.headers.get('content-type')}:\n  ${refused.body}`);
  }
  console.log(`\n${count(burst, 200)} x 200, ${count(burst, 429)} x 429 in ${tookMs.toFixed(0)} ms: ${verdict(burst)}`);
  return isKept(burst);
}

function row(nth: number, { server, status, headers }: Answer, isShared: boolean): string {
  const limit = (headers.get('ratelimit') ?? '').padEnd(18);
  const process = isShared ? `${server}        ` : '';
  return `  ${String(nth).padStart(2)}  ${process}${status}     ${limit}  ${headers.get('retry-after') ?? ''}`.trimEnd();
}

function verdict(burst: Burst): string {
  if (isKept(burst)) return 'as promised';
  return isQuick(burst)
    ? 'NOT the 20 and 5 promised'
    : 'this machine is too slow to show it, the bucket gains 1 in 100 ms';
}

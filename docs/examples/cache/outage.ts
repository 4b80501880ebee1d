import { setTimeout as sleep } from 'node:timers/promises';
import type { Cache } from '../../../src/cache/index.ts';
import { createCache } from '../../../src/cache/index.ts';
import type { Origin, Price } from './origin.ts';
import { startOrigin } from './origin.ts';
import type { Chapter, DemoOptions, Report } from './report.ts';

const TTL_MS = 300;
const BACKOFF_MS = 200;
const CALLERS = 1000;

type Prices = Cache<string, Price>;

/** A thousand callers of a key that nobody has loaded, a delete during a load, and the origin killed. */
export const outage: Chapter = async (report, options) => {
  const origin = await startOrigin();
  using prices = createPrices(origin, options);
  try {
    await coldKey(report, prices, origin, options);
    await deleted(report, prices, origin);
    await killed(report, prices, origin);
  } finally {
    await origin.kill();
  }
};

function createPrices(origin: Origin, { leaveOut }: DemoOptions): Prices {
  return createCache<string, Price>({
    maxEntries: 1000,
    ttlMs: TTL_MS,
    staleIfErrorMs: leaveOut.includes('stale') ? 0 : 60_000,
    errorBackoffMs: BACKOFF_MS,
    hardTimeoutMs: 5000,
    loader: (path, { signal }) => origin.price(path, signal),
  });
}

async function coldKey(report: Report, prices: Prices, origin: Origin, { leaveOut }: DemoOptions): Promise<void> {
  report.chapter(`A cold key: ${CALLERS} callers at once, one of whom gives up, of an HTTP service`);
  const leaver = new AbortController();
  const isShared = !leaveOut.includes('sharing');
  const ask = (k: number): Promise<Price | undefined> => {
    if (!isShared) return origin.price('/price/1');
    return prices.getOrLoad('/price/1', k === 0 ? { signal: leaver.signal } : {});
  };
  const callers = Promise.allSettled(Array.from({ length: CALLERS }, (_, k) => ask(k)));
  leaver.abort(new Error('has left'));
  const ends = await callers;
  const failed = ends.filter(({ status }) => status === 'rejected').length;
  const versions = new Set(ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value?.version] : [])));
  const requests = await origin.requests();
  report.promise('the origin is asked once', requests === 1, `${requests} requests`);
  report.promise(
    'all get the same answer, but who left',
    failed <= 1 && versions.size === 1,
    `${CALLERS - failed} answers, ${versions.size} versions`,
  );
}

async function deleted(report: Report, prices: Prices, origin: Origin): Promise<void> {
  report.chapter('A price is deleted while it is loaded');
  const before = prices.getOrLoad('/price/2');
  await sleep(10);
  prices.delete('/price/2');
  const after = prices.getOrLoad('/price/2');
  const [older, newer] = [(await before)!.version, (await after)!.version];
  const kept = prices.get('/price/2')?.version;
  report.promise(
    'what was read before does not come back',
    newer > older && kept === newer,
    `version ${older} was on its way, ${kept} is kept, ${await origin.requests()} requests`,
  );
}

async function killed(report: Report, prices: Prices, origin: Origin): Promise<void> {
  report.chapter('The origin is killed (SIGKILL)');
  await prices.refresh('/price/1');
  await origin.kill();
  await sleep(TTL_MS + 20);
  const before = prices.stats();
  const startMs = performance.now();
  const asked = await Promise.allSettled(Array.from({ length: CALLERS }, () => prices.getOrLoad('/price/1')));
  const again = await Promise.allSettled(Array.from({ length: CALLERS }, () => prices.getOrLoad('/price/1')));
  const tookMs = performance.now() - startMs;
  const served = [...asked, ...again].filter((end) => end.status === 'fulfilled' && end.value !== undefined).length;
  const loads = prices.stats().loads - before.loads;
  const most = 1 + Math.floor(tookMs / BACKOFF_MS);
  report.promise('the last known price is served', served === 2 * CALLERS, `${served} of ${2 * CALLERS} callers`);
  report.promise(`the origin is tried once in ${BACKOFF_MS} ms`, loads <= most, `${loads} attempts`);
  await origin.restart();
  await sleep(BACKOFF_MS);
  const fresh = await prices.getOrLoad('/price/1').catch(() => undefined);
  const isBack = fresh?.version === 1 && prices.get('/price/1') !== undefined;
  report.promise(
    'when it is back its answer is kept again',
    isBack,
    fresh ? `version ${fresh.version} of the new process` : 'no answer',
  );
}

/*
 * A polite crawler against three hosts of this machine, of which one answers with errors only: every page once, so many
 * a second from each host, and the broken one is left alone. `npm run demo -- crawler`
 */
import type { LocalServer } from '../local-server.ts';
import { serveLocally } from '../local-server.ts';
import { Promises } from '../promises.ts';
import { crawl } from './crawler.ts';

const PAGES = 60;
const PER_HOST = 50;
const BURST = 5;

/** Each page leads to the next ones, to the same page of the other hosts, and back to the first. */
function pagesOf(visits: Map<string, number>, name: string, others: () => readonly string[]): Promise<LocalServer> {
  return serveLocally((request, response) => {
    visits.set(`${name}${request.url}`, (visits.get(`${name}${request.url}`) ?? 0) + 1);
    const nth = Number(request.url!.slice(1)) || 0;
    const own = [2 * nth + 1, 2 * nth + 2, 0].filter((page) => page < PAGES).map((page) => `/${page}`);
    response.end(JSON.stringify([...own, ...others().map((url) => `${url}/${nth}`)]));
  });
}

async function fetchLinks(url: URL, signal: AbortSignal): Promise<readonly string[]> {
  const response = await fetch(url, { signal });
  if (!response.ok) throw new Error(`${url.href} answered ${response.status}`);
  return (await response.json()) as string[];
}

/** Runs the example. Resolves with its exit code. */
export async function main(): Promise<number> {
  const promises = new Promises();
  const visits = new Map<string, number>();
  let brokenRequests = 0;
  await using broken = await serveLocally((_, response) => {
    brokenRequests++;
    response.writeHead(500).end();
  });
  await using a: LocalServer = await pagesOf(visits, 'a', () => [b.url, broken.url]);
  await using b: LocalServer = await pagesOf(visits, 'b', () => [a.url, broken.url]);

  const turns = new Map<string, number[]>();
  let atOnce = 0;
  let mostAtOnce = 0;
  const { fetched, failed, skipped } = await crawl([`${a.url}/0`], {
    fetchLinks: async (url, signal) => {
      mostAtOnce = Math.max(mostAtOnce, ++atOnce);
      return fetchLinks(url, signal).finally(() => atOnce--);
    },
    workers: 8,
    perHost: PER_HOST,
    burst: BURST,
    timeoutMs: 5_000,
    failures: 3,
    openMs: 60_000,
    maxPages: 10_000,
    onVisit: ({ host }) => void turns.set(host, [...(turns.get(host) ?? []), performance.now()]),
  });

  const well = fetched.filter((url) => !url.startsWith(broken.url)).length;
  // The filter may take a page for another one, once in a thousand.
  const isComplete = well >= 2 * PAGES - 2 && well <= 2 * PAGES;
  promises.promise('all pages of the hosts that are well are fetched', isComplete, `${well} of ${2 * PAGES}`);
  const twice = [...visits.values()].filter((times) => times > 1).length;
  promises.promise('none is fetched twice', twice === 0);
  const most = Math.max(...[...turns.values()].map(mostInASecond));
  // A turn is followed by the wait for a worker, so turns may close up by as many as wait.
  const bound = PER_HOST + BURST + 8;
  promises.promise('no host is asked more often than it likes', most <= bound, `at most ${most} in a second`);
  promises.promise('never more than eight pages at once', mostAtOnce <= 8, `at most ${mostAtOnce}`);
  const isSpared = brokenRequests <= 3 + 8 && skipped.length > failed.length;
  promises.promise(
    'the broken host is left alone',
    isSpared,
    `${brokenRequests} requests, ${skipped.length} pages skipped`,
  );
  return promises.close();
}

function mostInASecond(times: readonly number[]): number {
  return Math.max(...times.map((fromMs) => times.filter((ms) => ms >= fromMs && ms < fromMs + 1_000).length));
}

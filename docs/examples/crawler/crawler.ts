import { createScalableBloom } from '../../../src/bloom/index.ts';
import { consecutiveFailures, createBreakerRegistry } from '../../../src/circuit-breaker/index.ts';
import { createBulkhead, isRejection, pipeline, timeout } from '../../../src/policy/index.ts';
import type { RateQueue } from '../../../src/rate-limit/index.ts';
import { createRateQueue, tokenBucket } from '../../../src/rate-limit/index.ts';

export interface CrawlOptions {
  /** Answers the links of a page. */
  readonly fetchLinks: (url: URL, signal: AbortSignal) => Promise<readonly string[]>;
  /** Pages fetched at once, over all hosts. */
  readonly workers: number;
  /** Pages a second of one host, and at once. */
  readonly perHost: number;
  readonly burst: number;
  readonly timeoutMs: number;
  /** Failures in a row after which a host is left alone for so long. */
  readonly failures: number;
  readonly openMs: number;
  readonly maxPages: number;
  /** Called when a host's turn has come, just before the page is asked for. */
  readonly onVisit?: (url: URL) => void;
}

export interface Crawl {
  readonly fetched: readonly string[];
  readonly failed: readonly string[];
  /** Pages of hosts that were left alone. */
  readonly skipped: readonly string[];
}

/** Crawls whatever can be reached from `seeds`, each page once: first the turn of its host, then a worker, then the host's circuit. */
export async function crawl(seeds: readonly string[], options: CrawlOptions): Promise<Crawl> {
  const { fetchLinks, workers, perHost, burst, timeoutMs, failures, openMs, maxPages, onVisit } = options;
  const seen = createScalableBloom({ initialCapacity: 1_000, falsePositiveRate: 0.001 });
  const bulkhead = createBulkhead({ maxConcurrent: workers, maxQueue: Infinity });
  const circuits = createBreakerRegistry({
    create: (name) => ({ name, trip: consecutiveFailures(failures), openDurationMs: openMs }),
  });
  const turns = new Map<string, RateQueue>();
  const turnOf = (host: string): RateQueue => {
    let queue = turns.get(host);
    if (!queue) turns.set(host, (queue = createRateQueue(tokenBucket({ limit: perHost, periodMs: 1_000, burst }))));
    return queue;
  };
  const result = { fetched: [] as string[], failed: [] as string[], skipped: [] as string[] };
  const running = new Set<Promise<void>>();
  let started = 0;

  function enter(link: string): void {
    // A page that the filter takes for another one is missed, one in a thousand; none is fetched twice.
    if (started >= maxPages || !seen.add(link)) return;
    started++;
    const visiting = visit(new URL(link)).finally(() => running.delete(visiting));
    running.add(visiting);
  }

  async function visit(url: URL): Promise<void> {
    try {
      await turnOf(url.host).acquire();
      const calls = pipeline(bulkhead, circuits.get(url.host), timeout({ ms: timeoutMs }));
      const links = await calls.run(({ signal }) => {
        onVisit?.(url);
        return fetchLinks(url, signal);
      });
      result.fetched.push(url.href);
      for (const link of links) enter(new URL(link, url).href);
    } catch (error) {
      (isRejection(error) ? result.skipped : result.failed).push(url.href);
    }
  }

  for (const seed of seeds) enter(new URL(seed).href);
  while (running.size > 0) await Promise.race(running);
  for (const queue of turns.values()) queue.close();
  return result;
}

import { describe, expect, it } from 'vitest';
import type { CrawlOptions } from '../../docs/examples/crawler/crawler.ts';
import { crawl } from '../../docs/examples/crawler/crawler.ts';
import { canRunTypeScript } from '../support/processes.ts';
import { runExample } from './run-example.ts';

const quick: Omit<CrawlOptions, 'fetchLinks'> = {
  workers: 2,
  perHost: 10_000,
  burst: 1_000,
  timeoutMs: 5_000,
  failures: 2,
  openMs: 60_000,
  maxPages: 1_000,
};

describe('the crawler', () => {
  it('fetches every page that can be reached once, in circles too', async () => {
    const links: Readonly<Record<string, readonly string[]>> = {
      '/a': ['/b', '/c'],
      '/b': ['/a', '/c'],
      '/c': ['/a', '/d'],
    };
    const asked: string[] = [];
    const { fetched } = await crawl(['http://site/a'], {
      ...quick,
      fetchLinks: async ({ pathname }) => {
        asked.push(pathname);
        return links[pathname] ?? [];
      },
    });
    expect(asked.sort()).toEqual(['/a', '/b', '/c', '/d']);
    expect(fetched).toHaveLength(4);
  });

  it('leaves a host alone that fails, and no other', async () => {
    const asked: string[] = [];
    const { fetched, failed, skipped } = await crawl(['http://well/0'], {
      ...quick,
      fetchLinks: async ({ host, pathname }) => {
        asked.push(host);
        if (host === 'ill') throw new Error('ill');
        const next = Number(pathname.slice(1)) + 1;
        return next > 20 ? [] : [`http://well/${next}`, `http://ill/${next}`];
      },
    });
    expect(fetched).toHaveLength(21);
    expect(asked.filter((host) => host === 'ill')).toHaveLength(2);
    expect([failed.length, skipped.length]).toEqual([2, 18]);
  });

  it('stops at `maxPages`', async () => {
    const { fetched } = await crawl(['http://site/0'], {
      ...quick,
      maxPages: 7,
      fetchLinks: async ({ pathname }) => [`/${Number(pathname.slice(1)) + 1}`],
    });
    expect(fetched).toHaveLength(7);
  });

  it.skipIf(!canRunTypeScript)('keeps its promises as an example', { timeout: 60_000 }, async () => {
    expect(await runExample('crawler')).toEqual({ code: 0, broken: [], sum: '5 of 5 promises kept' });
  });
});

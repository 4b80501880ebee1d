import { describe, expect, it } from 'vitest';
import type { LinkStore } from '../../docs/examples/url-shortener/shortener.ts';
import { createShortener } from '../../docs/examples/url-shortener/shortener.ts';
import { createSnowflake, toBase62 } from '../../src/snowflake/index.ts';
import { canRunTypeScript } from '../support/processes.ts';
import { runExample } from './run-example.ts';

function tableOf(rows: Map<bigint, string>): LinkStore & { reads: number } {
  return {
    reads: 0,
    async save(id, url) {
      rows.set(id, url);
    },
    async find(id) {
      this.reads++;
      return rows.get(id);
    },
    ids: () => rows.keys(),
  };
}

describe('the URL shortener', () => {
  it('follows links that a process before it has made, and reads each once', async () => {
    const rows = new Map<bigint, string>();
    const ids = createSnowflake({ worker: 1 });
    const code = await createShortener({ store: tableOf(rows), ids, maxCached: 10 }).shorten('https://example.org/');
    const table = tableOf(rows);
    const next = createShortener({ store: table, ids, maxCached: 10 });
    expect(await next.follow(code)).toBe('https://example.org/');
    expect(await next.follow(code)).toBe('https://example.org/');
    expect(table.reads).toBe(1);
  });

  it('asks the table neither for what is no code nor for codes that nobody made', async () => {
    const table = tableOf(new Map());
    const shortener = createShortener({ store: table, ids: createSnowflake({ worker: 1 }), maxCached: 10 });
    for (const code of ['', 'favicon.ico', '../etc', 'zzzzzzzzzzz', toBase62(7n)])
      expect(await shortener.follow(code)).toBeUndefined();
    expect(table.reads).toBe(0);
  });

  it.skipIf(!canRunTypeScript)('keeps its promises as an example', { timeout: 60_000 }, async () => {
    expect(await runExample('url-shortener')).toEqual({ code: 0, broken: [], sum: '6 of 6 promises kept' });
  });
});

import { createBloomFilter } from '../../../src/bloom/index.ts';
import { createCache } from '../../../src/cache/index.ts';
import type { SqlClient } from '../../../src/postgres/index.ts';
import { ALL_RESERVED, SOLD_OUT } from './checkout.ts';
import type { Reply } from './json-server.ts';
import { tell } from './messages.ts';
import { limits } from './plan.ts';

interface Page {
  readonly sku: string;
  readonly cents: number;
  readonly available: number;
  /** Whether every unit is sold, and not only reserved. */
  readonly isSoldOut: boolean;
}

export interface Catalogue {
  page(sku: string): Promise<Reply>;
  /** What a buyer need not even try, as far as the cached page tells. */
  hindrance(sku: string): Promise<string | undefined>;
}

/** Product pages: a Bloom filter keeps questions for what does not exist from the database, a cache the others. */
export async function openCatalogue(db: SqlClient): Promise<Catalogue> {
  const rows = await db.query(PAGES, []);
  const known = createBloomFilter({ capacity: Math.max(rows.length, 64), falsePositiveRate: limits.bloomRate });
  known.addAll(rows.map(({ sku }) => String(sku)));
  const pages = createCache<string, Page>({
    maxEntries: 1_000,
    ttlMs: limits.pageTtlMs,
    ttlJitter: 0.2,
    // While the database fails or is slow, an old page is better than none.
    staleIfErrorMs: limits.pageStaleMs,
    softTimeoutMs: limits.pageSoftMs,
    hardTimeoutMs: limits.pageHardMs,
    errorBackoffMs: 200,
    loader: (sku) => load(db, sku),
  });
  // So that there is an old page of everything.
  for (const row of rows) pages.set(String(row['sku']), pageOf(row));
  return {
    async hindrance(sku) {
      const page = await pages.getOrLoad(sku).catch(() => undefined);
      if (page === undefined || page.available > 0) return undefined;
      return page.isSoldOut ? SOLD_OUT : ALL_RESERVED;
    },
    async page(sku) {
      if (!known.has(sku)) return { status: 404, body: { error: 'no such product' } };
      const { staleHits } = pages.stats();
      try {
        const page = await pages.getOrLoad(sku);
        if (pages.stats().staleHits > staleHits) tell({ type: 'stale-page', atMs: Date.now() });
        return page ? { status: 200, body: page } : { status: 404, body: { error: 'no such product' } };
      } catch (error) {
        return { status: 503, body: { error: String(error) }, headers: { 'retry-after': '1' } };
      }
    },
  };
}

const PAGES = `SELECT sku, cents::text, available::text,
  (stock <= (SELECT count(*) FROM reservation r WHERE r.sku = p.sku AND state = 'sold'))::text AS is_sold_out
  FROM product p`;

async function load(db: SqlClient, sku: string): Promise<Page | undefined> {
  const [row] = await db.query(`${PAGES} WHERE sku = $1`, [sku]);
  tell({ type: 'lookup', isKnown: row !== undefined });
  return row && pageOf(row);
}

function pageOf({ sku, cents, available, is_sold_out: isSoldOut }: Record<string, unknown>): Page {
  return { sku: String(sku), cents: Number(cents), available: Number(available), isSoldOut: isSoldOut === 'true' };
}

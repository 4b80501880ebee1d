/*
 * A URL shortener: snowflakes as base 62, a Bloom filter against guesses, a cache for what everybody follows, and a
 * rate limit for who makes links. `npm run demo -- url-shortener`
 */
import { setImmediate as turn } from 'node:timers/promises';
import { createRateLimiter, tokenBucket } from '../../../src/rate-limit/index.ts';
import { createSnowflake, toBase62 } from '../../../src/snowflake/index.ts';
import { createSeededRandom } from '../../../src/testing/index.ts';
import { serveLocally } from '../local-server.ts';
import { Promises } from '../promises.ts';
import type { LinkStore } from './shortener.ts';
import { createShortener, shortenerServer } from './shortener.ts';

const LINKS = 500;
const FOLLOWED = 3_000;
const GUESSES = 1_000;

class Table implements LinkStore {
  readonly #rows = new Map<bigint, string>();
  reads = 0;

  async save(id: bigint, url: string): Promise<void> {
    this.#rows.set(id, url);
  }

  async find(id: bigint): Promise<string | undefined> {
    this.reads++;
    await turn();
    return this.#rows.get(id);
  }

  ids(): Iterable<bigint> {
    return this.#rows.keys();
  }
}

/** Runs the example. Resolves with its exit code. */
export async function main(): Promise<number> {
  const table = new Table();
  const promises = new Promises();
  const random = createSeededRandom(1);
  const ids = createSnowflake({ worker: 1 });
  const shortener = createShortener({ store: table, ids, maxCached: 200 });

  const codes: string[] = [];
  for (let k = 0; k < LINKS; k++) codes.push(await shortener.shorten(`https://example.org/page/${k}`));
  console.log(`${LINKS} links, as ${codes[0]} and ${codes[1]}`);
  const isSorted = codes.every((code, k) => k === 0 || codes[k - 1]! < code);
  promises.promise('codes are different, and sort by age', new Set(codes).size === LINKS && isSorted);

  let wrong = 0;
  for (let k = 0; k < FOLLOWED; k++) {
    // A few links are followed by nearly everybody.
    const nth = Math.floor(LINKS * random() ** 4);
    if ((await shortener.follow(codes[nth]!)) !== `https://example.org/page/${nth}`) wrong++;
  }
  promises.promise('every link leads where it should', wrong === 0, `${FOLLOWED} followed`);
  const share = table.reads / FOLLOWED;
  promises.promise('the cache answers most of them', share < 0.5, `${Math.round(share * 100)} % read from the table`);

  const before = table.reads;
  for (let k = 0; k < GUESSES; k++) await shortener.follow(toBase62(BigInt(Math.floor(random() * 2 ** 52)) << 10n));
  const reached = table.reads - before;
  promises.promise('guesses do not reach the table', reached <= GUESSES * 0.03, `${reached} of ${GUESSES} did`);

  await atTheDoor(promises, shortener);
  return promises.close();
}

async function atTheDoor(promises: Promises, shortener: ReturnType<typeof createShortener>): Promise<void> {
  const limiter = createRateLimiter(tokenBucket({ limit: 1, periodMs: 60_000, burst: 5, name: 'links' }));
  await using door = await serveLocally(shortenerServer(shortener, limiter));
  const headers = { 'x-api-key': 'somebody' };
  const made: Response[] = [];
  for (let k = 0; k < 7; k++)
    made.push(await fetch(door.url, { method: 'POST', body: 'https://example.org/', headers }));
  const statuses = made.map(({ status }) => status);
  const isLimited = statuses.join() === '201,201,201,201,201,429,429';
  promises.promise('a client makes five links at once and is told when to come again', isLimited, statuses.join(' '));
  const followed = await fetch(`${door.url}/${await made[0]!.text()}`, { redirect: 'manual', headers });
  const missing = await fetch(`${door.url}/nothing`, { headers });
  const isRight = followed.status === 302 && followed.headers.get('location') === 'https://example.org/';
  promises.promise('following is not limited', isRight && missing.status === 404);
}

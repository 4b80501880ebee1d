import { basename } from 'node:path';
import { readTrace } from '../../../bench/support/trace-files.ts';
import { zipf } from '../../../bench/support/traces.ts';
import type { Cache } from '../../../src/cache/index.ts';
import { createCache, lru } from '../../../src/cache/index.ts';
import { createSeededRandom } from '../../../src/testing/index.ts';
import type { Chapter, DemoOptions } from './report.ts';

const KEYS = 100_000;
const STEPS = 10;

/** Popular keys, and now and then 2000 in a row that nobody asks for again, as of a crawler or a nightly job. */
function stream({ accesses, seed }: DemoOptions): Uint32Array {
  const random = createSeededRandom(seed);
  const draw = zipf(KEYS, 0.9, random);
  let [scanned, left] = [KEYS, 0];
  return Uint32Array.from({ length: accesses }, () => {
    if (left === 0 && random() < 0.0001) left = 2000;
    return left-- > 0 ? scanned++ : ((left = 0), draw());
  });
}

/** The same accesses through two caches of one size: LRU, and the default. */
export const replay: Chapter = async (report, options) => {
  const { entries, seed, trace } = options;
  const keys = trace === undefined ? stream(options) : readTrace(trace);
  const source = trace === undefined ? `a Zipf stream with scans, seed ${seed}` : basename(trace);
  report.chapter(`Hit ratio: ${keys.length} accesses of ${source}, ${entries} entries`);
  const random = createSeededRandom(seed);
  const ofLru = createCache<number, true>({ maxEntries: entries, policy: lru() });
  const ours = createCache<number, true>({ maxEntries: entries, random });
  report.line('accesses      LRU     ours');
  for (let step = 1; step <= STEPS; step++) {
    const part = keys.subarray(((step - 1) * keys.length) / STEPS, (step * keys.length) / STEPS);
    for (const cache of [ofLru, ours]) for (const key of part) if (cache.get(key) === undefined) cache.set(key, true);
    const [before, after] = [rate(ofLru), rate(ours)];
    const bar = '#'.repeat(Math.round(before * 40)) + '+'.repeat(Math.max(0, Math.round((after - before) * 40)));
    report.line(
      `${String(Math.floor((step * keys.length) / STEPS)).padStart(8)} ${percent(before)} ${percent(after)}  ${bar}`,
    );
    await new Promise((resolve) => setImmediate(resolve));
  }
  const gained = rate(ours) - rate(ofLru);
  const points = `${(gained * 100).toFixed(2)} points`;
  // On traffic that only ever comes back to what was used last, LRU is as good as anything.
  if (trace === undefined) report.promise('hits more often than LRU on popular keys and scans', gained > 0, points);
  else report.promise('is never more than 3 points below LRU', gained >= -0.03, points);
};

function rate(cache: Cache<number, true>): number {
  const { hits, misses } = cache.stats();
  return hits / (hits + misses);
}

const percent = (share: number): string => `${(share * 100).toFixed(2).padStart(6)} %`;

import type { AreaResults } from './results.ts';
import { compare } from './stats.ts';

/** Area and case of the one figure that decides, by the name of the primitive in the README's table. */
const figures: Readonly<Record<string, readonly [area: string, caseName: string]>> = {
  'circuit breaker': ['circuit-breaker', 'success'],
  retry: ['policy', 'retry alone'],
  timeout: ['policy', 'timeout alone'],
  bulkhead: ['policy', 'bulkhead queue'],
  pipeline: ['policy', 'pipeline'],
  'rate limiter': ['rate-limit', 'hot key'],
  'rate queue': ['rate-limit', 'queue, free'],
  'concurrency limiter': ['rate-limit', 'concurrency limiter, run'],
  'connection pool': ['pool', 'contended'],
  cache: ['cache', 'get, hit'],
  singleflight: ['singleflight', 'crowd of 100'],
  saga: ['saga', 'postgres, one at a time'],
  'Bloom filter': ['bloom', 'miss, 16 characters'],
  'hash ring': ['ring', 'get, 1000 nodes'],
  'snowflake ids': ['snowflake', 'next'],
};

const row = /^\| \[(?<name>[^\]]+)\]\([^)]*\) \|[^|]*\|[^|]*\|(?<figure>[^|]*)\|/gm;

/** Writes our time over the best peer's into the fourth column of the README's table, where there are results. */
export function withFigures(readme: string, resultsOf: (area: string) => AreaResults | undefined): string {
  return readme.replaceAll(row, (line, ...rest) => {
    const { name, figure } = rest.at(-1) as { readonly name: string; readonly figure: string };
    const [area, caseName] = figures[name] ?? [];
    const results = area === undefined ? undefined : resultsOf(area);
    const text = results ? ` ${figureText(results, caseName!)} ` : ' ';
    return `${line.slice(0, line.length - figure.length - 1)}${text}|`;
  });
}

/** The best is the fastest of those that are packages of their own: no limit, and nothing written by hand. */
function figureText({ area, peers, rows }: AreaResults, caseName: string): string {
  const subjects = rows.find((one) => one.caseName === caseName && one.measure === 'time')?.subjects ?? [];
  const ours = subjects.find(({ name }) => name === 'holdfast');
  const [best] = subjects
    .filter(({ name }) => Object.keys(peers).some((peer) => peer.includes(name.split(',')[0]!.toLowerCase())))
    .sort((a, b) => a.median - b.median);
  if (!ours || !best) throw new Error(`${area} has no time of ${caseName} with holdfast and a peer`);
  const { ratio } = compare(ours, best);
  return `${ratio >= 0.1 ? ratio.toFixed(2) : ratio.toPrecision(1)} × ${best.name.split(',')[0]}`;
}

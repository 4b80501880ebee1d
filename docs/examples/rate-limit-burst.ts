// Draws what each rule lets through of one stream of requests: the picture in docs/guides/rate-limit.md.
// `node docs/examples/rate-limit-burst.ts` prints it.
import { pathToFileURL } from 'node:url';
import { createRateLimiter, fixedWindow, slidingLog, slidingWindow, tokenBucket } from '../../src/rate-limit/index.ts';
import type { RateLimitPolicy } from '../../src/rate-limit/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';

const CELL = 100;
const CELLS = 36;

const rules: readonly (readonly [string, RateLimitPolicy])[] = [
  ['tokenBucket', tokenBucket({ limit: 10, periodMs: 1000 })],
  ['fixedWindow', fixedWindow({ limit: 10, windowMs: 1000, align: 'epoch' })],
  ['slidingWindow', slidingWindow({ limit: 10, windowMs: 1000 })],
  ['slidingLog', slidingLog({ limit: 10, windowMs: 1000 })],
];

/** Times at which units pass: silence for 0.9 s, then a request every 10 ms. */
function passed(policy: RateLimitPolicy): number[] {
  const clock = createVirtualClock({ epochMs: 0 });
  const limiter = createRateLimiter(policy, { clock });
  limiter.peek();
  const times: number[] = [];
  for (let atMs = 0; atMs < CELL * CELLS; atMs += 10) {
    if (atMs >= 900 && limiter.tryAcquire()) times.push(atMs);
    clock.stall(10);
  }
  return times;
}

/** Most of `times` in any second. */
function most(times: readonly number[]): number {
  return Math.max(...times.map((fromMs) => times.filter((ms) => ms >= fromMs && ms < fromMs + 1000).length));
}

function row([name, policy]: readonly [string, RateLimitPolicy]): string {
  const times = passed(policy);
  const cells = Array.from({ length: CELLS }, (_, k) => times.filter((ms) => Math.floor(ms / CELL) === k).length);
  const drawn = cells.map((count) => (count === 0 ? '.' : count.toString(36).toUpperCase())).join('');
  const cut = [0, 10, 20, 30].map((from) => drawn.slice(from, from + 10)).join('|');
  return `${name.padEnd(14)}${cut}   ${most(times)}`;
}

/** One line per rule: units passed in each tenth of a second, seconds apart by a bar. */
export function picture(): string {
  const head = `${''.padEnd(14)}${['0 s', '1 s', '2 s', '3 s'].map((label) => label.padEnd(10)).join(' ')}`;
  return [`${head.slice(0, 14 + CELLS + 3)}   most in any second`, ...rules.map(row)].join('\n');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) console.log(picture());

import type { RateLimitPolicy } from '../../../src/rate-limit/index.ts';
import {
  createRateLimiter,
  fixedWindow,
  leakyBucket,
  slidingLog,
  slidingWindow,
  tokenBucket,
} from '../../../src/rate-limit/index.ts';
import { createSeededRandom, createVirtualClock } from '../../../src/testing/index.ts';
import { choice, slider } from '../kit/controls.ts';
import { legend } from '../kit/panel.ts';
import type { Panel } from '../kit/panel.ts';
import { axisX, mark, picture, scale, seconds, svg, text } from '../kit/svg.ts';

const SPAN_MS = 4000;
const WINDOW_MS = 1000;
const BIN_MS = 100;

const patterns = {
  burst: 'Quiet, then all at once',
  edge: 'A burst at both sides of a window',
  steady: 'Steady',
  random: 'Random, with lulls',
};

interface Row {
  readonly name: string;
  /** Calls let through in each bin. */
  readonly bins: readonly number[];
  readonly admitted: number;
  /** Most let through in any second. */
  readonly peak: number;
  /** The most that is promised for any second. */
  readonly bound: number;
}

interface LimiterResult {
  readonly limit: number;
  readonly offered: readonly number[];
  readonly rows: readonly Row[];
}

export function limiterPanel(): Panel<LimiterResult> {
  const limit = slider({ label: 'Limit', min: 2, max: 40, value: 10, say: (n) => `${n} a second` });
  const rate = slider({ label: 'Calls', min: 5, max: 200, value: 100, step: 5, say: (n) => `${n} a second` });
  const pattern = choice('Pattern', patterns, 'burst');
  return {
    id: 'limiter',
    title: 'Rate limit',
    intro:
      'Five algorithms see the same calls. Each promises how many it lets through in any second, wherever that ' +
      'second begins; the bars at the right show the most that it did, and the tick what it promised.',
    guide: 'documents/Guides_Rate_limit.html',
    controls: [limit, rate, pattern],
    simulate: (seed) => simulate(limit.value, callTimes(pattern.value, rate.value, seed)),
    draw,
    tell: ({ rows, offered }) =>
      `Of ${offered.reduce((a, b) => a + b, 0)} calls: ${rows.map(({ name, admitted }) => `${name} ${admitted}`).join(', ')}.`,
  };
}

/** Whole milliseconds at which calls come. */
function callTimes(pattern: keyof typeof patterns, perSecond: number, seed: number): number[] {
  const random = createSeededRandom(seed);
  const times: number[] = [];
  for (let at = 0; at < SPAN_MS; at++) {
    const isQuiet =
      (pattern === 'burst' && at < 900) ||
      (pattern === 'edge' && Math.abs((at % 2000) - 1000) > 250) ||
      (pattern === 'random' && Math.floor(at / 400) % 3 === 1);
    if (isQuiet) continue;
    const isCalled =
      pattern === 'random'
        ? random() < perSecond / 1000
        : Math.floor((at * perSecond) / 1000) !== Math.floor(((at - 1) * perSecond) / 1000);
    if (isCalled) times.push(at);
  }
  return times;
}

function policiesOf(limit: number): readonly (readonly [name: string, policy: RateLimitPolicy, bound: number])[] {
  // Two calls of the same second are at most 999 ms apart.
  const refill = Math.floor((limit * (WINDOW_MS - 1)) / WINDOW_MS);
  const window = { limit, windowMs: WINDOW_MS };
  return [
    ['token bucket', tokenBucket({ limit, periodMs: WINDOW_MS }), limit + refill],
    ['leaky bucket', leakyBucket({ limit, periodMs: WINDOW_MS, burst: 1 }), 1 + refill],
    ['fixed window', fixedWindow({ ...window, align: 'epoch' }), 2 * limit],
    ['sliding window', slidingWindow(window), limit + Math.ceil((limit * (WINDOW_MS - 1)) / WINDOW_MS)],
    ['sliding log', slidingLog(window), limit],
  ];
}

function simulate(limit: number, times: readonly number[]): LimiterResult {
  const rows = policiesOf(limit).map(([name, policy, bound]) => {
    const clock = createVirtualClock();
    const limiter = createRateLimiter(policy, { clock });
    const passed = times.filter((at) => {
      clock.stall(at - clock.now());
      return limiter.tryAcquire('caller');
    });
    return { name, bins: binned(passed), admitted: passed.length, peak: mostInAnySecond(passed), bound };
  });
  return { limit, offered: binned(times), rows };
}

function binned(times: readonly number[]): number[] {
  const bins = new Array<number>(SPAN_MS / BIN_MS).fill(0);
  for (const at of times) bins[Math.floor(at / BIN_MS)]!++;
  return bins;
}

function mostInAnySecond(times: readonly number[]): number {
  let first = 0;
  return times.reduce((most, at, k) => {
    while (times[first]! <= at - WINDOW_MS) first++;
    return Math.max(most, k - first + 1);
  }, 0);
}

const ROW = 62;

function draw({ rows, offered, limit }: LimiterResult, width: number): readonly Element[] {
  const side = Math.min(190, width * 0.32);
  const x = scale(0, SPAN_MS, 8, width - side - 16);
  const peakX = scale(0, Math.max(...rows.flatMap(({ peak, bound }) => [peak, bound])), width - side, width - 40);
  const height = rows.length * ROW + 46;
  const parts = rows.flatMap((row, k) => drawRow(row, 18 + k * ROW, { x, peakX, offered, limit }));
  return [
    legend([
      ['accent', 'let through'],
      ['faint', 'called'],
      ['bound', 'promised for any second'],
    ]),
    picture(width, height, 'Calls let through by five algorithms', [...parts, axisX(x, height - 26, seconds)]),
  ];
}

interface Frame {
  readonly x: ReturnType<typeof scale>;
  readonly peakX: ReturnType<typeof scale>;
  readonly offered: readonly number[];
  readonly limit: number;
}

function drawRow(
  { name, bins, admitted, peak, bound }: Row,
  top: number,
  { x, peakX, offered, limit }: Frame,
): Element[] {
  const base = top + 42;
  // What is called may be far more than what passes: the scale is that of what may pass in one bin.
  const y = scale(0, Math.max(1, Math.min(Math.max(...offered), limit)), 0, 32);
  const column = x(BIN_MS) - x(0) - 1;
  const bars = bins.flatMap((value, k) => {
    const [called, passed] = [Math.min(32, y(offered[k]!)), y(value)];
    const at = x(k * BIN_MS);
    const tip = `${name}, ${k * BIN_MS} ms: ${value} of ${offered[k]} calls`;
    return [
      svg('rect', { class: 'faint', x: at, y: base - called, width: column, height: called }),
      mark('rect', { class: 'accent', x: at, y: base - passed, width: column, height: passed, 'data-bin': value }, tip),
    ];
  });
  const attributes = { 'data-algorithm': name, 'data-admitted': admitted, 'data-peak': peak, 'data-bound': bound };
  const isOver = peak > bound;
  const bar = { x: peakX.start, y: top + 14, width: peakX(peak) - peakX.start, height: 18, rx: 2 };
  return [
    text(8, top + 4, `${name}: ${admitted}`, { class: 'caption' }),
    ...bars,
    svg('line', { class: 'axis', x1: x.start, x2: x.end, y1: base, y2: base }),
    mark(
      'rect',
      { class: isOver ? 'bad' : 'accent', ...bar, ...attributes },
      `most in any second ${peak}, at most ${bound}`,
    ),
    svg('line', { class: 'bound', x1: peakX(bound), x2: peakX(bound), y1: top + 10, y2: top + 36 }),
    text(peakX.start, top + 46, `${peak} of ${bound}`, { class: 'tick' }),
  ];
}

import type { Jitter } from '../../../src/policy/index.ts';
import { exponentialBackoff, retry } from '../../../src/policy/index.ts';
import { createSeededRandom, createVirtualClock } from '../../../src/testing/index.ts';
import { slider } from '../kit/controls.ts';
import type { Panel } from '../kit/panel.ts';
import { axisX, count, mark, percent, picture, scale, svg, text } from '../kit/svg.ts';

const CLIENTS = 400;
const BINS = 60;

const kinds: Readonly<Record<Jitter, string>> = {
  none: 'no jitter',
  full: 'full: 0 ... wait',
  equal: 'equal: half ... wait',
  decorrelated: 'decorrelated: by the last wait',
};

interface Histogram {
  readonly jitter: Jitter;
  /** Attempts of all clients in each bin, the first ones left out. */
  readonly bins: readonly number[];
  readonly retries: number;
  /** The share of all retries in the fullest bin. */
  readonly peakShare: number;
}

interface RetryResult {
  readonly histograms: readonly Histogram[];
  readonly spanMs: number;
}

interface Settings {
  readonly baseMs: number;
  readonly factor: number;
  readonly maxMs: number;
  readonly maxAttempts: number;
  readonly seed: number;
}

export function retryPanel(): Panel<RetryResult> {
  const base = slider({ label: 'First wait', min: 50, max: 1000, step: 50, value: 200, say: (n) => `${n} ms` });
  const factor = slider({ label: 'Times, from wait to wait', min: 1, max: 4, step: 0.5, value: 2 });
  const cap = slider({ label: 'Longest wait', min: 1000, max: 10_000, step: 500, value: 3000, say: (n) => `${n} ms` });
  const attempts = slider({ label: 'Attempts', min: 2, max: 7, value: 5 });
  return {
    id: 'retry',
    title: 'Retry',
    intro:
      `${CLIENTS} clients fail at the same moment, and every retry of theirs fails as well. Each bar is how many retries ` +
      'reach the service in that stretch of time: without jitter all clients come back together.',
    guide: 'documents/Guides_Policies.html',
    controls: [base, factor, cap, attempts],
    simulate: (seed) =>
      simulate({ baseMs: base.value, factor: factor.value, maxMs: cap.value, maxAttempts: attempts.value, seed }),
    draw,
    tell: ({ histograms }) =>
      `The fullest stretch has ${histograms.map(({ jitter, peakShare }) => `${percent(peakShare)} of the retries with jitter ${jitter}`).join(', ')}.`,
  };
}

async function simulate(settings: Settings): Promise<RetryResult> {
  const times = new Map<Jitter, readonly number[]>();
  for (const jitter of Object.keys(kinds) as Jitter[]) times.set(jitter, await retryTimes(jitter, settings));
  const spanMs = Math.max(1, ...[...times.values()].flat());
  const histograms = [...times].map(([jitter, all]) => {
    const bins = new Array<number>(BINS).fill(0);
    for (const at of all) bins[Math.min(BINS - 1, Math.floor((at / spanMs) * BINS))]!++;
    return { jitter, bins, retries: all.length, peakShare: Math.max(...bins) / all.length };
  });
  return { histograms, spanMs };
}

/** When the retries of all clients reach the service. */
async function retryTimes(jitter: Jitter, { maxAttempts, seed, ...waits }: Settings): Promise<number[]> {
  const clock = createVirtualClock();
  const random = createSeededRandom(seed);
  const times: number[] = [];
  const policy = retry({ maxAttempts, clock, backoff: exponentialBackoff({ ...waits, jitter, random }) });
  const clients = Array.from({ length: CLIENTS }, () =>
    policy.runOutcome(({ attempt }) => {
      if (attempt > 1) times.push(clock.now());
      throw new Error('503');
    }),
  );
  await clock.advance(0);
  while (clock.nextTimerMs !== undefined) await clock.advance(clock.nextTimerMs);
  await Promise.all(clients);
  return times;
}

const ROW = 78;

function draw({ histograms, spanMs }: RetryResult, width: number): readonly Element[] {
  const x = scale(0, spanMs, 44, width - 12);
  const most = Math.max(...histograms.flatMap(({ bins }) => bins));
  const rows = histograms.flatMap((histogram, k) => drawRow(histogram, 8 + k * ROW, x, { most, spanMs }));
  return [
    picture(width, histograms.length * ROW + 34, 'Retries over time by kind of jitter', [
      ...rows,
      axisX(x, histograms.length * ROW + 8, (ms) => `${count(ms)} ms`),
    ]),
  ];
}

function drawRow(
  { jitter, bins, retries, peakShare }: Histogram,
  top: number,
  x: ReturnType<typeof scale>,
  { most, spanMs }: { readonly most: number; readonly spanMs: number },
): Element[] {
  const base = top + 66;
  // A square root, so that what is spread out is seen beside what is not.
  const y = scale(0, Math.sqrt(most), 0, 48);
  const bars = bins.map((value, k) => {
    const [from, to] = [(k * spanMs) / BINS, ((k + 1) * spanMs) / BINS];
    const height = y(Math.sqrt(value));
    const box = { x: x(from), y: base - height, width: x(to) - x(from) - 0.7, height };
    const tip = `${Math.round(from)} to ${Math.round(to)} ms: ${value} retries`;
    return mark(
      'rect',
      { class: jitter === 'none' ? 'bad' : 'accent', ...box, 'data-count': value, 'data-bin': k },
      tip,
    );
  });
  const data = { 'data-jitter': jitter, 'data-retries': retries, 'data-peak-share': peakShare };
  return [
    svg('g', data, [text(0, top + 8, kinds[jitter], { class: 'caption' }), ...bars]),
    text(x.end, top + 8, `most in a bar: ${Math.max(...bins)}`, { class: 'tick', 'text-anchor': 'end' }),
    svg('line', { class: 'axis', x1: x.start, x2: x.end, y1: base, y2: base }),
    text(38, base, '0', { class: 'tick', 'text-anchor': 'end' }),
  ];
}

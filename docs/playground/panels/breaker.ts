import type { CircuitState, TripRule } from '../../../src/circuit-breaker/index.ts';
import {
  consecutiveFailures,
  countWindow,
  createCircuitBreaker,
  timeWindow,
} from '../../../src/circuit-breaker/index.ts';
import { isRejection } from '../../../src/policy/index.ts';
import { createSeededRandom, createVirtualClock } from '../../../src/testing/index.ts';
import { choice, slider } from '../kit/controls.ts';
import { legend } from '../kit/panel.ts';
import type { Panel } from '../kit/panel.ts';
import { axisX, mark, percent, picture, scale, seconds, svg, text } from '../kit/svg.ts';

const SPAN_MS = 40_000;
const CALL_EVERY_MS = 200;
const LATENCY_MS = 350;
const OUTAGE = { fromMs: 8_000, toMs: 22_000 };

type CallOutcome = 'ok' | 'failed' | 'turned away';

interface Call {
  readonly atMs: number;
  readonly outcome: CallOutcome;
  readonly isTrial: boolean;
}

interface Band {
  readonly state: CircuitState;
  readonly fromMs: number;
  readonly toMs: number;
  readonly reason: string;
}

interface BreakerResult {
  readonly calls: readonly Call[];
  readonly bands: readonly Band[];
  readonly outageRate: number;
  readonly maxTrials: number;
}

const rules: Readonly<Record<string, { readonly words: string; readonly make: () => TripRule }>> = {
  consecutive: { words: '5 failures in a row', make: () => consecutiveFailures(5) },
  count: {
    words: 'half of the last 20 calls',
    make: () => countWindow({ size: 20, minimumThroughput: 10, failureRateThreshold: 0.5 }),
  },
  time: {
    words: 'half of the last 5 s',
    make: () => timeWindow({ durationMs: 5_000, minimumThroughput: 10, failureRateThreshold: 0.5 }),
  },
};

export function breakerPanel(): Panel<BreakerResult> {
  const words = Object.fromEntries(Object.entries(rules).map(([name, rule]) => [name, rule.words]));
  const rule = choice('Opens after', words, 'time');
  const rate = slider({ label: 'Failures in the outage', min: 0, max: 100, value: 90, step: 5, say: (n) => `${n} %` });
  const open = slider({ label: 'Open for', min: 1, max: 10, value: 3, say: (n) => `${n} s` });
  const trials = slider({ label: 'Trials at once', min: 1, max: 5, value: 1 });
  return {
    id: 'breaker',
    title: 'Circuit breaker',
    intro:
      'A call every 200 ms to a service that fails between 8 s and 22 s. The circuit opens and turns calls away, ' +
      'lets a few trials through when its time is over, and closes when they succeed.',
    guide: 'documents/Guides_Circuit_breaker.html',
    controls: [rule, rate, open, trials],
    simulate: (seed) =>
      simulate({
        trip: rules[rule.value]!.make(),
        rate: rate.value / 100,
        openMs: open.value * 1000,
        trials: trials.value,
        seed,
      }),
    draw,
    tell: ({ calls, bands }) => {
      const number = (outcome: CallOutcome): number => calls.filter((call) => call.outcome === outcome).length;
      const openings = bands.filter(({ state }) => state === 'open').length;
      return `${calls.length} calls: ${number('ok')} answered, ${number('failed')} failed, ${number('turned away')} turned away. The circuit opened ${openings} times.`;
    },
  };
}

interface Settings {
  readonly trip: TripRule;
  readonly rate: number;
  readonly openMs: number;
  readonly trials: number;
  readonly seed: number;
}

async function simulate({ trip, rate, openMs, trials, seed }: Settings): Promise<BreakerResult> {
  const clock = createVirtualClock();
  const random = createSeededRandom(seed);
  const changes: { readonly state: CircuitState; readonly atMs: number; readonly reason: string }[] = [
    { state: 'closed', atMs: 0, reason: 'as made' },
  ];
  const circuit = createCircuitBreaker({
    trip,
    clock,
    openDurationMs: openMs,
    halfOpen: { maxConcurrent: trials, successThreshold: Math.max(2, trials) },
    onEvent: ({ to, reason }) => changes.push({ state: to, atMs: clock.now(), reason }),
  });
  const calls: Call[] = [];
  const service = async (): Promise<void> => {
    const isOut = clock.now() >= OUTAGE.fromMs && clock.now() < OUTAGE.toMs;
    const isFailing = random() < (isOut ? rate : 0);
    await new Promise<void>((resolve) => clock.setTimeout(resolve, LATENCY_MS));
    if (isFailing) throw new Error('503');
  };
  for (let atMs = 0; atMs < SPAN_MS; atMs += CALL_EVERY_MS) {
    let isTrial = false;
    const call = circuit.runOutcome(() => {
      isTrial = circuit.state === 'half-open';
      return service();
    });
    void call.then((outcome) => {
      const verdict = outcome.ok ? 'ok' : isRejection(outcome.error) ? 'turned away' : 'failed';
      calls.push({ atMs, outcome: verdict, isTrial });
    });
    await clock.advance(CALL_EVERY_MS);
  }
  await clock.advance(LATENCY_MS);
  const bands = changes.map((change, k) => ({
    state: change.state,
    fromMs: change.atMs,
    toMs: Math.min(SPAN_MS, changes[k + 1]?.atMs ?? SPAN_MS),
    reason: change.reason,
  }));
  calls.sort((a, b) => a.atMs - b.atMs);
  return { calls, bands: bands.filter(({ fromMs }) => fromMs < SPAN_MS), outageRate: rate, maxTrials: trials };
}

const LANES: readonly CallOutcome[] = ['ok', 'failed', 'turned away'];
const styles: Readonly<Record<string, string>> = {
  closed: 'good',
  open: 'bad',
  'half-open': 'warn',
  ok: 'good',
  failed: 'bad',
  'turned away': 'muted',
};

function draw({ calls, bands, outageRate, maxTrials }: BreakerResult, width: number): readonly Element[] {
  const left = 90;
  const x = scale(0, SPAN_MS, left, width - 8);
  const label = (y: number, words: string): Element =>
    text(left - 8, y, words, { class: 'tick', 'text-anchor': 'end' });
  const outage = { x: x(OUTAGE.fromMs), y: 4, width: x(OUTAGE.toMs) - x(OUTAGE.fromMs), height: 14, rx: 2 };
  return [
    legend([
      ['good', 'closed, answered'],
      ['bad', 'open, failed'],
      ['warn', 'half-open'],
      ['muted', 'turned away'],
      ['ring-mark', 'trial'],
    ]),
    picture(width, 196, 'States of the circuit and calls over time', [
      label(15, 'service'),
      svg('rect', { class: 'good faded', x: left, y: 4, width: x.end - left, height: 14, rx: 2 }),
      mark(
        'rect',
        { class: 'bad', opacity: 0.25 + outageRate * 0.75, ...outage },
        `fails ${percent(outageRate)} of the calls`,
      ),
      label(47, 'circuit'),
      ...bands.map((band) => drawBand(band, x, maxTrials)),
      ...LANES.flatMap((lane, k) => [
        label(87 + k * 28, lane),
        svg('line', { class: 'grid', x1: left, x2: x.end, y1: 83 + k * 28, y2: 83 + k * 28 }),
      ]),
      ...calls.map((call) => drawCall(call, x)),
      axisX(x, 166, seconds),
    ]),
  ];
}

function drawBand({ state, fromMs, toMs, reason }: Band, x: ReturnType<typeof scale>, maxTrials: number): Element {
  const box = { x: x(fromMs), y: 30, width: Math.max(1, x(toMs) - x(fromMs)), height: 26 };
  const data = { 'data-state': state, 'data-from-ms': fromMs, 'data-to-ms': toMs, 'data-max-trials': maxTrials };
  const words = `${state} from ${seconds(fromMs)} to ${seconds(toMs)} (${reason})`;
  const band = mark('rect', { class: styles[state]!, ...box, ...data }, words);
  const isWide = box.width > state.length * 7 + 6;
  return svg('g', {}, isWide ? [band, text(box.x + 5, 47, state, { class: 'on-fill' })] : [band]);
}

function drawCall({ atMs, outcome, isTrial }: Call, x: ReturnType<typeof scale>): Element {
  const place = { cx: x(atMs), cy: 83 + LANES.indexOf(outcome) * 28, r: isTrial ? 4.5 : 2.2 };
  const data = { 'data-at-ms': atMs, 'data-outcome': outcome, 'data-trial': isTrial };
  const words = `${seconds(atMs)}: ${isTrial ? 'trial ' : ''}${outcome}`;
  return mark('circle', { class: `${styles[outcome]}${isTrial ? ' outlined' : ''}`, ...place, ...data }, words);
}

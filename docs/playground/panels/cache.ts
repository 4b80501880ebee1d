import { createCache } from '../../../src/cache/index.ts';
import { createSeededRandom, createVirtualClock } from '../../../src/testing/index.ts';
import type { VirtualClock } from '../../../src/testing/index.ts';
import { slider, toggle } from '../kit/controls.ts';
import { legend } from '../kit/panel.ts';
import type { Panel } from '../kit/panel.ts';
import { axisX, mark, picture, scale, seconds, svg, text } from '../kit/svg.ts';

const SPAN_MS = 20_000;
const ASK_EVERY_MS = 125;
const ORIGIN_MS = 700;
const CROWD_AT_MS = 500;
const OUTAGE = { fromMs: 9_000, toMs: 14_000 };

type Answer = 'fresh' | 'waited' | 'stale' | 'failed';

interface Ask {
  readonly atMs: number;
  readonly answer: Answer;
  readonly waitMs: number;
}

interface Load {
  readonly fromMs: number;
  readonly toMs: number;
  readonly why: 'missing' | 'stale' | 'ahead';
  readonly isOk: boolean;
}

interface CacheResult {
  readonly asks: readonly Ask[];
  readonly loads: readonly Load[];
  readonly callers: number;
  /** What the origin saw of the crowd. */
  readonly crowdLoads: number;
  readonly hasOutage: boolean;
}

interface Settings {
  readonly callers: number;
  readonly ttlMs: number;
  readonly staleMs: number;
  readonly refreshAhead: number;
  readonly earlyBeta: number;
  readonly hasOutage: boolean;
  readonly servesOnError: boolean;
  readonly seed: number;
}

export function cachePanel(): Panel<CacheResult> {
  const callers = slider({ label: 'Callers at once', min: 1, max: 500, value: 100 });
  const ttl = slider({ label: 'Time to live', min: 500, max: 6000, step: 250, value: 2500, say: seconds });
  const stale = slider({ label: 'Then served while loading', min: 0, max: 4000, step: 250, value: 0, say: seconds });
  const ahead = slider({
    label: 'Loads ahead after',
    min: 50,
    max: 100,
    step: 5,
    value: 100,
    say: (n) => (n === 100 ? 'never' : `${n} % of the time`),
  });
  const early = slider({
    label: 'Or early by chance (XFetch)',
    min: 0,
    max: 5,
    step: 0.5,
    value: 0,
    say: (n) => (n === 0 ? 'never' : `beta ${n}`),
  });
  const outage = toggle('The origin is down from 9 s to 14 s', true);
  const onError = toggle('Serve old values when loading fails', true);
  return {
    id: 'cache',
    title: 'Cache',
    intro:
      'One popular key whose origin takes 0.7 s to answer. A crowd asks at the same moment and costs one call of the ' +
      'origin; then somebody asks every eighth of a second.',
    guide: 'documents/Guides_Cache.html',
    controls: [callers, ttl, stale, ahead, early, outage, onError],
    simulate: (seed) =>
      simulate({
        callers: callers.value,
        ttlMs: ttl.value,
        staleMs: stale.value,
        refreshAhead: ahead.value / 100,
        earlyBeta: early.value,
        hasOutage: outage.value,
        servesOnError: onError.value,
        seed,
      }),
    draw,
    tell: ({ asks, loads, callers: crowd, crowdLoads }) => {
      const number = (answer: Answer): number => asks.filter((ask) => ask.answer === answer).length;
      return (
        `${crowd} callers at once made ${crowdLoads} ${crowdLoads === 1 ? 'call' : 'calls'} of the origin. In all ${asks.length} asked: ` +
        `${number('fresh')} fresh, ${number('stale')} old, ${number('waited')} waited, ${number('failed')} failed; ${loads.length} loads.`
      );
    },
  };
}

async function simulate(settings: Settings): Promise<CacheResult> {
  const clock = createVirtualClock();
  const loads: Load[] = [];
  const cache = cacheOf(settings, clock, loads);
  const asks: Ask[] = [];
  const ask = async (): Promise<void> => {
    const atMs = clock.now();
    const answer = await cache.getOrLoad('popular').then(
      (value) => ({ bornMs: value! }),
      () => undefined,
    );
    const waitMs = clock.now() - atMs;
    const isOld = answer && atMs - answer.bornMs >= settings.ttlMs;
    asks.push({ atMs, waitMs, answer: !answer ? 'failed' : isOld ? 'stale' : waitMs > 0 ? 'waited' : 'fresh' });
  };
  await clock.advance(CROWD_AT_MS);
  const crowd = Array.from({ length: settings.callers }, ask);
  await clock.advance(ORIGIN_MS);
  await Promise.all(crowd);
  const crowdLoads = loads.length;
  while (clock.now() < SPAN_MS) {
    void ask();
    await clock.advance(ASK_EVERY_MS);
  }
  await clock.advance(ORIGIN_MS);
  cache.close();
  return { asks, loads, callers: settings.callers, crowdLoads, hasOutage: settings.hasOutage };
}

/** A cache whose values are the times at which they were born. */
function cacheOf(
  { ttlMs, staleMs, refreshAhead, earlyBeta, hasOutage, servesOnError, seed }: Settings,
  clock: VirtualClock,
  loads: Load[],
): ReturnType<typeof createCache<string, number>> {
  return createCache<string, number>({
    maxEntries: 10,
    ttlMs,
    staleWhileRevalidateMs: staleMs,
    staleIfErrorMs: servesOnError ? 60_000 : 0,
    errorBackoffMs: servesOnError ? 1000 : 0,
    refreshAhead,
    earlyExpirationBeta: earlyBeta,
    clock,
    random: createSeededRandom(seed),
    onError: () => {},
    loader: async (_, { stale }) => {
      const fromMs = clock.now();
      const why = stale === undefined ? 'missing' : stale.ageMs >= ttlMs ? 'stale' : 'ahead';
      const isOk = !(hasOutage && fromMs >= OUTAGE.fromMs && fromMs < OUTAGE.toMs);
      await new Promise<void>((resolve) => clock.setTimeout(resolve, ORIGIN_MS));
      loads.push({ fromMs, toMs: clock.now(), why, isOk });
      if (!isOk) throw new Error('503');
      return clock.now();
    },
  });
}

const LANES: readonly Answer[] = ['fresh', 'stale', 'waited', 'failed'];
const styles: Readonly<Record<Answer, string>> = { fresh: 'good', stale: 'warn', waited: 'accent', failed: 'bad' };
const loadStyles: Readonly<Record<Load['why'], string>> = { missing: 'accent', stale: 'warn', ahead: 'c3' };
const words: Readonly<Record<Load['why'], string>> = {
  missing: 'because it was missing',
  stale: 'behind an old value',
  ahead: 'ahead of its end',
};

function draw({ asks, loads, hasOutage, callers, crowdLoads }: CacheResult, width: number): readonly Element[] {
  const left = 70;
  const x = scale(0, SPAN_MS, left, width - 8);
  const label = (y: number, said: string): Element => text(left - 8, y, said, { class: 'tick', 'text-anchor': 'end' });
  const outage = { x: x(OUTAGE.fromMs), y: 0, width: x(OUTAGE.toMs) - x(OUTAGE.fromMs), height: 176 };
  return [
    legend([
      ['good', 'fresh, at once'],
      ['warn', 'old'],
      ['accent', 'waited for the origin'],
      ['bad', 'failed'],
      ['c3', 'loaded ahead of its end'],
    ]),
    picture(width, 206, 'Answers and loads over time', [
      ...(hasOutage ? [mark('rect', { class: 'bad faded', ...outage }, 'the origin is down')] : []),
      label(25, 'origin'),
      ...loads.map((load) => drawLoad(load, x)),
      ...LANES.flatMap((lane, k) => [
        label(64 + k * 32, lane),
        svg('line', { class: 'grid', x1: left, x2: x.end, y1: 60 + k * 32, y2: 60 + k * 32 }),
      ]),
      ...asks.map((ask, k) => drawAsk(ask, k, x)),
      svg('g', { 'data-crowd': callers, 'data-crowd-loads': crowdLoads }),
      axisX(x, 178, seconds),
    ]),
  ];
}

function drawLoad({ fromMs, toMs, why, isOk }: Load, x: ReturnType<typeof scale>): Element {
  const data = { 'data-load': why, 'data-from-ms': fromMs, 'data-to-ms': toMs, 'data-ok': isOk };
  const box = { x: x(fromMs), y: 12, width: x(toMs) - x(fromMs), height: 18, rx: 2 };
  const tip = `${seconds(fromMs)}: loaded ${words[why]}${isOk ? '' : ', and failed'}`;
  return mark('rect', { class: isOk ? loadStyles[why] : 'bad', ...box, ...data }, tip);
}

function drawAsk({ atMs, answer, waitMs }: Ask, k: number, x: ReturnType<typeof scale>): Element {
  // Those of one moment are spread, so that a crowd looks like one.
  const spread = ((k * 7) % 17) - 8;
  const place = { cx: x(atMs), cy: 60 + LANES.indexOf(answer) * 32 + spread, r: 2.2 };
  const data = { 'data-at-ms': atMs, 'data-answer': answer, 'data-wait-ms': waitMs };
  return mark('circle', { class: styles[answer], ...place, ...data }, `${seconds(atMs)}: ${answer} after ${waitMs} ms`);
}

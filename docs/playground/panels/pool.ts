import { createPool } from '../../../src/pool/index.ts';
import { createSeededRandom, createVirtualClock } from '../../../src/testing/index.ts';
import type { VirtualClock } from '../../../src/testing/index.ts';
import { slider, toggle } from '../kit/controls.ts';
import { legend } from '../kit/panel.ts';
import type { Panel } from '../kit/panel.ts';
import { axisX, mark, picture, scale, seconds, text } from '../kit/svg.ts';

const SPAN_MS = 10_000;
const CONNECT_MS = 300;
const SPIKE = { atMs: 1500, borrowers: 15 };
const OUTAGE = { fromMs: 4_000, toMs: 6_500 };

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

interface Connection {
  readonly id: number;
}

type Loan = Span & { readonly connection: number };
type Wait = Span & { readonly end: 'served' | 'timeout' };
type Connect = Span & { readonly isOk: boolean };

interface PoolResult {
  readonly max: number;
  readonly loans: readonly Loan[];
  readonly waits: readonly Wait[];
  readonly connects: readonly Connect[];
  readonly hasOutage: boolean;
}

interface Settings {
  readonly max: number;
  readonly perSecond: number;
  readonly holdMs: number;
  readonly timeoutMs: number;
  readonly hasOutage: boolean;
  readonly seed: number;
}

export function poolPanel(): Panel<PoolResult> {
  const max = slider({ label: 'Connections at most', min: 1, max: 12, value: 5 });
  const rate = slider({ label: 'Borrowers', min: 1, max: 40, value: 12, say: (n) => `${n} a second` });
  const hold = slider({ label: 'Each keeps one for', min: 50, max: 1000, step: 50, value: 250, say: (n) => `${n} ms` });
  const patience = slider({ label: 'And waits at most', min: 100, max: 3000, step: 100, value: 1000, say: seconds });
  const outage = toggle('The server is down from 4 s to 6.5 s', true);
  return {
    id: 'pool',
    title: 'Connection pool',
    intro:
      'Borrowers come at random, and 15 at once after 1.5 s. Each row is a connection, each bar a loan; below are ' +
      'those who wait. While the server is down the pool tries one connection at a time, after growing pauses.',
    guide: 'documents/Guides_Pool.html',
    controls: [max, rate, hold, patience, outage],
    simulate: (seed) =>
      simulate({
        max: max.value,
        perSecond: rate.value,
        holdMs: hold.value,
        timeoutMs: patience.value,
        hasOutage: outage.value,
        seed,
      }),
    draw,
    tell: ({ loans, waits, connects, max: most }) => {
      const timeouts = waits.filter(({ end }) => end === 'timeout').length;
      const failed = connects.filter(({ isOk }) => !isOk).length;
      return `${loans.length} loans over at most ${most} connections, ${timeouts} gave up waiting; ${connects.length - failed} connects, ${failed} more failed.`;
    },
  };
}

async function simulate(settings: Settings): Promise<PoolResult> {
  const clock = createVirtualClock();
  const random = createSeededRandom(settings.seed);
  const record = { loans: [] as Loan[], waits: [] as Wait[], connects: [] as Connect[] };
  const isDown = (): boolean => settings.hasOutage && clock.now() >= OUTAGE.fromMs && clock.now() < OUTAGE.toMs;
  const pool = poolOf(settings, clock, isDown, record.connects);
  const borrow = async (): Promise<void> => {
    const askedMs = clock.now();
    const lease = await pool.acquire().catch(() => undefined);
    const fromMs = clock.now();
    record.waits.push({ fromMs: askedMs, toMs: fromMs, end: lease ? 'served' : 'timeout' });
    if (!lease) return;
    await pause(clock, settings.holdMs * (0.5 + random()));
    record.loans.push({ connection: lease.resource.id, fromMs, toMs: clock.now() });
    if (isDown()) lease.destroy(new Error('connection reset'));
    else lease.release();
  };
  for (const atMs of arrivals(settings.perSecond, random)) {
    await clock.advance(atMs - clock.now());
    void borrow();
  }
  await clock.advance(SPAN_MS - clock.now() + settings.timeoutMs + 2 * settings.holdMs);
  void pool.close({ graceMs: 0 });
  await clock.advance(1000);
  return { ...record, max: settings.max, hasOutage: settings.hasOutage };
}

function poolOf(
  { max, timeoutMs, seed }: Settings,
  clock: VirtualClock,
  isDown: () => boolean,
  connects: Connect[],
): ReturnType<typeof createPool<Connection>> {
  const free = new Set<number>(Array.from({ length: max }, (_, k) => k)); // the rows of the picture
  return createPool<Connection>({
    max,
    clock,
    random: createSeededRandom(seed),
    acquireTimeoutMs: timeoutMs,
    idleTimeoutMs: 1500,
    create: async () => {
      const fromMs = clock.now();
      await pause(clock, CONNECT_MS);
      const isOk = !isDown();
      connects.push({ fromMs, toMs: clock.now(), isOk });
      if (!isOk) throw new Error('connection refused');
      const id = Math.min(...free);
      free.delete(id);
      return { id };
    },
    destroy: ({ id }) => void free.add(id),
  });
}

const pause = (clock: VirtualClock, ms: number): Promise<void> =>
  new Promise((resolve) => clock.setTimeout(resolve, ms));

/** Times at which borrowers come: by chance, and the spike. */
function arrivals(perSecond: number, random: () => number): number[] {
  const times: number[] = Array.from({ length: SPIKE.borrowers }, () => SPIKE.atMs);
  for (let at = 0; at < SPAN_MS; at += (-Math.log(1 - random()) * 1000) / perSecond) times.push(Math.round(at));
  return times.sort((a, b) => a - b);
}

const ROW = 18;

function draw({ max, loans, waits, connects, hasOutage }: PoolResult, width: number): readonly Element[] {
  const left = 86;
  const x = scale(0, SPAN_MS, left, width - 8);
  const waiting = lanesOf(waits.filter(({ fromMs, toMs }) => toMs > fromMs));
  const waitTop = 30 + max * ROW + 14;
  const bottom = waitTop + Math.max(1, waiting.lanes) * 7 + 6;
  const label = (y: number, said: string): Element => text(left - 8, y, said, { class: 'tick', 'text-anchor': 'end' });
  const outage = { x: x(OUTAGE.fromMs), y: 0, width: x(OUTAGE.toMs) - x(OUTAGE.fromMs), height: bottom };
  return [
    legend([
      ['accent', 'on loan'],
      ['muted', 'connects'],
      ['bad', 'failed, gave up'],
      ['warn', 'waits'],
    ]),
    picture(width, bottom + 26, 'Loans, connects and waits over time', [
      ...(hasOutage ? [mark('rect', { class: 'bad faded', ...outage }, 'the server is down')] : []),
      label(17, 'connects'),
      ...connects.map((connect) =>
        drawSpan(
          connect,
          { x, y: 8, height: 10 },
          connect.isOk ? 'muted' : 'bad',
          { 'data-connect': connect.isOk },
          'connect',
        ),
      ),
      ...Array.from({ length: max }, (_, k) => label(30 + k * ROW + 12, `connection ${k + 1}`)),
      ...loans.map((loan) =>
        drawSpan(
          loan,
          { x, y: 30 + loan.connection * ROW, height: ROW - 3 },
          'accent',
          { 'data-loan': loan.connection },
          'loan',
        ),
      ),
      label(waitTop + 6, 'waits'),
      ...waiting.placed.map(({ span, lane }) =>
        drawSpan(
          span,
          { x, y: waitTop + lane * 7, height: 5 },
          span.end === 'timeout' ? 'bad' : 'warn',
          { 'data-wait': span.end },
          'wait',
        ),
      ),
      axisX(x, bottom, seconds),
    ]),
  ];
}

interface Box {
  readonly x: ReturnType<typeof scale>;
  readonly y: number;
  readonly height: number;
}

function drawSpan(
  { fromMs, toMs }: Span,
  { x, y, height }: Box,
  style: string,
  data: Readonly<Record<string, string | number | boolean>>,
  what: string,
): Element {
  const end = Math.min(SPAN_MS, toMs);
  const box = {
    x: x(Math.min(SPAN_MS, fromMs)),
    y,
    width: Math.max(0, x(end) - x(Math.min(SPAN_MS, fromMs)) - 0.5),
    height,
    rx: 1.5,
  };
  const tip = `${what} from ${seconds(fromMs)}, ${Math.round(toMs - fromMs)} ms`;
  return mark('rect', { class: style, ...box, ...data, 'data-from-ms': fromMs, 'data-to-ms': toMs }, tip);
}

/** Puts spans that overlap into lanes of their own. */
function lanesOf<S extends Span>(spans: readonly S[]): { placed: { span: S; lane: number }[]; lanes: number } {
  const ends: number[] = [];
  const placed = spans
    .slice()
    .sort((a, b) => a.fromMs - b.fromMs)
    .map((span) => {
      const found = ends.findIndex((end) => end <= span.fromMs);
      const lane = found === -1 ? ends.length : found;
      ends[lane] = span.toMs;
      return { span, lane };
    });
  return { placed, lanes: ends.length };
}

import { isHoldfastError } from '../../../src/index.ts';
import { createSnowflake, defaultLayout, snowflakeCodec, toBase62 } from '../../../src/snowflake/index.ts';
import type { Snowflake } from '../../../src/snowflake/index.ts';
import { createVirtualClock } from '../../../src/testing/index.ts';
import type { VirtualClock } from '../../../src/testing/index.ts';
import { action, slider } from '../kit/controls.ts';
import { legend } from '../kit/panel.ts';
import type { Panel } from '../kit/panel.ts';
import { html, mark, picture, scale, svg, text } from '../kit/svg.ts';

const SHOWN = 60;

interface Issue {
  readonly id: bigint;
  readonly clockMs: number;
  readonly timestampMs: number;
  readonly workerId: number;
  readonly sequence: number;
}

interface SnowflakeResult {
  readonly issues: readonly Issue[];
  readonly total: number;
  readonly refusal: string;
}

/** A generator as the visitor has used it. */
class Session {
  #clock: VirtualClock = createVirtualClock();
  #ids: Snowflake | undefined;
  readonly issues: Issue[] = [];
  total = 0;
  refusal = '';

  start(worker: number): void {
    this.#clock = createVirtualClock();
    this.#ids = createSnowflake({ worker, clock: this.#clock });
    [this.total, this.refusal] = [0, ''];
    this.issues.length = 0;
    for (let k = 0; k < 12; k++) {
      this.issue(k === 8 ? 3 : 1);
      this.pass(k === 5 ? -40 : 5); // the clock is set back once
    }
  }

  pass(ms: number): void {
    if (ms < 0) this.#clock.setEpoch(this.#clock.epochMs() + ms);
    else this.#clock.stall(ms);
  }

  issue(number: number): void {
    this.refusal = '';
    try {
      for (let k = 0; k < number; k++) this.#add(this.#ids!.next());
    } catch (error) {
      if (!isHoldfastError(error)) throw error;
      this.refusal = error.message;
    }
  }

  #add(id: bigint): void {
    this.issues.push({ id, clockMs: this.#clock.epochMs(), ...snowflakeCodec().decode(id) });
    this.total++;
    if (this.issues.length > SHOWN) this.issues.shift();
  }
}

export function snowflakePanel(): Panel<SnowflakeResult> {
  const session = new Session();
  const worker = slider({ label: 'Worker', min: 0, max: 1023, value: 5 });
  let started: number | undefined;
  return {
    id: 'snowflake',
    title: 'Snowflake ids',
    intro:
      'Ids of 64 bits: time, worker, sequence. Issue some, set the clock back and issue more: they go on growing, ' +
      'ahead of the clock, and beyond a lead of 5 s the generator refuses.',
    guide: 'documents/Guides_Snowflake_ids.html',
    controls: [
      worker,
      action('Next id', () => session.issue(1)),
      action('5000 ids', () => session.issue(5000)),
      action('1 ms passes', () => session.pass(1)),
      action('20 ms pass', () => session.pass(20)),
      action('Clock 50 ms back', () => session.pass(-50)),
      action('Clock 6 s back', () => session.pass(-6000)),
    ],
    simulate: () => {
      if (started !== worker.value) session.start(worker.value);
      started = worker.value;
      return { issues: [...session.issues], total: session.total, refusal: session.refusal };
    },
    draw,
    tell: ({ issues, total, refusal }) => {
      const last = issues.at(-1)!;
      const isGrowing = issues.every(({ id }, k) => k === 0 || id > issues[k - 1]!.id);
      const lead = last.timestampMs - last.clockMs;
      const words = `${total} ids, ${isGrowing ? 'each above the one before' : 'NOT in order'}; the last is ${last.id}, ${toBase62(last.id)} in base 62, ${lead} ms ahead of its clock.`;
      return refusal ? `${words} Refused: ${refusal}.` : words;
    },
  };
}

function draw({ issues, total, refusal }: SnowflakeResult, width: number): readonly Element[] {
  const last = issues.at(-1)!;
  return [
    legend([
      ['c0', 'time'],
      ['c1', 'worker'],
      ['c2', 'sequence'],
      ['muted', 'sign'],
    ]),
    drawBits(last, width),
    drawTimes(issues, width),
    html('ol', { class: 'ids', 'data-total': total, 'data-refusal': refusal }, issues.slice(-6).map(row)),
  ];
}

function row({ id, clockMs, timestampMs, sequence }: Issue): Element {
  return html('li', {}, [html('code', {}, [String(id)]), ` time +${timestampMs - clockMs} ms, sequence ${sequence}`]);
}

/** Of which field a bit is, counted from the highest. */
function fieldOf(bit: number): readonly [field: string, style: string] {
  const { timestampBits, workerBits } = defaultLayout;
  if (bit === 0) return ['sign', 'muted'];
  if (bit <= timestampBits) return ['time', 'c0'];
  return bit <= timestampBits + workerBits ? ['worker', 'c1'] : ['sequence', 'c2'];
}

function drawBits({ id }: Issue, width: number): Element {
  const columns = width < 560 ? 32 : 64;
  const size = Math.min(20, width / columns);
  const bits = id.toString(2).padStart(64, '0').split('');
  const cells = bits.map((bit, k) => {
    const [field, style] = fieldOf(k);
    const place = {
      x: (k % columns) * size,
      y: Math.floor(k / columns) * (size + 8) + 18,
      width: size - 1,
      height: size + 4,
    };
    const shade = bit === '1' ? style : `${style} faded`;
    return mark(
      'rect',
      { class: shade, ...place, rx: 2, 'data-field': field, 'data-bit': bit },
      `bit ${63 - k}, ${field}: ${bit}`,
    );
  });
  const rows = 64 / columns;
  return picture(width, 24 + rows * (size + 8), `The bits of ${id}`, [
    text(0, 11, `The bits of the last id, ${id}`, { class: 'caption' }),
    ...cells,
  ]);
}

/** Each id as a dot: its time over the reading of the clock when it was issued. */
function drawTimes(issues: readonly Issue[], width: number): Element {
  const all = issues.flatMap(({ clockMs, timestampMs }) => [clockMs, timestampMs]);
  const [from, to] = [Math.min(...all), Math.max(...all)];
  const x = scale(0, Math.max(1, issues.length - 1), 60, width - 14);
  const y = scale(from, Math.max(from + 1, to), 120, 26);
  const clockPath = issues.map(({ clockMs }, k) => `${k === 0 ? 'M' : 'L'}${x(k).toFixed(1)} ${y(clockMs).toFixed(1)}`);
  const dots = issues.map(({ id, clockMs, timestampMs, workerId, sequence }, k) => {
    const data = {
      'data-id': String(id),
      'data-clock-ms': clockMs,
      'data-time-ms': timestampMs,
      'data-worker': workerId,
    };
    const tip = `${id}: time ${timestampMs - from} ms, clock ${clockMs - from} ms, sequence ${sequence}`;
    return mark('circle', { class: 'c0', cx: x(k), cy: y(timestampMs), r: 3, ...data }, tip);
  });
  return picture(width, 134, 'Times of the last ids and of the clock', [
    text(0, 12, 'Time in each id (dots) and on the clock (line)', { class: 'caption' }),
    text(52, 30, `+${to - from} ms`, { class: 'tick', 'text-anchor': 'end' }),
    text(52, 124, '0', { class: 'tick', 'text-anchor': 'end' }),
    svg('line', { class: 'axis', x1: 60, x2: width - 14, y1: 124, y2: 124 }),
    svg('path', { class: 'line', d: clockPath.join('') }),
    ...dots,
  ]);
}

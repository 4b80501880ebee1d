import type { BloomFilter, BloomLayout } from '../../../src/bloom/index.ts';
import { createBloomFilter } from '../../../src/bloom/index.ts';
import { choice, line, slider } from '../kit/controls.ts';
import { legend } from '../kit/panel.ts';
import type { Panel } from '../kit/panel.ts';
import { axisX, axisY, count, mark, percent, picture, scale, svg, text } from '../kit/svg.ts';

const STEPS = 20;
const CELLS = 400;

const rates = { '0.1': '10 %', '0.01': '1 %', '0.001': '0.1 %' };
const layouts: Readonly<Record<BloomLayout, string>> = { blocked: 'blocked', standard: 'standard' };

interface Sample {
  readonly added: number;
  readonly fill: number;
  readonly estimated: number;
  readonly measured: number;
}

interface BloomResult {
  readonly capacity: number;
  readonly rate: number;
  readonly probes: number;
  readonly samples: readonly Sample[];
  readonly forgotten: number;
  readonly bytes: number;
  readonly hashes: number;
  /** How full each part of the filter is at its capacity. */
  readonly cells: readonly number[];
  readonly tried: string;
  readonly answer: boolean;
}

export function bloomPanel(): Panel<BloomResult> {
  const capacity = slider({
    label: 'Made for',
    min: 500,
    max: 20_000,
    step: 500,
    value: 5000,
    say: (n) => `${count(n)} keys`,
  });
  const rate = choice('False positives', rates, '0.01');
  const layout = choice('Layout', layouts, 'blocked');
  const tried = line('Ask for a key', 'user-42');
  return {
    id: 'bloom',
    title: 'Bloom filter',
    intro:
      'Keys user-0, user-1 and so on go in, up to twice as many as the filter was made for. At each step thousands of ' +
      'keys that are not in it are asked for: the dots are the share that it takes for known, the line its own estimate.',
    guide: 'documents/Guides_Bloom_filter.html',
    controls: [capacity, rate, layout, tried],
    simulate: (seed) =>
      simulate({ capacity: capacity.value, rate: Number(rate.value), layout: layout.value, tried: tried.value, seed }),
    draw,
    tell: ({ samples, capacity: most, rate: asked, bytes, hashes, tried: key, answer, forgotten }) => {
      const { measured, fill } = samples.find(({ added }) => added === most)!;
      return (
        `${count(bytes)} bytes; each key sets ${hashes} bits. With ${count(most)} keys: ${percent(fill)} of the bits are set, ` +
        `${percent(measured)} false positives measured, ${percent(asked)} asked for, ${forgotten} keys forgotten. ` +
        `“${key}”: ${answer ? 'probably known' : 'certainly not known'}.`
      );
    },
  };
}

interface Settings {
  readonly capacity: number;
  readonly rate: number;
  readonly layout: BloomLayout;
  readonly tried: string;
  readonly seed: number;
}

function simulate({ capacity, rate, layout, tried, seed }: Settings): BloomResult {
  const filter = createBloomFilter({ capacity, falsePositiveRate: rate, layout, seed });
  const probes = rate < 0.01 ? 20_000 : 5_000;
  const samples: Sample[] = [];
  let cells: number[] = [];
  let answer = false;
  const step = capacity / (STEPS / 2);
  for (let added = 0; added < 2 * capacity;) {
    const end = added + step;
    for (; added < end; added++) filter.add(`user-${added}`);
    const { fillRatio, estimatedFalsePositiveRate } = filter.stats();
    samples.push({
      added,
      fill: fillRatio,
      estimated: estimatedFalsePositiveRate,
      measured: wrongShare(filter, probes),
    });
    if (added === capacity) [cells, answer] = [cellsOf(filter), filter.has(tried)];
  }
  let forgotten = 0;
  for (let k = 0; k < 2 * capacity; k++) if (!filter.has(`user-${k}`)) forgotten++;
  const { byteLength: bytes, hashCount: hashes } = filter;
  return { capacity, rate, probes, samples, forgotten, bytes, hashes, cells, tried, answer };
}

/** The share of keys that were never added and are taken for known. */
function wrongShare(filter: BloomFilter, probes: number): number {
  let wrong = 0;
  for (let k = 0; k < probes; k++) if (filter.has(`stranger-${k}`)) wrong++;
  return wrong / probes;
}

/** The share of set bits in each of so many parts of the filter. */
function cellsOf(filter: BloomFilter): number[] {
  const bytes = filter.toBytes();
  const size = bytes.length / CELLS;
  return Array.from({ length: CELLS }, (_, k) => {
    const part = bytes.subarray(Math.floor(k * size), Math.max(Math.floor(k * size) + 1, Math.floor((k + 1) * size)));
    return part.reduce((sum, byte) => sum + bitsIn(byte), 0) / (8 * part.length);
  });
}

function bitsIn(byte: number): number {
  let bits = 0;
  for (let rest = byte; rest > 0; rest >>= 1) bits += rest & 1;
  return bits;
}

function draw(result: BloomResult, width: number): readonly Element[] {
  const isNarrow = width < 560;
  const side = isNarrow ? Math.min(width, 240) : 200;
  return [
    legend([
      ['accent', 'measured'],
      ['line-mark', 'estimated by the filter'],
      ['bound', 'asked for'],
    ]),
    html(drawRates(result, isNarrow ? width : width - side - 24), drawCells(result, side)),
  ];
}

function html(...parts: readonly Element[]): Element {
  const box = document.createElement('div');
  box.className = 'beside';
  box.append(...parts);
  return box;
}

function drawRates({ samples, capacity, rate, forgotten, bytes, probes }: BloomResult, width: number): Element {
  const highest = Math.max(rate * 1.5, ...samples.flatMap(({ measured, estimated }) => [measured, estimated]));
  const x = scale(0, 2 * capacity, 52, width - 12);
  const y = scale(0, highest, 206, 24);
  const path = samples.map(
    ({ added, estimated }, k) => `${k === 0 ? 'M' : 'L'}${x(added).toFixed(1)} ${y(estimated).toFixed(1)}`,
  );
  const dots = samples.map(({ added, measured, estimated, fill }) => {
    const tip = `${added} keys: ${percent(measured)} measured, ${percent(estimated)} estimated, ${percent(fill)} full`;
    const data = { 'data-added': added, 'data-measured': measured, 'data-estimated': estimated, 'data-fill': fill };
    return mark('circle', { class: 'accent', cx: x(added), cy: y(measured), r: 3.5, ...data }, tip);
  });
  return picture(width, 240, 'False positives by the number of keys', [
    svg('g', {
      'data-capacity': capacity,
      'data-asked': rate,
      'data-forgotten': forgotten,
      'data-bytes': bytes,
      'data-probes': probes,
    }),
    text(0, 12, 'False positives', { class: 'caption' }),
    axisY(y, 52, width - 12, percent),
    svg('line', { class: 'bound dashed', x1: x(0), x2: x.end, y1: y(rate), y2: y(rate) }),
    svg('line', { class: 'axis dashed', x1: x(capacity), x2: x(capacity), y1: y.end, y2: y.start }),
    svg('path', { class: 'line', d: path.join('') }),
    ...dots,
    axisX(x, y.start, count),
  ]);
}

function drawCells({ cells, capacity }: BloomResult, side: number): Element {
  const columns = Math.sqrt(CELLS);
  const size = side / columns;
  const squares = cells.map((fill, k) =>
    svg('rect', {
      class: 'accent',
      opacity: 0.08 + 0.92 * fill,
      x: (k % columns) * size,
      y: 20 + Math.floor(k / columns) * size,
      width: size - 0.5,
      height: size - 0.5,
    }),
  );
  return picture(side, side + 22, `How full each part of the filter is with ${capacity} keys`, [
    text(0, 12, `Its bits with ${count(capacity)} keys`, { class: 'caption' }),
    ...squares,
  ]);
}

import type { Random } from '../../src/core/random.ts';
import { createSeededRandom } from '../../src/testing/index.ts';

/** A sequence of keys, and the sizes of cache that it is replayed with. */
export interface Trace {
  readonly name: string;
  readonly keys: Uint32Array;
  readonly sizes: readonly number[];
}

/** Popularity that falls with rank: key k is drawn with a chance in proportion to 1 / (k + 1) ^ exponent. */
export function zipf(count: number, exponent: number, random: Random): () => number {
  const sums = new Float64Array(count);
  let sum = 0;
  for (let k = 0; k < count; k++) sums[k] = sum += 1 / (k + 1) ** exponent;
  return () => {
    const drawn = random() * sum;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! < drawn) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** Makes the key of each access in turn. */
type Generator = (random: Random) => (at: number) => number;

const generators: readonly (readonly [name: string, length: number, sizes: readonly number[], make: Generator])[] = [
  ['zipf 0.9', 400_000, [200, 1000, 5000], (random) => zipf(20_000, 0.9, random)],
  ['zipf 1.1', 300_000, [100, 500], (random) => zipf(5000, 1.1, random)],
  ['drifting zipf', 500_000, [500, 2000], drifting],
  ['zipf and scans', 500_000, [500, 2000], scanned],
  ['zipf in phases', 400_000, [300, 1000], phases],
  ['loop of 1000', 300_000, [250, 512, 900], () => (at) => at % 1000],
  ['loop of 5000', 600_000, [2000], () => (at) => at % 5000],
  ['loops of many lengths', 400_000, [500, 1000], loops],
  ['recency', 200_000, [200, 500], recency],
  ['asked twice', 300_000, [512, 1024], twice],
  ['asked twice, a loop, asked twice', 500_000, [512], twiceAndLoop],
  ['log and hot set', 500_000, [500, 1000], logAndHotSet],
  ['web', 800_000, [1000, 10_000], web],
];

/** Traces of many kinds of traffic, the same ones for the same seed; `share` of their usual length. */
export function syntheticTraces(seed: number, share = 1): Trace[] {
  return generators.map(([name, length, sizes, make], k) => {
    const next = make(createSeededRandom(seed * 100 + k));
    return { name, sizes, keys: Uint32Array.from({ length: Math.floor(length * share) }, (_, at) => next(at)) };
  });
}

/** What is popular changes a little all the time. */
function drifting(random: Random): (at: number) => number {
  const draw = zipf(20_000, 0.9, random);
  return (at) => draw() + Math.floor(at / 200);
}

/** Every now and then 2000 keys in a row that nobody asks for again. */
function scanned(random: Random): () => number {
  const draw = zipf(10_000, 0.95, random);
  let [scan, left] = [1_000_000, 0];
  return () => {
    if (left > 0) {
      left--;
      return scan++;
    }
    if (random() < 0.0005) left = 2000;
    return draw();
  };
}

/** What is popular changes all at once. */
function phases(random: Random): (at: number) => number {
  const draw = zipf(3000, 1, random);
  return (at) => draw() + Math.floor(at / 50_000) * 100_000;
}

function loops(random: Random): () => number {
  let [at, length, base] = [0, 1500, 0];
  return () => {
    const key = base + at++;
    if (at >= length) {
      at = 0;
      if (random() < 0.2) {
        length = 200 + Math.floor(random() * 2500);
        base = Math.floor(random() * 3) * 100;
      }
    }
    return key;
  };
}

/** Keys are asked for again after others, the fewer the likelier. */
function recency(random: Random): () => number {
  const recent: number[] = [];
  let next = 0;
  return () => {
    if (recent.length < 10 || random() < 0.1) {
      recent.push(next);
      if (recent.length > 3000) recent.shift();
      return next++;
    }
    const distance = Math.min(recent.length - 1, Math.floor(-Math.log(1 - random()) * 120));
    const [key] = recent.splice(recent.length - 1 - distance, 1);
    recent.push(key!);
    return key!;
  };
}

/** Of each three keys one is asked for again about 450 keys later, once, and the others never: only the last used matter. */
function twice(): (at: number) => number {
  const waiting: number[] = [];
  let next = 0;
  return (at) => {
    if (at % 3 === 2 && waiting.length > 150) return waiting.shift()!;
    if (at % 3 === 0) waiting.push(next);
    return next++;
  };
}

function twiceAndLoop(): (at: number) => number {
  const draw = twice();
  return (at) => (at < 150_000 || at >= 350_000 ? draw(at) : 10_000_000 + (at % 1000));
}

/** A hot set, and a log that is read again shortly after it was written. */
function logAndHotSet(random: Random): () => number {
  const draw = zipf(8000, 0.8, random);
  let written = 2_000_000;
  return () => {
    const kind = random();
    if (kind < 0.45) return draw();
    return kind < 0.7 ? Math.max(2_000_000, written - Math.floor(random() * 300)) : written++;
  };
}

/** Pages of all times, and the newest ones. */
function web(random: Random): (at: number) => number {
  const draw = zipf(200_000, 0.75, random);
  return (at) =>
    random() < 0.25 ? 5_000_000 + Math.floor(at / 4) - Math.floor(-Math.log(1 - random()) * 200) : draw();
}

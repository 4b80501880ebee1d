// `node bench/cache-hit-ratio.ts [folder of traces]`: hit ratios of LRU, W-TinyLFU with a fixed window of 1 %, ours and
// the optimum. Synthetic traces of the seed that the parameters were chosen with, of one they were not, and public traces
// where they are, ../shared/traces unless another folder is named.
import { join } from 'node:path';
import { lru, tinyLfu } from '../src/cache/index.ts';
import type { EvictionPolicy } from '../src/cache/index.ts';
import { FrequencySketch } from '../src/cache/frequency-sketch.ts';
import { SlotLists } from '../src/cache/slot-lists.ts';
import { WindowTinyLfu } from '../src/cache/window-tiny-lfu.ts';
import type { Cell } from './support/hit-ratio.ts';
import { cellsOf, mean } from './support/hit-ratio.ts';
import { readTraces, realTraces } from './support/trace-files.ts';
import { syntheticTraces } from './support/traces.ts';

/** What ours is when nothing moves the window. */
const fixedWindow: EvictionPolicy = {
  name: 'fixed window',
  create: ({ maxWeight, isWeighted, random }) => {
    const lists = new SlotLists(isWeighted);
    const sketch = new FrequencySketch(maxWeight);
    const main = new WindowTinyLfu(lists, maxWeight, sketch, random);
    main.resize(0.01);
    return {
      usesHash: true,
      get weight() {
        return lists.weight;
      },
      grow: (slots) => lists.grow(slots),
      add(slot, hash, weight) {
        sketch.add(hash, 1);
        main.add(slot, hash, weight);
      },
      hit(slot) {
        sketch.add(lists.hashes[slot]!, 1);
        main.touch(slot);
      },
      remove: (slot) => lists.cut(slot),
      reweigh: (slot, weight) => lists.reweigh(slot, weight),
      victim: () => main.victim(),
    };
  },
};

const policies = [lru(), fixedWindow, tinyLfu()];
const HEADS = ['LRU', '1 %', 'ours', 'optimum'];

const percent = (rate: number | undefined): string => (rate === undefined ? '' : (rate * 100).toFixed(2)).padStart(8);

/** Numbers that others have found, in percent, go into a last column. */
function show(title: string, cells: readonly Cell[], cited?: (cell: Cell) => number | undefined): void {
  const heads = cited ? [...HEADS, 'Caffeine'] : HEADS;
  console.log(`\n${title}\n${''.padEnd(40)}${heads.map((head) => head.padStart(8)).join(' ')}`);
  const rows = cells.map((cell) => [...cell.rates, cell.optimum, (cited?.(cell) ?? NaN) / 100]);
  const line = (name: string, row: readonly number[]): void =>
    console.log(
      `${name.padEnd(40)}${heads.map((_, k) => percent(Number.isNaN(row[k]) ? undefined : row[k])).join(' ')}`,
    );
  for (const [k, { name, size }] of cells.entries()) line(`${name}, ${size}`, rows[k]!);
  line(
    'mean',
    heads.map((_, k) => mean(rows.map((row) => row[k]!))),
  );
  const shares = policies.map((_, k) => mean(cells.map(({ rates, optimum }) => rates[k]! / optimum)));
  line('mean share of the optimum', shares);
  const worst = Math.min(...cells.map(({ rates: [ofLru, , ours] }) => ours! - ofLru!));
  console.log(
    `ours against LRU: ${(mean(rows.map((r) => r[2]! - r[0]!)) * 100).toFixed(2)} points on the mean, ${(worst * 100).toFixed(2)} in the worst cell`,
  );
}

show('Synthetic, the seed of the tuning', cellsOf(syntheticTraces(1), policies));
show('Synthetic, another seed', cellsOf(syntheticTraces(2), policies));

const folder = process.argv[2] ?? join(import.meta.dirname, '../../shared/traces');
const { traces, missing } = readTraces(folder);
if (traces.length > 0)
  show(
    'Public traces (Caffeine: its jar 3.2.2, run on 2026-11-22, not by this script)',
    cellsOf(traces, policies),
    ({ name, size }) => {
      const known = realTraces.find((one) => one.name === name)!;
      return known.caffeine[known.sizes.indexOf(size)];
    },
  );
if (missing.length > 0) console.log(`\nnot there, so not measured: ${missing.join(', ')}`);

// `node bench/bloom-rates.ts [--share N]`: false positives measured over the target, for every family of keys. Exact
// counts, the same on every machine; takes an hour of one processor, or N times less with a share of the questions.
import { parseArgs } from 'node:util';
import { createBloomFilter } from '../src/bloom/index.ts';
import { families } from '../test/bloom/families.ts';
import { layouts } from '../test/bloom/kit.ts';
import type { Tally } from '../test/bloom/rates.ts';
import { keysOf, pool, tally } from '../test/bloom/rates.ts';

const { values } = parseArgs({ options: { share: { type: 'string', default: '1' } } });
const share = Number(values.share);

const KEYS = 20_000;
const ABSENT = 200_000;

/** Rate to questions for each family and layout. */
const plan = [
  [1e-2, 1e6],
  [1e-3, 4e6],
  [1e-4, 2e7],
  [1e-5, 4e7],
  [1e-6, 4e7],
] as const;

function ratio({ asked, reported }: Tally, target: number): string {
  return (reported / asked / target).toFixed(3);
}

/** One standard deviation of such a ratio: that of a count is its square root. */
function scatter(target: number, asked: number): string {
  return `± ${(1 / Math.sqrt(asked * target)).toFixed(3)}`;
}

const seedsFor = (asked: number): number => Math.max(1, Math.round(asked / share / ABSENT));

for (const layout of layouts) {
  console.log(`\n| ${layout} | ${plan.map(([target]) => target).join(' | ')} |\n|---|${'---|'.repeat(plan.length)}`);
  const totals = plan.map((): Tally[] => []);
  for (const family of families) {
    const keys = keysOf(family, KEYS, ABSENT);
    const cells = plan.map(([target, asked], column) => {
      const make = (seed: number) => createBloomFilter({ capacity: KEYS, falsePositiveRate: target, layout, seed });
      const one = tally(make, keys, seedsFor(asked));
      totals[column]!.push(one);
      return ratio(one, target);
    });
    console.log(`| ${family.name} | ${cells.join(' | ')} |`);
  }
  const chance = plan.map(([target, asked]) => scatter(target, seedsFor(asked) * ABSENT));
  console.log(`| chance in each of these | ${chance.join(' | ')} |`);
  console.log(`| all families | ${plan.map(([target], column) => ratio(pool(totals[column]!), target)).join(' | ')} |`);
  const all = plan.map(([target, asked]) => scatter(target, families.length * seedsFor(asked) * ABSENT));
  console.log(`| chance in all | ${all.join(' | ')} |`);
}

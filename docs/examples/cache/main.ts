import { parseArgs } from 'node:util';
import { fleet } from './fleet.ts';
import { outage } from './outage.ts';
import { replay } from './replay.ts';
import type { Chapter, DemoOptions } from './report.ts';
import { createReport } from './report.ts';
import { writes } from './writes.ts';

const help = `npm run demo -- cache [options]
What a cache hits, and what happens to its callers when the origin is slow, written to, or killed;
and what becomes of writes, through the cache and behind it, while their store is away.
  --trace FILE      replays a trace (a key a line, or a public format by its name) instead of a Zipf stream
  --entries N       entries of the cache, 1000 by default
  --accesses N      accesses of the Zipf stream, 1000000 by default
  --seed N          other draws of chance, 1 by default
  --leave-out WHAT  switches off stale, sharing or close, to see what it was for; the exit code is then 1`;

const chapters: readonly Chapter[] = [replay, outage, writes, fleet];
const PARTS = ['stale', 'sharing', 'close'];

/** Runs the demo. Resolves with the exit code: 1 when a promise was broken. */
export async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (!options) return args.includes('--help') ? 0 : 2;
  const report = createReport();
  for (const chapter of chapters) await chapter(report, options);
  console.log(report.broken === 0 ? '\nEvery promise was kept.' : `\n${report.broken} promises were broken.`);
  return report.broken === 0 ? 0 : 1;
}

function readOptions(args: readonly string[]): DemoOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      trace: { type: 'string' },
      entries: { type: 'string', default: '1000' },
      accesses: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: '1' },
      'leave-out': { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', default: false },
    },
  });
  const [entries, accesses, seed] = [Number(values.entries), Number(values.accesses), Number(values.seed)];
  const leaveOut = values['leave-out'];
  const areFit = [entries, accesses, seed + 1].every((value) => Number.isInteger(value) && value >= 1);
  if (!values.help && areFit && leaveOut.every((part) => PARTS.includes(part)))
    return { entries, accesses, seed, trace: values.trace, leaveOut };
  console.log(help);
  return undefined;
}

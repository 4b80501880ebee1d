// `npm run bench [area ...]`: measures this library beside its peers and writes bench/results/<area>.json.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { root } from '../.ci/build.ts';
import type { Case } from './support/case.ts';
import { takeInstructions, whyNoInstructions } from './support/instructions.ts';
import { profileCase } from './support/profile.ts';
import { describeRun, resultsFolder } from './support/results.ts';
import { takeCase } from './support/rounds.ts';
import type { Row } from './support/stats.ts';
import { terminalTable } from './support/table.ts';
import { areas, ensurePeers, makeWorkspace, removeWorkspace } from './support/workspace.ts';

const help = `npm run bench -- [options] [area ...]
  --rounds N        rounds of fresh processes, 7 by default; ratios are paired by round
  --quick           2 short rounds, to see that it works; results go to .cache/bench/results
  --cpu-time        processor time of the main thread, for a busy machine; results say so
  --only TEXT       cases whose name contains TEXT; nothing is written
  --instructions    counts instructions per operation with valgrind instead of time
  --profile         prints where the time of our subject goes; nothing is written
areas: ${[...areas().keys()].join(', ')}; all by default`;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    'cpu-time': { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    instructions: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const rounds = Number(options.rounds ?? (options.quick ? 2 : 7));

if (options.help) console.log(help);
else await main();

async function main(): Promise<void> {
  const unknown = positionals.filter((area) => !areas().has(area));
  if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
    console.error(
      unknown.length > 0 ? `no such area: ${unknown.join(', ')}` : '--rounds must be an integer of at least 1',
    );
    console.error(help);
    process.exitCode = 1;
    return;
  }
  const reason = options.instructions ? whyNoInstructions() : undefined;
  if (reason !== undefined) return console.log(`bench: instructions skipped: ${reason}`);
  ensurePeers();
  for (const area of positionals.length > 0 ? positionals : areas().keys()) await takeArea(area);
}

async function takeArea(area: string): Promise<void> {
  const files = areas().get(area)!;
  const folder = await makeWorkspace(area, files);
  try {
    const rows: Row[] = [];
    for (const one of await casesOf(files)) {
      for (const row of await take(one, folder)) {
        rows.push(row);
        console.log(`${terminalTable(row)}\n`);
      }
    }
    if (options.only === '' && !options.profile) write(area, rows);
  } finally {
    removeWorkspace(folder);
  }
}

async function casesOf(files: readonly string[]): Promise<Case[]> {
  const cases: Case[] = [];
  for (const file of files) {
    const module = (await import(pathToFileURL(join(root, 'bench', file)).href)) as { cases: readonly Case[] };
    cases.push(...module.cases.filter(({ name }) => name.includes(options.only)));
  }
  return cases;
}

async function take(one: Case, folder: string): Promise<Row[]> {
  if (options.instructions) return one.kind === 'loop' && one.isHot ? [await takeInstructions(one, folder)] : [];
  if (!options.profile)
    return takeCase(one, { folder, rounds, isQuick: options.quick, isCpuTime: options['cpu-time'] });
  if (one.kind === 'loop') await profileCase(one, folder);
  return [];
}

function write(area: string, rows: readonly Row[]): void {
  const folder = resultsFolder(options.quick);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${area}${options.instructions ? '.instructions' : ''}.json`);
  const taken = options.instructions ? 1 : rounds;
  writeFileSync(
    path,
    `${JSON.stringify(describeRun(area, rows, { rounds: taken, isQuick: options.quick, isCpuTime: options['cpu-time'] }), null, 1)}\n`,
  );
  const goals = rows.flatMap((row) => row.goals);
  const missed = rows.flatMap((row) =>
    row.goals.filter(({ isMet }) => !isMet).map(() => `${row.caseName}, ${row.measure}`),
  );
  console.log(`${area}: ${goals.length - missed.length} of ${goals.length} goals met; written to ${path}`);
  for (const name of missed) console.log(`  missed: ${name}`);
}

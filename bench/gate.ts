// `npm run instructions [area ...]`: counts the instructions of hot paths under callgrind and compares
// them with bench/instructions.json. More than 2 % above is a failure. `-- --fix` writes the file anew.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { root } from '../.ci/build.ts';
import type { Case, LoopCase } from './support/case.ts';
import { takeInstructions, whyNoInstructions } from './support/instructions.ts';
import { areas, ensurePeers, makeWorkspace, removeWorkspace } from './support/workspace.ts';

/** Instructions an operation takes, by area and case, on this very Node. */
interface Committed {
  readonly node: string;
  readonly cases: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** The count repeats within 0.1 %; what is above this share was changed by somebody. */
const TOLERANCE = 0.02;

const path = join(root, 'bench/instructions.json');
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { fix: { type: 'boolean', default: false } },
});

const unknown = positionals.filter((area) => !areas().has(area));
const reason = whyNoInstructions();
if (unknown.length > 0) {
  console.error(`no such area: ${unknown.join(', ')}; there are ${[...areas().keys()].join(', ')}`);
  process.exitCode = 2;
} else if (reason === undefined) await main();
else {
  console.log(`instructions: skipped: ${reason}`);
  if (process.env['CI'] === 'true') process.exitCode = 1;
}

async function main(): Promise<void> {
  const committed = JSON.parse(readFileSync(path, 'utf8')) as Committed;
  const node = process.versions.node;
  if (committed.node !== node && !options.fix) {
    console.log(
      `instructions: bench/instructions.json is of Node ${committed.node}, this is ${node}: -- --fix takes it anew`,
    );
    process.exitCode = 1;
    return;
  }
  ensurePeers();
  const cases: Record<string, Record<string, number>> = committed.node === node ? { ...committed.cases } : {};
  // Without names: the areas that have numbers, or all of them where they are written.
  const known = options.fix ? [...areas().keys()] : Object.keys(committed.cases);
  const chosen = positionals.length > 0 ? positionals : known;
  let failures = 0;
  for (const area of chosen) {
    const counted = await countArea(area);
    failures += compare(area, counted, committed.cases[area] ?? {});
    if (Object.keys(counted).length > 0) cases[area] = counted;
    else delete cases[area];
  }
  if (options.fix) writeFileSync(path, `${JSON.stringify({ node, cases }, null, 2)}\n`);
  else if (failures > 0) {
    console.log(`\ninstructions: ${failures} failed; where it is meant, -- --fix writes bench/instructions.json anew`);
    process.exitCode = 1;
  }
}

async function countArea(area: string): Promise<Record<string, number>> {
  const files = areas().get(area)!;
  const hot: LoopCase[] = [];
  for (const file of files) {
    const module = (await import(pathToFileURL(join(root, 'bench', file)).href)) as { cases: readonly Case[] };
    for (const one of module.cases) if (one.kind === 'loop' && one.isHot) hot.push(one);
  }
  if (hot.length === 0) return {};
  const folder = await makeWorkspace(area, files);
  try {
    const counted: Record<string, number> = {};
    for (const one of hot) {
      const { subjects } = await takeInstructions({ ...one, subjects: oursOf(one), measures: [] }, folder);
      for (const { name, median } of subjects)
        counted[name === 'holdfast' ? one.name : `${one.name}: ${name}`] = Math.round(median);
    }
    return counted;
  } finally {
    removeWorkspace(folder);
  }
}

/** The subject that a case is about; the peers' figures are no matter of a gate. */
function oursOf({ subjects }: LoopCase): LoopCase['subjects'] {
  const main = subjects.filter(({ name }) => name === 'holdfast');
  return main.length > 0 ? main : subjects.filter(({ name }) => /^(?:holdfast|diagnostics)\b/.test(name));
}

/** Says of each case how it stands, and how many failed. Where they are written anew, none fails: what is different is said. */
function compare(area: string, counted: Record<string, number>, committed: Readonly<Record<string, number>>): number {
  let failures = 0;
  const say = (isWrong: boolean, text: string): void => {
    if (isWrong) failures++;
    console.log(`${!isWrong ? 'ok     ' : options.fix ? 'changed' : 'FAILED '} ${area}: ${text}`);
  };
  for (const [name, count] of Object.entries(counted)) {
    const before = committed[name];
    const change = before === undefined ? Infinity : count / before - 1;
    const share = before === undefined ? 'not committed' : `${(change * 100).toFixed(1)} % against ${before}`;
    say(change > TOLERANCE, `${name}: ${count} instructions, ${share}`);
  }
  for (const name of Object.keys(committed))
    if (!(name in counted)) say(true, `${name}: committed, and no longer a hot case`);
  return failures;
}

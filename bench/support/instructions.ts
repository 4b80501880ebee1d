import { spawnSync } from 'node:child_process';
import type { LoopCase } from './case.ts';
import { countInstructions } from './spawn.ts';
import type { Row } from './stats.ts';
import { judge, summary } from './stats.ts';

const FEW = 5_000;
const MANY = 25_000;

/** Why instructions cannot be counted here, or nothing. */
export function whyNoInstructions(): string | undefined {
  const { error, status } = spawnSync('valgrind', ['--version'], { stdio: 'ignore' });
  if (error) return 'valgrind is not installed';
  return status === 0 ? undefined : `valgrind --version ended with ${status}`;
}

/**
 * Instructions per operation under callgrind, by the slope of two counts of operations, so that
 * start-up and warm-up cancel. Repeats within 0.1 % on a busy machine; it is not time, because
 * cache misses and branches cost nothing in it.
 */
export async function takeInstructions(one: LoopCase, folder: string): Promise<Row> {
  const subjects = [];
  for (const { name, counting } of one.subjects) {
    if (counting === 'none') continue;
    process.stderr.write(`counting ${one.name}, ${name}\n`); // a minute each on a slow machine
    const share = counting === 'fewer' ? 8 : 1;
    const task = { caseName: one.name, subject: name, mode: 'instructions', isQuick: false } as const;
    const [few, many] = await Promise.all([
      countInstructions(folder, { ...task, operations: FEW / share, share }),
      countInstructions(folder, { ...task, operations: MANY / share, share }),
    ]);
    subjects.push(summary(name, [(many - few) / ((MANY - FEW) / share)]));
  }
  const taken = subjects.map(({ name }) => name);
  const all = one.measures.find(({ name }) => name === 'time')?.goals ?? [];
  const goals = all.filter(({ against }) => against !== undefined && taken.includes(against));
  const measure = { name: 'instructions', unit: 'instr', goals };
  return {
    caseName: one.name,
    about: one.about,
    measure: measure.name,
    unit: measure.unit,
    subjects,
    goals: judge(measure, subjects),
  };
}

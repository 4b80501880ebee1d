import type { Case, Measure } from './case.ts';
import type { Answer, Task } from './child.ts';
import { runTask } from './spawn.ts';
import type { Row } from './stats.ts';
import { judge, summary } from './stats.ts';

/** How a run is taken. */
export interface RunSettings {
  readonly folder: string;
  readonly rounds: number;
  readonly isQuick: boolean;
  readonly isCpuTime: boolean;
}

/** Allocations do not vary with the machine's load. */
const ALLOCATION_ROUNDS = 3;

/** Takes one case: one row per measure. */
export async function takeCase(one: Case, settings: RunSettings): Promise<Row[]> {
  if (one.kind === 'observed') {
    const answers = await takeRounds(one, 'observe', {
      ...settings,
      rounds: Math.min(settings.rounds, one.rounds ?? 1),
    });
    return one.measures.map((measure) => rowOf(one, measure, answers));
  }
  const rows: Row[] = [];
  for (const measure of one.measures) {
    const mode = measure.name === 'time' ? 'time' : 'allocation';
    const rounds = mode === 'time' ? settings.rounds : Math.min(settings.rounds, ALLOCATION_ROUNDS);
    rows.push(rowOf(one, measure, await takeRounds(one, mode, { ...settings, rounds })));
  }
  return rows;
}

/** A B C, A B C, ...: a slow stretch of the machine meets every subject of a round alike. */
async function takeRounds(one: Case, mode: Task['mode'], settings: RunSettings): Promise<Map<string, Answer[]>> {
  const answers = new Map<string, Answer[]>(one.subjects.map(({ name }) => [name, []]));
  for (let round = 0; round < settings.rounds; round++) {
    for (const [subject, taken] of answers) {
      const { folder, isQuick, isCpuTime } = settings;
      taken.push(await runTask(folder, { caseName: one.name, subject, mode, isQuick, isCpuTime }));
    }
  }
  return answers;
}

function rowOf(one: Case, measure: Measure, answers: ReadonlyMap<string, readonly Answer[]>): Row {
  const subjects = [...answers].flatMap(([name, taken]) => {
    const values = taken.map((answer) => answer[measure.name]).filter((value) => value !== undefined);
    return values.length > 0 ? [summary(name, values)] : [];
  });
  const { name: caseName, about } = one;
  return {
    caseName,
    about,
    measure: measure.name,
    unit: measure.unit,
    subjects,
    goals: judge(measure, subjects),
  };
}

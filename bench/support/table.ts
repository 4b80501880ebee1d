import type { Comparison, GoalResult, Row } from './stats.ts';
import { compare } from './stats.ts';

/** One line of a table: one subject of a row, as text. */
export interface Line {
  readonly caseName: string;
  readonly measure: string;
  readonly subject: string;
  readonly value: string;
  readonly ratio: string;
  readonly goal: string;
  readonly verdict: string;
}

/** The lines of a row: ours, and what the first of ours is compared with. */
export function linesOf(row: Row): Line[] {
  return row.subjects.map((subject) => {
    const ours = oursFor(row, subject.name);
    const goals = row.goals.filter(({ against, subject: whose }) => (against ?? whose) === subject.name);
    return {
      caseName: row.caseName,
      measure: row.measure,
      subject: subject.name,
      value: amount(subject.median, row.unit),
      ratio: ours ? ratioText(compare(ours, subject)) : '',
      goal: goals.map((goal) => goalText(goal, row.unit)).join('; '),
      verdict: goals.map((goal) => (goal.isMet ? 'met' : `missed (${outcomeText(goal, row.unit)})`)).join('; '),
    };
  });
}

/** The subject of ours that is compared with `name`: the one that a goal says, else the first. */
function oursFor(row: Row, name: string): Row['subjects'][number] | undefined {
  const [first] = row.subjects;
  const whose = row.goals.find(({ against }) => against === name)?.subject ?? first?.name;
  return whose === name || name === first?.name ? undefined : row.subjects.find((one) => one.name === whose);
}

function ratioText({ ratio, min, max }: Comparison): string {
  if (!Number.isFinite(ratio)) return '';
  return min === max ? digits(ratio) : `${digits(ratio)} (${digits(min)}-${digits(max)})`;
}

function goalText(goal: GoalResult, unit: string): string {
  const whose = goal.subject === 'holdfast' ? '' : `${goal.subject} `;
  if (goal.atMost !== undefined) return `<= ${amount(goal.atMost, unit)}`;
  if (goal.ratio !== undefined) return `${whose}<= ${digits(goal.ratio)} x`;
  return `${whose}<= + ${amount(goal.above!, unit)}`;
}

function outcomeText(goal: GoalResult, unit: string): string {
  return goal.ratio === undefined ? amount(goal.value, unit) : `${digits(goal.value)} x`;
}

/** A number with its unit, in the size that reads best. */
export function amount(value: number, unit: string): string {
  if (unit === 'ns' && value >= 1e6) return `${digits(value / 1e6)} ms`;
  if (unit === 'ns' && value >= 1e4) return `${digits(value / 1e3)} us`;
  return unit ? `${digits(value)} ${unit}` : digits(value);
}

function digits(value: number): string {
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return String(Math.round(value));
  if (size >= 10) return value.toFixed(1);
  return size >= 0.1 ? value.toFixed(2) : value.toPrecision(2);
}

/** The row as text for a terminal. */
export function terminalTable(row: Row): string {
  const lines = linesOf(row);
  const width = (pick: (line: Line) => string): number => Math.max(...lines.map((line) => pick(line).length));
  const [subject, value, ratio, goal] = [
    width((line) => line.subject),
    width((line) => line.value),
    width((line) => line.ratio),
    width((line) => line.goal),
  ];
  const body = lines.map((line) =>
    `  ${line.subject.padEnd(subject)}  ${line.value.padStart(value)}  ${line.ratio.padEnd(ratio)}  ${line.goal.padEnd(goal)}  ${line.verdict}`.trimEnd(),
  );
  return [`${row.caseName}, ${row.measure}`, ...body].join('\n');
}

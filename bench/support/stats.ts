import type { Goal, Measure } from './case.ts';

/** The middle value; of an even count, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** One subject's numbers, one per round. */
export interface SubjectResult {
  readonly name: string;
  readonly values: readonly number[];
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** One subject of ours against another, round by round. */
export interface Comparison {
  readonly ratio: number;
  readonly min: number;
  readonly max: number;
}

/** A goal and what came out. */
export interface GoalResult extends Goal {
  readonly subject: string;
  /** Ratio, difference or value, as the goal bounds it. */
  readonly value: number;
  readonly isMet: boolean;
}

/** One measure of one case. */
export interface Row {
  readonly caseName: string;
  readonly about: string;
  readonly measure: string;
  readonly unit: string;
  readonly subjects: readonly SubjectResult[];
  readonly goals: readonly GoalResult[];
}

/** Digits that survive in the files: more would be noise, fewer would move a ratio. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}

/** Sums up what one subject gave. */
export function summary(name: string, raw: readonly number[]): SubjectResult {
  const values = raw.map(rounded);
  return { name, values, median: rounded(median(values)), min: Math.min(...values), max: Math.max(...values) };
}

/** Ratios paired by round: what the machine did to both of a round cancels. */
export function compare(ours: SubjectResult, theirs: SubjectResult): Comparison {
  const ratios = ours.values.map((value, round) => value / theirs.values[round]!);
  return { ratio: rounded(median(ratios)), min: rounded(Math.min(...ratios)), max: rounded(Math.max(...ratios)) };
}

/** Judges the goals of a measure. */
export function judge(measure: Measure, subjects: readonly SubjectResult[]): GoalResult[] {
  const named = (name: string): SubjectResult => {
    const found = subjects.find((subject) => subject.name === name);
    if (!found) throw new Error(`a goal of ${measure.name} names ${name}, which is not a subject`);
    return found;
  };
  return measure.goals.map((goal) => {
    const { subject = 'holdfast', against, ratio, above, atMost } = goal;
    const ours = named(subject);
    if (atMost !== undefined) return { ...goal, subject, value: ours.median, isMet: ours.median <= atMost };
    const theirs = named(against!);
    if (ratio !== undefined) {
      const value = compare(ours, theirs).ratio;
      return { ...goal, subject, value, isMet: value <= ratio };
    }
    const value = rounded(median(ours.values.map((one, round) => one - theirs.values[round]!)));
    return { ...goal, subject, value, isMet: value <= above! };
  });
}

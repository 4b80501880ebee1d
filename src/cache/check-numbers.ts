import { amount, integer } from '../core/check.ts';

/** The largest whole number that a count may be. */
export const MOST = 9_007_199_254_740_991;
/** The longest delay that runtimes keep; a longer one would fire at once. */
export const LONGEST_TIMER_MS = 2_147_483_647;

/** Numbers that may be left out: what they are then, the least and the most they may be. Those called `max...` are counts. */
export type NumberRules<N extends string> = Readonly<Record<N, readonly [standard: number, min: number, max: number]>>;

/** @throws RangeError or TypeError for bad options. */
export function checkNumbers<N extends string>(
  options: { readonly [Name in N]?: number | undefined },
  rules: NumberRules<N>,
): Readonly<Record<N, number>> {
  const numbers: Record<string, number> = {};
  for (const [name, rule] of Object.entries(rules)) {
    const [standard, min, max] = rule as NumberRules<N>[N];
    const value = options[name as N];
    const isCount = name.startsWith('max');
    const isStandard = value === undefined || (value === standard && !isCount);
    numbers[name] = isStandard ? standard : (isCount ? integer : amount)(name, value, min, max);
  }
  return numbers as Record<N, number>;
}

import { amount, integer } from '../core/check.ts';

/** What {@link recommendPoolSize} is told. */
export interface PoolLoad {
  /** How many acquires there are per second, in the busiest stretch that has to go well. */
  readonly arrivalsPerSecond: number;
  /** How long a resource is on loan on average, in milliseconds. */
  readonly holdMs: number;
  /** How long an acquire may wait on average, in milliseconds. @defaultValue `holdMs` */
  readonly maxWaitMs?: number | undefined;
  /** Tasks at once that hold several resources each. @defaultValue 1 */
  readonly tasksHolding?: number | undefined;
  /** Resources that such a task holds at a time. @defaultValue 1 */
  readonly perTask?: number | undefined;
}

/**
 * The smallest pool that serves a load. O(result).
 *
 * By Little's law more than arrivals x hold are on loan on average; for the mean wait it takes arrivals and
 * holds as random (M/M/c, Erlang's C formula). At least tasks x (perTask - 1) + 1, without which tasks
 * that hold several can all wait for each other (HikariCP, "About Pool Sizing").
 *
 * A server has its own bound: all pools of all processes together should stay below it, and a database is
 * fastest with few connections, about 2 x cores + disks, however many callers wait.
 *
 * @example
 * ```ts
 * import { recommendPoolSize } from 'holdfast/pool';
 *
 * const max = recommendPoolSize({ arrivalsPerSecond: 200, holdMs: 20, maxWaitMs: 5 }); // 6
 * ```
 *
 * @throws RangeError or TypeError when a number is out of its bounds.
 */
export function recommendPoolSize(load: PoolLoad): number {
  const { arrivalsPerSecond, holdMs, maxWaitMs = holdMs, tasksHolding = 1, perTask = 1 } = load;
  amount('arrivalsPerSecond', arrivalsPerSecond, 0, 1e9);
  amount('holdMs', holdMs, 0, 1e9);
  amount('maxWaitMs', maxWaitMs, 0);
  const least = integer('tasksHolding', tasksHolding, 1) * (integer('perTask', perTask, 1) - 1) + 1;
  const onLoan = amount('arrivalsPerSecond x holdMs', (arrivalsPerSecond * holdMs) / 1_000, 0, 1e7);
  let blocked = 1; // Erlang's B formula, from size to size
  for (let size = 1; ; size++) {
    blocked = (onLoan * blocked) / (size + onLoan * blocked);
    const spare = size - onLoan;
    const waitMs = (size * blocked * holdMs) / ((spare + onLoan * blocked) * spare);
    if (size >= least && spare > 0 && waitMs <= maxWaitMs) return size;
  }
}

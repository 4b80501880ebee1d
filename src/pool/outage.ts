import { guarded } from '../core/errors.ts';
import type { Random } from '../core/random.ts';

/*
 * What failed creates lead to: a pause that grows from failure to failure, then one create as a probe,
 * and one more at once for each success, which makes 2, 4, 8 ... from round to round. Creates that began before the last failure say nothing new
 * when they fail as well, so ten at a time that fail together are one failure.
 */
export class Outage {
  readonly #baseMs: number;
  readonly #maxMs: number;
  readonly #random: Random;
  #failures = 0;
  /** Number of the failure that the next create comes after. */
  round: number = 0;
  /** Creates that may be in flight. */
  limit: number = Infinity;
  /** Whether creates pause. */
  isResting: boolean = false;
  /** The last error, until a create succeeds. */
  error: unknown = undefined;

  constructor(baseMs: number, maxMs: number, random: Random) {
    this.#baseMs = baseMs;
    this.#maxMs = maxMs;
    this.#random = random;
  }

  /** A create of `round` failed. Answers how long to pause; 0 when a pause was begun for its like already. */
  fail(round: number, error: unknown): number {
    this.error = error;
    if (round !== this.round) return 0;
    this.round++;
    this.limit = 1;
    this.isResting = true;
    const boundMs = Math.min(this.#maxMs, this.#baseMs * 2 ** this.#failures++);
    return Math.max(1, (boundMs * (1 + guarded(0.5, this.#random))) / 2);
  }

  /** A create succeeded. */
  succeed(): void {
    this.#failures = 0;
    this.error = undefined;
    this.isResting = false;
    this.limit++;
  }
}

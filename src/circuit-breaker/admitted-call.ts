import type { TrackedCall } from './trip-rule.ts';

/** How a call ended, for the circuit. */
export type Verdict = 'success' | 'failure' | 'ignored';

/** A call that was let through, until it is settled. */
export interface AdmittedCall extends TrackedCall {
  startMs: number;
  /** The generation that let it through; -1 once it counts nowhere any more. */
  generation: number;
}

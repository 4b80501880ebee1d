import { LeaseLostError } from './errors.ts';

/** Thrown to let go of a saga, which is due again `afterMs` later. */
export class Released {
  readonly afterMs: number;

  constructor(afterMs: number) {
    this.afterMs = afterMs;
  }
}

/** Thrown when the store has refused a write: the saga is another's. */
export class Refused extends LeaseLostError {}

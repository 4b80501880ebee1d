import type { Phase } from './plan.ts';

export type RequestKind = 'page' | 'cart' | 'checkout' | 'status' | 'greedy';
/** `refused` is the rate limit's word; `failed` is a 5xx, or no answer at all. */
export type RequestResult = 'ok' | 'limited' | 'failed';

export interface Served {
  readonly kind: RequestKind;
  readonly result: RequestResult;
  readonly startMs: number;
  readonly endMs: number;
}

/** An order as its buyer saw it. */
export interface SeenOrder {
  readonly id: string;
  readonly sku: string;
  readonly buyer: string;
  /** Whether the shop has said that it has the order. */
  isAccepted: boolean;
  /** Whether he was told not to try, and so has no order. */
  isTurnedAway: boolean;
  /** The one outcome that the buyer was told. */
  told: 'confirmed' | 'refused' | undefined;
  reason: string | undefined;
  toldMs: number;
}

export interface PhaseRecord {
  readonly name: Phase['name'];
  readonly startMs: number;
  endMs: number;
  /** From when to when the fault lasted for sure: without the time that it takes to kill and to start again. */
  struckMs: number;
  mendMs: number;
}

/** Everything that is written down while the shop is open. Times are Unix times, as those of the other processes. */
export class Recording {
  readonly served: Served[] = [];
  readonly orders: SeenOrder[] = [];
  readonly phases: PhaseRecord[] = [];
  /** Requests for products that there are not. */
  unknownPages = 0;
  /** Product pages that were said not to exist, though they do. */
  wronglyUnknown = 0;
  /** Refusals by the rate limit without what its clients need to behave. */
  rudeRefusals = 0;

  enter(name: Phase['name']): void {
    this.finish();
    this.phases.push({ name, startMs: Date.now(), endMs: Infinity, struckMs: Infinity, mendMs: Infinity });
  }

  struck(): void {
    this.phases.at(-1)!.struckMs = Date.now();
  }

  mending(): void {
    this.phases.at(-1)!.mendMs = Date.now();
  }

  finish(): void {
    const current = this.phases.at(-1);
    if (current && current.endMs === Infinity) current.endMs = Date.now();
  }

  get startMs(): number {
    return this.phases[0]?.startMs ?? Date.now();
  }

  /** Of the last thing that happened. */
  get endMs(): number {
    return Math.max(this.phases.at(-1)?.endMs ?? 0, ...this.served.slice(-200).map(({ endMs }) => endMs));
  }

  faultsNamed(name: Phase['name']): readonly PhaseRecord[] {
    return this.phases.filter((phase) => phase.name === name);
  }
}

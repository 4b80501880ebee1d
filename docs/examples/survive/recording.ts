import type { Phase } from './plan.ts';

export type AnswerKind = 'fresh' | 'stored' | 'error';

export interface CallRecord {
  readonly endMs: number;
  readonly latencyMs: number;
  readonly kind: AnswerKind;
}

export interface AttemptRecord {
  readonly startMs: number;
  /** 1 for the first attempt of a call. */
  readonly attempt: number;
}

export interface PhaseRecord {
  readonly name: Phase['name'];
  readonly startMs: number;
  endMs: number;
}

export interface StallRecord {
  readonly atMs: number;
  readonly ms: number;
}

const SECOND_MS = 1_000;

/** Everything that is written down while a script runs. Times are readings of `performance.now`. */
export class Recording {
  readonly calls: CallRecord[] = [];
  readonly attempts: AttemptRecord[] = [];
  readonly phases: PhaseRecord[] = [];
  readonly stalls: StallRecord[] = [];
  readonly counts: Record<AnswerKind, number> = { fresh: 0, stored: 0, error: 0 };
  #firstOfSecond = 0;

  enter(name: Phase['name']): void {
    const nowMs = performance.now();
    this.finish();
    this.phases.push({ name, startMs: nowMs, endMs: Infinity });
  }

  finish(): void {
    const current = this.phases.at(-1);
    if (current && current.endMs === Infinity) current.endMs = performance.now();
  }

  called(startMs: number, kind: AnswerKind): void {
    const endMs = performance.now();
    this.calls.push({ endMs, latencyMs: endMs - startMs, kind });
    this.counts[kind]++;
  }

  stalled(ms: number): void {
    this.stalls.push({ atMs: performance.now(), ms });
  }

  /** Calls that ended within the last second. */
  get callsPerSecond(): number {
    const sinceMs = performance.now() - SECOND_MS;
    while ((this.calls[this.#firstOfSecond]?.endMs ?? Infinity) < sinceMs) this.#firstOfSecond++;
    return this.calls.length - this.#firstOfSecond;
  }
}

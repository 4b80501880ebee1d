import type { LimitAlgorithm } from '../../src/rate-limit/index.ts';

/** Tells an algorithm of calls that end one millisecond after the other. */
export class Calls {
  nowMs = 1000;
  readonly algorithm: LimitAlgorithm;

  constructor(algorithm: LimitAlgorithm) {
    this.algorithm = algorithm;
  }

  end(rttMs: number, inflight: number, dropped = false): void {
    this.nowMs++;
    this.algorithm.sample(rttMs, inflight, dropped, this.nowMs);
  }

  /** A round of calls at the full limit, of which `drops` are dropped; answers the limit after it. */
  round(rttMs: number, drops = 0): number {
    const { limit } = this.algorithm;
    const count = Math.ceil(Math.max(16, limit));
    for (let k = 0; k < count; k++) this.end(rttMs, limit, k < drops);
    return this.algorithm.limit;
  }

  /** A round that uses less than half of the limit: what it takes is the latency without queueing. */
  quietRound(rttMs: number): number {
    const count = Math.ceil(Math.max(16, this.algorithm.limit));
    for (let k = 0; k < count; k++) this.end(rttMs, 1);
    return this.algorithm.limit;
  }
}

type Sample = readonly [rttMs: number, inflight: number, dropped: boolean, nowMs: number];

/** An algorithm that notes what it is told; the test sets its limit. */
export function noting(limit: number): LimitAlgorithm & { limit: number; readonly samples: Sample[] } {
  const samples: Sample[] = [];
  return { limit, samples, sample: (...sample) => void samples.push(sample) };
}

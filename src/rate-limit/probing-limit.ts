import { amount } from '../core/check.ts';
import type { AdaptiveLimitOptions, LimitAlgorithm } from './limit-algorithm.ts';
import { BoundedLimit } from './limit-algorithm.ts';

/** Options of the limits that compare latencies with those without queueing. */
export interface ProbingLimitOptions extends AdaptiveLimitOptions {
  /**
   * How long a latency without queueing is believed while calls take longer, in milliseconds, before it is
   * measured anew; at least 50 of those latencies in any case.
   *
   * @defaultValue 2000
   */
  readonly probeIntervalMs?: number | undefined;
}

/** What is known after a round. */
export interface Round {
  readonly limit: number;
  /** Mean latency of the round. */
  readonly meanMs: number;
  /** Mean latency without queueing. */
  readonly baseMs: number;
  /** Calls that would be under way at the highest rate of late, if none had to queue. */
  readonly flight: number;
  /** Whether calls took longer than by chance. */
  readonly isQueueing: boolean;
}

/** Rounds whose highest delivery rate counts. */
const ROUNDS = 10;
/** Calls of a round at least, so that chance does not decide. */
const ROUND_CALLS = 16;
/** Calls that take this much longer than without queueing are queueing. */
const QUEUEING = 1.1;

/* Probes: none, waiting for the queue to drain, starting calls without queueing, waiting for their ends. */
const NONE = 0;
const DRAINING = 1;
const STARTING = 2;
const ENDING = 3;

/*
 * A latency that has grown by queueing must not be taken for the dependency's own, or the limit creeps up
 * with the queue it makes. So the latency without queueing is learned upwards only from rounds that used less
 * than half of the limit and did not queue, and from probes: while calls take longer than is known, now and
 * then the limit goes down to half of the calls under way, for about two latencies.
 */
export class ProbingLimit implements LimitAlgorithm {
  readonly #limit: BoundedLimit;
  readonly #next: (round: Round) => number;
  readonly #probeIntervalMs: number;
  /** Of the last rounds, calls per millisecond. */
  readonly #rates: number[] = [];
  #nowMs = -Infinity;
  /** Latency without queueing; 0 while unknown. */
  #baseMs = 0;

  // Of the round, or of the part of a probe, since `#sinceMs`.
  #sinceMs = -Infinity;
  #calls = 0;
  #served = 0;
  #servedMs = 0;
  #squaredMs = 0;
  #peak = 0;

  #phase = NONE;
  /** When the next probe may begin. */
  #probeAtMs = -Infinity;
  #probeLimit = 0;
  /** Calls started from `#sinceMs` to here are those of the probe. */
  #startedUntilMs = 0;

  /** `next` answers what the limit should be after a round in which every call was served. */
  constructor(options: ProbingLimitOptions, next: (round: Round) => number) {
    this.#limit = new BoundedLimit(options);
    this.#next = next;
    const { probeIntervalMs = 2000 } = options;
    this.#probeIntervalMs = amount('probeIntervalMs', probeIntervalMs, 0);
  }

  get limit(): number {
    return this.#phase === DRAINING || this.#phase === STARTING ? this.#probeLimit : this.#limit.value;
  }

  sample(rttMs: number, inflight: number, dropped: boolean, nowMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    if (this.#phase !== NONE) return this.#probe(rttMs, inflight, dropped);
    // After a pause, the round begins with the start of its first call.
    if (this.#calls === 0) this.#sinceMs = Math.max(this.#sinceMs, this.#nowMs - rttMs);
    this.#peak = Math.max(this.#peak, inflight);
    this.#count(rttMs, dropped);
    const lastedMs = this.#nowMs - this.#sinceMs;
    const isFull = this.#calls >= Math.max(ROUND_CALLS, this.#limit.value);
    if (isFull && lastedMs > 0 && lastedMs >= this.#baseMs) this.#endRound(lastedMs);
  }

  #count(rttMs: number, dropped: boolean): void {
    this.#calls++;
    if (dropped) return;
    this.#served++;
    this.#servedMs += rttMs;
    this.#squaredMs += rttMs * rttMs;
  }

  #begin(): void {
    this.#sinceMs = this.#nowMs;
    this.#calls = this.#served = this.#servedMs = this.#squaredMs = this.#peak = 0;
  }

  #endRound(lastedMs: number): void {
    this.#rates.push(this.#served / lastedMs);
    if (this.#rates.length > ROUNDS) this.#rates.shift();
    if (this.#served < this.#calls) this.#limit.set(0.9 * this.#limit.value);
    else this.#adapt();
    this.#begin();
  }

  #adapt(): void {
    const limit = this.#limit.value;
    const isBusy = this.#peak * 2 >= limit;
    const meanMs = this.#servedMs / this.#served;
    // Three standard errors: what differs by less may be chance.
    const doubtMs = 3 * Math.sqrt(Math.max(0, this.#squaredMs / this.#served - meanMs * meanMs) / this.#served);
    const isNew = this.#baseMs === 0;
    const isQueueing = !isNew && meanMs - doubtMs > QUEUEING * this.#baseMs;
    if (isNew || meanMs + doubtMs < this.#baseMs || !(isBusy || isQueueing)) this.#learn();
    const baseMs = this.#baseMs;
    const flight = Math.max(...this.#rates) * baseMs;
    const next = this.#next({ limit, meanMs, baseMs, flight, isQueueing });
    if (next > limit ? isBusy : isQueueing) this.#limit.set(Math.min(next, 2 * limit));
    // The first latencies may be those of a queue. Where the clock shows none at all, nothing can be learned.
    if ((isNew && isBusy && meanMs > 0) || (isQueueing && this.#nowMs >= this.#probeAtMs)) {
      this.#phase = DRAINING;
      this.#probeLimit = Math.min(limit, Math.max(this.#limit.min, Math.floor(flight / 2)));
    }
  }

  #learn(): void {
    const meanMs = this.#servedMs / this.#served;
    this.#baseMs = this.#baseMs > 0 ? (this.#baseMs + meanMs) / 2 : meanMs;
    this.#probeAtMs = this.#nowMs + Math.max(this.#probeIntervalMs, 50 * this.#baseMs);
  }

  #probe(rttMs: number, inflight: number, dropped: boolean): void {
    if (this.#phase === DRAINING) {
      if (inflight > this.#probeLimit) return;
      this.#phase = STARTING;
      return this.#begin();
    }
    const startMs = this.#nowMs - rttMs;
    const isOurs = startMs >= this.#sinceMs && (this.#phase === STARTING || startMs <= this.#startedUntilMs);
    if (isOurs) this.#count(rttMs, dropped);
    const lastedMs = this.#nowMs - this.#sinceMs;
    if (this.#phase === STARTING) {
      if (lastedMs < this.#baseMs || (this.#calls < ROUND_CALLS / 2 && lastedMs < 3 * this.#baseMs)) return;
      // Those who end first are the quick ones. Who is still under way is waited for, at the full limit.
      this.#phase = ENDING;
      this.#startedUntilMs = this.#nowMs;
    } else if (lastedMs > 3 * (this.#startedUntilMs - this.#sinceMs)) this.#endProbe();
  }

  #endProbe(): void {
    this.#phase = NONE;
    if (this.#served > 0) {
      const beforeMs = this.#baseMs;
      this.#learn();
      // So much less says that there was queueing even in the probe: another, of fewer calls.
      if (this.#baseMs < 0.9 * beforeMs) this.#probeAtMs = this.#nowMs;
    }
    this.#begin();
  }
}

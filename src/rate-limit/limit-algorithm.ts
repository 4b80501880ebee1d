import { amount, integer } from '../core/check.ts';

/** Finds out how many calls a dependency can serve at once. Knows of the calls only what it is told. */
export interface LimitAlgorithm {
  /** Calls that may run at once: a number of at least 1. A part of a call is not used. */
  readonly limit: number;
  /**
   * Told of each call that has ended.
   *
   * @param rttMs - How long it ran.
   * @param inflight - Calls that ran when it ended, itself included.
   * @param dropped - True where the dependency did not serve it: a timeout, a refusal for overload.
   * @param nowMs - Reading of the limiter's clock. A lower one than before adds no time.
   */
  sample(rttMs: number, inflight: number, dropped: boolean, nowMs: number): void;
}

/** Where an adaptive limit begins and stays. */
export interface AdaptiveLimitOptions {
  /**
   * Calls that may run at once before anything is known.
   *
   * @defaultValue 20, or the nearest that `min` and `max` allow
   */
  readonly initial?: number | undefined;
  /**
   * The least that the limit may become, at least 1.
   *
   * @defaultValue 1
   */
  readonly min?: number | undefined;
  /**
   * The most that the limit may become.
   *
   * @defaultValue 1000
   */
  readonly max?: number | undefined;
}

/** A number kept within its bounds. */
export class BoundedLimit {
  value: number;
  readonly min: number;
  readonly max: number;

  constructor(options: AdaptiveLimitOptions) {
    const { min = 1, max = 1000 } = options;
    this.min = integer('min', min, 1);
    this.max = integer('max', max, min);
    const { initial = Math.min(max, Math.max(min, 20)) } = options;
    this.value = amount('initial', initial, min, max);
  }

  set(value: number): void {
    this.value = Math.min(this.max, Math.max(this.min, value));
  }
}

import { amount, integer, refuse } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { systemClock } from '../core/clock.ts';
import { guarded } from '../core/errors.ts';

/**
 * Bounds what retries and hedges add to the load, over all calls that share it. Without one, three
 * attempts per call make an outage three times as hard on the dependency.
 */
export interface RetryBudget {
  /** Tells of a new call. */
  deposit(): void;
  /** Tells how an attempt ended; failures that are not retried anyway are not told. */
  record(ok: boolean): void;
  /** Asks for one retry or hedge. False when the budget is spent: the real error then surfaces. */
  tryWithdraw(): boolean;
  /** What can be withdrawn now. */
  readonly balance: number;
}

/** A retry budget, or nothing. */
export function optionalBudget(name: string, value: RetryBudget | undefined): RetryBudget | undefined {
  return value === undefined || typeof value?.tryWithdraw === 'function'
    ? value
    : refuse(name, 'a retry budget', value);
}

/*
 * A budget of the user's own may throw: that is reported and changes nothing, save that what cannot
 * be asked for is not granted.
 */

/** Tells `budget` of a new call. */
export function deposit(budget: RetryBudget | undefined): void {
  if (budget) guarded(undefined, (to: RetryBudget) => to.deposit(), budget);
}

/** Tells `budget` how an attempt ended. */
export function record(budget: RetryBudget | undefined, ok: boolean): void {
  if (budget) guarded(undefined, (to: RetryBudget, isOk: boolean) => to.record(isOk), budget, ok);
}

/** Asks `budget` for one retry or hedge; there is always one without a budget. */
export function withdraw(budget: RetryBudget | undefined): boolean {
  return !budget || guarded(false, (from: RetryBudget) => from.tryWithdraw(), budget);
}

/** Options of {@link createRetryBudget}. */
export interface RetryBudgetOptions {
  /**
   * How long deposits and withdrawals count, in milliseconds.
   *
   * @defaultValue 10000, as Finagle
   */
  readonly ttlMs?: number | undefined;
  /**
   * Retries per second that are free, so that a client with few calls can retry at all.
   *
   * @defaultValue 10, as Finagle
   */
  readonly minRetriesPerSecond?: number | undefined;
  /**
   * Retries allowed per call, as a share.
   *
   * @defaultValue 0.2, as Finagle
   */
  readonly ratio?: number | undefined;
  /** @defaultValue the system's clock */
  readonly clock?: Clock | undefined;
}

/** Time is cut into this many buckets per ttl; the bound holds with one bucket of slack. */
const BUCKETS = 10;

/**
 * Creates a {@link RetryBudget} of a share of the calls: in any `ttlMs`, withdrawals are at most
 * ratio x calls + minRetriesPerSecond x ttl. After Finagle's `RetryBudget`.
 *
 * Every operation is O(1); memory is fixed.
 *
 * @throws RangeError when an option is out of its bounds.
 */
export function createRetryBudget(options: RetryBudgetOptions = {}): RetryBudget {
  const { ttlMs = 10_000, minRetriesPerSecond = 10, ratio = 0.2, clock = systemClock } = options;
  return new WindowBudget(
    amount('ttlMs', ttlMs, 1, Number.MAX_SAFE_INTEGER),
    amount('minRetriesPerSecond', minRetriesPerSecond, 0, Number.MAX_SAFE_INTEGER),
    amount('ratio', ratio, 0, 1000),
    clock,
  );
}

class WindowBudget implements RetryBudget {
  readonly #clock: Clock;
  readonly #ratio: number;
  readonly #reserve: number;
  readonly #bucketMs: number;
  readonly #deposits: number[] = new Array<number>(BUCKETS).fill(0);
  readonly #withdrawals: number[] = new Array<number>(BUCKETS).fill(0);
  #current = -Infinity;
  #deposited = 0;
  #withdrawn = 0;

  constructor(ttlMs: number, minRetriesPerSecond: number, ratio: number, clock: Clock) {
    this.#clock = clock;
    this.#ratio = ratio;
    this.#reserve = (minRetriesPerSecond * ttlMs) / 1000;
    this.#bucketMs = ttlMs / BUCKETS;
  }

  get balance(): number {
    this.#roll();
    return Math.max(0, Math.floor(this.#left()));
  }

  deposit(): void {
    this.#deposits[this.#roll()]! += 1;
    this.#deposited++;
  }

  record(): void {
    // Counts calls, not results.
  }

  tryWithdraw(): boolean {
    const slot = this.#roll();
    if (this.#left() < 1) return false;
    this.#withdrawals[slot]! += 1;
    this.#withdrawn++;
    return true;
  }

  #left(): number {
    // A product such as 0.2 x 5 may come out a hair below the whole number it stands for.
    return this.#ratio * this.#deposited + this.#reserve - this.#withdrawn + 1e-9;
  }

  /** Forgets the buckets that have grown too old and answers the place of the current one. */
  #roll(): number {
    const bucket = Math.floor(this.#clock.now() / this.#bucketMs);
    const last = Math.max(this.#current, bucket - BUCKETS);
    for (let stale = last + 1; stale <= bucket; stale++) {
      const slot = place(stale);
      this.#deposited -= this.#deposits[slot]!;
      this.#withdrawn -= this.#withdrawals[slot]!;
      this.#deposits[slot] = this.#withdrawals[slot] = 0;
    }
    this.#current = Math.max(this.#current, bucket);
    return place(this.#current);
  }
}

function place(bucket: number): number {
  return ((bucket % BUCKETS) + BUCKETS) % BUCKETS;
}

/** Options of {@link createTokenThrottle}. */
export interface TokenThrottleOptions {
  /**
   * Size of the bucket; it starts full.
   *
   * @defaultValue 10
   */
  readonly maxTokens?: number | undefined;
  /**
   * Tokens that a success gives back; a failure takes 1.
   *
   * @defaultValue 0.1
   */
  readonly tokenRatio?: number | undefined;
}

/**
 * Creates a {@link RetryBudget} that judges by results: each failed attempt takes a token, each
 * success gives `tokenRatio` back, and retries are allowed only while more than half the tokens are
 * there. The rule of gRPC (proposal A6, retry throttling). Needs no clock.
 *
 * @throws RangeError when an option is out of its bounds.
 */
export function createTokenThrottle(options: TokenThrottleOptions = {}): RetryBudget {
  const { maxTokens = 10, tokenRatio = 0.1 } = options;
  return new TokenThrottle(integer('maxTokens', maxTokens, 1, 1000), amount('tokenRatio', tokenRatio, 0.001, 1000));
}

class TokenThrottle implements RetryBudget {
  readonly #maxTokens: number;
  readonly #tokenRatio: number;
  #tokens: number;

  constructor(maxTokens: number, tokenRatio: number) {
    this.#maxTokens = maxTokens;
    this.#tokenRatio = tokenRatio;
    this.#tokens = maxTokens;
  }

  get balance(): number {
    return Math.max(0, Math.ceil(this.#tokens - this.#maxTokens / 2));
  }

  deposit(): void {
    // Counts results, not calls.
  }

  record(ok: boolean): void {
    this.#tokens = ok ? Math.min(this.#maxTokens, this.#tokens + this.#tokenRatio) : Math.max(0, this.#tokens - 1);
  }

  tryWithdraw(): boolean {
    return this.#tokens > this.#maxTokens / 2;
  }
}

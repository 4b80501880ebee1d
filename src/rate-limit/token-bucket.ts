import { integer } from '../core/check.ts';
import { checkRule } from './define-policy.ts';
import type { RateLimitPolicyOptions } from './define-policy.ts';
import type { Kernel, Look, Mark } from './kernel.ts';
import { Columns, definePolicy, FRESH } from './kernel.ts';
import type { TokenBucketPolicy } from './rate-limit-policy.ts';

/** Options of {@link tokenBucket}. */
export interface TokenBucketOptions extends RateLimitPolicyOptions {
  /** The time in which `limit` units flow back, in whole milliseconds: evenly, not all at the end. */
  readonly periodMs: number;
  /**
   * Units at most, and so what may be taken at once.
   *
   * @defaultValue `limit`
   */
  readonly burst?: number | undefined;
  /**
   * Units that every key has when the limiter makes its first decision.
   *
   * @defaultValue `burst`
   */
  readonly initial?: number | undefined;
}

/** The greatest common divisor. */
function gcd(a: number, b: number): number {
  while (b > 0) [a, b] = [b, a % b];
  return a;
}

/**
 * Allows `burst` units at once and `limit` every `periodMs` in the long run, to the millisecond.
 *
 * In any w milliseconds at most burst + floor(limit x w / periodMs) units pass, and a caller who always asks gets
 * exactly that many. Also exported as `gcra` and as `leakyBucket`, which are other names of the same rule.
 *
 * @example
 * ```ts
 * import { createRateLimiter, tokenBucket } from 'holdfast/rate-limit';
 *
 * // 20 at once, 100 a minute in the long run
 * const limiter = createRateLimiter(tokenBucket({ limit: 100, periodMs: 60_000, burst: 20 }));
 * console.log(limiter.tryAcquire('user:42'));
 * ```
 *
 * @throws RangeError when an option is out of bounds, or when `burst` cannot be counted exactly: the state counts
 * parts of a unit, periodMs / gcd(limit, periodMs) of them, and must stay below 2^53.
 */
export function tokenBucket(options: TokenBucketOptions): TokenBucketPolicy {
  const rule = checkRule(options, options.periodMs, 'periodMs');
  const { burst = rule.limit, initial = burst } = options;
  const divisor = gcd(rule.limit, rule.windowMs);
  const parts = rule.windowMs / divisor;
  integer('burst', burst, 1, Math.floor(Number.MAX_SAFE_INTEGER / parts));
  integer('initial', initial, 0, burst);
  return definePolicy(
    { kind: 'token-bucket', ...rule, burst, initial },
    () => new Bucket(parts, rule.limit / divisor, burst * parts, (burst - initial) * parts),
  );
}

/*
 * A slot is its debt, in parts of a unit, and when that was: one unit has `parts` of them, and `perMs` flow back every
 * millisecond. All whole numbers below 2^53, so nothing is ever rounded. The debt of a slot that was never charged
 * begins with what `initial` lacks of `burst`.
 *
 * To take a reservation back as if it had never been made, it is not enough to lower the debt: without it, the bucket
 * may have been full for a while and have wasted what flowed in. The debt is the greatest, over all earlier moments, of
 * what was charged since less what flowed back since (and 0). While reservations are open, the greatest is kept apart
 * for the moments between one and the next: taking one back lowers those before it, and no other.
 */
class Bucket extends Columns implements Kernel {
  readonly #parts: number;
  readonly #perMs: number;
  readonly #capacity: number;
  readonly #initialDebt: number;
  #journals: Map<number, Journal> | undefined;

  constructor(parts: number, perMs: number, capacity: number, initialDebt: number) {
    super(2);
    this.#parts = parts;
    this.#perMs = perMs;
    this.#capacity = capacity;
    this.#initialDebt = initialDebt;
  }

  override grow(slots: number): void {
    const from = this.state.length;
    super.grow(slots);
    const { state } = this;
    // Each as FRESH is: shared slots are charged without having been copied from it. Copied by twos, fours and so on.
    state[from] = this.#initialDebt;
    for (let size = 2; from + size < state.length; size *= 2) state.copyWithin(from + size, from, from + size);
  }

  override clear(slot: number): void {
    super.clear(slot);
    this.#journals?.delete(slot);
  }

  override fits(slot: number, nowMs: number, cost: number): boolean {
    return this.#debt(slot, nowMs) + cost * this.#parts <= this.#capacity;
  }

  /** Both in one: for most calls all there is to do. */
  override tryCharge(slot: number, nowMs: number, cost: number): boolean {
    const { state } = this;
    const debt = state[2 * slot]! - (nowMs - state[2 * slot + 1]!) * this.#perMs;
    const next = (debt > 0 ? debt : 0) + cost * this.#parts;
    if (next > this.#capacity) return false;
    if (this.#journals) this.#note(slot, nowMs, cost * this.#parts);
    state[2 * slot] = next;
    state[2 * slot + 1] = nowMs;
    return true;
  }

  charge(slot: number, nowMs: number, units: number, isShared?: boolean): void {
    const debt = this.#debt(slot, nowMs);
    const parts = Math.min(units * this.#parts, Number.MAX_SAFE_INTEGER - debt);
    this.#note(slot, nowMs, parts);
    // No key alone can owe more than it may: so a shared slot need not either, and is itself again after one period.
    this.#set(slot, nowMs, isShared ? Math.max(debt, Math.min(debt + parts, this.#capacity)) : debt + parts);
  }

  look(slot: number, nowMs: number, cost: number): Look {
    const debt = this.#debt(slot, nowMs);
    const room = this.#capacity - debt;
    const lacking = cost * this.#parts - room;
    return {
      free: Math.floor(room / this.#parts),
      waitMs: lacking > debt ? Infinity : lacking > 0 ? Math.ceil(lacking / this.#perMs) : 0,
      resetMs: debt > this.#debt(FRESH, nowMs) ? Math.ceil(debt / this.#perMs) : 0,
    };
  }

  reserve(slot: number, nowMs: number, units: number): Mark {
    const parts = units * this.#parts;
    this.#note(slot, nowMs, 0);
    const debt = this.#debt(slot, nowMs);
    const journals = (this.#journals ??= new Map<number, Journal>());
    const journal = journals.get(slot) ?? { offset: 0, atMs: nowMs, spans: [{ most: debt }] };
    const { spans } = journal;
    const span = { most: -(journal.offset += parts) };
    journals.set(slot, journal);
    this.#set(slot, nowMs, debt + parts);
    if (spans.push(span) > MOST_OPEN + 1) {
      const { most } = spans.shift()!;
      spans[0]!.most = Math.max(spans[0]!.most, most);
    }
    return span;
  }

  release(slot: number, nowMs: number, mark: Mark, units: number): void {
    this.#note(slot, nowMs, 0);
    const journal = this.#journals!.get(slot);
    const at = journal ? journal.spans.indexOf(mark as Span) : 0;
    if (!journal || at < 1) return;
    const { spans } = journal;
    for (const span of spans.slice(0, at)) span.most -= units * this.#parts;
    const [{ most }] = spans.splice(at, 1) as [Span];
    spans[at - 1]!.most = Math.max(spans[at - 1]!.most, most);
    this.#set(slot, nowMs, Math.max(...spans.map((span) => span.most)) + journal.offset);
    if (!spans[1]) this.#journals!.delete(slot);
  }

  #debt(slot: number, nowMs: number): number {
    const debt = this.state[2 * slot]! - (nowMs - this.state[2 * slot + 1]!) * this.#perMs;
    return debt > 0 ? debt : 0;
  }

  #set(slot: number, nowMs: number, debt: number): void {
    this.state[2 * slot] = debt;
    this.state[2 * slot + 1] = nowMs;
  }

  /** Writes a charge down where reservations are open. */
  #note(slot: number, nowMs: number, parts: number): void {
    const journal = this.#journals?.get(slot);
    if (!journal) return;
    const last = journal.spans.at(-1)!;
    journal.offset -= (nowMs - journal.atMs) * this.#perMs;
    journal.atMs = nowMs;
    last.most = Math.max(last.most, -journal.offset);
    journal.offset += parts;
    // A bucket that is full would be so without them.
    if (this.#debt(slot, nowMs) === 0) this.#journals!.delete(slot);
  }
}

/** Most reservations of a key that can be taken back; of more, the oldest are settled at what they took. */
const MOST_OPEN = 10_000;

/** The moments from one reservation to the next. */
interface Span {
  /** The greatest debt counted from one of them, less {@link Journal.offset}. */
  most: number;
}

/** The debt of a slot with open reservations, one span longer than they are. */
interface Journal {
  /** What was charged less what flowed back, since the first of them. */
  offset: number;
  atMs: number;
  readonly spans: Span[];
}

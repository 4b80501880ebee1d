import fc from 'fast-check';
import { expect } from 'vitest';
import { tokenBucket } from '../../src/rate-limit/index.ts';
import type { RateLimitPolicy, StoredRateLimiter, StoredReservation } from '../../src/rate-limit/index.ts';
import type { RedisSend } from '../../src/redis/index.ts';
import { Reference } from '../rate-limit/reference.ts';
import type { Charge } from '../rate-limit/reference.ts';
import { anyStep } from '../rate-limit/trace.ts';
import type { Step } from '../rate-limit/trace.ts';

/** A moment at which no window of the policies begins. */
export const SOME_MS = 1_795_684_857_321;

/** A store forgets who is idle, so that it cannot keep what a key has to begin with. */
const full = (policy: RateLimitPolicy): RateLimitPolicy =>
  policy.kind === 'token-bucket' ? { ...policy, initial: policy.burst } : policy;

/** A window keeps its start when the unit that it started with is given back. */
const keepsStart = (policies: readonly RateLimitPolicy[]): boolean =>
  policies.some((policy) => policy.kind === 'fixed-window' && policy.align === 'first');

export const anySteps = fc.array(anyStep, { minLength: 30, maxLength: 80 });

/** One key that is always short of units, with reservations that end in any order. */
export const reservations = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: 12 }) }),
    fc.record({
      do: fc.constantFrom('consume', 'reserve', 'reserve'),
      key: fc.constant('a'),
      cost: fc.integer({ min: 1, max: 4 }),
    }),
    fc.record({ do: fc.constant('settle' as const), which: fc.nat({ max: 9 }), actual: fc.nat({ max: 5 }) }),
  ),
  { minLength: 30, maxLength: 80 },
);

/** Two reservations of a bucket of 20, of which half has come back by itself, and more was taken since. */
export const bucketOfTwo: RateLimitPolicy = tokenBucket({ limit: 1, periodMs: 10, burst: 20 });

/** How they end: the one that is named first, then the other. */
export const inTurn: Readonly<Record<'earlier' | 'later', readonly Step[]>> = {
  earlier: endingWith(1),
  later: endingWith(0),
};

function endingWith(which: number): readonly Step[] {
  return [
    { do: 'reserve', key: 'a', cost: 5 },
    { do: 'reserve', key: 'a', cost: 4 },
    { do: 'wait', ms: 50 },
    { do: 'consume', key: 'a', cost: 6 },
    { do: 'settle', which, actual: 0 },
    { do: 'settle', which: 0, actual: 0 },
    { do: 'peek', key: 'a', cost: 20 },
  ];
}

/** A bucket that is seldom full and seldom empty. */
export const shortOfUnits: fc.WeightedArbitrary<RateLimitPolicy> = {
  arbitrary: fc
    .record({ limit: fc.integer({ min: 1, max: 4 }), burst: fc.integer({ min: 8, max: 20 }) })
    .map((options) => tokenBucket({ ...options, periodMs: 10 })),
  weight: 8,
};

/** What a store can be asked to do like the reference. */
export function comparable(
  policies: readonly RateLimitPolicy[],
  steps: readonly Step[],
): { readonly rules: readonly RateLimitPolicy[]; readonly some: readonly Step[] } {
  const isExact = !keepsStart(policies);
  return { rules: policies.map(full), some: steps.filter((step) => isExact || step.do !== 'settle') };
}

/** A clock of the server that a test sets, in Unix milliseconds. */
export interface ServerClock {
  ms: number;
  /** Microseconds of the millisecond, where they must not change from call to call. */
  us?: number;
}

/** Microseconds of the next call: none comes twice in a row, unless that is what a test is about. */
export function nextUs(clock: ServerClock, calls: number): number {
  return clock.us ?? calls % 1000;
}

/**
 * Runs the script as it is, save that it reads the time from `clock`, and that keys outlive the test: they expire by
 * the real one.
 */
export function pinnedTo(clock: ServerClock, send: RedisSend): RedisSend {
  let calls = 0;
  return async ([name, lua, ...rest], key) => {
    if (name === 'EVALSHA') throw new Error('NOSCRIPT');
    const pinned = lua!
      .replace("call('TIME')", '{ ARGV[#ARGV - 1], ARGV[#ARGV] }')
      .replace('max(#ARGV,', 'max(#ARGV - 2,')
      .replace(
        "ARGV[o] or '1', ARGV[o + 1] or '1'",
        "#ARGV - 2 < o and '1' or ARGV[o], #ARGV - 2 < o and '1' or ARGV[o + 1]",
      )
      .replace('ARGV[o + 2] or 0', '#ARGV - 2 < o and 0 or ARGV[o + 2]')
      .replace('ttl < 1e13 and ttl or 1e13', '1e13');
    const seconds = Math.floor(clock.ms / 1000);
    const us = (clock.ms - seconds * 1000) * 1000 + nextUs(clock, calls++);
    return send(['EVAL', pinned, ...rest, String(seconds), String(us)], key);
  };
}

/** A limiter over a store and the reference, moved together. Every answer must be the same. */
export class StoredPair {
  decisions = 0;
  readonly #limiter: StoredRateLimiter;
  readonly #reference: Reference;
  readonly #clock: ServerClock;
  /** Keeps the keys of one trace from those of others. */
  readonly #prefix: string;
  readonly #open: { readonly reservation: StoredReservation; readonly charge: Charge; readonly key: string }[] = [];

  constructor(limiter: StoredRateLimiter, policies: readonly RateLimitPolicy[], clock: ServerClock, prefix: string) {
    this.#prefix = prefix;
    this.#limiter = limiter;
    this.#reference = new Reference(policies);
    this.#clock = clock;
  }

  async run(step: Step): Promise<void> {
    if (step.do === 'wait') this.#clock.ms += Math.ceil(step.ms);
    else if (step.do === 'settle') await this.#settle(step.which, step.actual);
    else if (step.do === 'reset') {
      await this.#limiter.reset(this.#prefix + step.key);
      this.#reference.reset(step.key);
    } else if (step.do !== 'back') await this.#decide(step.do, step.key, step.cost);
  }

  async #decide(verb: 'consume' | 'peek' | 'tryAcquire' | 'reserve', key: string, cost: number): Promise<void> {
    this.decisions++;
    const nowMs = this.#clock.ms;
    const reservation = verb === 'reserve' ? await this.#limiter.reserve(this.#prefix + key, cost) : undefined;
    const charge = this.#reference.take(key, cost, nowMs);
    if (verb === 'reserve') expect(reservation !== undefined).toBe(charge !== undefined);
    const isPeek = verb === 'peek';
    const got =
      verb === 'reserve'
        ? reservation?.decision
        : await this.#limiter[isPeek ? verb : 'consume'](this.#prefix + key, cost);
    const source = got?.source;
    if (got) expect(got).toEqual({ ...this.#reference.decision(key, cost, nowMs, charge !== undefined, got), source });
    if (isPeek && charge) charge.units = 0;
    if (reservation && charge) this.#open.push({ reservation, charge, key });
  }

  async #settle(which: number, actual: number): Promise<void> {
    const [open] = this.#open.splice(this.#open.length - 1 - (which % (this.#open.length || 1)), 1);
    if (!open) return;
    await (actual === 0 ? open.reservation.cancel() : open.reservation.settle(actual));
    const excess = actual - open.charge.units;
    open.charge.units = Math.min(open.charge.units, actual);
    if (excess > 0) this.#reference.owe(open.key, excess, this.#clock.ms);
  }
}

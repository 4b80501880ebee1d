import fc from 'fast-check';
import { expect } from 'vitest';
import { createRateLimiter, fixedWindow, slidingLog, slidingWindow, tokenBucket } from '../../src/rate-limit/index.ts';
import type { RateLimitPolicy, Reservation } from '../../src/rate-limit/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { Reference } from './reference.ts';
import type { Charge } from './reference.ts';

/** One thing that happens to a limiter. */
export type Step =
  | { readonly do: 'wait'; readonly ms: number }
  /** The monotonic clock is set back. */
  | { readonly do: 'back'; readonly ms: number }
  | { readonly do: 'consume' | 'peek' | 'tryAcquire' | 'reserve'; readonly key: string; readonly cost: number }
  /** Ends the reservation of this number, counted from the last. */
  | { readonly do: 'settle'; readonly which: number; readonly actual: number }
  | { readonly do: 'reset'; readonly key: string };

/** A limiter and its reference, moved together. Every answer must be the same. */
export class Pair {
  decisions = 0;
  readonly clock: VirtualClock = createVirtualClock();
  readonly #limiter;
  readonly #policies: readonly RateLimitPolicy[];
  #reference: Reference | undefined;
  #readingMs = 0;
  #nowMs = 0;
  readonly #open: { readonly reservation: Reservation; readonly charge: Charge; readonly key: string }[] = [];

  constructor(policies: readonly RateLimitPolicy[]) {
    this.#policies = policies;
    this.#limiter = createRateLimiter(policies, { clock: this.clock });
  }

  run(step: Step): void {
    if (step.do === 'wait') this.clock.stall(step.ms);
    else if (step.do === 'back') this.#setBack(step.ms);
    else if (step.do === 'settle') this.#settle(step.which, step.actual);
    else if (step.do === 'reset') {
      this.#limiter.reset(step.key);
      this.#reference?.reset(step.key);
    } else this.#decide(step.do, step.key, step.cost);
  }

  #setBack(ms: number): void {
    const isAligned = this.#policies.some((policy) => policy.kind === 'fixed-window' && policy.align === 'epoch');
    // A step back that the limiter does not see looks like less time, and so, beside Unix time, like a change of that.
    if (isAligned) this.#look();
    this.clock.setNow(this.clock.now() - ms);
    if (isAligned) this.#look();
  }

  #look(): void {
    this.#tick();
    this.#limiter.peek();
  }

  #decide(verb: 'consume' | 'peek' | 'tryAcquire' | 'reserve', key: string, cost: number): void {
    this.#tick();
    this.decisions++;
    const reference = this.#reference!;
    if (verb === 'tryAcquire') {
      expect(this.#limiter.tryAcquire(key, cost)).toBe(reference.take(key, cost, this.#nowMs) !== undefined);
      return;
    }
    const reservation = verb === 'reserve' ? this.#limiter.reserve(key, cost) : undefined;
    const charge = reference.take(key, cost, this.#nowMs);
    if (verb === 'reserve') expect(reservation !== undefined).toBe(charge !== undefined);
    const got = verb === 'reserve' ? reservation?.decision : this.#limiter[verb](key, cost);
    if (got) expect(got).toEqual(reference.decision(key, cost, this.#nowMs, charge !== undefined, got));
    if (verb === 'peek' && charge) charge.units = 0;
    if (reservation && charge) this.#open.push({ reservation, charge, key });
  }

  #settle(which: number, actual: number): void {
    const [open] = this.#open.splice(this.#open.length - 1 - (which % (this.#open.length || 1)), 1);
    if (!open) return;
    this.#tick();
    if (actual === 0) open.reservation.cancel();
    else open.reservation.settle(actual);
    const excess = actual - open.charge.units;
    open.charge.units = Math.min(open.charge.units, actual);
    if (excess > 0) this.#reference!.owe(open.key, excess, this.#nowMs);
  }

  /** The limiter's time begins at its first decision, counts whole milliseconds, and stands still where the clock goes back. */
  #tick(): void {
    const readingMs = Math.floor(this.clock.now());
    if (this.#reference) this.#nowMs += Math.max(0, readingMs - this.#readingMs);
    this.#reference ??= new Reference(this.#policies, Math.floor(this.clock.epochMs()));
    this.#readingMs = readingMs;
  }
}

const limit = fc.integer({ min: 1, max: 12 });
/** Lengths that share factors with limits, and lengths that do not. */
const windowMs = fc.constantFrom(1, 7, 10, 60, 97, 1000);

/** Any policy of a kind, small enough that a short trace meets its edges. */
export const anyPolicyOf: Readonly<Record<RateLimitPolicy['kind'], fc.Arbitrary<RateLimitPolicy>>> = {
  'token-bucket': fc
    .record({ limit, periodMs: windowMs, burst: fc.integer({ min: 1, max: 15 }), initial: fc.nat({ max: 15 }) })
    .map((options) => tokenBucket({ ...options, initial: Math.min(options.initial, options.burst) })),
  'fixed-window': fc
    .record({ limit, windowMs, align: fc.constantFrom('first', 'epoch') })
    .map((options) => fixedWindow(options)),
  'sliding-window': fc.record({ limit, windowMs }).map((options) => slidingWindow(options)),
  // More entries than debt can need, so that none are merged.
  'sliding-log': fc.record({ limit, windowMs }).map((options) => slidingLog({ ...options, maxEntries: 1000 })),
};

/** One to three policies of any kinds. */
export const anyPolicies: fc.Arbitrary<RateLimitPolicy[]> = fc.uniqueArray(fc.oneof(...Object.values(anyPolicyOf)), {
  minLength: 1,
  maxLength: 3,
  selector: ({ name }) => name,
});

const waitMs = fc.oneof(
  { arbitrary: fc.nat({ max: 20 }), weight: 6 },
  { arbitrary: fc.constantFrom(0.25, 0.5, 10.75, 60, 97, 500, 1000, 2500), weight: 4 },
  { arbitrary: fc.constantFrom(86_400_000, 2 ** 31, 2 ** 33), weight: 1 },
);
const key = fc.constantFrom('a', '__proto__');
const cost = fc.oneof({ arbitrary: fc.nat({ max: 4 }), weight: 9 }, { arbitrary: fc.nat({ max: 20 }), weight: 1 });

/** Anything that can happen. */
export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.record({ do: fc.constant('wait' as const), ms: waitMs }), weight: 6 },
  { arbitrary: fc.record({ do: fc.constant('back' as const), ms: fc.nat({ max: 5000 }) }), weight: 1 },
  {
    arbitrary: fc.record({ do: fc.constantFrom('consume', 'peek', 'tryAcquire', 'reserve'), key, cost }),
    weight: 12,
  },
  {
    arbitrary: fc.record({ do: fc.constant('settle' as const), which: fc.nat({ max: 4 }), actual: fc.nat({ max: 9 }) }),
    weight: 3,
  },
  {
    arbitrary: fc.record({ do: fc.constant('settle' as const), which: fc.nat({ max: 4 }), actual: fc.constant(0) }),
    weight: 3,
  },
  { arbitrary: fc.record({ do: fc.constant('reset' as const), key }), weight: 1 },
);

import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { CircuitState, Permit } from '../../src/circuit-breaker/index.ts';
import { fleetOf, OPEN_MS, SYNC_MS, TIMEOUT_MS, TTL_MS } from './shared-kit.ts';
import type { FleetSetup, Member } from './shared-kit.ts';

interface Call {
  readonly by: Member;
  readonly permit: Permit;
  readonly state: CircuitState;
  /** Of the circuit, before the call. */
  readonly moves: number;
}

/** A fleet as a bystander sees it: which trials run where, and who has had a reason of its own to open. */
class Watched {
  readonly fleet: FleetSetup;
  readonly maxConcurrent: number;
  readonly moves: Map<Member, number> = new Map();
  calls: Call[] = [];
  readonly voided: Call[] = [];

  constructor(size: number, quorum: number, maxConcurrent: number) {
    this.maxConcurrent = maxConcurrent;
    this.fleet = fleetOf(
      size,
      { quorum },
      { halfOpen: { maxConcurrent, successThreshold: 2, trialTimeoutMs: Infinity } },
    );
    for (const member of this.fleet.members) {
      this.moves.set(member, 0);
      member.circuit.onEvent(() => void this.moves.set(member, this.moves.get(member)! + 1));
    }
  }

  call(by: Member): void {
    const permit = by.circuit.tryAcquire();
    if (permit) this.calls.push({ by, permit, state: by.circuit.state, moves: this.moves.get(by)! });
    this.check();
  }

  /** Ends the call that has run longest. */
  end(isGood: boolean): void {
    const call = this.calls.shift();
    if (!call) return;
    if (isGood) call.permit.success();
    else call.permit.failure();
  }

  /** A call is a trial while the circuit is in the half-open state that let it through. */
  check(): void {
    const trials = this.calls.filter(({ by, state, moves }) => state === 'half-open' && moves === this.moves.get(by));
    expect(trials.length).toBeLessThanOrEqual(this.maxConcurrent);
  }

  /** A trial that outlives the hold it began under, because its process was frozen, is void; so it is not counted. */
  freeze(ms: number): void {
    this.fleet.clock.stall(ms);
    if (ms > SYNC_MS) this.voided.push(...this.calls.splice(0));
  }

  kill(by: Member): void {
    this.fleet.store.fault = 'hang';
    this.fleet.store.cut = new Set([...(this.fleet.store.cut ?? []), by.node]);
    this.calls = this.calls.filter((call) => call.by !== by);
  }
}

type Step = (watched: Watched, alive: Member[]) => unknown;
const member = fc.nat({ max: 9 });
const of = (alive: readonly Member[], k: number): Member => alive[k % alive.length]!;

const calm: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: member.map(
      (k): Step =>
        (watched, alive) =>
          watched.call(of(alive, k)),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.boolean().map(
      (isGood): Step =>
        (watched) =>
          watched.end(isGood),
    ),
  },
  {
    weight: 4,
    arbitrary: fc.integer({ min: 1, max: OPEN_MS }).map(
      (ms): Step =>
        ({ fleet }) =>
          fleet.clock.advance(ms),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: SYNC_MS }).map(
      (ms): Step =>
        (watched) =>
          watched.freeze(ms),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: 2 * TTL_MS }).map(
      (ms): Step =>
        (watched) =>
          watched.freeze(ms),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.nat({ max: TIMEOUT_MS - 1 }).map(
      (ms): Step =>
        ({ fleet }) =>
          (fleet.store.latencyMs = ms),
    ),
  },
);
const kill: fc.Arbitrary<Step> = member.map((k): Step => (watched, alive) => {
  if (alive.length > 1) watched.kill(alive.splice(k % alive.length, 1)[0]!);
});
const flush = fc.constant<Step>(({ fleet }) => fleet.store.flush());
const rough: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: flush },
  {
    weight: 2,
    arbitrary: fc.constantFrom('hang' as const, 'refuse' as const, undefined).map(
      (fault): Step =>
        ({ fleet }) =>
          (fleet.store.fault = fault),
    ),
  },
);

const sizes = [fc.integer({ min: 2, max: 5 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 2 })] as const;
const steps = (...kinds: fc.WeightedArbitrary<Step>[]): fc.Arbitrary<Step[]> =>
  fc.array(fc.oneof(...kinds), { minLength: 20, maxLength: 120 });

async function play(watched: Watched, plan: readonly Step[]): Promise<Member[]> {
  const alive = [...watched.fleet.members];
  for (const step of plan) {
    await step(watched, alive);
    watched.check();
  }
  return alive;
}

it('never has more than `maxConcurrent` trials in all processes that the store answers, whatever is slow, killed or lost, and begins none on a hold that it slept through', async () => {
  const plan = steps({ weight: 20, arbitrary: calm }, { weight: 1, arbitrary: kill }, { weight: 1, arbitrary: flush });
  await fc.assert(
    fc.asyncProperty(...sizes, plan, async (size, quorum, maxConcurrent, todo) => {
      const watched = new Watched(size, quorum, maxConcurrent);
      await play(watched, todo);
    }),
  );
});

it('never opens a circuit for fewer nodes than the quorum, whatever the store does', async () => {
  const plan = steps({ weight: 5, arbitrary: calm }, { weight: 1, arbitrary: rough });
  await fc.assert(
    fc.asyncProperty(sizes[0], fc.integer({ min: 2, max: 3 }), plan, async (size, quorum, todo) => {
      const watched = new Watched(size, quorum, 2);
      const bad = watched.fleet.members.slice(0, quorum - 1);
      watched.check = () => {};
      watched.end = (isGood) => {
        const { by, permit } = watched.calls.shift() ?? {};
        if (isGood || !bad.includes(by!)) permit?.success();
        else permit?.failure();
      };
      await play(watched, todo);
      for (const { events } of watched.fleet.members) {
        expect(events.map(({ type }) => type)).not.toContain('fleet-opened');
      }
    }),
  );
});

it('closes everywhere once calls succeed and the store answers, whatever happened before, and leaves no timer', async () => {
  const plan = steps({ weight: 5, arbitrary: calm }, { weight: 1, arbitrary: rough });
  await fc.assert(
    fc.asyncProperty(...sizes, plan, async (size, quorum, maxConcurrent, todo) => {
      const watched = new Watched(size, quorum, maxConcurrent);
      watched.check = () => {};
      const { fleet } = watched;
      await play(watched, todo);
      fleet.store.fault = undefined;
      fleet.store.latencyMs = 0;
      for (const { permit } of [...watched.calls, ...watched.voided]) permit.success();
      // Open for a second, then one holder of the trials after the other, each of which must be waited out at worst.
      const deadlineMs = fleet.clock.now() + OPEN_MS + size * (TTL_MS + 6 * SYNC_MS);
      while (fleet.states().some((state) => state !== 'closed') && fleet.clock.now() < deadlineMs) {
        for (const { circuit } of fleet.members) circuit.tryAcquire()?.success();
        await fleet.clock.advance(10);
      }
      expect(fleet.states()).toEqual(fleet.members.map(() => 'closed'));
      expect(await fleet.end()).toBe(0);
    }),
  );
});

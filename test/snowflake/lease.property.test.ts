import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LeaseRelease, LeaseRenewal, LeaseRequest, Snowflake, WorkerLease } from '../../src/snowflake/index.ts';
import { acquireWorkerLease, createSnowflake } from '../../src/snowflake/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { attempt, START_MS, tinyLayout } from './kit.ts';
import { MemoryStore } from './lease.kit.ts';

/** A process: its own clock, which may be wrong, its way to the store, which may be cut, and what it holds. */
interface Holder {
  readonly clock: VirtualClock;
  isCutOff: boolean;
  isStarting?: boolean;
  lease?: WorkerLease;
  ids?: Snowflake;
}

const anyStep = fc.record({
  holder: fc.nat({ max: 1 }),
  action: fc.constantFrom(
    ...(['start', 'start', 'start', 'issue', 'issue', 'issue', 'issue', 'run', 'run', 'run', 'run'] as const),
    ...(['freeze', 'release', 'crash', 'step', 'lose data', 'cut off', 'connect'] as const),
  ),
  ms: fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 300 })),
});

const terms = { pool: 'ids', workerIds: 1, ttlMs: 100 } as const;

/** Two processes, one worker id, and what can happen to them. */
class World {
  readonly seen: Set<bigint> = new Set();
  issued = 0;
  readonly store: MemoryStore = new MemoryStore(() => this.#storeMs);
  readonly holders: Holder[] = [0, 1].map(() => ({
    clock: createVirtualClock({ epochMs: START_MS }),
    isCutOff: false,
  }));
  #storeMs = START_MS;

  /** Lets the store know its worker id, so that only a loss of data makes a lease wait. */
  async warmUp(): Promise<void> {
    const { workerId, fencingToken } = (await this.store.acquire({ ...terms, coldStart: 'immediate' }))!;
    await this.store.release({ pool: terms.pool, workerId, fencingToken, untilMs: START_MS });
  }

  /** Time passes everywhere. In a frozen process no timer fires, as after SIGSTOP or in a suspended machine. */
  async pass(ms: number, frozen?: Holder): Promise<void> {
    this.#storeMs += ms;
    for (const holder of this.holders) {
      if (holder === frozen) holder.clock.stall(ms);
      else await holder.clock.advance(ms);
    }
  }

  /** Waits for a lease, however long that takes, while other things happen. */
  start(holder: Holder): void {
    if (holder.isStarting || holder.ids) return;
    holder.isStarting = true;
    const { clock } = holder;
    const reach = <A, R>(call: (argument: A) => Promise<R>) => {
      return (argument: A) => (holder.isCutOff ? Promise.reject(new Error('unreachable')) : call(argument));
    };
    const store = {
      acquire: reach((request: LeaseRequest) => this.store.acquire(request)),
      renew: reach((renewal: LeaseRenewal) => this.store.renew(renewal)),
      release: reach((release: LeaseRelease) => this.store.release(release)),
    };
    acquireWorkerLease({ ...terms, store, clock, whenTaken: 'wait' })
      .then((lease) => {
        const ids = createSnowflake({ worker: lease, layout: tinyLayout, maxLeadMs: 50, clock });
        Object.assign(holder, { lease, ids });
      })
      .catch(() => {})
      .finally(() => (holder.isStarting = false));
  }

  issue({ ids }: Holder, count: number): void {
    for (let k = 0; ids && k < count; k++) {
      const id = attempt(() => ids.next());
      if (typeof id !== 'bigint') return;
      this.seen.add(id);
      this.issued++;
    }
  }

  async do({ holder: index, action, ms }: { holder: number; action: string; ms: number }): Promise<void> {
    const holder = this.holders[index]!;
    if (action === 'start') this.start(holder);
    else if (action === 'issue') this.issue(holder, ms);
    else if (action === 'run') await this.pass(ms);
    else if (action === 'freeze') await this.pass(ms, holder);
    else if (action === 'step') holder.clock.setEpoch(holder.clock.epochMs() + (ms % 2 ? ms : -ms));
    else if (action === 'lose data') this.store.loseEverything();
    else if (action === 'cut off') holder.isCutOff = true;
    else if (action === 'connect') holder.isCutOff = false;
    else if (action === 'release') {
      await holder.lease?.release();
      delete holder.ids;
      // Its timers never fire again.
    } else this.holders[index] = { clock: createVirtualClock({ epochMs: holder.clock.epochMs() }), isCutOff: false };
  }
}

describe('leases', () => {
  it('make no two equal ids, whatever happens to clocks, timers, processes and the data of the store', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 30, maxLength: 120, size: 'max' }), async (steps) => {
        const world = new World();
        await world.warmUp();
        for (const step of steps) await world.do(step);
        expect(world.seen.size).toBe(world.issued);
      }),
    );
  });

  it('have windows that do not overlap, and tokens that grow, for each worker id', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat({ max: 150 }), fc.boolean()), { maxLength: 30 }), async (steps) => {
        let storeMs = START_MS;
        const clock = createVirtualClock({ epochMs: START_MS });
        const store = new MemoryStore(() => storeMs);
        const ends = new Map<number, number>();
        let token = 0;
        for (const [ms, isReleased] of steps) {
          storeMs += ms;
          const waiting = acquireWorkerLease({ store, clock, workerIds: 2, ttlMs: 100, coldStart: 'immediate' });
          // For a window that begins later; renewals find the store unreachable.
          const settled = waiting.catch(() => undefined);
          await clock.advance(0);
          store.down = new Error('unreachable');
          await clock.advance(100);
          store.down = undefined;
          const lease = await settled;
          if (!lease) continue;
          expect(lease.fromMs).toBeGreaterThanOrEqual(ends.get(lease.workerId) ?? 0);
          expect(lease.fencingToken).toBeGreaterThan(token);
          token = lease.fencingToken;
          if (isReleased) await lease.release(storeMs);
          ends.set(lease.workerId, isReleased ? Math.max(lease.fromMs, storeMs + 1) : lease.untilMs);
        }
      }),
    );
  });
});

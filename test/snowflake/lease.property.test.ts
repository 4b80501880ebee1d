import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Snowflake, WorkerLease } from '../../src/snowflake/index.ts';
import { acquireWorkerLease, createSnowflake } from '../../src/snowflake/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { attempt, START_MS, tinyLayout } from './kit.ts';
import { MemoryStore } from './lease.kit.ts';

/** A process: its own clock, which may be wrong, and what it holds. */
interface Holder {
  readonly clock: VirtualClock;
  lease?: WorkerLease;
  ids?: Snowflake;
}

const anyStep = fc.record({
  holder: fc.nat({ max: 1 }),
  action: fc.constantFrom(
    ...(['start', 'start', 'issue', 'issue', 'issue', 'run', 'freeze', 'freeze'] as const),
    ...(['release', 'crash', 'step', 'lose data', 'store down', 'store up'] as const),
  ),
  ms: fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 300 })),
});

function abortable(): { readonly signal: AbortSignal; abort(): void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

/** Two processes, one worker id, and what can happen to them. */
class World {
  readonly seen: Set<bigint> = new Set();
  issued = 0;
  readonly store: MemoryStore = new MemoryStore(() => this.#storeMs);
  readonly holders: Holder[] = [0, 1].map(() => ({ clock: createVirtualClock({ epochMs: START_MS }) }));
  #storeMs = START_MS;

  /** Time passes everywhere. In a frozen process no timer fires, as after SIGSTOP or in a suspended machine. */
  async pass(ms: number, frozen?: Holder): Promise<void> {
    this.#storeMs += ms;
    for (const holder of this.holders) {
      if (holder === frozen) holder.clock.stall(ms);
      else await holder.clock.advance(ms);
    }
  }

  async start(holder: Holder, frozen?: Holder): Promise<void> {
    if (holder.ids) return;
    const { store } = this;
    const { clock } = holder;
    const { signal, abort } = abortable();
    const terms = { store, clock, workerIds: 1, ttlMs: 100, whenTaken: 'wait', signal } as const;
    const waiting = acquireWorkerLease(terms).catch(() => undefined);
    // Long enough for a cold start, and for the lease of a frozen holder to run out.
    for (let k = 0; k < 6; k++) await this.pass(50, frozen);
    abort();
    const lease = await waiting;
    if (!lease) return;
    const ids = createSnowflake({ worker: lease, layout: tinyLayout, maxLeadMs: 50, clock });
    Object.assign(holder, { lease, ids });
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
    const other = this.holders[1 - index]!;
    if (action === 'start') await this.start(holder, ms % 2 ? other : undefined);
    else if (action === 'issue') this.issue(holder, ms);
    else if (action === 'run') await this.pass(ms);
    else if (action === 'freeze') await this.pass(ms, holder);
    else if (action === 'step') holder.clock.setEpoch(holder.clock.epochMs() + (ms % 2 ? ms : -ms));
    else if (action === 'lose data') this.store.loseEverything();
    else if (action === 'store down') this.store.down = new Error('unreachable');
    else if (action === 'store up') this.store.down = undefined;
    else if (action === 'release') {
      await holder.lease?.release();
      delete holder.ids;
      // Its timers never fire again.
    } else this.holders[index] = { clock: createVirtualClock({ epochMs: holder.clock.epochMs() }) };
  }
}

describe('leases', () => {
  it('make no two equal ids, whatever happens to clocks, timers, processes and the data of the store', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 10, maxLength: 80 }), async (steps) => {
        const world = new World();
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

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
  holder: fc.nat({ max: 2 }),
  action: fc.constantFrom(
    'start',
    'issue',
    'issue',
    'issue',
    'run',
    'run',
    'freeze',
    'release',
    'crash',
    'step',
    'lose data',
    'store down',
    'store up',
  ),
  ms: fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 300 })),
});

/*
 * Real time passes for the store in `run` and `freeze`; a holder's timers and clock only move when it runs, so
 * that one which is frozen wakes up with an old clock and late timers, as after SIGSTOP or a suspended machine.
 */
describe('leases', () => {
  it('make no two equal ids, whatever happens to clocks, timers, processes and the data of the store', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 10, maxLength: 80 }), async (steps) => {
        let storeMs = START_MS;
        const store = new MemoryStore(() => storeMs);
        const holders: Holder[] = [0, 1, 2].map(() => ({ clock: createVirtualClock({ epochMs: START_MS }) }));
        const seen = new Set<bigint>();
        let issued = 0;
        for (const { holder: index, action, ms } of steps) {
          const holder = holders[index]!;
          if (action === 'start' && !holder.ids) {
            const waiting = acquireWorkerLease({ store, clock: holder.clock, workerIds: 2, ttlMs: 100 }).catch(
              () => undefined,
            );
            storeMs += 100;
            await holder.clock.advance(100);
            const lease = await waiting;
            if (lease)
              Object.assign(holder, {
                lease,
                ids: createSnowflake({ worker: lease, layout: tinyLayout, maxLeadMs: 50, clock: holder.clock }),
              });
          } else if (action === 'issue' && holder.ids) {
            for (let k = 0; k < ms; k++) {
              const id = attempt(() => holder.ids!.next());
              if (typeof id !== 'bigint') break;
              seen.add(id);
              issued++;
            }
          } else if (action === 'run') {
            storeMs += ms;
            for (const { clock } of holders) await clock.advance(ms);
          } else if (action === 'freeze') {
            storeMs += ms;
            for (const other of holders) if (other !== holder) await other.clock.advance(ms);
          } else if (action === 'release') {
            await holder.lease?.release();
            delete holder.ids;
          } else if (action === 'crash') {
            // Its timers never fire again.
            holders[index] = { clock: createVirtualClock({ epochMs: holder.clock.epochMs() }) };
          } else if (action === 'step') holder.clock.setEpoch(holder.clock.epochMs() + (ms % 2 ? ms : -ms));
          else if (action === 'lose data') store.loseEverything();
          else if (action === 'store down') store.down = new Error('unreachable');
          else if (action === 'store up') store.down = undefined;
        }
        expect(seen.size).toBe(issued);
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

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createPool } from '../../src/pool/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';

it('however creates, tests, resets, destroys, borrowers and aborts interleave, each resource has one borrower and the bound holds', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.integer({ min: 1, max: 3 }),
      fc.array(fc.nat(3), { minLength: 1, maxLength: 8 }),
      async (s, max, kinds) => {
        let live = 0;
        const ticks = (label: string): Promise<void> => s.schedule(Promise.resolve(), label);
        const pool = createPool({
          create: async () => {
            expect(++live).toBeLessThanOrEqual(max);
            await ticks('create');
            return { holder: -1 };
          },
          destroy: async ({ holder }) => {
            expect(holder).toBe(-1);
            await ticks('destroy');
            live--;
          },
          validate: async ({ holder }) => {
            expect(holder).toBe(-1);
            await ticks('validate');
            return true;
          },
          reset: async ({ holder }) => {
            expect(holder).toBe(-1);
            await ticks('reset');
          },
          validateAfterIdleMs: 0,
          max,
          clock: createVirtualClock(),
        });
        const borrow = async (kind: number, id: number): Promise<string> => {
          const caller = new AbortController();
          if (kind === 1) void ticks('abort').then(() => caller.abort('gone'));
          try {
            const lease = await pool.acquire(kind === 1 ? { signal: caller.signal } : {});
            expect(lease.resource.holder).toBe(-1);
            lease.resource.holder = id;
            await ticks('work');
            expect(lease.resource.holder).toBe(id);
            lease.resource.holder = -1;
            if (kind === 2) lease.destroy(new Error('broken'));
            else lease.release();
            return 'done';
          } catch (reason) {
            if (reason !== 'gone') throw reason;
            return 'gone';
          }
        };
        const ends = await s.waitFor(Promise.all(kinds.map(borrow)));
        expect(ends.every((end, id) => end === 'done' || kinds[id] === 1)).toBe(true);
        await s.waitFor(pool.close());
        expect([live, pool.stats().size]).toEqual([0, 0]);
      },
    ),
  );
});

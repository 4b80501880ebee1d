import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createKeyedPool } from '../../src/pool/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { flush } from '../support/gate.ts';
import { sleep } from './kit.ts';

interface Borrow {
  readonly key: number;
  readonly atMs: number;
  readonly holdMs: number;
}

const borrows = fc.array(fc.record({ key: fc.nat(3), atMs: fc.nat(60), holdMs: fc.integer({ min: 1, max: 40 }) }), {
  minLength: 1,
  maxLength: 40,
});

it('a keyed pool serves everybody, within its bounds, whatever the keys, and forgets them all', async () => {
  const delays = fc.record({ create: fc.nat(8), destroy: fc.nat(8) });
  const sizes = fc.record({ max: fc.integer({ min: 1, max: 4 }), maxPerKey: fc.integer({ min: 1, max: 4 }) });
  await fc.assert(
    fc.asyncProperty(borrows, delays, sizes, async (all, { create, destroy }, { max, maxPerKey }) => {
      const clock = createVirtualClock();
      const live = new Map<number, number>();
      const count = (key: number, by: number): void => {
        live.set(key, (live.get(key) ?? 0) + by);
        expect(live.get(key)).toBeLessThanOrEqual(Math.min(max, maxPerKey));
        expect([...live.values()].reduce((sum, one) => sum + one, 0)).toBeLessThanOrEqual(max);
      };
      const pool = createKeyedPool<number, { readonly key: number; held: boolean }>({
        create: async (key) => {
          count(key, 1);
          await sleep(clock, create);
          return { key, held: false };
        },
        destroy: async ({ key, held }) => {
          expect(held).toBe(false);
          await sleep(clock, destroy);
          count(key, -1);
        },
        max,
        maxPerKey: Math.min(max, maxPerKey),
        idleTimeoutMs: 1_000,
        clock,
      });
      const served: Borrow[] = [];
      const done = all.map(async (borrow) => {
        await sleep(clock, borrow.atMs);
        await pool.use(borrow.key, async (host) => {
          expect([host.key, host.held]).toEqual([borrow.key, false]);
          host.held = true;
          await sleep(clock, borrow.holdMs);
          host.held = false;
          served.push(borrow);
        });
      });
      await clock.advance(6_000);
      await flush();
      await Promise.all(done);
      expect(served).toHaveLength(all.length);
      expect(pool.stats()).toMatchObject({ keys: 0, size: 0, waiting: 0, timeouts: 0 });
      expect(clock.pendingTimers).toBe(0);
    }),
  );
});

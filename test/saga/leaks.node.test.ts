import { describe, expect, it } from 'vitest';
import { createSagaRunner, memorySagaStore, saga } from '../../src/saga/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { abortListeners, heapGrowth, watchTimers } from '../support/leaks.ts';
import { flush } from '../support/gate.ts';

const failing = saga<boolean>('order')
  .step('a', { run: ({ signal }) => signal.aborted, compensate: () => {}, timeoutMs: 50 })
  .parallel('p', { b: { run: () => 1, compensate: () => {} }, c: { run: async () => 2 } })
  .step('d', {
    run: ({ input }) => {
      if (input) throw new Error('no');
    },
  });

describe('memory', () => {
  it('does not grow with runs that complete and runs that are undone, under one long-lived signal', async () => {
    const { signal } = new AbortController();
    const growth = await heapGrowth(
      async (k) => {
        await failing.run(k % 2 === 0, { signal }).catch(() => undefined);
      },
      { operations: 3000 },
    );
    expect(growth).toBeLessThan(100_000);
    expect(abortListeners(signal)).toBe(0);
  });

  it('does not grow with sagas of a runner that have ended and are purged', async () => {
    const runner = createSagaRunner({ store: memorySagaStore(), sagas: [failing] });
    const growth = await heapGrowth(
      async (k) => {
        const handle = await runner.start(failing, k % 2 === 0);
        await handle.result().catch(() => undefined);
        if (k % 50 === 0) await runner.purge({ finishedBeforeMs: Number.MAX_SAFE_INTEGER });
      },
      { operations: 1000 },
    );
    await runner.close();
    expect(growth).toBeLessThan(200_000);
  });

  it('of a saga that waits is at most 8 KiB, what a store in memory keeps of it included', async () => {
    const clock = createVirtualClock();
    const def = saga<number>('order')
      .step('a', { run: ({ input }) => ({ input, text: 'x'.repeat(100) }) })
      .event('paid');
    const runner = createSagaRunner({ store: memorySagaStore({ clock }), sagas: [def], clock });
    const growth = await heapGrowth(
      async (k) => {
        await runner.start(def, k);
        if (k % 100 === 0) await flush();
      },
      { operations: 2000 },
    );
    expect(growth / 2000).toBeLessThan(8192);
    await runner.close();
  });
});

describe('timers', () => {
  it('are none before the first call and after a close', async () => {
    const timers = watchTimers();
    try {
      const runner = createSagaRunner({ store: memorySagaStore(), sagas: [failing] });
      expect(timers.count).toBe(0);
      await (await runner.start(failing, false)).result();
      expect(timers.count).toBeGreaterThan(0);
      await runner.close();
      expect(timers.count).toBe(0);
    } finally {
      timers.stop();
    }
  });
});

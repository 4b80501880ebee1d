import { describe, expect, it } from 'vitest';
import { consecutiveFailures, createCircuitBreaker, shareCircuit } from '../../src/circuit-breaker/index.ts';
import type { FleetView, SharedBreakerStore } from '../../src/circuit-breaker/index.ts';
import { expectNoLeaks, heapGrowth } from '../support/leaks.ts';
import { canRunTypeScript, spawnScript } from '../support/processes.ts';

const view: FleetView = {
  isOpen: false,
  openNodes: 0,
  openForMs: 0,
  recoveredAgoMs: Infinity,
  trialsForMs: 0,
  fencingToken: 0,
};

const stores: Readonly<Record<string, SharedBreakerStore>> = {
  answers: { sync: () => Promise.resolve(view) },
  'opens all': { sync: () => Promise.resolve({ ...view, isOpen: true, openForMs: 5 }) },
  refuses: { sync: () => Promise.reject(new Error('refused')) },
  throws: {
    sync() {
      throw new Error('threw');
    },
  },
  hangs: { sync: () => new Promise(() => {}) },
};

describe('leaks', () => {
  it.each(Object.entries(stores))('are none after the end, with a store that %s', async (_, store) => {
    await expectNoLeaks(async () => {
      const circuit = createCircuitBreaker({ name: 'c', trip: consecutiveFailures(1), openDurationMs: 1 });
      const shared = shareCircuit(circuit, { store, node: 'a', syncIntervalMs: 10, timeoutMs: 15 });
      for (let k = 0; k < 10; k++) {
        circuit.tryAcquire()?.failure();
        await new Promise((resolve) => void setTimeout(resolve, 5));
      }
      await shared.close();
    });
  });

  it('are none of memory, however often a circuit is shared and opened', async () => {
    const circuit = createCircuitBreaker({ name: 'c', trip: consecutiveFailures(1), openDurationMs: 1 });
    const growth = await heapGrowth(
      async () => {
        const shared = shareCircuit(circuit, { store: stores['answers']!, node: 'a' });
        circuit.trip();
        circuit.reset();
        await shared.close();
      },
      { operations: 3000 },
    );
    expect(growth).toBeLessThan(50_000);
  });
});

describe.skipIf(!canRunTypeScript)('a process', () => {
  it('is not kept alive by the circuits that it shares', async () => {
    await using child = await spawnScript(new URL('fixtures/idle-member.ts', import.meta.url));
    await child.waitForLine('ends with 0 syncs', 30_000);
    expect(await child.exit).toEqual({ code: 0, signal: null });
  }, 40_000);
});

import { afterEach, describe, expect, it, vi } from 'vitest';
import { consecutiveFailures, createCircuitBreaker, shareCircuit } from '../../src/circuit-breaker/index.ts';
import type { SharedBreakerStore } from '../../src/circuit-breaker/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { watchReports } from './kit.ts';
import { failOnce, fleetOf, SYNC_MS } from './shared-kit.ts';

afterEach(() => void vi.unstubAllGlobals());

describe('options', () => {
  const circuit = createCircuitBreaker({ trip: consecutiveFailures(1), openDurationMs: 1 });
  const store: SharedBreakerStore = { sync: () => Promise.reject(new Error('unused')) };
  const good = { store, node: 'a', name: 'b', clock: createVirtualClock() };

  it.each([
    [{ store: undefined }, 'store must be an object with sync()'],
    [{ store: {} }, 'store must be an object with sync()'],
    [{ node: '' }, 'node must be a text of at least one character'],
    [{ node: 7 }, 'node must be a text of at least one character'],
    [{ name: undefined }, 'name must be a text of at least one character'],
    [{ syncIntervalMs: 9 }, 'syncIntervalMs must be a number of at least 10'],
    [{ syncIntervalMs: NaN }, 'syncIntervalMs must be'],
    [{ quorum: 0 }, 'quorum must be an integer of at least 1'],
    [{ quorum: 1.5 }, 'quorum must be an integer of at least 1'],
    [{ timeoutMs: 0 }, 'timeoutMs must be a number of at least 1'],
    [{ onEvent: 'log' }, 'onEvent must be a function'],
  ])('are refused by name: %o', (part, message) => {
    expect(() => shareCircuit(circuit, { ...good, ...part } as never)).toThrow(message);
    expect(circuit.trialGate).toBeUndefined();
  });

  it('have defaults: a sync a second, a second for its answer, and a quorum of two', async () => {
    const fleet = fleetOf(0);
    const { clock, store } = fleet;
    const own = createCircuitBreaker({ name: 'own', trip: consecutiveFailures(1), openDurationMs: 1, clock });
    const shared = shareCircuit(own, { store, node: 'a', clock, random: () => 0.5 });
    await clock.advance(0);
    expect(store.reports).toMatchObject([{ name: 'own', quorum: 2, ttlMs: 3 * 1000 + 1000 }]);
    store.fault = 'hang';
    await clock.advance(499);
    expect(store.reports).toHaveLength(1);
    await clock.advance(1000);
    expect([store.reports.length, shared.stats().failures]).toEqual([2, 0]);
    await clock.advance(1);
    expect(shared.stats().failures).toBe(1);
    store.fault = undefined;
    await clock.advance(1000);
    expect(store.reports).toHaveLength(3);
    await shared.close();
  });

  it('do not share a circuit twice', async () => {
    const shared = shareCircuit(circuit, good);
    expect(() => shareCircuit(circuit, good)).toThrow('circuit must be one whose trials nobody else decides about');
    await shared.close();
  });

  it('let a listener throw', async () => {
    const reports = watchReports();
    const onEvent = (): never => {
      throw new Error('from a listener');
    };
    const fleet = fleetOf(2, { onEvent });
    failOnce(fleet.members[0]!);
    failOnce(fleet.members[1]!);
    await fleet.clock.advance(SYNC_MS);
    expect(reports.length).toBe(2);
    expect(fleet.members[0]!.shared.stats()).toMatchObject({ failures: 0, isFleetOpen: true });
  });
});

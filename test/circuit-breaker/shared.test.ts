import { afterEach, describe, expect, it, vi } from 'vitest';
import { consecutiveFailures, createCircuitBreaker, shareCircuit } from '../../src/circuit-breaker/index.ts';
import type { SharedBreakerStore } from '../../src/circuit-breaker/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { watchReports } from './kit.ts';
import {
  attempt,
  failOnce,
  fleetOf,
  openedFleet,
  typesOf,
  waitingFleet,
  OPEN_MS,
  SYNC_MS,
  untilTrial,
} from './shared-kit.ts';
import type { Member } from './shared-kit.ts';

afterEach(() => void vi.unstubAllGlobals());

describe('the traffic', () => {
  it('asks the store once per interval and process and not for a call, whatever their number', async () => {
    const fleet = fleetOf(3);
    for (let interval = 0; interval < 20; interval++) {
      for (let call = 0; call < 500; call++) await fleet.members[call % 3]!.circuit.run(() => call);
      await fleet.clock.advance(SYNC_MS);
    }
    // One each when they join, then one each interval.
    expect(fleet.store.reports.length).toBeLessThanOrEqual(3 * 21);
    expect(fleet.store.reports.length).toBeGreaterThanOrEqual(3 * 20);
    expect(await fleet.end()).toBe(0);
  });

  it('asks at most three times more in an interval for all the news there is', async () => {
    const fleet = fleetOf(1, { quorum: 5 }, { openDurationMs: 1 });
    const [only] = fleet.members;
    await fleet.clock.advance(SYNC_MS);
    const before = fleet.store.reports.length;
    for (let step = 0; step < 10 * SYNC_MS; step++) {
      attempt(only!)?.failure();
      if (step % 3 === 0) only!.circuit.reset();
      await fleet.clock.advance(1);
    }
    expect(fleet.store.reports.length - before).toBeLessThanOrEqual(4 * 11);
    expect(fleet.store.reports.length - before).toBeGreaterThan(3 * 9);
  });

  it('spreads the processes of a fleet over the interval', async () => {
    const fleet = fleetOf(20);
    await fleet.clock.advance(SYNC_MS);
    const times = new Set<number>();
    for (let ms = 0; ms < SYNC_MS; ms++) {
      const before = fleet.store.reports.length;
      await fleet.clock.advance(1);
      if (fleet.store.reports.length > before) times.add(ms);
    }
    expect(times.size).toBeGreaterThan(10);
  });

  it('tells news that came during a sync right after it', async () => {
    const fleet = fleetOf(1, { syncIntervalMs: 100_000, timeoutMs: 1000 });
    fleet.store.latencyMs = 100;
    await fleet.clock.advance(50);
    fleet.members[0]!.circuit.trip();
    await fleet.clock.advance(49);
    expect(fleet.store.reports.map(({ openForMs }) => openForMs)).toEqual([0]);
    await fleet.clock.advance(1);
    expect(fleet.store.reports.map(({ openForMs }) => openForMs)).toEqual([0, OPEN_MS - 50]);
    // All told: nothing follows.
    await fleet.clock.advance(500);
    expect(fleet.store.reports.length).toBe(2);
  });

  it('never has two syncs of one process under way', async () => {
    const fleet = fleetOf(1, { timeoutMs: 1000 });
    const { clock, store, members } = fleet;
    store.latencyMs = 450;
    await clock.advance(10);
    let most = 0;
    let running = 0;
    const { sync } = store;
    store.sync = async (report) => {
      most = Math.max(most, ++running);
      try {
        return await sync(report);
      } finally {
        running--;
      }
    };
    for (let k = 0; k < 50; k++) {
      members[0]!.circuit.trip(1);
      await clock.advance(60);
      members[0]!.circuit.reset();
    }
    expect(most).toBe(1);
  });
});

describe('opening', () => {
  it('opens every circuit within two intervals and a round trip to the store', async () => {
    const fleet = fleetOf(6);
    fleet.store.latencyMs = 40;
    for (let phaseMs = 0; phaseMs < SYNC_MS; phaseMs += 7) {
      await fleet.clock.advance(SYNC_MS + phaseMs);
      failOnce(fleet.members[1]!);
      failOnce(fleet.members[2]!);
      await fleet.clock.advance(2 * SYNC_MS + 40);
      expect(fleet.states()).toEqual(Array.from({ length: 6 }, () => 'open'));
      fleet.members[0]!.circuit.reset();
      await fleet.clock.advance(3 * SYNC_MS);
      expect(fleet.states()).toEqual(Array.from({ length: 6 }, () => 'closed'));
    }
  });

  it('opens every circuit of the fleet within two intervals when a quorum is open at once', async () => {
    const fleet = fleetOf(6);
    await fleet.clock.advance(10);
    failOnce(fleet.members[0]!);
    await fleet.clock.advance(3 * SYNC_MS);
    expect(fleet.states()).toEqual(['open', 'closed', 'closed', 'closed', 'closed', 'closed']);
    failOnce(fleet.members[4]!);
    await fleet.clock.advance(2 * SYNC_MS);
    expect(fleet.states()).toEqual(Array.from({ length: 6 }, () => 'open'));
    expect(typesOf(fleet.members[1]!)).toEqual(['connected', 'fleet-opened']);
    expect(typesOf(fleet.members[4]!)).toEqual(['connected']);
    // Open until the second of the two would have let a trial through, or rather the first of them.
    expect(fleet.members[1]!.circuit.retryAfterMs).toBe(OPEN_MS - 5 * SYNC_MS);
    expect(fleet.members[1]!.shared.stats()).toMatchObject({ isFleetOpen: true, openNodes: 2, isConnected: true });
    expect(await fleet.end()).toBe(0);
  });

  it('never opens for one bad node, however often it opens and under however many restarts', async () => {
    const fleet = fleetOf(3, {}, { openDurationMs: 50 });
    const bad = fleet.members[0]!;
    for (let k = 0; k < 100; k++) {
      attempt(bad)?.failure();
      if (k % 10 === 5) fleet.join({ node: bad.node }).circuit.trip(50);
      await fleet.clock.advance(20);
    }
    for (const good of fleet.members.slice(1, 3)) expect(typesOf(good)).toEqual(['connected']);
    expect(bad.circuit.stats().notPermitted).toBeGreaterThan(10);
  });

  it('counts no circuit that is open only because of the fleet', async () => {
    const fleet = await openedFleet(5);
    for (const { shared } of fleet.members) expect(shared.stats().openNodes).toBe(2);
    expect(fleet.store.reports.filter(({ openForMs }) => openForMs > 0).every(({ node }) => /[01]$/.test(node))).toBe(
      true,
    );
  });

  it('opens a circuit that joins an open fleet, or that was away', async () => {
    const fleet = await openedFleet(2);
    const late = fleet.join();
    await fleet.clock.advance(0);
    expect(late.circuit.state).toBe('open');
    expect(late.circuit.retryAfterMs).toBe(OPEN_MS - 2 * SYNC_MS);
    await fleet.clock.advance(OPEN_MS);
    const later = fleet.join();
    await fleet.clock.advance(0);
    expect(later.circuit.state).toBe('half-open');
    expect(attempt(later)).toBeNull();
  });

  it('tells of a circuit that was open before it was shared, or never ends', async () => {
    const fleet = fleetOf(1);
    const circuit = createCircuitBreaker({
      trip: consecutiveFailures(1),
      openDurationMs: Infinity,
      clock: fleet.clock,
    });
    circuit.trip();
    const { store, clock } = fleet;
    const shared = shareCircuit(circuit, { store, clock, node: 'old', name: 'shared', syncIntervalMs: SYNC_MS });
    failOnce(fleet.members[0]!);
    await clock.advance(SYNC_MS);
    expect(fleet.members[0]!.shared.stats()).toMatchObject({ isFleetOpen: true, openNodes: 2 });
    await shared.close();
  });

  it('tells of an opening that was made longer by hand', async () => {
    const fleet = fleetOf(3);
    const [first, second, third] = fleet.members as [Member, Member, Member];
    failOnce(first);
    failOnce(second);
    await fleet.clock.advance(SYNC_MS);
    first.circuit.trip(10 * OPEN_MS);
    second.circuit.trip(20 * OPEN_MS);
    await fleet.clock.advance(OPEN_MS);
    expect(attempt(third)).toBeNull();
    await fleet.clock.advance(SYNC_MS);
    expect(attempt(third)).toBeNull();
    expect(third.shared.stats()).toMatchObject({ openNodes: 2, holdsTrials: false });
  });

  it('leaves a circuit alone that is run by hand', async () => {
    const fleet = fleetOf(5);
    fleet.members[2]!.circuit.setMode('disabled');
    fleet.members[3]!.circuit.setMode('metrics-only');
    const isolation = fleet.members[4]!.circuit.isolate();
    failOnce(fleet.members[0]!);
    failOnce(fleet.members[1]!);
    await fleet.clock.advance(2 * SYNC_MS);
    expect(fleet.states()).toEqual(['open', 'open', 'disabled', 'metrics-only', 'forced-open']);
    expect(typesOf(fleet.members[2]!)).toEqual(['connected']);
    isolation.dispose();
    await fleet.clock.advance(2 * SYNC_MS);
    expect(fleet.states()).toEqual(['open', 'open', 'disabled', 'metrics-only', 'open']);
  });
});

describe('by hand', () => {
  it('closes the fleet when a circuit is reset by hand, and counts one that is tripped by hand', async () => {
    const fleet = fleetOf(3);
    await fleet.clock.advance(10);
    fleet.members[0]!.circuit.trip();
    fleet.members[1]!.circuit.trip();
    await fleet.clock.advance(2 * SYNC_MS);
    expect(fleet.states()).toEqual(['open', 'open', 'open']);
    fleet.members[2]!.circuit.reset();
    await fleet.clock.advance(2 * SYNC_MS);
    expect(fleet.states()).toEqual(['closed', 'closed', 'closed']);
    // From half-open as well, whoever holds the trials.
    for (const member of fleet.members.slice(0, 2)) failOnce(member);
    await fleet.clock.advance(OPEN_MS + SYNC_MS);
    await untilTrial(fleet, fleet.members.slice(0, 1), 2 * SYNC_MS);
    fleet.members[1]!.circuit.reset();
    await fleet.clock.advance(2 * SYNC_MS);
    expect(fleet.states()).toEqual(['closed', 'closed', 'closed']);
  });

  it('does not take a change of mode for a recovery', async () => {
    const fleet = await openedFleet(3);
    const [first] = fleet.members;
    first!.circuit.setMode('disabled');
    first!.circuit.setMode('auto');
    const isolation = first!.circuit.isolate();
    isolation.dispose();
    await fleet.clock.advance(2 * SYNC_MS);
    expect(fleet.states().slice(1)).toEqual(['open', 'open']);
  });
});

describe('the end', () => {
  it('withdraws what it has told when it is closed, and leaves no timer, listener or gate', async () => {
    const fleet = await openedFleet(2);
    const [first, second] = fleet.members as [Member, Member];
    await first.shared.close();
    await first.shared.close();
    expect(first.circuit.trialGate).toBeUndefined();
    expect(fleet.store.reports.at(-1)).toMatchObject({ node: first.node, openForMs: 0, trial: 'none' });
    const before = fleet.store.reports.length;
    first.circuit.reset();
    failOnce(first);
    await second.shared[Symbol.asyncDispose]();
    expect(fleet.clock.pendingTimers).toBe(0);
    await fleet.clock.advance(10 * OPEN_MS);
    expect(fleet.store.reports.length).toBe(before + 1);
    // By its own rules.
    expect(attempt(first)).not.toBeNull();
    expect(attempt(first)).toBeNull();
    expect(() => shareCircuit(first.circuit, { store: fleet.store, node: 'a', clock: fleet.clock })).not.toThrow();
  });

  it('is known as another holder after a restart, and as another than its copies', async () => {
    const fleet = fleetOf(0, { random: () => 0.5 });
    fleet.join({ node: 'a' });
    fleet.join({ node: 'b' });
    fleet.join({ node: 'a', random: () => 0.25 });
    await fleet.clock.advance(0);
    expect(new Set(fleet.store.reports.map(({ holder }) => holder)).size).toBe(3);
  });

  it('says nothing more when there is nothing to withdraw', async () => {
    const fleet = fleetOf(1);
    await fleet.clock.advance(0);
    await fleet.members[0]!.shared.close();
    expect(fleet.store.reports.length).toBe(1);
  });

  it('gives the trials back and tells of a recovery', async () => {
    const fleet = await waitingFleet(3);
    const { by, permit } = await untilTrial(fleet, fleet.members, SYNC_MS);
    const closed = by.shared.close();
    await closed;
    const rest = fleet.members.filter((member) => member !== by);
    expect((await untilTrial(fleet, rest, 2 * SYNC_MS)).afterMs).toBeLessThan(2 * SYNC_MS);
    permit.success();
    const next = rest[0]!;
    next.circuit.reset();
    await next.shared.close();
    await fleet.clock.advance(SYNC_MS);
    expect(rest[1]!.circuit.state).toBe('closed');
  });

  it.each(['hang', 'refuse', 'throw'] as const)(
    'is reached within twice the deadline on a store that would %s',
    async (fault) => {
      const fleet = await openedFleet(2);
      fleet.store.fault = fault;
      await fleet.clock.advance(SYNC_MS);
      expect(await fleet.end()).toBe(0);
    },
  );
});

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

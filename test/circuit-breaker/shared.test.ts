import { describe, expect, it } from 'vitest';
import { consecutiveFailures, createCircuitBreaker, shareCircuit } from '../../src/circuit-breaker/index.ts';
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

  it('knows nothing of its fleet before the first answer', () => {
    const { shared } = fleetOf(1).members[0]!;
    expect(shared.stats()).toEqual({
      isConnected: false,
      isFleetOpen: false,
      openNodes: 0,
      holdsTrials: false,
      syncs: 0,
      failures: 0,
    });
  });

  it('takes a circuit that was half-open before it was shared for one that opened just now', async () => {
    const fleet = await openedFleet(2);
    const [first] = fleet.members as [Member];
    first.circuit.reset();
    await fleet.clock.advance(2 * SYNC_MS);
    expect(fleet.states()).toEqual(['closed', 'closed']);
    const { clock, store } = fleet;
    const circuit = createCircuitBreaker({ trip: consecutiveFailures(1), openDurationMs: 1, clock });
    circuit.trip();
    await clock.advance(1);
    expect(circuit.state).toBe('half-open');
    const shared = shareCircuit(circuit, { store, clock, node: 'late', name: 'shared', syncIntervalMs: SYNC_MS });
    const before = store.reports.length;
    // The recovery of before was not its own, and the trials are not here until the store says so.
    expect([circuit.tryAcquire(), shared.stats().holdsTrials]).toEqual([null, false]);
    await clock.advance(SYNC_MS);
    expect(circuit.state).toBe('half-open');
    expect(store.reports.slice(before).find(({ node }) => node === 'late')).toMatchObject({ trial: 'wanted' });
    await shared.close();
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

  it('leaves alone what a listener does to a circuit that the fleet closes', async () => {
    const fleet = fleetOf(3);
    const [first, second, third] = fleet.members as [Member, Member, Member];
    third.circuit.onEvent(({ to }) => to === 'half-open' && third.circuit.setMode('metrics-only'));
    failOnce(first);
    failOnce(second);
    await fleet.clock.advance(2 * SYNC_MS);
    expect(third.circuit.state).toBe('open');
    first.circuit.reset();
    await fleet.clock.advance(2 * SYNC_MS);
    expect(fleet.states()).toEqual(['closed', 'closed', 'metrics-only']);
  });

  it('closes a half-open circuit in one move when another has recovered', async () => {
    const fleet = await waitingFleet(2);
    const [first, second] = fleet.members as [Member, Member];
    expect(second.circuit.state).toBe('half-open');
    const moves: string[] = [];
    second.circuit.onEvent(({ from, to }) => moves.push(`${from} > ${to}`));
    first.circuit.reset();
    await fleet.clock.advance(2 * SYNC_MS);
    expect(moves).toEqual(['half-open > closed']);
  });
});

import { describe, expect, it } from 'vitest';
import { shareCircuit } from '../../src/circuit-breaker/index.ts';
import { holdingClock } from '../support/holding-clock.ts';
import {
  attempt,
  failOnce,
  fleetOf,
  openedFleet,
  waitingFleet,
  OPEN_MS,
  SYNC_MS,
  TIMEOUT_MS,
  untilTrial,
} from './shared-kit.ts';
import type { Member } from './shared-kit.ts';

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

  it('holds the process while it is awaited, and nothing before it does', async () => {
    const fleet = fleetOf(0);
    const clock = holdingClock(fleet.clock);
    const { circuit, shared } = fleet.join({ clock });
    fleet.store.latencyMs = 40;
    for (let k = 0; k < 30; k++) {
      expect(clock.held).toBe(0);
      await fleet.clock.advance(7);
    }
    // The sync that is under way, then the one that withdraws.
    circuit.trip();
    await fleet.clock.advance(10);
    const closed = shared.close();
    expect([clock.held, fleet.clock.pendingTimers]).toEqual([1, 2]);
    await fleet.clock.advance(30);
    expect(clock.held).toBe(1);
    await fleet.clock.advance(40);
    await closed;
    expect([clock.held, fleet.clock.pendingTimers]).toEqual([0, 0]);
  });

  it('holds no process for a deadline that has passed already', async () => {
    const fleet = fleetOf(0);
    const clock = holdingClock(fleet.clock);
    const { shared } = fleet.join({ clock });
    fleet.store.fault = 'hang';
    await fleet.clock.advance(TIMEOUT_MS);
    const closed = shared.close();
    expect(clock.held).toBe(0);
    await closed;
  });
});

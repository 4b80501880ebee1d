import { describe, expect, it } from 'vitest';
import { outcomeOf } from '../support/gate.ts';
import { attempt, failOnce, fleetOf, OPEN_MS, SYNC_MS, TIMEOUT_MS, TTL_MS, untilTrial } from './shared-kit.ts';
import type { FleetSetup, Member } from './shared-kit.ts';

const faults = ['hang', 'refuse', 'throw'] as const;

/** Enough for two failed syncs, of whatever kind. */
const LOST_MS = 2 * (SYNC_MS + TIMEOUT_MS) + SYNC_MS;

const [first, second] = [(fleet: FleetSetup): Member => fleet.members[0]!, (fleet: FleetSetup) => fleet.members[1]!];

describe('a store that cannot be asked', () => {
  it.each(faults)('leaves each circuit to its own rules while the store hangs or fails', async (fault) => {
    const fleet = fleetOf(2);
    await fleet.clock.advance(0);
    fleet.store.fault = fault;
    await fleet.clock.advance(LOST_MS);
    expect(fleet.members.map(({ shared }) => shared.isConnected)).toEqual([false, false]);
    const error = {
      hang: { code: 'ERR_STORE_TIMEOUT', message: `the store did not answer within ${TIMEOUT_MS} ms` },
      refuse: { message: 'store refused' },
      throw: { message: 'store threw' },
    }[fault];
    expect(first(fleet).events).toMatchObject([{ type: 'connected' }, { type: 'disconnected', error }]);
    failOnce(first(fleet));
    await fleet.clock.advance(OPEN_MS);
    expect(fleet.states()).toEqual(['half-open', 'closed']);
    attempt(first(fleet))!.failure();
    expect(first(fleet).circuit.retryAfterMs).toBe(OPEN_MS);
    await fleet.clock.advance(OPEN_MS);
    attempt(first(fleet))!.success();
    expect(fleet.states()).toEqual(['closed', 'closed']);
    expect(await fleet.end()).toBe(0);
  });

  it.each(faults)('asks a store that would %s no more often than one that answers', async (fault) => {
    const fleet = fleetOf(2);
    fleet.store.fault = fault;
    for (let k = 0; k < 100; k++) {
      attempt(first(fleet))?.failure();
      first(fleet).circuit.reset();
      await fleet.clock.advance(SYNC_MS / 10);
    }
    expect(fleet.store.reports.length).toBeLessThanOrEqual(2 + 11 * 4 + 11);
  });

  it.each([undefined, ...faults])('lets no call wait for the store, whatever its state', async (fault) => {
    const fleet = fleetOf(2);
    const [one, other] = [first(fleet), second(fleet)];
    fleet.store.fault = fault;
    fleet.store.latencyMs = TIMEOUT_MS - 1;
    for (let k = 0; k < 10; k++) {
      // Settled before any time has passed.
      const calls = [one, other].map(({ circuit }) => outcomeOf(circuit.run(() => Promise.reject(new Error('down')))));
      for (const call of calls) expect((await call).state).toBe('rejected');
      if (k % 3 === 0) one.circuit.reset();
      await fleet.clock.advance(OPEN_MS / 7);
    }
    expect(await fleet.end()).toBe(0);
  });

  it('takes sharing up again by itself when the store is back', async () => {
    const fleet = fleetOf(3);
    fleet.store.fault = 'hang';
    await fleet.clock.advance(LOST_MS);
    failOnce(first(fleet));
    failOnce(second(fleet));
    await fleet.clock.advance(SYNC_MS);
    expect(fleet.states()).toEqual(['open', 'open', 'closed']);
    fleet.store.fault = undefined;
    await fleet.clock.advance(TIMEOUT_MS + 2 * SYNC_MS);
    expect(fleet.states()).toEqual(['open', 'open', 'open']);
    expect(fleet.members.map(({ shared }) => shared.isConnected)).toEqual([true, true, true]);
    expect(first(fleet).shared.stats().failures).toBeGreaterThan(1);
    await fleet.clock.advance(OPEN_MS);
    (await untilTrial(fleet, fleet.members, TTL_MS + 2 * SYNC_MS)).permit.success();
    await fleet.clock.advance(2 * SYNC_MS);
    expect(fleet.states()).toEqual(['closed', 'closed', 'closed']);
  });

  it('tells of a recovery that the store did not see, and takes no older opening for a newer one', async () => {
    const fleet = fleetOf(3);
    await fleet.clock.advance(10);
    first(fleet).circuit.trip(100 * OPEN_MS);
    second(fleet).circuit.trip(100 * OPEN_MS);
    await fleet.clock.advance(SYNC_MS);
    fleet.store.cut = new Set([second(fleet).node]);
    fleet.store.fault = 'refuse';
    await fleet.clock.advance(LOST_MS);
    second(fleet).circuit.trip(1);
    await fleet.clock.advance(1);
    attempt(second(fleet))!.success();
    expect(fleet.states()).toEqual(['open', 'closed', 'open']);
    fleet.store.cut = fleet.store.fault = undefined;
    await fleet.clock.advance(3 * SYNC_MS);
    expect(fleet.states()).toEqual(['closed', 'closed', 'closed']);
  });

  it('goes on when one sync alone fails', async () => {
    const fleet = fleetOf(2);
    failOnce(first(fleet));
    failOnce(second(fleet));
    await fleet.clock.advance(OPEN_MS + SYNC_MS);
    const { by } = await untilTrial(fleet, fleet.members, SYNC_MS);
    const other = fleet.members.find((member) => member !== by)!;
    fleet.store.fault = 'hang';
    for (let ms = 0; ms < 2 * SYNC_MS; ms += 5) {
      if (ms === SYNC_MS) fleet.store.fault = undefined;
      await fleet.clock.advance(5);
      expect([other.shared.isConnected, attempt(other)]).toEqual([true, null]);
    }
    for (const { shared, events } of [by, other]) {
      expect(shared.stats()).toMatchObject({ isConnected: true, failures: 1 });
      expect(events.map(({ type }) => type)).not.toContain('disconnected');
    }
    expect(by.shared.stats().holdsTrials).toBe(true);
    expect(attempt(other)).toBeNull();
  });

  it('lets no trial through for an answer that was late because the process was frozen', async () => {
    const fleet = fleetOf(2);
    failOnce(first(fleet));
    failOnce(second(fleet));
    await fleet.clock.advance(OPEN_MS + SYNC_MS);
    const { by } = await untilTrial(fleet, fleet.members, SYNC_MS);
    const frozen = fleet.members.find((member) => member !== by)!;
    // The answer is there, but the timer of its deadline is looked at first.
    fleet.store.fault = 'hang';
    const asked = fleet.store.reports.length;
    while (!fleet.store.reports.slice(asked).some(({ node }) => node === frozen.node)) await fleet.clock.advance(1);
    fleet.store.fault = undefined;
    fleet.clock.stall(10 * SYNC_MS);
    await fleet.clock.advance(0);
    expect(frozen.shared.stats().failures).toBe(1);
    expect(attempt(frozen)).toBeNull();
    expect(frozen.shared.isConnected).toBe(true);
  });

  it('keeps at most one hold when the store has lost everything', async () => {
    const fleet = fleetOf(3);
    failOnce(first(fleet));
    failOnce(second(fleet));
    await fleet.clock.advance(OPEN_MS + SYNC_MS);
    const { by, permit } = await untilTrial(fleet, fleet.members, SYNC_MS);
    fleet.store.flush();
    const rest = fleet.members.filter((member) => member !== by);
    for (let k = 0; k < 20; k++) {
      expect(rest.map(attempt)).toEqual([null, null]);
      await fleet.clock.advance(SYNC_MS / 2);
    }
    permit.success();
    await fleet.clock.advance(2 * SYNC_MS);
    // What was open is not known any more, so nobody is told; each finds out, one after the other.
    for (let k = 0; k < 2; k++) {
      const open = rest.filter(({ circuit }) => circuit.state !== 'closed');
      if (open.length > 0) (await untilTrial(fleet, open, TTL_MS + 2 * SYNC_MS)).permit.success();
    }
    expect(fleet.states()).toEqual(['closed', 'closed', 'closed']);
  });

  it('bears an answer that makes no sense', async () => {
    const fleet = fleetOf(1);
    const { sync } = fleet.store;
    fleet.store.sync = async () => ({ isOpen: true, openForMs: NaN }) as never;
    await fleet.clock.advance(LOST_MS);
    expect(first(fleet).circuit.state).toBe('closed');
    expect(first(fleet).shared.isConnected).toBe(false);
    expect(first(fleet).events).toMatchObject([
      { type: 'disconnected', error: { message: 'openForMs of the answer must be a number of at least 0, got NaN' } },
    ]);
    fleet.store.sync = () => undefined as never;
    await fleet.clock.advance(LOST_MS);
    fleet.store.sync = sync;
    await fleet.clock.advance(SYNC_MS);
    expect(first(fleet).shared.isConnected).toBe(true);
    expect(await fleet.end()).toBe(0);
  });

  it('is given up with the second failure in a row, and not before', async () => {
    const fleet = fleetOf(1, { syncIntervalMs: SYNC_MS });
    const [only] = fleet.members as [Member];
    await fleet.clock.advance(0);
    expect(only.shared.stats()).toMatchObject({ syncs: 1, failures: 0, isConnected: true });
    fleet.store.fault = 'refuse';
    for (const failures of [1, 2]) {
      while (only.shared.stats().failures < failures) await fleet.clock.advance(1);
      expect(only.shared.isConnected).toBe(failures < 2);
    }
    fleet.store.fault = undefined;
    await fleet.clock.advance(SYNC_MS);
    expect(only.shared.stats()).toMatchObject({ syncs: 2, failures: 2, isConnected: true });
  });

  it('is not asked at the end by one that has told it nothing', async () => {
    const fleet = fleetOf(1);
    fleet.store.fault = 'refuse';
    await fleet.clock.advance(0);
    await fleet.members[0]!.shared.close();
    expect(fleet.store.reports).toHaveLength(1);
  });

  it('brings a recovery to one that was cut off, though its circuit is half-open by then', async () => {
    const fleet = fleetOf(3);
    const cutOff = fleet.members[2]!;
    await fleet.clock.advance(SYNC_MS);
    for (const member of fleet.members) failOnce(member);
    await fleet.clock.advance(SYNC_MS);
    fleet.store.cut = new Set([cutOff.node]);
    fleet.store.fault = 'refuse';
    first(fleet).circuit.reset();
    await fleet.clock.advance(OPEN_MS);
    expect(fleet.states()).toEqual(['closed', 'closed', 'half-open']);
    fleet.store.fault = undefined;
    await fleet.clock.advance(SYNC_MS);
    expect(fleet.states()).toEqual(['closed', 'closed', 'closed']);
  });
});

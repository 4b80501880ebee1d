import { describe, expect, it } from 'vitest';
import type { CircuitReport } from '../../src/circuit-breaker/index.ts';
import {
  attempt,
  failOnce,
  fleetOf,
  openedFleet,
  OPEN_MS,
  SYNC_MS,
  TIMEOUT_MS,
  TTL_MS,
  untilTrial,
  waitingFleet,
} from './shared-kit.ts';
import type { FleetSetup, Member } from './shared-kit.ts';

/** What a process has told since `since` reports had been made. */
const toldBy = ({ store }: FleetSetup, { node }: Member, since = 0): CircuitReport[] =>
  store.reports.slice(since).filter((report) => report.node === node);

const trialsOf = (reports: readonly CircuitReport[]): string[] => reports.map(({ trial }) => trial);

describe('what a process tells', () => {
  it('is no recovery where the fleet has closed its circuit', async () => {
    const fleet = await waitingFleet(4);
    const { by, permit } = await untilTrial(fleet, fleet.members, 2 * SYNC_MS);
    permit.success();
    await fleet.clock.advance(5 * SYNC_MS);
    const recoveries = fleet.store.reports.filter(({ recoveredAgoMs }) => recoveredAgoMs !== undefined);
    expect(recoveries.map(({ node }) => node)).toEqual([by.node]);
  });

  it('is nothing more often for being told', async () => {
    const fleet = fleetOf(4);
    await fleet.clock.advance(SYNC_MS);
    const others = fleet.members.slice(2);
    const before = fleet.store.reports.length;
    failOnce(fleet.members[0]!);
    failOnce(fleet.members[1]!);
    await fleet.clock.advance(2 * SYNC_MS);
    expect(fleet.states()).toEqual(['open', 'open', 'open', 'open']);
    for (const member of others) expect(toldBy(fleet, member, before)).toHaveLength(2);
  });

  it('is nothing when its circuit is half-open and nobody calls', async () => {
    const fleet = fleetOf(1, { syncIntervalMs: 100 * OPEN_MS });
    const [only] = fleet.members as [Member];
    await fleet.clock.advance(0);
    failOnce(only);
    await fleet.clock.advance(OPEN_MS);
    expect(only.circuit.state).toBe('half-open');
    await fleet.clock.advance(OPEN_MS);
    expect(fleet.store.reports.map(({ openForMs }) => openForMs > 0)).toEqual([false, true]);
  });

  it('is a wish for trials only where a call was turned away since the circuit is half-open', async () => {
    const fleet = await waitingFleet(3);
    const { by, permit } = await untilTrial(fleet, fleet.members, 2 * SYNC_MS);
    permit.failure();
    await fleet.clock.advance(OPEN_MS);
    const before = fleet.store.reports.length;
    expect(by.circuit.state).toBe('half-open');
    await fleet.clock.advance(3 * SYNC_MS);
    expect(new Set(trialsOf(toldBy(fleet, by, before)))).toEqual(new Set(['none']));
    expect(attempt(by)).toBeNull();
    await fleet.clock.advance(0);
    expect(toldBy(fleet, by).at(-1)!.trial).toBe('wanted');
  });

  it('is urgent after three intervals with calls turned away, and not from one outage to the next', async () => {
    const fleet = await waitingFleet(2);
    const { by, permit } = await untilTrial(fleet, fleet.members, 2 * SYNC_MS);
    const other = fleet.members.find((member) => member !== by)!;
    const before = fleet.store.reports.length;
    for (let k = 0; k < 5; k++) {
      expect(attempt(other)).toBeNull();
      await fleet.clock.advance(SYNC_MS);
    }
    const wishes = trialsOf(toldBy(fleet, other, before));
    // Once each interval: it had asked before.
    expect(wishes).toEqual(['wanted', 'wanted', 'urgent', 'urgent', 'urgent']);
    // By hand, and not by way of a hold that would be news by itself.
    other.circuit.reset();
    permit.success();
    await fleet.clock.advance(2 * SYNC_MS);
    for (const member of fleet.members) failOnce(member);
    await fleet.clock.advance(OPEN_MS + SYNC_MS);
    const again = fleet.store.reports.length;
    expect(attempt(other)).toBeNull();
    await fleet.clock.advance(0);
    expect(trialsOf(toldBy(fleet, other, again))).toEqual(['wanted']);
  });

  it('does not grow urgent in intervals without a call', async () => {
    const fleet = await waitingFleet(2);
    const { by } = await untilTrial(fleet, fleet.members, 2 * SYNC_MS);
    const other = fleet.members.find((member) => member !== by)!;
    expect(attempt(other)).toBeNull();
    const before = fleet.store.reports.length;
    await fleet.clock.advance(2 * TTL_MS);
    expect(new Set(trialsOf(toldBy(fleet, other, before)))).toEqual(new Set(['wanted']));
  });

  it('is a recovery by hand whoever holds the trials, also from one who held them before', async () => {
    const fleet = await waitingFleet(3);
    const { by, permit } = await untilTrial(fleet, fleet.members, 2 * SYNC_MS);
    permit.failure();
    const rest = fleet.members.filter((member) => member !== by);
    await untilTrial(fleet, rest, TTL_MS + 2 * SYNC_MS);
    by.circuit.reset();
    await fleet.clock.advance(2 * SYNC_MS);
    expect(fleet.states()).toEqual(['closed', 'closed', 'closed']);
  });

  it('is how long ago it opened and recovered, up to the moment of telling', async () => {
    const fleet = await openedFleet(2);
    const [first] = fleet.members as [Member];
    expect(toldBy(fleet, first).at(-1)).toMatchObject({
      openForMs: expect.any(Number),
      openedAgoMs: expect.any(Number),
    });
    const { openForMs, openedAgoMs } = toldBy(fleet, first).at(-1)!;
    expect(openForMs + openedAgoMs).toBe(OPEN_MS);
    expect(openedAgoMs).toBeGreaterThan(0);
    fleet.store.fault = 'refuse';
    await fleet.clock.advance(SYNC_MS);
    first.circuit.reset();
    await fleet.clock.advance(SYNC_MS);
    const told = toldBy(fleet, first).filter(({ recoveredAgoMs }) => recoveredAgoMs !== undefined);
    expect(told[0]).toMatchObject({ recoveredAgoMs: 0, openedAgoMs: 0, openForMs: 0 });
    expect(told.at(-1)!.recoveredAgoMs).toBeGreaterThan(0);
  });

  it('is not told again before its time to a store that did not answer', async () => {
    const fleet = fleetOf(1, { syncIntervalMs: 100_000 });
    fleet.store.fault = 'hang';
    await fleet.clock.advance(10);
    fleet.members[0]!.circuit.trip();
    await fleet.clock.advance(10 * TIMEOUT_MS);
    expect(fleet.store.reports).toHaveLength(1);
  });

  it('is nothing after the end, though there was news during the last sync', async () => {
    const fleet = fleetOf(1, { syncIntervalMs: 100_000, timeoutMs: 1000 });
    fleet.store.latencyMs = 100;
    await fleet.clock.advance(50);
    const [only] = fleet.members as [Member];
    only.circuit.trip();
    const closed = only.shared.close();
    await fleet.clock.advance(50);
    await closed;
    await fleet.clock.advance(1000);
    expect([fleet.store.reports.length, fleet.clock.pendingTimers]).toEqual([1, 0]);
  });

  it('is nothing at the end, once all that it told is past', async () => {
    const fleet = await waitingFleet(2);
    const { by, permit } = await untilTrial(fleet, fleet.members, 2 * SYNC_MS);
    permit.success();
    await fleet.clock.advance(3 * SYNC_MS);
    const before = fleet.store.reports.length;
    await by.shared.close();
    expect(fleet.store.reports).toHaveLength(before);
  });

  it('is answered in vain when it leaves meanwhile', async () => {
    const fleet = fleetOf(3);
    fleet.store.latencyMs = 40;
    const [first, second, leaving] = fleet.members as [Member, Member, Member];
    while (toldBy(fleet, leaving).length < 2) await fleet.clock.advance(1);
    // Its last sync is the first to find the fleet open.
    await fleet.clock.advance(SYNC_MS / 2);
    failOnce(first);
    failOnce(second);
    while (toldBy(fleet, leaving).length < 3) await fleet.clock.advance(1);
    expect(leaving.circuit.state).toBe('closed');
    const closed = leaving.shared.close();
    await fleet.clock.advance(100);
    await closed;
    expect(leaving.shared.stats().isFleetOpen).toBe(true);
    expect(leaving.circuit.state).toBe('closed');
  });

  it('is a week where its circuit stays open without end', async () => {
    const fleet = fleetOf(1, {}, { openDurationMs: Infinity });
    failOnce(fleet.members[0]!);
    await fleet.clock.advance(SYNC_MS);
    expect(toldBy(fleet, fleet.members[0]!).at(-1)!.openForMs).toBe(7 * 86_400_000);
  });

  it('is that a trial runs only while one does', async () => {
    const fleet = fleetOf(2, {}, { halfOpen: { successThreshold: 2 } });
    const [first] = fleet.members as [Member];
    // One call from before the circuit opened, which lasts.
    const old = attempt(first);
    failOnce(first);
    await fleet.clock.advance(OPEN_MS);
    const before = fleet.store.reports.length;
    expect(first.circuit.stats()).toMatchObject({ state: 'half-open', inFlight: 1 });
    await fleet.clock.advance(SYNC_MS);
    expect(new Set(trialsOf(toldBy(fleet, first, before)))).toEqual(new Set(['none']));
    old!.ignore();
    const { permit } = await untilTrial(fleet, [first], TTL_MS + 2 * SYNC_MS);
    await fleet.clock.advance(SYNC_MS);
    expect(toldBy(fleet, first).at(-1)!.trial).toBe('running');
    permit.success();
    await fleet.clock.advance(SYNC_MS);
    expect(toldBy(fleet, first).at(-1)!.trial).toBe('wanted');
  });

  it('is no opening where a circuit that was open once is isolated', async () => {
    const fleet = fleetOf(1);
    const [only] = fleet.members as [Member];
    failOnce(only);
    await fleet.clock.advance(SYNC_MS);
    only.circuit.reset();
    only.circuit.isolate();
    await fleet.clock.advance(2 * SYNC_MS);
    expect(toldBy(fleet, only).at(-1)).toMatchObject({ openForMs: 0, openedAgoMs: 0 });
  });

  it('is one sync more for all the news that came during one', async () => {
    const fleet = fleetOf(1, { syncIntervalMs: 100_000, timeoutMs: 1000 });
    const [only] = fleet.members as [Member];
    fleet.store.latencyMs = 100;
    await fleet.clock.advance(50);
    for (let k = 0; k < 5; k++) {
      only.circuit.trip();
      only.circuit.reset();
    }
    only.circuit.trip();
    await fleet.clock.advance(50);
    expect(fleet.store.reports.map(({ openForMs }) => openForMs)).toEqual([0, OPEN_MS - 50]);
    await fleet.clock.advance(1000);
    expect(fleet.store.reports).toHaveLength(2);
  });

  it('is told to a slow store as soon as it has answered, when an interval has passed meanwhile', async () => {
    const fleet = fleetOf(1, { timeoutMs: 1000 });
    fleet.store.latencyMs = 1.5 * SYNC_MS;
    await fleet.clock.advance(30 * SYNC_MS);
    expect(fleet.store.reports.length).toBeGreaterThanOrEqual(19);
    expect(fleet.store.reports.length).toBeLessThanOrEqual(21);
  });
});

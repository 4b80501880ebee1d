import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../../src/testing/index.ts';
import {
  attempt,
  failOnce,
  fleetOf,
  typesOf,
  waitingFleet,
  OPEN_MS,
  SYNC_MS,
  TIMEOUT_MS,
  TTL_MS,
  untilTrial,
} from './shared-kit.ts';
import type { FleetSetup, Member } from './shared-kit.ts';

/** Calls in turn, one each minute for each process, until the circuit of one has closed; answers how many it took. */
async function callsUntilClosed(fleet: FleetSetup, callers: readonly Member[]): Promise<number> {
  let calls = 0;
  while (!fleet.states().includes('closed') && calls < 100) {
    attempt(callers[calls++ % callers.length]!)?.success();
    await fleet.clock.advance(60_000 / callers.length);
  }
  return calls;
}

describe('trials', () => {
  it('lets trials through in one process of the fleet at a time', async () => {
    const fleet = await waitingFleet(6);
    for (const member of fleet.members) expect(attempt(member)).toBeNull();
    await fleet.clock.advance(0);
    const permits = fleet.members.map(attempt).filter((permit) => permit !== null);
    expect(permits.length).toBe(1);
    expect(fleet.members.filter(({ shared }) => shared.stats().holdsTrials).length).toBe(1);
    expect(fleet.members.flatMap(typesOf).filter((type) => type === 'trials-granted').length).toBe(1);
    // However long it takes: the hold is renewed.
    for (let k = 0; k < 50; k++) {
      await fleet.clock.advance(SYNC_MS);
      expect(fleet.members.map(attempt).every((permit) => permit === null)).toBe(true);
    }
    expect(fleet.members.flatMap(typesOf).filter((type) => type === 'trials-granted').length).toBe(1);
  });

  it('ends a hold here before it ends in the store, however slow the answer was', async () => {
    const fleet = await waitingFleet(2);
    const [only] = fleet.members as [Member];
    const { clock, store } = fleet;
    store.latencyMs = 40;
    const { sync } = store;
    let sentMs = 0;
    store.sync = (report) => {
      if (report.node === only.node && !store.fault) sentMs = clock.now();
      return sync(report);
    };
    while (!attempt(only)) await clock.advance(1);
    // The last answer is on its way, or here; the store counts from half the latency after it was asked.
    store.fault = 'hang';
    await clock.advance(sentMs + TTL_MS - 1 - clock.now());
    expect(only.shared.stats().holdsTrials).toBe(true);
    await clock.advance(1);
    expect(only.shared.stats().holdsTrials).toBe(false);
  });

  it('closes the whole fleet within two intervals of a good trial', async () => {
    const fleet = await waitingFleet(6);
    const { by, permit } = await untilTrial(fleet, fleet.members, 2 * SYNC_MS);
    permit.success();
    expect(by.circuit.state).toBe('closed');
    await fleet.clock.advance(2 * SYNC_MS);
    expect(fleet.states()).toEqual(Array.from({ length: 6 }, () => 'closed'));
    expect(typesOf(by)).not.toContain('fleet-recovered');
    const other = fleet.members.find((member) => member !== by)!;
    expect(typesOf(other)).toContain('fleet-recovered');
    expect(by.shared.stats()).toMatchObject({ isFleetOpen: false, openNodes: 0, holdsTrials: false });
    await fleet.clock.advance(10 * SYNC_MS);
    expect(fleet.states()).toEqual(Array.from({ length: 6 }, () => 'closed'));
    expect(await fleet.end()).toBe(0);
  });

  it('passes the trials on at once after a bad one, so that one bad node does not hold up the rest', async () => {
    const fleet = await waitingFleet(3);
    const [bad, ...rest] = fleet.members as [Member, ...Member[]];
    const { permit } = await untilTrial(fleet, [bad], SYNC_MS);
    permit.failure();
    expect(bad.circuit.state).toBe('open');
    const next = await untilTrial(fleet, rest, 2 * SYNC_MS);
    next.permit.success();
    await fleet.clock.advance(2 * SYNC_MS);
    expect(fleet.states()).toEqual(['closed', 'closed', 'closed']);
  });

  it('opens the fleet again when trials fail in a quorum of its processes', async () => {
    const fleet = await waitingFleet(4);
    const first = await untilTrial(fleet, fleet.members, SYNC_MS);
    first.permit.failure();
    await fleet.clock.advance(SYNC_MS);
    const second = await untilTrial(fleet, fleet.members, 2 * SYNC_MS);
    expect(second.by).not.toBe(first.by);
    second.permit.failure();
    await fleet.clock.advance(SYNC_MS);
    // Nobody tries while both are open.
    await expect(untilTrial(fleet, fleet.members, OPEN_MS - 4 * SYNC_MS)).rejects.toThrow('no call');
    await untilTrial(fleet, fleet.members, 5 * SYNC_MS);
  });

  it('gives the trials of a process that was killed to another when its hold has run out', async () => {
    const fleet = await waitingFleet(3);
    const { by } = await untilTrial(fleet, fleet.members, SYNC_MS);
    // As a kill does: nothing is said any more.
    fleet.store.cut = new Set([by.node]);
    fleet.store.fault = 'hang';
    const rest = fleet.members.filter((member) => member !== by);
    const { afterMs, permit } = await untilTrial(fleet, rest, TTL_MS + 2 * SYNC_MS);
    expect(afterMs).toBeGreaterThan(TTL_MS - SYNC_MS - 10);
    permit.success();
    await fleet.clock.advance(2 * SYNC_MS);
    expect(rest.map(({ circuit }) => circuit.state)).toEqual(['closed', 'closed']);
  });

  it('lets no trial through on a hold that ran out while the process was frozen', async () => {
    const fleet = await waitingFleet(2);
    const [holder] = fleet.members as [Member, Member];
    attempt(holder);
    await fleet.clock.advance(0);
    expect(holder.shared.stats().holdsTrials).toBe(true);
    // The first thing after the thaw is a call, before any timer.
    fleet.clock.stall(TTL_MS);
    expect(attempt(holder)).toBeNull();
    expect(holder.shared.stats().holdsTrials).toBe(false);
  });

  it('voids the success of a process whose trials have passed to another', async () => {
    const fleet = await waitingFleet(3);
    const { by, permit } = await untilTrial(fleet, fleet.members, SYNC_MS);
    fleet.store.cut = new Set([by.node]);
    fleet.store.fault = 'hang';
    const rest = fleet.members.filter((member) => member !== by);
    await untilTrial(fleet, rest, TTL_MS + 2 * SYNC_MS);
    permit.success();
    fleet.store.cut = fleet.store.fault = undefined;
    await fleet.clock.advance(TIMEOUT_MS + 2 * SYNC_MS);
    expect(fleet.states()).toEqual(['half-open', 'half-open', 'half-open']);
  });

  it('passes an idle hold on to where the calls are', async () => {
    const fleet = await waitingFleet(2);
    const [idle, busy] = fleet.members as [Member, Member];
    attempt(idle);
    await fleet.clock.advance(0);
    expect(idle.shared.stats().holdsTrials).toBe(true);
    const { afterMs } = await untilTrial(fleet, [busy], 5 * SYNC_MS + TTL_MS);
    expect(afterMs).toBeGreaterThan(SYNC_MS);
  });

  it.each([1, 2, 6])('tries with the second call of the first of %i processes with a call a minute each', async (n) => {
    const fleet = await waitingFleet(Math.max(n, 2));
    const callers = fleet.members.slice(0, n);
    expect(await callsUntilClosed(fleet, callers)).toBe(n + 1);
    expect(fleet.states()).toEqual(fleet.members.map(() => 'closed'));
  });

  it('tries soon where the calls are, one a minute, when the holder gets none any more', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const fleet = await waitingFleet(6, { random: createSeededRandom(seed) });
      const [idle, ...callers] = fleet.members as [Member, ...Member[]];
      attempt(idle);
      await fleet.clock.advance(60_000);
      // Three each that are turned away, then the next one of whoever was first to have had enough.
      expect(await callsUntilClosed(fleet, callers)).toBeLessThanOrEqual(3 * callers.length + callers.length + 1);
    }
  });

  it('acts on no answer that was on its way when the circuit moved', async () => {
    for (let offsetMs = 0; offsetMs < SYNC_MS; offsetMs += 5) {
      const fleet = await waitingFleet(2);
      fleet.store.latencyMs = TIMEOUT_MS - 10;
      const { by, permit } = await untilTrial(fleet, fleet.members, 3 * SYNC_MS);
      await fleet.clock.advance(offsetMs);
      by.events.length = 0;
      permit.success();
      await fleet.clock.advance(3 * SYNC_MS);
      expect(typesOf(by)).toEqual([]);
      expect(fleet.states()).toEqual(['closed', 'closed']);
    }
  });

  it('does not let a trial that hangs hold up the recovery of the others', async () => {
    const halfOpen = { trialTimeoutMs: 2000 };
    const fleet = fleetOf(3, {}, { halfOpen });
    failOnce(fleet.members[0]!);
    failOnce(fleet.members[1]!);
    await fleet.clock.advance(OPEN_MS + 2 * SYNC_MS);
    const { by } = await untilTrial(fleet, fleet.members, SYNC_MS);
    const rest = fleet.members.filter((member) => member !== by);
    const { afterMs } = await untilTrial(fleet, rest, 2000 + 3 * SYNC_MS);
    expect(afterMs).toBeGreaterThanOrEqual(2000 - SYNC_MS);
  });

  it('ramps admission up in every process after a recovery', async () => {
    const fleet = fleetOf(2, {}, { rampUp: { durationMs: 10_000, initialRatio: 0.1 } });
    const [first, second] = fleet.members as [Member, Member];
    for (const late of [false, true]) {
      failOnce(first);
      if (late) second.circuit.trip(10 * OPEN_MS);
      else failOnce(second);
      await fleet.clock.advance(OPEN_MS + SYNC_MS);
      expect(second.circuit.state).toBe(late ? 'open' : 'half-open');
      (await untilTrial(fleet, [first], 2 * SYNC_MS)).permit.success();
      await fleet.clock.advance(2 * SYNC_MS);
      expect(fleet.states()).toEqual(['closed', 'closed']);
      const admitted = Array.from({ length: 100 }, () => attempt(second)).filter((permit) => permit !== null);
      for (const permit of admitted) permit.success();
      expect(admitted.length).toBeLessThan(30);
      await fleet.clock.advance(20_000);
    }
  });

  it('tells `openDurationMs` of the circuit of its own openings alone', async () => {
    const told: number[] = [];
    const openDurationMs = (attempts: number): number => (told.push(attempts), OPEN_MS);
    const fleet = fleetOf(2, {}, { openDurationMs });
    failOnce(fleet.members[0]!);
    failOnce(fleet.members[1]!);
    for (let k = 0; k < 3; k++) (await untilTrial(fleet, fleet.members.slice(0, 1), 3 * OPEN_MS)).permit.failure();
    expect(told).toEqual([1, 1, 2, 3, 4]);
  });
});

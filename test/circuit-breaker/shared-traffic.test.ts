import { describe, expect, it } from 'vitest';
import { attempt, fleetOf, OPEN_MS, SYNC_MS } from './shared-kit.ts';

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

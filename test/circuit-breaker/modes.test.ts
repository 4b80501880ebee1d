import { describe, expect, it } from 'vitest';
import type { CircuitMode } from '../../src/circuit-breaker/index.ts';
import { consecutiveFailures, countWindow } from '../../src/circuit-breaker/index.ts';
import { gate } from '../support/gate.ts';
import { admitted, answer, down, errorOf, fail, record, recordLasting, setup, toHalfOpen, ways } from './kit.ts';

const modes: readonly CircuitMode[] = ['auto', 'forced-open', 'disabled', 'metrics-only'];

describe('setMode', () => {
  it('`metrics-only` records and never opens; `disabled` lets everything through and records nothing.', async () => {
    for (const [, run] of ways) {
      const { circuit } = setup({ trip: countWindow({ size: 3, failureThreshold: 1 }) });
      circuit.setMode('metrics-only');
      for (const op of [fail, answer, fail, fail]) await run(circuit, op).catch(() => {});
      expect(circuit.stats()).toMatchObject({ state: 'metrics-only', calls: 3, failures: 2, inFlight: 0, late: 0 });
      circuit.setMode('disabled');
      for (const op of [fail, answer]) await run(circuit, op).catch(() => {});
      admitted(circuit).failure();
      expect(circuit.stats()).toMatchObject({ state: 'disabled', calls: 0, failures: 0, inFlight: 0, late: 0 });
    }
  });

  it('counts calls in flight while disabled', async () => {
    const { circuit } = setup();
    circuit.setMode('disabled');
    const work = gate();
    const call = circuit.run(() => work.promise);
    expect(circuit.stats().inFlight).toBe(1);
    work.open();
    await call;
    expect(circuit.stats().inFlight).toBe(0);
  });

  it('holds the circuit open for good under `forced-open`', () => {
    const { circuit, clock } = setup();
    circuit.setMode('forced-open');
    clock.stall(1e12);
    expect([circuit.state, circuit.mode, circuit.retryAfterMs]).toEqual(['forced-open', 'forced-open', Infinity]);
    expect([circuit.tryAcquire(), circuit.stats().notPermitted]).toEqual([null, 1]);
  });

  it('goes on closed with empty windows, by the rules again, under `auto`', () => {
    for (const mode of modes.slice(1)) {
      const { circuit, events } = setup({ trip: consecutiveFailures(2) });
      circuit.setMode(mode);
      if (mode !== 'forced-open') record(circuit, '-');
      circuit.setMode('auto');
      expect([circuit.state, circuit.mode]).toEqual(['closed', 'auto']);
      expect(circuit.stats()).toMatchObject({ calls: 0, failures: 0 });
      record(circuit, '-');
      expect(circuit.state).toBe('closed');
      record(circuit, '-');
      expect(circuit.state).toBe('open');
      expect(events.slice(0, 2)).toMatchObject([
        { from: 'closed', to: mode, reason: 'set by hand' },
        { from: mode, to: 'closed', reason: 'set by hand' },
      ]);
    }
  });

  it('moves from any state to any, and tells nothing where nothing changes', () => {
    for (const mode of modes) {
      const { circuit, moves } = setup();
      circuit.setMode(mode);
      circuit.setMode(mode);
      expect(circuit.mode).toBe(mode);
      expect(moves()).toEqual(mode === 'auto' ? [] : [`closed > ${mode}`]);
    }
    const parts = setup();
    toHalfOpen(parts);
    parts.circuit.setMode('metrics-only');
    expect(parts.moves().at(-1)).toBe('half-open > metrics-only');
  });

  it('empties the windows also where the state stays', () => {
    const { circuit } = setup({ trip: consecutiveFailures(2) });
    record(circuit, '-');
    circuit.setMode('auto');
    expect(circuit.stats().calls).toBe(0);
  });

  it('refuses any other word', () => {
    const { circuit } = setup();
    for (const mode of ['open', 'closed', '', undefined, null, 1]) {
      // @ts-expect-error a mode is one of four words
      expect(() => circuit.setMode(mode)).toThrow(
        /^mode must be one of auto, forced-open, disabled, metrics-only, got/,
      );
    }
    expect([circuit.mode, circuit.state]).toEqual(['auto', 'closed']);
  });
});

describe('reset', () => {
  it('closes from every state and every mode, with empty windows', () => {
    for (const mode of modes) {
      const { circuit } = setup();
      circuit.setMode(mode);
      circuit.reset();
      expect([circuit.state, circuit.mode]).toEqual(['closed', 'auto']);
    }
    const parts = setup();
    parts.circuit.trip();
    parts.circuit.reset();
    expect([parts.circuit.state, parts.circuit.retryAfterMs, parts.circuit.isIdle]).toEqual(['closed', 0, true]);
    toHalfOpen(parts);
    admitted(parts.circuit);
    parts.circuit.reset();
    expect(parts.circuit.state).toBe('closed');
    expect(parts.circuit.tryAcquire()).not.toBeNull();
    expect(parts.circuit.tryAcquire()).not.toBeNull();
  });
});

describe('trip', () => {
  it('`trip()` opens at once and recovers by itself, and does nothing under a mode other than `auto`.', async () => {
    const { circuit, clock, events } = setup({ trip: consecutiveFailures(5) });
    circuit.trip();
    expect(await errorOf(circuit.run(answer))).toMatchObject({ state: 'open', retryAfterMs: 1000 });
    clock.stall(1000);
    expect(await circuit.run(answer)).toBe('answer');
    expect(events.map(({ to, reason }) => `${to}: ${reason}`)).toEqual([
      'open: tripped by hand',
      'half-open: open duration over',
      'closed: trials succeeded',
    ]);
    for (const mode of modes.slice(1)) {
      circuit.setMode(mode);
      circuit.trip();
      expect(circuit.state).toBe(mode);
    }
    circuit.reset();
    const handle = circuit.isolate();
    circuit.trip();
    expect(circuit.state).toBe('forced-open');
    handle.dispose();
    expect(circuit.state).toBe('closed');
  });

  it('opens for as long as it is told', () => {
    const { circuit, clock } = setup();
    circuit.trip(20);
    clock.stall(19);
    expect([circuit.state, circuit.retryAfterMs]).toEqual(['open', 1]);
    clock.stall(1);
    expect(circuit.state).toBe('half-open');
    circuit.trip(0);
    expect(circuit.state).toBe('half-open');
    circuit.trip(Infinity);
    clock.stall(1e15);
    expect([circuit.state, circuit.retryAfterMs]).toEqual(['open', Infinity]);
  });

  it('starts the open time again where the circuit is open, without an event', () => {
    const { circuit, clock, moves } = setup();
    circuit.trip();
    clock.stall(900);
    circuit.trip();
    clock.stall(900);
    expect([circuit.state, circuit.retryAfterMs, ...moves()]).toEqual(['open', 100, 'closed > open']);
  });

  it('refuses a time that is none', () => {
    const { circuit } = setup();
    for (const ms of [Number.NaN, -1, '1', null]) {
      // @ts-expect-error a time is a number
      expect(() => circuit.trip(ms)).toThrow(/^ms must be a number of at least 0, got/);
    }
    expect(circuit.state).toBe('closed');
  });
});

describe('isolate', () => {
  it('An isolated circuit lets nothing through until every handle has been disposed, whatever its mode.', async () => {
    for (const mode of modes) {
      const { circuit, events } = setup();
      const first = circuit.isolate();
      circuit.setMode(mode);
      const second = circuit.isolate();
      expect(await errorOf(circuit.run(answer))).toMatchObject({ state: 'forced-open', retryAfterMs: Infinity });
      first.dispose();
      first.dispose();
      first[Symbol.dispose]();
      circuit.setMode(mode);
      expect([circuit.tryAcquire(), circuit.state, circuit.mode]).toEqual([null, 'forced-open', mode]);
      second[Symbol.dispose]();
      expect(circuit.state).toBe(mode === 'auto' ? 'closed' : mode);
      expect(circuit.tryAcquire() === null).toBe(mode === 'forced-open');
      expect(events[0]).toMatchObject({ from: 'closed', to: 'forced-open', reason: 'isolated' });
      expect(events).toHaveLength(mode === 'forced-open' ? 1 : 2);
    }
  });

  it('outlasts a reset, which only returns to mode `auto`', () => {
    const { circuit } = setup();
    circuit.setMode('disabled');
    const handle = circuit.isolate();
    circuit.reset();
    expect([circuit.state, circuit.mode]).toEqual(['forced-open', 'auto']);
    handle.dispose();
    expect(circuit.state).toBe('closed');
  });

  it('ends with empty windows, wherever it began', () => {
    const parts = setup({ trip: consecutiveFailures(2) });
    record(parts.circuit, '-');
    parts.circuit.isolate().dispose();
    expect(parts.circuit.stats()).toMatchObject({ state: 'closed', calls: 0 });
    toHalfOpen(parts);
    parts.circuit.isolate().dispose();
    expect(parts.circuit.state).toBe('closed');
    parts.circuit.trip();
    parts.circuit.isolate().dispose();
    expect(parts.circuit.state).toBe('closed');
  });

  it('can be asked for again after it ended', () => {
    const { circuit } = setup();
    circuit.isolate().dispose();
    const again = circuit.isolate();
    expect(circuit.state).toBe('forced-open');
    again.dispose();
    expect(circuit.state).toBe('closed');
  });

  it('counts a handle once that is disposed again while its end is told', () => {
    const { circuit } = setup();
    const handle = circuit.isolate();
    circuit.onEvent(() => handle.dispose());
    handle.dispose();
    circuit.isolate();
    expect(circuit.state).toBe('forced-open');
  });

  it('voids the results of calls from before', async () => {
    for (const [, run] of ways) {
      const { circuit } = setup();
      const work = gate();
      const call = errorOf(run(circuit, () => work.promise));
      const handle = circuit.isolate();
      handle.dispose();
      work.fail(down);
      await call;
      expect(circuit.stats()).toMatchObject({ state: 'closed', late: 1, inFlight: 0 });
    }
  });
});

describe('isIdle', () => {
  it('is true only for a closed circuit that counts no failure, nothing slow and nothing in flight', () => {
    const parts = setup({
      trip: [consecutiveFailures(2), countWindow({ size: 2, failureThreshold: 2, slowCallDurationMs: 10 })],
    });
    const { circuit } = parts;
    const seen: boolean[] = [];
    const look = (): number => seen.push(circuit.isIdle);
    look();
    const permit = admitted(circuit);
    look();
    permit.success();
    look();
    record(circuit, '-');
    look();
    record(circuit, '+');
    look();
    record(circuit, '+');
    look();
    const slow = admitted(circuit);
    parts.clock.stall(10);
    slow.success();
    look();
    expect(seen).toEqual([true, false, true, false, false, true, false]);
    const alone = setup({ trip: countWindow({ size: 2, failureThreshold: 2, slowCallDurationMs: 10 }) });
    recordLasting(alone, 10, '-');
    expect(alone.circuit.isIdle).toBe(false);
    for (const mode of modes.slice(1)) {
      circuit.setMode(mode);
      expect(circuit.isIdle).toBe(false);
    }
    circuit.reset();
    expect(circuit.isIdle).toBe(true);
    circuit.trip();
    expect(circuit.isIdle).toBe(false);
    parts.clock.stall(1000);
    expect([circuit.isIdle, circuit.state]).toEqual([false, 'half-open']);
  });
});

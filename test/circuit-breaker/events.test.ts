import { afterEach, describe, expect, it, vi } from 'vitest';
import { consecutiveFailures } from '../../src/circuit-breaker/index.ts';
import { pipeline } from '../../src/policy/index.ts';
import { gate } from '../support/gate.ts';
import { admitted, answer, down, errorOf, record, setup, toHalfOpen, watchReports, ways } from './kit.ts';

afterEach(() => void vi.unstubAllGlobals());

const thrown = new Error('from a callback');
const throwing = (): never => {
  throw thrown;
};

describe('events', () => {
  it('There is one event for each change of state, in order, each from the state that the last led to.', () => {
    const { circuit, clock, events } = setup({ name: 'db' }, 7);
    record(circuit, '-');
    clock.stall(1000);
    record(circuit, '-');
    clock.stall(1500);
    record(circuit, '+');
    circuit.setMode('disabled');
    circuit.setMode('disabled');
    circuit.reset();
    circuit.reset();
    const rows = events.map(({ type, name, ...event }) => {
      expect([type, name]).toEqual(['state-change', 'db']);
      return Object.values(event).join(' | ');
    });
    expect(rows).toEqual([
      'closed | open | 7 | 1 failures in a row',
      'open | half-open | 1007 | open duration over',
      'half-open | open | 1007 | trials failed',
      'open | half-open | 2507 | open duration over',
      'half-open | closed | 2507 | trials succeeded',
      'closed | disabled | 2507 | set by hand',
      'disabled | closed | 2507 | set by hand',
    ]);
  });

  it('Failures that come in together open the circuit once.', async () => {
    for (const [, run] of ways) {
      const { circuit, moves } = setup({ trip: consecutiveFailures(3) });
      const work = gate();
      const calls = Array.from({ length: 50 }, () => errorOf(run(circuit, () => work.promise)));
      work.fail(down);
      expect(new Set(await Promise.all(calls))).toEqual(new Set([down]));
      expect(moves()).toEqual(['closed > open']);
      expect(circuit.stats()).toMatchObject({ failures: 3, calls: 3, late: 47, inFlight: 0 });
    }
  });

  it('go to every listener, in the order they were added, and to none that has left', () => {
    const heard: string[] = [];
    const { circuit } = setup({ onEvent: () => void heard.push('option') });
    const leave = circuit.onEvent(() => void heard.push('first'));
    circuit.onEvent(() => void heard.push('second'));
    circuit.trip();
    leave();
    leave();
    circuit.reset();
    expect(heard).toEqual(['option', 'first', 'second', 'option', 'second']);
  });

  it('go twice to a listener that was added twice', () => {
    const heard: string[] = [];
    const { circuit } = setup();
    const listener = (): number => heard.push('x');
    const leave = circuit.onEvent(listener);
    circuit.onEvent(listener);
    circuit.trip();
    expect(heard).toHaveLength(2);
    leave();
    circuit.reset();
    expect(heard).toHaveLength(3);
  });

  it('stay in order when a listener moves the state again', () => {
    const { circuit, moves } = setup();
    const heard: string[] = [];
    circuit.onEvent(({ to }) => {
      if (to === 'open') circuit.setMode('disabled');
    });
    circuit.onEvent(({ from, to }) => void heard.push(`${from} > ${to}`));
    record(circuit, '-');
    expect(heard).toEqual(['closed > open', 'open > disabled']);
    expect(moves()).toEqual(heard);
    expect(circuit.state).toBe('disabled');
  });

  it('whose listener gives the call up keep its operation from starting', async () => {
    for (const isPiped of [false, true]) {
      const caller = new AbortController();
      const reason = new Error('given up');
      const { circuit, clock } = setup({ onEvent: ({ to }) => to === 'half-open' && caller.abort(reason) });
      record(circuit, '-');
      clock.stall(1000);
      const op = vi.fn(answer);
      const policy = isPiped ? pipeline(circuit) : circuit;
      expect(await errorOf(policy.run(op, { signal: caller.signal }))).toBe(reason);
      expect([op.mock.calls.length, circuit.state, circuit.stats().inFlight]).toEqual([0, 'half-open', 0]);
    }
  });

  it('show the state that they led to', () => {
    const { circuit } = setup();
    const states: string[] = [];
    circuit.onEvent(({ to }) => void states.push(`${to}: ${circuit.state}`));
    circuit.trip();
    circuit.reset();
    expect(states).toEqual(['open: open', 'closed: closed']);
  });

  it('refuse a listener that is no function', () => {
    const { circuit } = setup();
    for (const listener of [undefined, null, {}, 'log', 1]) {
      // @ts-expect-error a listener is a function
      expect(() => circuit.onEvent(listener)).toThrow(/^onEvent must be a function, got/);
    }
    circuit.trip();
    expect(circuit.state).toBe('open');
  });
});

describe('callbacks', () => {
  it('A callback that throws changes neither a result nor the state, and what it threw is reported.', async () => {
    for (const [, run] of ways) {
      const reports = watchReports();
      const { circuit, moves } = setup({ trip: consecutiveFailures(2), isFailureResult: throwing });
      circuit.onEvent(throwing);
      const heard: string[] = [];
      circuit.onEvent(({ to }) => void heard.push(to));
      expect(await run(circuit, answer)).toBe('answer');
      expect([circuit.state, ...reports]).toEqual(['closed', thrown]);
      expect(await errorOf(run(circuit, () => Promise.reject(down)))).toBe(down);
      expect(await errorOf(run(circuit, () => Promise.reject(down)))).toBe(down);
      expect([circuit.state, heard, moves()]).toEqual(['open', ['open'], ['closed > open']]);
      expect(reports).toEqual([thrown, thrown]);
      const strict = setup({ isFailure: throwing, isIgnored: throwing });
      expect(await errorOf(run(strict.circuit, () => Promise.reject(down)))).toBe(down);
      expect([strict.circuit.state, reports.length]).toEqual(['open', 4]);
    }
  });

  it('are reported to the console where the runtime has no `reportError`', () => {
    vi.stubGlobal('reportError', undefined);
    const lines: unknown[][] = [];
    const console = vi.spyOn(globalThis.console, 'error').mockImplementation((...line) => void lines.push(line));
    const { circuit } = setup({ onEvent: throwing });
    circuit.trip();
    console.mockRestore();
    expect([circuit.state, lines]).toEqual(['open', [[thrown]]]);
  });

  it('that throw from a successful trial do not keep the circuit from closing', async () => {
    const reports = watchReports();
    const parts = setup({ onEvent: throwing });
    toHalfOpen(parts);
    expect(await parts.circuit.run(answer)).toBe('answer');
    expect([parts.circuit.state, reports.length]).toEqual(['closed', 3]);
    expect(admitted(parts.circuit)).toBeDefined();
  });
});

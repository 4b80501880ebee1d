import { vi } from 'vitest';
import { consecutiveFailures, createCircuitBreaker } from '../../src/circuit-breaker/index.ts';
import type {
  CircuitBreaker,
  CircuitBreakerEvent,
  CircuitBreakerOptions,
  Operation,
  Permit,
} from '../../src/circuit-breaker/index.ts';
import { createBulkhead, pipeline } from '../../src/policy/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';

export const down: Error = new Error('down');

export const fail = (): Promise<never> => Promise.reject(down);
export const answer = (): Promise<string> => Promise.resolve('answer');

export interface Setup {
  readonly circuit: CircuitBreaker;
  readonly clock: VirtualClock;
  readonly events: CircuitBreakerEvent[];
  /** `closed > open`, and so on. */
  readonly moves: () => string[];
}

/** A circuit that opens at the first failure, for a second, unless told otherwise. */
export function setup(options: Partial<CircuitBreakerOptions> = {}, nowMs: number = 0): Setup {
  const clock = createVirtualClock({ nowMs });
  const events: CircuitBreakerEvent[] = [];
  const circuit = createCircuitBreaker({
    trip: consecutiveFailures(1),
    openDurationMs: 1000,
    clock,
    onEvent: (event) => void events.push(event),
    ...options,
  });
  return { circuit, clock, events, moves: () => events.map(({ from, to }) => `${from} > ${to}`) };
}

/** A permit that must be given. */
export function admitted(circuit: CircuitBreaker): Permit {
  const permit = circuit.tryAcquire();
  if (!permit) throw new Error(`the circuit is ${circuit.state}`);
  return permit;
}

/** Records calls that take no time: `+` a success, `-` a failure. */
export function record(circuit: CircuitBreaker, verdicts: string): void {
  for (const verdict of verdicts) {
    const permit = admitted(circuit);
    if (verdict === '+') permit.success();
    else permit.failure();
  }
}

/** Records a call that takes `ms`. */
export function recordLasting({ circuit, clock }: Setup, ms: number, verdict: '+' | '-' = '+'): void {
  const permit = admitted(circuit);
  clock.stall(ms);
  if (verdict === '+') permit.success();
  else permit.failure();
}

/** Opens a circuit and waits until it is half-open. */
export function toHalfOpen({ circuit, clock }: Setup): void {
  circuit.trip(1000);
  clock.stall(1000);
  if (circuit.state !== 'half-open') throw new Error(`the circuit is ${circuit.state}`);
}

type Way = (circuit: CircuitBreaker, op: Operation<unknown>) => Promise<unknown>;

/** Every way to make a call under a circuit that takes an operation. */
export const ways: readonly (readonly [string, Way])[] = [
  ['run', (circuit, op) => circuit.run(op)],
  ['run with a signal', (circuit, op) => circuit.run(op, { signal: new AbortController().signal })],
  [
    'runOutcome',
    async (circuit, op) => {
      const outcome = await circuit.runOutcome(op);
      if (!outcome.ok) throw outcome.error;
      return outcome.value;
    },
  ],
  ['a pipeline', (circuit, op) => pipeline(circuit, createBulkhead({ maxConcurrent: 100 })).run(op)],
];

/** What a promise rejects with. */
export async function errorOf(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

/** Collects what goes to `reportError`, until `vi.unstubAllGlobals()`. */
export function watchReports(): unknown[] {
  const reports: unknown[] = [];
  vi.stubGlobal('reportError', (error: unknown) => void reports.push(error));
  return reports;
}

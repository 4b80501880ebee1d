import { onTestFinished } from 'vitest';
import type { Clock } from '../../src/index.ts';
import type { Operation, Policy } from '../../src/policy/index.ts';
import { gate } from '../support/gate.ts';
import type { Gate } from '../support/gate.ts';

/** Collects until the end of the test what the library reports instead of throwing. */
export function collectReports(): unknown[] {
  const reports: unknown[] = [];
  const before = Object.getOwnPropertyDescriptor(globalThis, 'reportError');
  const value = (error: unknown): void => void reports.push(error);
  Object.defineProperty(globalThis, 'reportError', { value, configurable: true, writable: true });
  onTestFinished(() => {
    if (before) Object.defineProperty(globalThis, 'reportError', before);
    else Reflect.deleteProperty(globalThis, 'reportError');
  });
  return reports;
}

/** An operation that fails with each of `errors` in turn, and answers `value` after them. */
export function failingWith<T>(errors: readonly unknown[], value: T): Operation<T> & { readonly calls: number } {
  let calls = 0;
  const operation = (): T => {
    const at = calls++;
    if (at < errors.length) throw errors[at];
    return value;
  };
  return Object.defineProperty(operation, 'calls', { get: () => calls }) as typeof operation & { calls: number };
}

/** A policy as a user writes one: nothing of the library's in it. */
export function foreignPolicy(run: Policy['run']): Policy {
  const runOutcome = (): never => {
    throw new Error('a pipeline calls run only');
  };
  return { run, runOutcome };
}

/** Resolves after `ms` of `clock`, like a server that takes its time. */
export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimeout(resolve, ms);
  });
}

/** Waits on `clock` unless `signal` aborts, then throws its reason. */
export function cooperativeSleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clock.clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = clock.setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** A clock whose timers fire one by one, each on the stack of the test, so that a test can stop in between. */
export interface StepClock extends Clock {
  readonly pending: number;
  /** Moves to the earliest timer and fires it. False when there is none. */
  fireNext(): boolean;
}

export function createStepClock(): StepClock {
  const timers = new Set<{ readonly dueMs: number; readonly fn: () => void }>();
  let nowMs = 0;
  return {
    now: () => nowMs,
    epochMs: () => nowMs,
    setTimeout(fn, ms) {
      const timer = { dueMs: nowMs + Math.max(0, ms), fn };
      timers.add(timer);
      return timer;
    },
    clearTimeout: (timer) => void timers.delete(timer as never),
    get pending() {
      return timers.size;
    },
    fireNext() {
      const [first] = [...timers].sort((a, b) => a.dueMs - b.dueMs);
      if (!first) return false;
      timers.delete(first);
      nowMs = Math.max(nowMs, first.dueMs);
      first.fn();
      return true;
    },
  };
}

/** Lets `turns` rounds of promise callbacks run. */
export async function microturns(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await undefined;
}

/** Operations that say when they start and end when they are told to. */
export function workload(): {
  readonly started: number[];
  readonly gates: Gate<void>[];
  op(id: number): () => Promise<number>;
} {
  const started: number[] = [];
  const gates: Gate<void>[] = [];
  return {
    started,
    gates,
    op: (id) => async () => {
      started.push(id);
      await (gates[id] ??= gate()).promise;
      return id;
    },
  };
}

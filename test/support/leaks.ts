import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { countingSignal } from './counting-signal.ts';
import type { CountingSignal } from './counting-signal.ts';
import { flush } from './gate.ts';

/** Abort listeners on any signal. Node only; {@link countingSignal} serves every runtime. */
export function abortListeners(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length;
}

/** What keeps the process alive, by kind, timers left out: those are counted by {@link watchTimers}. */
export function activeResources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (kind !== 'Timeout' && kind !== 'Immediate') counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

/** Counts what it watches until it is stopped. */
export interface Watch {
  readonly count: number;
  stop(): void;
}

/**
 * Counts the runtime timers that are waiting, unref'd ones included, among those started from now
 * on through the globals. Timers of the test runner are not counted, because it keeps its own.
 */
export function watchTimers(): Watch {
  const { setTimeout, setInterval, clearTimeout, clearInterval } = globalThis;
  const waiting = new Set<unknown>();
  const start = (fn: (...args: unknown[]) => void, ms?: number, ...args: unknown[]): NodeJS.Timeout => {
    const timer: NodeJS.Timeout = setTimeout(() => {
      waiting.delete(timer);
      fn(...args);
    }, ms);
    waiting.add(timer);
    return timer;
  };
  const repeat = (fn: (...args: unknown[]) => void, ms?: number, ...args: unknown[]): NodeJS.Timeout => {
    const timer = setInterval(fn, ms, ...args);
    waiting.add(timer);
    return timer;
  };
  const clear = (timer: NodeJS.Timeout): void => {
    waiting.delete(timer);
    clearTimeout(timer);
  };
  Object.assign(globalThis, { setTimeout: start, setInterval: repeat, clearTimeout: clear, clearInterval: clear });
  return {
    get count() {
      return waiting.size;
    },
    stop: () => void Object.assign(globalThis, { setTimeout, setInterval, clearTimeout, clearInterval }),
  };
}

/** The unhandled rejections since the watch began. */
export interface RejectionWatch extends Watch {
  readonly reasons: readonly unknown[];
}

/**
 * Collects unhandled rejections instead of failing the whole run, so that the test which caused
 * them can fail by itself. A rejection is known to be unhandled one {@link flush} after it happened.
 */
export function watchRejections(): RejectionWatch {
  const others = process.listeners('unhandledRejection');
  const reasons: unknown[] = [];
  const collect = (reason: unknown): void => void reasons.push(reason);
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', collect);
  return {
    reasons,
    get count() {
      return reasons.length;
    },
    stop() {
      process.off('unhandledRejection', collect);
      for (const other of others) process.on('unhandledRejection', other);
    },
  };
}

let collectGarbage: (() => void) | undefined;

/** Bytes of heap in use after a full garbage collection. */
export function usedHeap(): number {
  if (!collectGarbage) {
    setFlagsFromString('--expose-gc');
    collectGarbage = runInNewContext('gc') as () => void;
  }
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

export interface HeapGrowthOptions {
  /** Calls in a round. */
  readonly operations?: number;
  /** Rounds, the first of which only warms up. At least 2. */
  readonly rounds?: number;
}

/**
 * Bytes by which each round of calls grew the heap at the least. What leaks grows it in every
 * round; caches that fill and code that is compiled do not, so the least is the honest figure.
 */
export async function heapGrowth(
  operation: (index: number) => unknown,
  options: HeapGrowthOptions = {},
): Promise<number> {
  const { operations = 100_000, rounds = 4 } = options;
  let least = Number.POSITIVE_INFINITY;
  let before = 0;
  for (let round = 0; round < rounds; round++) {
    for (let k = 0; k < operations; k++) {
      const result = operation(round * operations + k);
      if (isThenable(result)) await result;
    }
    await flush();
    const after = usedHeap();
    if (round > 0) least = Math.min(least, after - before);
    before = after;
  }
  return least;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value;
}

/** Time for sockets that are closing to be gone. */
const SETTLE_MS = 1000;

/**
 * Runs `fn` and throws a list of what it left behind: abort listeners on the signal it was given,
 * timers (unref'd ones too), handles that keep the process alive, unhandled rejections.
 */
export async function expectNoLeaks(fn: (signals: CountingSignal) => unknown): Promise<void> {
  const signals = countingSignal();
  const resources = activeResources();
  const rejections = watchRejections();
  const timers = watchTimers();
  const findings = (): string[] => [
    ...(signals.listeners > 0 ? [`${signals.listeners} abort listeners`] : []),
    ...(timers.count > 0 ? [`${timers.count} timers`] : []),
    ...rejections.reasons.map((reason) => `unhandled rejection: ${String(reason)}`),
    ...[...activeResources()]
      .filter(([kind, count]) => count > (resources.get(kind) ?? 0))
      .map(([kind, count]) => `${count - (resources.get(kind) ?? 0)} ${kind}`),
  ];
  try {
    await fn(signals);
    await flush();
    const deadline = performance.now() + SETTLE_MS;
    const isOnlyClosing = (): boolean => signals.listeners + timers.count + rejections.count === 0;
    while (findings().length > 0 && isOnlyClosing() && performance.now() < deadline) await flush();
    if (findings().length > 0) throw new Error(`left behind: ${findings().join(', ')}`);
  } finally {
    timers.stop();
    rejections.stop();
  }
}

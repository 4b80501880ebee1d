import type { CircuitReport, FleetView, SharedBreakerStore } from '../circuit-breaker/shared-store.ts';
import { amount, refuse } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { systemClock } from '../core/clock.ts';
import { SYNC } from './breaker-store.lua.ts';
import type { RedisSend } from './client.ts';
import { runScript } from './script.ts';

/** Options of {@link redisBreakerStore}. */
export interface RedisBreakerStoreOptions {
  /**
   * Stands before the name of each key; a circuit has one key.
   *
   * @defaultValue 'holdfast:circuit:'
   */
  readonly prefix?: string | undefined;
  /**
   * After this a sync rejects with code ERR_STORE_TIMEOUT.
   *
   * @defaultValue 1000
   */
  readonly timeoutMs?: number | undefined;
  /** Where the deadlines come from. What is open and who holds the trials goes by the clock of the server. */
  readonly clock?: Clock | undefined;
}

/**
 * Lets fleets meet in Redis or Valkey: a hash for each circuit that is or was open, nothing for the others.
 *
 * A sync is one script, O(nodes that report an open circuit); while all are closed it writes nothing. Keys
 * expire an hour after the last change, or later where a circuit is open for longer. Each has its own slot.
 *
 * @example
 * ```ts no-run
 * import { Redis } from 'ioredis';
 * import { consecutiveFailures, createCircuitBreaker, shareCircuit } from 'holdfast/circuit-breaker';
 * import { fromIoredis, redisBreakerStore } from 'holdfast/redis';
 *
 * const store = redisBreakerStore(fromIoredis(new Redis()));
 * const circuit = createCircuitBreaker({ name: 'payments', trip: consecutiveFailures(5), openDurationMs: 5_000 });
 * await using shared = shareCircuit(circuit, { store, node: 'api-7' });
 * console.log(shared.isConnected);
 * ```
 *
 * @throws RangeError or TypeError for bad options.
 */
export function redisBreakerStore(send: RedisSend, options: RedisBreakerStoreOptions = {}): SharedBreakerStore {
  const { prefix = 'holdfast:circuit:', timeoutMs = 1000, clock = systemClock } = options;
  if (typeof send !== 'function') refuse('send', 'a function', send);
  if (typeof prefix !== 'string') refuse('prefix', 'a text', prefix);
  const limits = { timeoutMs: amount('timeoutMs', timeoutMs, 1), clock };
  return {
    sync: async (report) => viewOf(await runScript(send, SYNC, [prefix + report.name], argsOf(report), limits)),
  };
}

function argsOf(report: CircuitReport): string[] {
  const { node, holder, trial, quorum, openForMs, openedAgoMs, ttlMs, recoveredAgoMs = -1, fencingToken } = report;
  const numbers = [openForMs, openedAgoMs, ttlMs, recoveredAgoMs, quorum, fencingToken];
  return [node, holder, trial, ...numbers.map((number) => String(Math.ceil(number)))];
}

function viewOf(reply: unknown): FleetView {
  const [isOpen, openNodes, openForMs, recoveredAgoMs, trialsForMs, fencingToken] = (reply as unknown[]).map(
    Number,
  ) as [number, number, number, number, number, number];
  return {
    isOpen: isOpen === 1,
    openNodes,
    openForMs,
    recoveredAgoMs: recoveredAgoMs < 0 ? Infinity : recoveredAgoMs,
    trialsForMs,
    fencingToken,
  };
}

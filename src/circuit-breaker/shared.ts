import { amount, integer, optionalFunction, refuse } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { systemClock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { systemRandom } from '../core/random.ts';
import type { CircuitBreaker } from './circuit-breaker.ts';
import { FleetMember } from './shared-member.ts';
import type { SharedBreakerStore } from './shared-store.ts';

/** Told of what sharing does to a circuit. */
export type SharedCircuitEvent =
  /** The store answers again, or for the first time. */
  | { readonly type: 'connected' }
  /** Two syncs in a row have failed: the circuit goes by its own rules alone until one succeeds. */
  | { readonly type: 'disconnected'; readonly error: unknown }
  /** The fleet has opened this circuit. */
  | { readonly type: 'fleet-opened'; readonly openForMs: number; readonly openNodes: number }
  /** A success elsewhere has closed this circuit. */
  | { readonly type: 'fleet-recovered' }
  /** The trials of the fleet are made here. */
  | { readonly type: 'trials-granted'; readonly fencingToken: number };

/** Options of {@link shareCircuit}. */
export interface SharedCircuitOptions {
  /** `redisBreakerStore` of `holdfast/redis`, or your own. */
  readonly store: SharedBreakerStore;
  /**
   * This process: no other's, and the same after a restart, as the name of a pod is. A process that
   * crashes again and again under new names would count as many nodes.
   */
  readonly node: string;
  /** Circuits of the same name are one fleet. @defaultValue the name of the circuit */
  readonly name?: string | undefined;
  /** How often the store is asked, in milliseconds, at least 10. @defaultValue 1000 */
  readonly syncIntervalMs?: number | undefined;
  /** Nodes that must be open at once before the others open. @defaultValue 2 */
  readonly quorum?: number | undefined;
  /** After this an answer of the store is no longer waited for, in milliseconds. @defaultValue 1000 */
  readonly timeoutMs?: number | undefined;
  readonly onEvent?: ((event: SharedCircuitEvent) => void) | undefined;
  /** For intervals and deadlines. @defaultValue the system's clock */
  readonly clock?: Clock | undefined;
  /** For the phase of the interval and the name of the holder. @defaultValue Math.random */
  readonly random?: Random | undefined;
}

/** How a circuit and its fleet stand, as far as this process knows. */
export interface SharedCircuitStats {
  readonly isConnected: boolean;
  /** As of the last answer of the store. */
  readonly isFleetOpen: boolean;
  /** Nodes that report an open circuit, as of the last answer. */
  readonly openNodes: number;
  /** Whether the trials of the fleet are made here. */
  readonly holdsTrials: boolean;
  /** Answers of the store. */
  readonly syncs: number;
  /** Syncs that failed. */
  readonly failures: number;
}

/** A circuit that is part of a fleet, until it is closed. */
export interface SharedCircuit extends AsyncDisposable {
  /** Whether the store answers: false before its first answer, and from two failures in a row to the next answer. */
  readonly isConnected: boolean;
  stats(): SharedCircuitStats;
  /**
   * Leaves the fleet: withdraws what it has told the store, within twice `timeoutMs`, and leaves no timer and
   * no listener. Never rejects. The circuit goes on by its own rules.
   */
  close(): Promise<void>;
}

/**
 * Makes a circuit one of a fleet: it opens when a quorum of the fleet is open, shares its trials with all
 * others, and closes when one of them has recovered.
 *
 * Calls never wait for the store and cause no command. Starts at once, with a timer that does not keep the
 * process alive, so not at the module scope of an edge worker. While the store does not answer, the circuit
 * goes by its own rules. Whatever closes the circuit here, its trials or `reset()`, closes the fleet.
 *
 * @example
 * ```ts no-run
 * import { Redis } from 'ioredis';
 * import { createCircuitBreaker, shareCircuit, timeWindow } from 'holdfast/circuit-breaker';
 * import { fromIoredis, redisBreakerStore } from 'holdfast/redis';
 *
 * const circuit = createCircuitBreaker({
 *   name: 'payments',
 *   trip: timeWindow({ durationMs: 10_000, failureRateThreshold: 0.5 }),
 *   openDurationMs: 5_000,
 * });
 * await using shared = shareCircuit(circuit, {
 *   store: redisBreakerStore(fromIoredis(new Redis())),
 *   node: 'api-7', // the name of the pod or host
 * });
 * await circuit.run(async () => 'receipt');
 * console.log(shared.stats());
 * ```
 *
 * @throws RangeError or TypeError for bad options, and for a circuit that is already shared.
 */
export function shareCircuit(circuit: CircuitBreaker, options: SharedCircuitOptions): SharedCircuit {
  const { store, node, name = circuit.name, syncIntervalMs = 1000, quorum = 2, timeoutMs = 1000 } = options;
  const { onEvent, clock = systemClock, random = systemRandom } = options;
  if (circuit.trialGate) refuse('circuit', 'one whose trials nobody else decides about', circuit);
  if (typeof store?.sync !== 'function') refuse('store', 'an object with sync()', store);
  const syncMs = amount('syncIntervalMs', syncIntervalMs, 10);
  const deadlineMs = amount('timeoutMs', timeoutMs, 1);
  return new FleetMember(circuit, {
    store,
    node: text('node', node),
    name: text('name', name),
    syncIntervalMs: syncMs,
    quorum: integer('quorum', quorum, 1),
    timeoutMs: deadlineMs,
    // Outlives one failed sync: two intervals and a deadline, and what the answer takes.
    ttlMs: 3 * syncMs + deadlineMs,
    onEvent: optionalFunction('onEvent', onEvent),
    clock,
    random,
  });
}

function text(option: string, value: string): string {
  return typeof value === 'string' && value ? value : refuse(option, 'a text of at least one character', value);
}

import { consecutiveFailures, createCircuitBreaker, shareCircuit } from '../../src/circuit-breaker/index.ts';
import type {
  CircuitBreaker,
  CircuitBreakerOptions,
  Permit,
  SharedCircuit,
  SharedCircuitEvent,
  SharedCircuitOptions,
} from '../../src/circuit-breaker/index.ts';
import { createSeededRandom, createVirtualClock } from '../../src/testing/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { memoryBreakerStore } from './memory-breaker-store.ts';
import type { MemoryBreakerStore } from './memory-breaker-store.ts';

export const SYNC_MS = 100;
export const TIMEOUT_MS = 50;
export const OPEN_MS = 1000;
/** How long a hold of the trials stands without being renewed. */
export const TTL_MS: number = 3 * SYNC_MS + TIMEOUT_MS;

/** One process. */
export interface Member {
  readonly node: string;
  readonly circuit: CircuitBreaker;
  readonly shared: SharedCircuit;
  readonly events: SharedCircuitEvent[];
}

export interface FleetSetup {
  readonly clock: VirtualClock;
  readonly store: MemoryBreakerStore;
  readonly members: readonly Member[];
  /** Starts one more. */
  join(options?: Partial<SharedCircuitOptions>, circuit?: Partial<CircuitBreakerOptions>): Member;
  states(): string[];
  /** Ends all, and answers the timers that are left. */
  end(): Promise<number>;
}

/** A fleet over a store in memory: circuits that open at the first failure, for a second, unless told otherwise. */
export function fleetOf(
  size: number,
  options: Partial<SharedCircuitOptions> = {},
  circuitOptions: Partial<CircuitBreakerOptions> = {},
): FleetSetup {
  const clock = createVirtualClock({ nowMs: 1_000_000 });
  const store = memoryBreakerStore(clock);
  const random = createSeededRandom(1);
  const members: Member[] = [];
  const join: FleetSetup['join'] = (own, ownCircuit) => {
    const node = own?.node ?? `node ${members.length}`;
    const circuit = createCircuitBreaker({
      name: 'shared',
      trip: consecutiveFailures(1),
      openDurationMs: OPEN_MS,
      clock,
      ...circuitOptions,
      ...ownCircuit,
    });
    const events: SharedCircuitEvent[] = [];
    const onEvent = (event: SharedCircuitEvent): void => void events.push(event);
    const times = { syncIntervalMs: SYNC_MS, timeoutMs: TIMEOUT_MS };
    const shared = shareCircuit(circuit, { store, node, clock, random, onEvent, ...times, ...options, ...own });
    const member = { node, circuit, shared, events };
    members.push(member);
    return member;
  };
  for (let k = 0; k < size; k++) join();
  return {
    clock,
    store,
    members,
    join,
    states: () => members.map(({ circuit }) => circuit.state),
    end: async () => {
      const left = Promise.all(members.map(({ shared }) => shared.close()));
      await clock.advance(2 * TIMEOUT_MS);
      await left;
      return clock.pendingTimers;
    },
  };
}

/** One failed call. */
export function failOnce({ circuit }: Member): void {
  const permit = circuit.tryAcquire();
  if (!permit) throw new Error(`the circuit is ${circuit.state}`);
  permit.failure();
}

/** A call, or nothing when it is turned away. */
export function attempt({ circuit }: Member): Permit | null {
  return circuit.tryAcquire();
}

/** Calls everywhere once each `everyMs` until one is let through, which it answers. */
export async function untilTrial(
  { clock }: FleetSetup,
  members: readonly Member[],
  withinMs: number,
  everyMs: number = 10,
): Promise<{ readonly by: Member; readonly permit: Permit; readonly afterMs: number }> {
  const startMs = clock.now();
  while (clock.now() - startMs <= withinMs) {
    for (const by of members) {
      const permit = attempt(by);
      if (permit) return { by, permit, afterMs: clock.now() - startMs };
    }
    await clock.advance(everyMs);
  }
  throw new Error(`no call was let through within ${withinMs} ms`);
}

/** The first two fail, and everybody has heard of it. */
export async function openedFleet(size: number, options: Partial<SharedCircuitOptions> = {}): Promise<FleetSetup> {
  const fleet = fleetOf(size, options);
  await fleet.clock.advance(10);
  failOnce(fleet.members[0]!);
  failOnce(fleet.members[1]!);
  await fleet.clock.advance(2 * SYNC_MS);
  return fleet;
}

/** The same, when its time is over. */
export async function waitingFleet(size: number, options: Partial<SharedCircuitOptions> = {}): Promise<FleetSetup> {
  const fleet = await openedFleet(size, options);
  await fleet.clock.advance(OPEN_MS);
  return fleet;
}

/** What a process was told, by kind. */
export const typesOf = ({ events }: Member): string[] => events.map(({ type }) => type);

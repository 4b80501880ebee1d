// Compiled by `npm run check`, never run: what must compile does, what must not is expected to fail.
import {
  CircuitOpenError,
  consecutiveFailures,
  countWindow,
  createBreakerRegistry,
  createCircuitBreaker,
  shareCircuit,
  timeWindow,
} from '../../src/circuit-breaker/index.ts';
import type {
  BreakerSnapshot,
  CircuitBreaker,
  CircuitBreakerEvent,
  CircuitMode,
  CircuitState,
  FleetView,
  Outcome,
  Permit,
  Policy,
  SharedBreakerStore,
  SharedCircuit,
  TripRule,
} from '../../src/circuit-breaker/index.ts';
import { fallback, pipeline, retry } from '../../src/policy/index.ts';

/** Compiles only where the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? A : never;
declare function expectType<T>(): { is<V>(value: Same<V, T>): void };

const trip: TripRule = consecutiveFailures(5);
const circuit: CircuitBreaker = createCircuitBreaker({ trip, openDurationMs: 1000 });

// A circuit is a policy that adds nothing to the type of a result.
const policy: Policy = circuit;
expectType<Promise<number>>().is(circuit.run(() => 1 as number));
expectType<Promise<string>>().is(circuit.run(async () => 'a' as string));
expectType<Promise<Outcome<string>>>().is(circuit.runOutcome(async () => 'a' as string));
expectType<Promise<string>>().is(pipeline(retry(), circuit).run(async () => 'a' as string));
expectType<Promise<string | null>>().is(
  pipeline(
    fallback(() => null),
    circuit,
  ).run(async () => 'a' as string),
);
void circuit.run(({ signal, attempt }) => expectType<AbortSignal>().is(signal) ?? expectType<number>().is(attempt));
void circuit.run(() => 1, { signal: undefined });

expectType<CircuitState>().is(circuit.state);
expectType<CircuitMode>().is(circuit.mode);
expectType<Permit | null>().is(circuit.tryAcquire());
expectType<BreakerSnapshot>().is(circuit.snapshot());
expectType<() => void>().is(circuit.onEvent((event) => expectType<CircuitBreakerEvent>().is(event)));
createCircuitBreaker({ trip: [trip, trip] as const, openDurationMs: (attempt, previousMs) => attempt * previousMs });

function narrow(error: unknown): number | undefined {
  return error instanceof CircuitOpenError && error.code === 'ERR_CIRCUIT_OPEN' ? error.retryAfterMs : undefined;
}

// @ts-expect-error a trip rule is needed
createCircuitBreaker({ openDurationMs: 1000 });
// @ts-expect-error an open duration is needed
createCircuitBreaker({ trip });
// @ts-expect-error the open duration is a number or a function
createCircuitBreaker({ trip, openDurationMs: '1s' });
// @ts-expect-error a rule is made by one of three functions
createCircuitBreaker({ trip: 5, openDurationMs: 1000 });
// @ts-expect-error no such option
createCircuitBreaker({ trip, openDurationMs: 1000, threshold: 5 });
// @ts-expect-error a verdict is not a promise
createCircuitBreaker({ trip, openDurationMs: 1000, isFailure: async () => true });
// @ts-expect-error no such option of half-open
createCircuitBreaker({ trip, openDurationMs: 1000, halfOpen: { trials: 5 } });
// @ts-expect-error a ramp needs a duration
createCircuitBreaker({ trip, openDurationMs: 1000, rampUp: {} });
// @ts-expect-error a snapshot is what snapshot() gave
createCircuitBreaker({ trip, openDurationMs: 1000, snapshot: { state: 'open' } });
// @ts-expect-error the number of failures is needed
consecutiveFailures();
// @ts-expect-error the size is needed
countWindow({ failureRateThreshold: 0.5 });
// @ts-expect-error the duration is needed
timeWindow({ failureRateThreshold: 0.5 });
// @ts-expect-error a count window has no duration
countWindow({ size: 5, durationMs: 5, failureRateThreshold: 0.5 });
// @ts-expect-error `open` is a state, not a mode
circuit.setMode('open');
// @ts-expect-error a state is read, not set
circuit.state = 'open';
// @ts-expect-error options are read-only
circuit.name = 'other';
// @ts-expect-error an operation is a function
void circuit.run(Promise.resolve(1));
// @ts-expect-error a permit may be null
circuit.tryAcquire().success();
// @ts-expect-error the memory of a snapshot is read-only
circuit.snapshot().rules.push([1]);
// @ts-expect-error a registry makes options, not circuits
createBreakerRegistry({ create: () => circuit });
// @ts-expect-error keys are text
createBreakerRegistry({ create: () => ({ trip, openDurationMs: 1 }) }).get(5);

export { narrow, policy };

// Sharing: any circuit, any store with the one verb.
declare const store: SharedBreakerStore;
const shared: SharedCircuit = shareCircuit(circuit, { store, node: 'a' });
expectType<Promise<void>>().is(shared.close());
shareCircuit(circuit, { store: { sync: async () => view }, node: 'a', quorum: 1 });
declare const view: FleetView;
// @ts-expect-error a node needs a name
shareCircuit(circuit, { store });
// @ts-expect-error the store is needed
shareCircuit(circuit, { node: 'a' });
// @ts-expect-error an answer has all of its parts
shareCircuit(circuit, { store: { sync: async () => ({ isOpen: false }) }, node: 'a' });
// @ts-expect-error a gate answers at once
circuit.trialGate = async () => true;
circuit.trialGate = undefined;

export { createCircuitBreaker } from './circuit-breaker.ts';
export type {
  CircuitBreaker,
  CircuitBreakerEvent,
  CircuitBreakerOptions,
  CircuitBreakerStats,
  CircuitMode,
  CircuitState,
  HalfOpenOptions,
  Isolation,
  Permit,
  RampUpOptions,
} from './circuit-breaker.ts';
export type { BreakerSnapshot } from './snapshot.ts';
export { consecutiveFailures } from './trip-rule.ts';
export type { InFlightRule, RuleSnapshot, RuleState, RuleStats, TrackedCall, TripRule } from './trip-rule.ts';
export { countWindow } from './count-window.ts';
export type { CountWindowOptions } from './count-window.ts';
export { timeWindow } from './time-window.ts';
export type { TimeWindowOptions } from './time-window.ts';
export type { WindowRuleOptions } from './window-rule.ts';
export { createBreakerRegistry } from './registry.ts';
export type { BreakerRegistry, BreakerRegistryOptions } from './registry.ts';
export { shareCircuit } from './shared.ts';
export type { SharedCircuit, SharedCircuitEvent, SharedCircuitOptions, SharedCircuitStats } from './shared.ts';
export type { CircuitReport, FleetView, SharedBreakerStore, TrialRequest } from './shared-store.ts';
export { CircuitOpenError } from './errors.ts';
export type { CallContext, Operation, Outcome, Policy, RunOptions } from '../core/policy.ts';

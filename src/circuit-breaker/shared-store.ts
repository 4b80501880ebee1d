/**
 * What a circuit asks of the fleet's trials: nothing; to be let through; the same after it has turned calls
 * away for several intervals under one holder; or to keep what it holds, because a trial of its own runs.
 */
export type TrialRequest = 'none' | 'wanted' | 'urgent' | 'running';

/** What one process says of its circuit. All times are durations up to the moment of sending. */
export interface CircuitReport {
  /** The circuit: those of one name are one fleet. */
  readonly name: string;
  /** Who reports. The report before it from the same node is replaced. */
  readonly node: string;
  /** Who would hold the trials: different in every process and after every restart. */
  readonly holder: string;
  /** How long it stays open by its own rules; 0 when it is not open, or only because of the fleet. */
  readonly openForMs: number;
  /** How long ago it opened last; 0 when it is closed. */
  readonly openedAgoMs: number;
  /** Reports of open circuits, at once, that open the fleet. */
  readonly quorum: number;
  readonly trial: TrialRequest;
  /** How long a report and a hold of the trials stand without being renewed. */
  readonly ttlMs: number;
  /** How long ago it closed by itself or by hand, not because of the fleet, if that is still to be told. */
  readonly recoveredAgoMs?: number | undefined;
  /** Of the hold under which it recovered; 0 when there was none. */
  readonly fencingToken: number;
}

/** How the fleet stands, right after a report. Durations up to the moment the store answered. */
export interface FleetView {
  /** A quorum was open at once, and nobody has recovered since. */
  readonly isOpen: boolean;
  /** Nodes that report an open circuit now. */
  readonly openNodes: number;
  /** How long a quorum of them stays open; 0 when there is none. */
  readonly openForMs: number;
  /** How long ago the fleet recovered last; Infinity when it is not known to have. */
  readonly recoveredAgoMs: number;
  /** How long the one that reported holds the trials; 0 when it does not. */
  readonly trialsForMs: number;
  /** Of the last hold, whoever has it; grows from hold to hold. 0 when there was none. */
  readonly fencingToken: number;
}

/**
 * Where a fleet meets. One verb, one atomic step, decided by the store's own clock; it must bear being
 * carried out twice, and settle in bounded time or be given up. An empty store is safe: it lets nobody hold
 * the trials for a `ttlMs`, unless a trial of theirs already runs.
 */
export interface SharedBreakerStore {
  /** Takes a report and answers how the fleet stands. */
  sync(report: CircuitReport): PromiseLike<FleetView>;
}

import type { Fault } from './plan.ts';
import type { PhaseRecord, Recording } from './recording.ts';
import type { Leaks, RunResult } from './run.ts';

/** One fault, and how the callers came out of it. */
export interface FaultFigures {
  readonly fault: Fault;
  readonly durationMs: number;
  /** Attempts that were sent while it lasted. */
  readonly attempts: number;
  /** Attempts per call that sent any; null when none did. */
  readonly amplification: number | null;
  readonly errors: number;
  readonly stored: number;
  /** From the start of the fault until the circuit opened; null when it did not, or there is none. */
  readonly openedAfterMs: number | null;
  /** From the service's return until the circuit was closed; null when it was not, or there is none. */
  readonly closedAfterMs: number | null;
  /** From the service's return until a caller had a fresh answer. */
  readonly firstFreshMs: number | null;
  /** From the service's return until fresh answers came at nine tenths of the rate of calls before the first fault. */
  readonly fullRateMs: number | null;
  /** The longest that an event loop, ours or the service's, stood still during the recovery. */
  readonly stallMs: number;
}

/** What a run comes to. The shape that `--json` prints. */
export interface RunFigures {
  readonly durationMs: number;
  readonly calls: number;
  readonly fresh: number;
  readonly stored: number;
  readonly errors: number;
  readonly errorsWhileHealthy: number;
  readonly attempts: number;
  readonly retries: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly worst: number };
  readonly faults: readonly FaultFigures[];
  readonly circuit: {
    readonly attemptsWhileOpen: number;
    readonly mostTrials: number;
    readonly openings: number;
  } | null;
  readonly leaks: Leaks;
  readonly stallMs: number;
}

const RATE_WINDOW_MS = 500;
const RATE_STEP_MS = 25;
const FULL_RATE = 0.9;
/** The callers come one by one at first. */
const WARM_UP = 0.4;

export function figuresOf(result: RunResult): RunFigures {
  const { recording, circuit, leaks } = result;
  const { attempts, calls, counts, phases } = recording;
  const rate = callRate(recording);
  const latencies = calls.map(({ latencyMs }) => latencyMs).sort((a, b) => a - b);
  const faults = phases.flatMap((phase, k) => {
    const next = phases[k + 1];
    return isFault(phase) && next ? [faultFigures(phase, next, result, rate)] : [];
  });
  return {
    durationMs: round(phases.at(-1)!.endMs - phases[0]!.startMs),
    calls: calls.length,
    fresh: counts.fresh,
    stored: counts.stored,
    errors: counts.error,
    errorsWhileHealthy: counts.error - faults.reduce((sum, { errors }) => sum + errors, 0),
    attempts: attempts.length,
    retries: attempts.filter(({ attempt }) => attempt > 1).length,
    latencyMs: { p50: share(latencies, 0.5), p99: share(latencies, 0.99), worst: share(latencies, 1) },
    faults,
    circuit: circuit
      ? {
          attemptsWhileOpen: circuit.attemptsWhileOpen,
          mostTrials: circuit.mostTrials,
          openings: circuit.events.filter(({ from, to }) => from === 'closed' && to === 'open').length,
        }
      : null,
    leaks,
    stallMs: longestStall(recording, 0, Infinity),
  };
}

function isFault(phase: PhaseRecord): phase is PhaseRecord & { readonly name: Fault } {
  return phase.name !== 'healthy';
}

function faultFigures(
  phase: PhaseRecord & { readonly name: Fault },
  recovery: PhaseRecord,
  { recording, circuit }: RunResult,
  rate: number,
): FaultFigures {
  const { startMs, endMs: backMs } = phase;
  const during = recording.attempts.filter((attempt) => startMs <= attempt.startMs && attempt.startMs < backMs);
  const first = during.filter(({ attempt }) => attempt === 1).length;
  const opening = circuit?.events.find(({ to, atMs }) => to === 'open' && atMs >= startMs && atMs < backMs);
  const ended = recording.calls.filter((call) => startMs <= call.endMs && call.endMs < backMs);
  const fresh = recording.calls.filter(({ kind }) => kind === 'fresh').map(({ endMs }) => endMs);
  const firstMs = fresh.find((atMs) => atMs >= backMs && atMs < recovery.endMs);
  return {
    fault: phase.name,
    durationMs: round(backMs - startMs),
    attempts: during.length,
    amplification: first > 0 ? during.length / first : null,
    errors: ended.filter(({ kind }) => kind === 'error').length,
    stored: ended.filter(({ kind }) => kind === 'stored').length,
    openedAfterMs: since(startMs, opening?.atMs),
    closedAfterMs: circuit ? closedAfter(circuit.events, backMs, recovery.endMs) : null,
    firstFreshMs: since(backMs, firstMs),
    fullRateMs: since(backMs, firstMs && fullRateAt(fresh, rate, firstMs, recovery.endMs)),
    stallMs: longestStall(recording, backMs, recovery.endMs),
  };
}

/** 0 when the circuit was closed as the service came back. */
function closedAfter(
  events: readonly { readonly to: string; readonly atMs: number }[],
  backMs: number,
  endMs: number,
): number | null {
  const lastBefore = events.filter(({ atMs }) => atMs < backMs).at(-1)?.to ?? 'closed';
  if (lastBefore === 'closed') return 0;
  return since(backMs, events.find(({ to, atMs }) => to === 'closed' && atMs >= backMs && atMs < endMs)?.atMs);
}

/** Calls per millisecond before the first fault, when every one of them should get a fresh answer. */
function callRate({ calls, phases }: Recording): number {
  const { startMs, endMs } = phases[0]!;
  const fromMs = startMs + WARM_UP * (endMs - startMs);
  return calls.filter((call) => call.endMs >= fromMs && call.endMs < endMs).length / (endMs - fromMs);
}

/** The start of the first window from `firstMs` on in which fresh answers come at the full rate. */
function fullRateAt(fresh: readonly number[], rate: number, firstMs: number, endMs: number): number | undefined {
  const wanted = FULL_RATE * rate * RATE_WINDOW_MS;
  for (let fromMs = firstMs; fromMs + RATE_WINDOW_MS <= endMs; fromMs += RATE_STEP_MS) {
    const count = fresh.filter((atMs) => atMs >= fromMs && atMs < fromMs + RATE_WINDOW_MS).length;
    if (count >= wanted) return fromMs;
  }
  return undefined;
}

function longestStall({ stalls }: Recording, fromMs: number, toMs: number): number {
  return round(Math.max(0, ...stalls.filter(({ atMs }) => atMs >= fromMs && atMs < toMs).map(({ ms }) => ms)));
}

function since(fromMs: number, atMs: number | undefined): number | null {
  return atMs === undefined ? null : round(atMs - fromMs);
}

function share(sorted: readonly number[], part: number): number {
  const value = sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0;
  return Math.round(value * 10) / 10;
}

function round(ms: number): number {
  return Math.round(ms);
}

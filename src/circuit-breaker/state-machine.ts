import { oneOf } from '../core/check.ts';
import { emit, guarded } from '../core/errors.ts';
import type { BreakerSettings } from './breaker-options.ts';
import type { CircuitBreakerEvent, CircuitBreakerStats, CircuitMode, CircuitState } from './circuit-breaker.ts';
import type { BreakerSnapshot } from './snapshot.ts';
import type { RuleState, TrackedCall } from './trip-rule.ts';

/** How a call ended, for the circuit. */
export type Verdict = 'success' | 'failure' | 'ignored';

/** A call that was let through, until it is settled. */
export interface AdmittedCall extends TrackedCall {
  startMs: number;
  /** The generation that let it through; -1 once it counts nowhere any more. */
  generation: number;
}

/*
 * The states of a circuit, without the calls. Each move starts a new generation, and a result counts
 * only in the generation that let its call through. Nothing here has a timer: `#advance` makes the
 * moves that time has brought about, and every public member that looks at the state calls it first,
 * except on the plain path (closed, no rule that needs a start time, no ramp), where time moves nothing.
 */
export class StateMachine {
  readonly listeners: Set<(event: CircuitBreakerEvent) => void> = new Set();
  /** True where a call is let through without looking at anything. */
  isPlain = false;
  generation = 0;
  inFlight = 0;
  mode: CircuitMode = 'auto';
  #state: CircuitState = 'closed';
  readonly #settings: BreakerSettings;
  readonly #rules: readonly RuleState[];
  readonly #needsTime: boolean;
  readonly #needsStart: boolean;
  readonly #trials = new Set<AdmittedCall>();
  readonly #events: CircuitBreakerEvent[] = [];
  #pending: BreakerSnapshot | undefined;
  #isolations = 0;
  #lastMs = -Infinity;
  #skewMs = 0;
  #openedAtMs = 0;
  #openMs = 0;
  #openings = 0;
  #successes = 0;
  #failures = 0;
  /** Start of the ramp, while there is one. */
  #rampFromMs: number | undefined;
  #rampCredit = 0;
  #notPermitted = 0;
  #late = 0;

  constructor(settings: BreakerSettings) {
    this.#settings = settings;
    this.#rules = settings.trip.map((rule) => rule.start());
    this.#needsTime = this.#rules.some((rule) => rule.needsTime);
    this.#needsStart = this.#rules.some((rule) => rule.slowCallDurationMs < Infinity);
    this.#pending = settings.snapshot;
    this.#refresh();
  }

  get state(): CircuitState {
    this.#advance();
    return this.#state;
  }

  get retryAfterMs(): number {
    this.#advance();
    return this.remainingMs;
  }

  /** {@link state} as of the last look at the clock. */
  get lastState(): CircuitState {
    return this.#state;
  }

  /** {@link retryAfterMs} as of the last look at the clock. */
  get remainingMs(): number {
    if (this.#state === 'forced-open') return Infinity;
    return this.#state === 'open' ? this.#openMs - (this.#lastMs - this.#openedAtMs) : 0;
  }

  get isIdle(): boolean {
    const nowMs = this.#advance();
    const isQuiet = this.#state === 'closed' && this.inFlight === 0 && this.#rampFromMs === undefined;
    return isQuiet && this.#rules.every((rule) => rule.stats(nowMs).failures + rule.stats(nowMs).slowCalls === 0);
  }

  /** Whether a call may be made now. If so, {@link begin} must follow. */
  admits(): boolean {
    if (this.isPlain) return true;
    const nowMs = this.#advance();
    const isAdmitted = this.#admitsAt(nowMs);
    if (!isAdmitted) this.#notPermitted++;
    return isAdmitted;
  }

  #admitsAt(nowMs: number): boolean {
    switch (this.#state) {
      case 'closed':
        return !this.#isOverrun(nowMs) && this.#rampAdmits(nowMs);
      case 'half-open':
        return this.#trials.size < this.#settings.halfOpen.maxConcurrent;
      case 'open':
      case 'forced-open':
        return false;
      default:
        return true;
    }
  }

  /** Opens when calls in flight are slow enough for that. */
  #isOverrun(nowMs: number): boolean {
    for (const rule of this.#rules) {
      const reason = rule.inFlight?.check(nowMs);
      if (reason) this.#open(reason);
      if (reason) return true;
    }
    return false;
  }

  /** Lets the due share of calls through by error diffusion: the shares add up until they make a call. */
  #rampAdmits(nowMs: number): boolean {
    if (this.#rampFromMs === undefined) return true;
    const { rampUpMs, rampUpRatio } = this.#settings;
    const progress = (nowMs - this.#rampFromMs) / rampUpMs;
    this.#rampCredit += rampUpRatio + (1 - rampUpRatio) * progress;
    if (this.#rampCredit < 1) return false;
    this.#rampCredit--;
    return true;
  }

  begin(call: AdmittedCall): void {
    this.inFlight++;
    call.generation = this.generation;
    call.startMs = this.#lastMs;
    if (this.#state === 'half-open') this.#trials.add(call);
    for (const rule of this.#rules) rule.inFlight?.started(call);
  }

  /** Takes the result of a call; `failure` is the error or result it failed with. */
  settle(call: AdmittedCall, verdict: Verdict, failure?: unknown): void {
    const nowMs = this.#needsTime || this.#needsStart || this.#state !== 'closed' ? this.#advance() : 0;
    this.#trials.delete(call);
    for (const rule of this.#rules) rule.inFlight?.ended(call);
    this.settlePlain(call.generation, verdict, failure, nowMs, this.#needsStart ? nowMs - call.startMs : 0);
  }

  /** {@link settle} for a call of the plain path, which is known by its generation alone. */
  settlePlain(generation: number, verdict: Verdict, failure?: unknown, nowMs?: number, durationMs: number = 0): void {
    this.inFlight--;
    if (verdict === 'ignored') return;
    if (generation !== this.generation) {
      this.#late++;
      return;
    }
    if (this.#state === 'half-open') this.#countTrial(verdict, failure);
    else if (this.#state !== 'disabled') {
      this.#record(nowMs ?? (this.#needsTime ? this.#advance() : 0), verdict === 'failure', durationMs, failure);
    }
  }

  #record(nowMs: number, isFailure: boolean, durationMs: number, failure: unknown): void {
    let reason: string | undefined;
    for (const rule of this.#rules) reason = rule.record(nowMs, isFailure, durationMs) ?? reason;
    if (reason && this.#state === 'closed') this.#open(reason, isFailure ? failure : undefined);
  }

  #countTrial(verdict: Verdict, failure?: unknown): void {
    const { failureThreshold, successThreshold } = this.#settings.halfOpen;
    if (verdict === 'failure') {
      if (++this.#failures >= failureThreshold) this.#open('trials failed', failure);
    } else if (++this.#successes >= successThreshold) {
      this.#move('closed', 'trials succeeded');
    }
  }

  /** Reads the clock and makes the moves that are due. */
  #advance(): number {
    const nowMs = this.#read();
    if (this.#pending) this.#restore(this.#pending, nowMs);
    if (this.#state === 'open') {
      if (nowMs - this.#openedAtMs >= this.#openMs) this.#move('half-open', 'open duration over');
    } else if (this.#state === 'half-open') {
      this.#expireTrials(nowMs);
    } else if (this.#rampFromMs !== undefined && nowMs - this.#rampFromMs >= this.#settings.rampUpMs) {
      this.#rampFromMs = undefined;
      this.#refresh();
    }
    return nowMs;
  }

  /** A clock that was set back goes on from where it was, so that nothing waits for it to catch up. */
  #read(): number {
    const nowMs = this.#settings.clock.now() + this.#skewMs;
    if (nowMs < this.#lastMs) this.#skewMs += this.#lastMs - nowMs;
    else this.#lastMs = nowMs;
    return this.#lastMs;
  }

  #expireTrials(nowMs: number): void {
    for (const trial of this.#trials) {
      if (nowMs - trial.startMs < this.#settings.halfOpen.trialTimeoutMs) return;
      this.#trials.delete(trial);
      trial.generation = -1;
      this.#countTrial('failure');
    }
  }

  #open(reason: string, failure?: unknown, ms?: number): void {
    const { maxOpenHintMs, openDurationMs, openHintMs } = this.#settings;
    if (this.#state !== 'open') this.#openings++;
    const hintMs = openHintMs && failure !== undefined ? guarded(undefined, openHintMs, failure) : undefined;
    const isHinted = typeof hintMs === 'number' && hintMs >= 0;
    const durationMs =
      ms ??
      (isHinted
        ? Math.min(hintMs, maxOpenHintMs)
        : guarded(this.#openMs, openDurationMs, this.#openings, this.#openMs));
    this.#openMs = durationMs > 0 ? durationMs : 0;
    this.#openedAtMs = this.#read();
    this.#move('open', reason);
  }

  #move(to: CircuitState, reason: string): void {
    const from = this.#state;
    this.#state = to;
    this.generation++;
    this.#trials.clear();
    this.#successes = this.#failures = 0;
    for (const rule of this.#rules) {
      rule.inFlight?.clear();
      if (to !== 'open') rule.clear();
    }
    if (to !== 'open' && to !== 'half-open') this.#openings = this.#openMs = 0;
    const startsRamp = from === 'half-open' && to === 'closed' && this.#settings.rampUpMs > 0;
    this.#rampFromMs = startsRamp ? this.#lastMs : undefined;
    this.#rampCredit = 1 - this.#settings.rampUpRatio;
    this.#refresh();
    if (from !== to) this.#tell(from, to, reason);
  }

  #refresh(): void {
    const isClosed = this.#state === 'closed' || this.#state === 'metrics-only';
    this.isPlain = isClosed && !this.#pending && !this.#needsStart && this.#rampFromMs === undefined;
  }

  /** Tells in order, also when a listener moves the state again. */
  #tell(from: CircuitState, to: CircuitState, reason: string): void {
    const { name } = this.#settings;
    const events = this.#events;
    events.push({ type: 'state-change', name, from, to, atMs: this.#lastMs, reason });
    if (events.length > 1) return;
    for (let event = events[0]; event; event = events[0]) {
      for (const listener of this.listeners) emit(listener, event);
      events.shift();
    }
  }

  trip(ms?: number): void {
    this.#advance();
    if (this.mode === 'auto' && this.#isolations === 0) this.#open('tripped by hand', undefined, ms);
  }

  setMode(mode: CircuitMode): void {
    oneOf('mode', mode, ['auto', 'forced-open', 'disabled', 'metrics-only']);
    this.#advance();
    this.mode = mode;
    if (this.#isolations === 0) this.#move(mode === 'auto' ? 'closed' : mode, 'set by hand');
  }

  isolate(): () => void {
    this.#advance();
    if (this.#isolations++ === 0) this.#move('forced-open', 'isolated');
    let isHeld = true;
    return () => {
      const isLast = isHeld && --this.#isolations === 0;
      isHeld = false;
      if (isLast) this.setMode(this.mode);
    };
  }

  stats(): CircuitBreakerStats {
    const { calls, failures, slowCalls } = this.#rules[0]!.stats(this.#advance());
    return {
      state: this.#state,
      calls,
      failures,
      slowCalls,
      failureRate: failures / (calls || 1),
      slowCallRate: slowCalls / (calls || 1),
      inFlight: this.inFlight,
      notPermitted: this.#notPermitted,
      late: this.#late,
    };
  }

  snapshot(): BreakerSnapshot {
    const nowMs = this.#advance();
    const state = this.#state;
    return {
      version: 1,
      mode: this.mode,
      state: state === 'open' || state === 'half-open' ? state : 'closed',
      openForMs: state === 'open' ? toJson(this.remainingMs) : 0,
      openDurationMs: toJson(this.#openMs),
      openings: this.#openings,
      trials: [this.#successes, this.#failures],
      rampUpForMs: this.#rampFromMs === undefined ? null : nowMs - this.#rampFromMs,
      rampUpCredit: this.#rampCredit,
      rules: this.#rules.map((rule) => rule.snapshot(nowMs)),
    };
  }

  #restore(from: BreakerSnapshot, nowMs: number): void {
    this.#pending = undefined;
    this.mode = from.mode;
    this.#state = from.mode === 'auto' ? from.state : from.mode;
    this.#openMs = from.openDurationMs ?? Infinity;
    this.#openedAtMs = from.openForMs === null ? nowMs : nowMs - (this.#openMs - from.openForMs);
    this.#openings = from.openings;
    [this.#successes, this.#failures] = from.trials;
    this.#rampFromMs = from.rampUpForMs === null ? undefined : nowMs - from.rampUpForMs;
    this.#rampCredit = from.rampUpCredit;
    this.#rules.forEach((rule, k) => rule.restore(from.rules[k]!, nowMs));
    this.#refresh();
  }
}

/** JSON has no Infinity. */
function toJson(ms: number): number | null {
  return ms < Infinity ? ms : null;
}

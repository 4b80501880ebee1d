import { amount, oneOf } from '../core/check.ts';
import { guarded } from '../core/errors.ts';
import type { AdmittedCall, Verdict } from './admitted-call.ts';
import type { BreakerSettings } from './breaker-options.ts';
import { checkBreaker, openDurationOf } from './breaker-options.ts';
import { Chronicle } from './chronicle.ts';
import type {
  CircuitBreakerOptions,
  CircuitBreakerStats,
  CircuitMode,
  CircuitState,
  Isolation,
} from './circuit-breaker.ts';
import { CircuitOpenError } from './errors.ts';
import type { BreakerSnapshot } from './snapshot.ts';
import { MODES, toJson } from './snapshot.ts';
import type { RuleState } from './trip-rule.ts';

/*
 * The states of a circuit, without the calls. Each move starts a new generation, and a result counts only in the
 * generation that let its call through. Nothing here has a timer: `#advance` makes the moves that time has brought
 * about, and every public member that looks at the state calls it first, except on the plain path (closed, no rule
 * that needs a start time, no ramp), where time moves nothing.
 */
export abstract class StateMachine extends Chronicle {
  readonly name: string;
  declare trialGate?: (() => boolean) | undefined; // no field where a circuit is not shared
  /** True where a call is let through without looking at anything. */
  protected isPlain: boolean = false;
  protected generation: number = 0;
  protected inFlight: number = 0;
  protected readonly settings: BreakerSettings;
  readonly #rules: readonly RuleState[];
  readonly #needsTime: boolean;
  readonly #needsStart: boolean;
  /** Made by the first trial: most circuits never see one. */
  #trials: Set<AdmittedCall> | undefined;
  #pending: BreakerSnapshot | undefined;
  #mode: CircuitMode = 'auto';
  #state: CircuitState = 'closed';
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
  /** Of rejections: put together once. */
  #message: string | undefined;
  #late = 0;

  constructor(options: CircuitBreakerOptions) {
    super();
    this.settings = checkBreaker(options);
    this.name = this.settings.name;
    this.#rules = this.settings.rules;
    this.#needsTime = this.#rules.some((rule) => rule.needsTime);
    this.#needsStart = this.#rules.some((rule) => rule.slowCallDurationMs < Infinity);
    this.#pending = options.snapshot;
    if (options.onEvent) this.onEvent(options.onEvent);
    this.#refresh();
  }

  get state(): CircuitState {
    this.#advance();
    return this.#state;
  }

  get mode(): CircuitMode {
    this.#advance();
    return this.#mode;
  }

  get retryAfterMs(): number {
    this.#advance();
    return this.#remainingMs();
  }

  #remainingMs(): number {
    if (this.#state === 'forced-open') return Infinity;
    return this.#state === 'open' ? this.#openMs - (this.#lastMs - this.#openedAtMs) : 0;
  }

  get isIdle(): boolean {
    const nowMs = this.#advance();
    if (this.#state !== 'closed' || this.inFlight > 0 || this.#rampFromMs !== undefined) return false;
    return this.#rules.every((rule) => {
      const { failures, slowCalls } = rule.stats(nowMs);
      return failures + slowCalls === 0;
    });
  }

  /** Whether a call may be made now. If so, {@link begin} must follow. */
  protected admits(): boolean {
    const isAdmitted = this.isPlain || this.#admitsAt(this.#advance());
    if (!isAdmitted) this.#notPermitted++;
    return isAdmitted;
  }

  /** The error for a call that was just not admitted. */
  protected rejection(): CircuitOpenError {
    this.#message ??= this.name ? `circuit ${this.name} is open` : 'circuit is open';
    return new CircuitOpenError(this.#message, this.#state, this.#remainingMs(), this.settings.captureStack);
  }

  #admitsAt(nowMs: number): boolean {
    if (this.#state === 'closed') return !this.#isOverrun(nowMs) && this.#rampAdmits(nowMs);
    if (this.#state === 'half-open') {
      const hasPlace = (this.#trials?.size ?? 0) < this.settings.maxConcurrent;
      return hasPlace && (!this.trialGate || guarded(false, this.trialGate));
    }
    return this.#state === 'disabled' || this.#state === 'metrics-only';
  }

  /** Opens when calls in flight are slow enough for that. */
  #isOverrun(nowMs: number): boolean {
    return this.#rules.some((rule) => {
      const reason = rule.inFlight?.check(nowMs);
      if (reason) this.#open(reason);
      return reason;
    });
  }

  /** Lets the due share of calls through by error diffusion: the shares add up until they make a call. */
  #rampAdmits(nowMs: number): boolean {
    if (this.#rampFromMs === undefined) return true;
    const { rampUpMs, initialRatio } = this.settings;
    const progress = (nowMs - this.#rampFromMs) / rampUpMs;
    this.#rampCredit += initialRatio + (1 - initialRatio) * progress;
    if (this.#rampCredit < 1) return false;
    this.#rampCredit--;
    return true;
  }

  protected begin(call: AdmittedCall): void {
    this.inFlight++;
    call.generation = this.generation;
    call.startMs = this.#lastMs;
    if (this.#state === 'half-open') (this.#trials ??= new Set()).add(call);
    for (const rule of this.#rules) rule.inFlight?.started(call);
  }

  /** Takes the result of a call; `failure` is the error or result it failed with. */
  settle(call: AdmittedCall, verdict: Verdict, failure?: unknown): void {
    const nowMs = this.#needsTime || this.#needsStart || this.#state !== 'closed' ? this.#advance() : 0;
    this.inFlight--;
    this.#trials?.delete(call);
    for (const rule of this.#rules) rule.inFlight?.ended(call);
    if (verdict === 'ignored') return;
    const isFailure = verdict === 'failure';
    if (call.generation !== this.generation) this.#late++;
    else if (this.#state === 'half-open') this.#countTrial(isFailure, failure);
    else if (this.#state !== 'disabled')
      this.#record(nowMs, isFailure, this.#needsStart ? nowMs - call.startMs : 0, failure);
  }

  #record(nowMs: number, isFailure: boolean, durationMs: number, failure: unknown): void {
    let reason: string | undefined;
    for (const rule of this.#rules) reason = rule.record(nowMs, isFailure, durationMs) ?? reason;
    if (reason && this.#state === 'closed') this.#open(reason, isFailure ? failure : undefined);
  }

  #countTrial(isFailure: boolean, failure?: unknown): void {
    const { failureThreshold, successThreshold } = this.settings;
    if (!isFailure) {
      if (++this.#successes >= successThreshold) this.#move('closed', 'trials succeeded');
    } else if (++this.#failures >= failureThreshold) {
      this.#open('trials failed', failure);
    }
  }

  /** A clock that was set back goes on from where it was, so that nothing waits for it to catch up. */
  #now(): number {
    const nowMs = this.settings.clock.now() + this.#skewMs;
    if (nowMs < this.#lastMs) this.#skewMs += this.#lastMs - nowMs;
    else this.#lastMs = nowMs;
    return this.#lastMs;
  }

  /** Makes the moves that are due, and answers the time. */
  #advance(): number {
    const nowMs = this.#now();
    if (this.#pending) this.#restore(this.#pending, nowMs);
    if (this.#state === 'open' && nowMs - this.#openedAtMs >= this.#openMs)
      this.#move('half-open', 'open duration over');
    if (nowMs - this.#rampFromMs! >= this.settings.rampUpMs) {
      this.#rampFromMs = undefined;
      this.#refresh();
    }
    for (const trial of this.#trials ?? []) {
      if (nowMs - trial.startMs < this.settings.trialTimeoutMs) break;
      this.#trials?.delete(trial);
      trial.generation = -1;
      this.#countTrial(true);
    }
    return nowMs;
  }

  #open(reason: string, failure?: unknown, ms?: number): void {
    if (this.#state !== 'open') this.#openings++;
    this.#openMs = ms ?? openDurationOf(this.settings, failure, this.#openings, this.#openMs);
    this.#openedAtMs = this.#now();
    this.#move('open', reason);
  }

  #move(to: CircuitState, reason: string): void {
    const from = this.#state;
    this.#state = to;
    this.generation++;
    this.#trials?.clear();
    this.#successes = this.#failures = 0;
    for (const rule of this.#rules) {
      rule.inFlight?.clear();
      if (to !== 'open') rule.clear();
    }
    if (to !== 'open' && to !== 'half-open') this.#openings = this.#openMs = 0;
    const startsRamp = from === 'half-open' && to === 'closed' && this.settings.rampUpMs;
    this.#rampFromMs = startsRamp ? this.#lastMs : undefined;
    this.#rampCredit = 1 - this.settings.initialRatio;
    this.#refresh();
    if (from !== to) this.tell({ type: 'state-change', name: this.name, from, to, atMs: this.#lastMs, reason });
  }

  #refresh(): void {
    const isClosed = this.#state === 'closed' || this.#state === 'metrics-only';
    this.isPlain = isClosed && !this.#pending && !this.#needsStart && this.#rampFromMs === undefined;
  }

  trip(ms?: number): void {
    if (ms !== undefined) amount('ms', ms, 0);
    this.#advance();
    if (this.#mode === 'auto' && !this.#isolations) this.#open('tripped by hand', undefined, ms);
  }

  reset(): void {
    this.setMode('auto');
  }

  setMode(mode: CircuitMode): void {
    this.#advance();
    this.#mode = oneOf('mode', mode, MODES);
    if (!this.#isolations) this.#move(mode === 'auto' ? 'closed' : mode, 'set by hand');
  }

  isolate(): Isolation {
    this.#advance();
    if (!this.#isolations++) this.#move('forced-open', 'isolated');
    let holds = 1;
    const dispose = (): void => {
      if (holds-- === 1 && !--this.#isolations) this.setMode(this.#mode);
    };
    return { dispose, [Symbol.dispose]: dispose };
  }

  stats(): CircuitBreakerStats {
    const counts = this.#rules[0]!.stats(this.#advance());
    return {
      state: this.#state,
      ...counts,
      failureRate: counts.failures / (counts.calls || 1),
      slowCallRate: counts.slowCalls / (counts.calls || 1),
      inFlight: this.inFlight,
      notPermitted: this.#notPermitted,
      late: this.#late,
    };
  }

  snapshot(): BreakerSnapshot {
    const nowMs = this.#advance();
    return {
      version: 1,
      mode: this.#mode,
      state: this.#isolations ? 'closed' : this.#state,
      openForMs: this.#state === 'open' ? toJson(this.#remainingMs()) : 0,
      openDurationMs: toJson(this.#openMs),
      openings: this.#openings,
      trials: [this.#successes, this.#failures],
      rampUp: this.#rampFromMs === undefined ? null : [nowMs - this.#rampFromMs, this.#rampCredit],
      rules: this.#rules.map((rule) => rule.snapshot(nowMs)),
    };
  }

  #restore(from: BreakerSnapshot, nowMs: number): void {
    this.#pending = undefined;
    this.#mode = from.mode;
    this.#state = from.mode === 'auto' ? from.state : from.mode;
    this.#openMs = from.openDurationMs ?? Infinity;
    this.#openedAtMs = from.openForMs === null ? nowMs : nowMs - (this.#openMs - from.openForMs);
    this.#openings = from.openings;
    [this.#successes, this.#failures] = from.trials;
    if (from.rampUp) [this.#rampFromMs, this.#rampCredit] = [nowMs - from.rampUp[0], from.rampUp[1]];
    this.#rules.forEach((rule, k) => rule.restore(from.rules[k]!, nowMs));
    this.#refresh();
  }
}

import type { Filled } from '../core/check.ts';
import { amount } from '../core/check.ts';
import { keepAlive } from '../core/clock.ts';
import type { TimerHandle } from '../core/clock.ts';
import { emit, HoldfastError } from '../core/errors.ts';
import type { CircuitBreaker, CircuitBreakerEvent } from './circuit-breaker.ts';
import type { SharedCircuit, SharedCircuitEvent, SharedCircuitOptions, SharedCircuitStats } from './shared.ts';
import type { CircuitReport, FleetView, TrialRequest } from './shared-store.ts';

/** Checked options, defaults filled in. */
export interface FleetTerms extends Filled<Omit<SharedCircuitOptions, 'onEvent'>> {
  readonly store: SharedCircuitOptions['store'];
  readonly name: string;
  readonly syncIntervalMs: number;
  readonly quorum: number;
  readonly timeoutMs: number;
  readonly ttlMs: number;
  readonly clock: NonNullable<SharedCircuitOptions['clock']>;
  readonly random: NonNullable<SharedCircuitOptions['random']>;
  readonly onEvent: SharedCircuitOptions['onEvent'];
}

/** Syncs that news may cause between two of the timer. */
const MOST_PUSHES = 3;
/** After so many failed syncs in a row there is nobody to ask. One alone may be this process's own stall. */
const MOST_FAILURES = 2;
/** Intervals with calls turned away, under one holder of the trials, after which it shall pass them on. */
const PATIENCE = 3;
/** An opening without end is told again before this is over. */
const LONGEST_MS = 604_800_000;

/*
 * One circuit of a fleet. What the circuit does is told to the store with the next sync, and at once when it
 * is news; what the fleet does is brought about through the circuit's public members. There is one sync at a
 * time, so that answers come in order.
 */
export class FleetMember implements SharedCircuit {
  readonly #circuit: CircuitBreaker;
  readonly #terms: FleetTerms;
  readonly #holder: string;
  readonly #unlisten: () => void;
  #timer: TimerHandle;
  #deadline: TimerHandle;
  #running: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  /** There is news that the sync under way does not carry. */
  #isDirty = false;
  #pushes = 0;
  /** Counts moves of the circuit: an answer to what was said before one of them is not acted on. */
  #moves = 0;
  /** While the moves are ours. */
  #isActing = false;
  #openedAtMs = 0;
  /** It is open by its own rules, or by hand, and not because of the fleet. */
  #isOwn = false;
  #recovery: { readonly atMs: number; readonly fencingToken: number } | undefined;
  #trialsUntilMs = -Infinity;
  #fencingToken = 0;
  #hasAsked = false;
  #hasTried = false;
  #isTurningAway = false;
  #waits = 0;
  /** The store may hold something of ours. */
  #isOwing = false;
  #view: FleetView | undefined;
  #failuresInRow = 0;
  #syncs = 0;
  #failures = 0;

  constructor(circuit: CircuitBreaker, terms: FleetTerms) {
    this.#circuit = circuit;
    this.#terms = terms;
    const { random, syncIntervalMs } = terms;
    // With the node: copies of a virtual machine may draw alike.
    this.#holder = `${terms.node} ${random()}`;
    this.#unlisten = circuit.onEvent((event) => this.#note(event));
    circuit.trialGate = () => this.#mayTry();
    // One that is open or half-open already: no recovery from before now is one of it.
    this.#noteOpening();
    this.#arm(random() * syncIntervalMs);
    this.#start();
  }

  get isConnected(): boolean {
    return this.#view !== undefined && !this.#isAlone;
  }

  get #isAlone(): boolean {
    return this.#failuresInRow >= MOST_FAILURES;
  }

  stats(): SharedCircuitStats {
    return {
      isConnected: this.isConnected,
      isFleetOpen: this.#view?.isOpen ?? false,
      openNodes: this.#view?.openNodes ?? 0,
      holdsTrials: this.#holdsTrials(),
      syncs: this.#syncs,
      failures: this.#failures,
    };
  }

  #holdsTrials(): boolean {
    return this.#terms.clock.now() < this.#trialsUntilMs;
  }

  /** Whether a call may be a trial. Looks at nothing but the clock. */
  #mayTry(): boolean {
    if (this.#isAlone || this.#holdsTrials()) return (this.#hasTried = true);
    this.#isTurningAway = true;
    if (!this.#hasAsked) this.#push();
    this.#hasAsked = true;
    return false;
  }

  #note({ from, to }: CircuitBreakerEvent): void {
    this.#moves += this.#isActing ? 0 : 1;
    this.#trialsUntilMs = -Infinity;
    this.#hasAsked = this.#hasTried = this.#isTurningAway = false;
    this.#waits = 0;
    if (to === 'open') this.#noteOpening();
    const isRecovery = to === 'closed' && (from === 'open' || from === 'half-open') && !this.#isActing;
    if (isRecovery) this.#recovery = { atMs: this.#terms.clock.now(), fencingToken: this.#fencingToken };
    this.#fencingToken = 0;
    if (to !== 'half-open' && !this.#isActing) this.#push();
  }

  #noteOpening(): void {
    this.#openedAtMs = this.#terms.clock.now();
    this.#isOwn = !this.#isActing;
  }

  #arm(ms: number): void {
    this.#timer = this.#terms.clock.setTimeout(() => {
      this.#arm(this.#terms.syncIntervalMs);
      this.#pushes = 0;
      if (this.#isTurningAway) this.#waits++;
      this.#isTurningAway = false;
      this.#start();
    }, ms);
    keepAlive(this.#timer, false);
  }

  /** Tells news at once, but not too often: the timer tells what is left. */
  #push(): void {
    if (this.#running) this.#isDirty = true;
    else if (this.#pushes++ < MOST_PUSHES) this.#start();
  }

  #start(): void {
    if (this.#running) this.#isDirty = true;
    else this.#running = this.#sync();
  }

  async #sync(): Promise<void> {
    // Not inside the call that brought the news, and once for all news of a turn.
    await undefined;
    this.#isDirty = false;
    const isAnswered = await this.#exchange();
    this.#running = undefined;
    // A store that does not answer is asked again by the timer, and not more often.
    if (this.#isDirty && isAnswered && !this.#closing) this.#push();
  }

  /** Says how the circuit stands, and does what the fleet's answer asks for. */
  async #exchange(): Promise<boolean> {
    const sentMs = this.#terms.clock.now();
    const report = this.#report(sentMs);
    const recovery = this.#recovery;
    const moves = this.#moves;
    this.#isOwing ||= report.openForMs > 0 || report.trial !== 'none';
    try {
      const view = await this.#ask(report);
      amount('openForMs of the answer', view.openForMs, 0);
      this.#syncs++;
      const wasConnected = this.isConnected;
      this.#failuresInRow = 0;
      if (this.#fencingOf(this.#view) !== this.#fencingOf(view)) this.#waits = 0;
      this.#view = view;
      if (this.#recovery === recovery) this.#recovery = undefined;
      if (!report.openForMs && report.trial === 'none') this.#isOwing = false;
      if (!wasConnected) this.#tell({ type: 'connected' });
      if (!this.#closing) this.#follow(view, report, sentMs, moves);
      return true;
    } catch (error) {
      this.#failures++;
      if (++this.#failuresInRow === MOST_FAILURES) this.#tell({ type: 'disconnected', error });
      return false;
    }
  }

  #fencingOf(view: FleetView | undefined): number {
    return view?.fencingToken ?? 0;
  }

  #report(nowMs: number): CircuitReport {
    const { name, node, quorum, ttlMs } = this.#terms;
    // Asking brings about what time has: a trial that is too old must not keep the trials here.
    const { state, retryAfterMs } = this.#circuit;
    const isOpen = state === 'open' || state === 'half-open';
    return {
      name,
      node,
      holder: this.#holder,
      openForMs: state === 'open' && this.#isOwn && !this.#closing ? Math.min(retryAfterMs, LONGEST_MS) : 0,
      openedAgoMs: isOpen ? Math.max(nowMs - this.#openedAtMs, 0) : 0,
      quorum,
      trial: this.#closing ? 'none' : this.#trialRequest(),
      ttlMs,
      recoveredAgoMs: this.#recovery && nowMs - this.#recovery.atMs,
      fencingToken: this.#recovery?.fencingToken ?? 0,
    };
  }

  #trialRequest(): TrialRequest {
    if (this.#hasTried && this.#circuit.stats().inFlight > 0) return 'running';
    if (!this.#hasAsked && !this.#hasTried) return 'none';
    return this.#waits < PATIENCE ? 'wanted' : 'urgent';
  }

  #follow(view: FleetView, report: CircuitReport, sentMs: number, moves: number): void {
    const circuit = this.#circuit;
    const { state } = circuit;
    if (moves !== this.#moves) return;
    if (view.trialsForMs > 0 && state === 'half-open') this.#hold(view, sentMs);
    if (view.recoveredAgoMs < report.openedAgoMs) {
      this.#act(() => {
        // By way of half-open, so that admission ramps up where that is asked for.
        if (state === 'open') circuit.trip(0);
        if (circuit.state === 'half-open') circuit.reset();
      });
      this.#tell({ type: 'fleet-recovered' });
    } else if (state === 'closed' && view.isOpen) {
      this.#act(() => circuit.trip(view.openForMs));
      this.#tell({ type: 'fleet-opened', openForMs: view.openForMs, openNodes: view.openNodes });
    }
  }

  /** Counted from the sending, so that it ends here before it ends in the store. */
  #hold({ trialsForMs, fencingToken }: FleetView, sentMs: number): void {
    const isNew = fencingToken !== this.#fencingToken;
    this.#trialsUntilMs = Math.max(this.#trialsUntilMs, sentMs + trialsForMs);
    this.#fencingToken = fencingToken;
    if (isNew) this.#tell({ type: 'trials-granted', fencingToken });
  }

  #act(move: () => void): void {
    this.#isActing = true;
    try {
      move();
    } finally {
      this.#isActing = false;
    }
  }

  #tell(event: SharedCircuitEvent): void {
    emit(this.#terms.onEvent, event);
  }

  /** Asks the store, which may be of anybody's making and never answer. */
  #ask(report: CircuitReport): Promise<FleetView> {
    const { store, clock, timeoutMs } = this.#terms;
    return new Promise((resolve, reject) => {
      const late = (): void =>
        reject(new HoldfastError('ERR_STORE_TIMEOUT', `the store did not answer within ${timeoutMs} ms`));
      const deadline = (this.#deadline = clock.setTimeout(late, timeoutMs));
      keepAlive(deadline, this.#closing !== undefined);
      const ask = async (): Promise<FleetView> => store.sync(report);
      ask()
        .finally(() => clock.clearTimeout(deadline))
        .then(resolve, reject);
    });
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#leave());
  }

  async #leave(): Promise<void> {
    const { clock } = this.#terms;
    this.#unlisten();
    this.#circuit.trialGate = undefined;
    clock.clearTimeout(this.#timer);
    // Somebody waits for it now.
    if (this.#running) keepAlive(this.#deadline, true);
    await this.#running;
    if (this.#isOwing || this.#recovery) await this.#exchange();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

import { guarded } from '../core/errors.ts';
import { Closing } from './closing.ts';
import type { Entry } from './entry.ts';
import type { Verdict } from './health.ts';
import type { PoolLease } from './lease.ts';
import type { DestroyReason, Lease, PoolCloseOptions } from './pool-types.ts';
import { Premises } from './premises.ts';

/** Where a resource comes from that becomes free. */
type Origin = 'made' | 'returned' | 'tested';

/*
 * Where resources and those who want them meet. Every transition, whatever set it off, ends in `pump`, and
 * nothing else creates or serves those who wait: there is no wake-up to lose.
 */
export class Floor<T> extends Premises<T> {
  #closing: Closing<T> | undefined;
  #isPumping = false;
  #mustPump = false;
  /** What `take` has sent to a test, and gets back if the answer comes at once. */
  #claim: Entry<T> | undefined;

  override get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /** A lease at once, unless somebody waits. Takes in tests that answer at once, if `mayTest`. */
  take(mayTest: boolean, borrower: Error | undefined): Lease<T> | undefined {
    this.isStarted = true;
    if (this.queue.length > 0 || this.#closing) return undefined;
    const nowMs = this.now();
    if (!this.health.hasRules) return this.#takeAny(nowMs, borrower);
    // As many as there are now: those that replace bad ones meanwhile may be as bad, without end.
    for (let looks = this.idle.length; looks > 0; looks--) {
      const entry = this.#nextIdle();
      if (!entry) return undefined;
      const verdict = this.#verdict(entry, nowMs);
      if (verdict === 'test' && !mayTest) return undefined;
      this.idle.remove(entry);
      const { testing } = this.workshop;
      if (verdict === 'fit' || (verdict === 'test' && this.#isProvenNow(entry))) {
        const lease = this.#lend(entry, nowMs, borrower, nowMs);
        // Somebody may wait by now, who acquired in a test or another hook and took the entry for theirs.
        if (this.queue.length > 0 || this.idle.length < this.minIdle) this.pump();
        return lease;
      }
      // One test is enough for one who waits.
      if (this.workshop.testing > testing) return undefined;
      if (verdict !== 'test') this.workshop.destroy(entry, verdict);
    }
    return undefined;
  }

  /** A lease at once, where no rule asks in what state a resource is. */
  #takeAny(nowMs: number, borrower: Error | undefined): Lease<T> | undefined {
    const entry = this.#nextIdle();
    if (!entry) return undefined;
    this.idle.remove(entry);
    const lease = this.#lend(entry, nowMs, borrower, nowMs);
    if (this.idle.length < this.minIdle) this.pump();
    return lease;
  }

  #isProvenNow(entry: Entry<T>): boolean {
    const outer = this.#claim;
    this.#claim = entry;
    this.workshop.test(entry);
    const isProven = this.#claim !== entry;
    this.#claim = outer;
    return isProven;
  }

  #verdict(entry: Entry<T>, nowMs: number): Verdict {
    const { health, idle } = this;
    if (!health.hasRules) return 'fit';
    return health.verdict(entry, nowMs, idle.length <= this.minIdle || this.alive <= this.min);
  }

  #nextIdle(): Entry<T> | undefined {
    return this.settings.idleOrder === 'lifo' ? this.idle.newest : this.idle.oldest;
  }

  #lend(entry: Entry<T>, nowMs: number, borrower: Error | undefined, calledAtMs: number): Lease<T> {
    if (borrower) this.upkeep.watchLoan(nowMs);
    return this.loans.begin(entry, nowMs, borrower, calledAtMs);
  }

  override giveBack(entry: Entry<T>, lease: PoolLease<T>): void {
    if (!this.loans.end(entry, lease)) return;
    const nowMs = this.now();
    if (this.settings.reset && !this.#whyUnfit(entry, nowMs)) {
      this.workshop.reset(entry);
    } else {
      entry.sinceMs = nowMs;
      this.health.prove(entry, nowMs, this.health.breakages);
      // Nobody else is concerned by what lies idle while nobody waits, or went to one of several who do.
      const isQuiet = this.#comeBack(entry, nowMs, 'returned');
      if (isQuiet && !this.share) return;
    }
    this.pump();
  }

  override giveUp(entry: Entry<T>, lease: PoolLease<T>, isBroken: boolean): void {
    if (entry.lease === lease && isBroken) this.health.breakages++;
    this.seize(entry, lease, 'broken');
  }

  /** Ends a loan and destroys the resource. */
  override seize(entry: Entry<T>, lease: PoolLease<T>, reason: DestroyReason): void {
    if (this.loans.end(entry, lease)) this.workshop.destroy(entry, reason);
  }

  override made(entry: Entry<T>, tookMs: number): void {
    this.supply.succeeded(tookMs);
    this.#comeBack(entry, this.now(), 'made');
    this.pump();
  }

  override notMade(error: unknown, round: number): void {
    const { onCreateFailure, isFatalCreateError } = this.settings;
    const retryMs = this.supply.failed(error, round);
    if (retryMs > 0) this.health.breakages++;
    this.tell({ type: 'create-failed', error, retryMs });
    const isFatal = isFatalCreateError && guarded(false, isFatalCreateError, error);
    if (isFatal || (onCreateFailure === 'fail' && this.isDown)) this.rejectAll('create', () => this.createError());
    this.warmers.fail(this.createError());
    this.pump();
  }

  override proven(entry: Entry<T>, wasReset: boolean): void {
    const nowMs = this.now();
    if (this.#claim === entry && !this.#whyUnfit(entry, nowMs)) {
      this.#claim = undefined;
      return;
    }
    if (wasReset) entry.sinceMs = nowMs;
    this.#comeBack(entry, nowMs, wasReset ? 'returned' : 'tested');
    this.pump();
  }

  override changed(): void {
    this.pump();
  }

  /** Why a resource that is in no list must not be lent any more. */
  #whyUnfit(entry: Entry<T>, nowMs: number): DestroyReason | undefined {
    if (entry.generation !== this.generation) return 'clear';
    if (this.#closing && this.queue.length === 0) return 'close';
    if (this.hasShrunk && this.alive + this.workshop.creating >= this.max) return 'resize';
    return this.health.retirement(entry, nowMs);
  }

  /** A good resource becomes free: for the first who waits, or for later. Answers whether that is all there is to it. */
  #comeBack(entry: Entry<T>, nowMs: number, from: Origin): boolean {
    const { queue, health } = this;
    const isReturned = from === 'returned';
    const reason =
      this.#whyUnfit(entry, nowMs) ?? (queue.length > 0 && this.share?.mustYield(this) ? 'evicted' : undefined);
    if (reason) {
      this.workshop.destroy(entry, reason);
    } else if (queue.length === 0) {
      if (from === 'tested') this.idle.pushOldest(entry);
      else this.idle.push(entry);
      if (health.isTimed) this.upkeep.watchIdle(entry, nowMs);
      return true;
    } else if (isReturned && health.isAlwaysTested) {
      this.workshop.test(entry);
    } else {
      if (isReturned) this.supply.handedOff();
      this.#hand(entry, nowMs);
      return queue.length > 0;
    }
    return false;
  }

  /** Lends to the first who waits. */
  #hand(entry: Entry<T>, nowMs: number): void {
    const waiter = this.queue.shift()!;
    const { notes } = waiter;
    waiter.resolve(this.#lend(entry, nowMs, notes?.borrower, notes ? notes.calledAtMs : -1));
  }

  /** The one place where those who wait are served and resources are created. */
  override pump(): void {
    this.#mustPump = true;
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (this.#mustPump) {
      this.#mustPump = false;
      this.#serve();
      if (this.#closing && this.queue.length === 0) this.#closing.windUp();
      else while (this.#mayCreate()) this.workshop.create(this.generation, this.supply.round);
    }
    this.#isPumping = false;
    this.#settle();
  }

  #serve(): void {
    const { health, idle, queue, workshop } = this;
    if (queue.length === 0 || idle.length === 0) return;
    const nowMs = this.now();
    for (let entry = this.#nextIdle(); entry && queue.length > 0; entry = this.#nextIdle()) {
      if (this.share?.mustYield(this)) return;
      const verdict = this.#verdict(entry, nowMs);
      // After a breakage all suspects are tested at once, or each of them would cost a timeout.
      if (verdict === 'test' && workshop.testing >= queue.length && !health.isSuspect(entry)) return;
      idle.remove(entry);
      if (verdict === 'fit') this.#hand(entry, nowMs);
      else if (verdict === 'test') workshop.test(entry);
      else workshop.destroy(entry, verdict);
    }
  }

  #mayCreate(): boolean {
    if (!this.isStarted || this.size >= this.max) return false;
    const { queue, idle, alive, minIdle, supply } = this;
    const { creating, testing } = this.workshop;
    if (!supply.mayCreate(creating)) return false;
    const uncovered = queue.length - creating - testing;
    // While it closes, nothing is created but for those who wait.
    const isShort =
      !this.#closing &&
      (alive + creating < Math.max(this.min, this.warmers.target) || idle.length + Math.max(0, -uncovered) < minIdle);
    return (isShort || supply.wants(uncovered, creating, alive)) && (!this.share || this.share.mayCreate(this));
  }

  /** Nothing more can be done now. */
  #settle(): void {
    const { queue, workshop, supply, alive } = this;
    const { creating, testing } = workshop;
    supply.attend(queue.length, queue.length - creating - testing, this.size < this.max);
    this.warmers.reached(alive, this.max);
    if (this.#closing && this.size + workshop.late + queue.length === 0) this.#closing.finish();
    this.share?.changed(this);
  }

  close(options: PoolCloseOptions): Promise<void> {
    const closing = (this.#closing ??= new Closing(this));
    closing.begin(options);
    this.pump();
    return closing.closed;
  }
}

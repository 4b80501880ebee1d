import { guarded } from '../core/errors.ts';
import { WaitQueue } from '../core/wait-queue.ts';
import { Closing } from './closing.ts';
import type { Entry } from './entry.ts';
import { EntryList } from './entry.ts';
import { PoolError } from './errors.ts';
import { Health } from './health.ts';
import { PoolLease, WatchedLease } from './lease.ts';
import { Listeners } from './listeners.ts';
import type { DestroyReason, Lease, PoolCloseOptions, PoolEvent } from './pool-types.ts';
import type { PoolSettings } from './settings.ts';
import type { Share } from './share.ts';
import { Soon } from './soon.ts';
import { Supply } from './supply.ts';
import { Upkeep } from './upkeep.ts';
import type { AcquireWaiter } from './waiting.ts';
import { patientClock } from './waiting.ts';
import { Warmers } from './warmers.ts';
import type { Customer } from './workshop.ts';
import { Workshop } from './workshop.ts';

/** Where a resource comes from that becomes free. */
type Origin = 'made' | 'returned' | 'tested';

/*
 * Where resources and those who want them meet. Every transition, whatever set it off, ends in `pump`, and
 * nothing else creates or serves those who wait: there is no wake-up to lose. Nothing is counted beside what it
 * counts, and a resource is in one list, in a test or being destroyed whenever users' code runs; hence
 * size <= max at every moment.
 */
export class Floor<T> implements Customer<T> {
  readonly settings: PoolSettings<T>;
  readonly share: Share<T> | undefined;
  readonly listeners: Listeners<T> = new Listeners();
  readonly queue: WaitQueue<AcquireWaiter<T>>;
  readonly idle: EntryList<T>;
  readonly lent: EntryList<T> = new EntryList();
  readonly health: Health;
  readonly workshop: Workshop<T>;
  readonly supply: Supply;
  readonly upkeep: Upkeep<T>;
  readonly warmers: Warmers = new Warmers();
  max: number;
  min: number;
  minIdle: number;
  /** Whether the pool has been used; before that, `min` and `minIdle` create nothing. */
  isStarted: boolean = false;
  /** How often the pool has been cleared. */
  generation: number = 0;
  acquired: number = 0;
  released: number = 0;
  rejected: number = 0;
  doubleReleases: number = 0;
  leaked: number = 0;
  /** Taken out of the idle ones, to be handed on in the same turn. */
  inHand: number = 0;
  readonly #isTimed: boolean;
  #closing: Closing<T> | undefined;
  #isPumping = false;
  #mustPump = false;
  /** What `take` has sent to a test, and gets back if the answer comes at once. */
  #claim: Entry<T> | undefined;

  constructor(settings: PoolSettings<T>, share?: Share<T>) {
    const { clock, max, min, minIdle, onEvent, leakThresholdMs } = settings;
    const soon = new Soon();
    this.settings = settings;
    this.share = share;
    this.idle = share ? share.idleList() : new EntryList();
    this.max = max;
    this.min = min;
    this.minIdle = minIdle;
    if (onEvent) this.listeners.add(onEvent);
    this.health = new Health(settings, settings.validate !== undefined);
    this.#isTimed = this.health.isTimed || leakThresholdMs < Infinity;
    this.workshop = new Workshop(settings, this.health, this.listeners, soon, this);
    this.supply = new Supply(settings, () => this.pump());
    this.upkeep = new Upkeep(this);
    this.queue = new WaitQueue(patientClock(clock, soon));
  }

  /** Idle, on loan or being tested. */
  get alive(): number {
    return this.workshop.testing + this.idle.length + this.lent.length + this.inHand;
  }

  /** All that counts against `max`. */
  get size(): number {
    return this.alive + this.workshop.creating + this.workshop.destroying;
  }

  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /** Whether creates fail and there is nothing else to hope for. */
  get isDown(): boolean {
    return this.supply.isResting && this.alive + this.workshop.creating === 0;
  }

  /** A reading of the clock, where anything depends on it. */
  now(): number {
    return this.#isTimed || this.listeners.hasAny ? this.settings.clock.now() : 0;
  }

  tell(event: PoolEvent<T>): void {
    if (this.listeners.hasAny) this.listeners.tell(event);
  }

  closedError(): PoolError {
    return new PoolError('ERR_POOL_CLOSED', `${this.settings.name} is closed`);
  }

  createError(): PoolError {
    return new PoolError('ERR_POOL_CREATE', `${this.settings.name}: create failed`, this.supply.error);
  }

  /** Turns away all who wait. */
  rejectAll(reason: 'closed' | 'create', error: () => PoolError): void {
    // No more than wait now: a listener may acquire again.
    for (let left = this.queue.length; left > 0; left--) {
      this.rejected++;
      this.queue.shift()?.reject(error());
      this.tell({ type: 'rejected', reason });
    }
  }

  /** A lease at once, unless somebody waits. Takes in tests that answer at once, if `mayTest`. */
  take(mayTest: boolean, borrower: Error | undefined): Lease<T> | undefined {
    this.isStarted = true;
    if (this.queue.length > 0 || this.#closing) return undefined;
    const nowMs = this.now();
    // As many as there are now: those that replace bad ones meanwhile may be as bad, without end.
    for (let looks = this.idle.length; looks > 0; looks--) {
      const entry = this.#nextIdle();
      if (!entry) return undefined;
      const verdict = this.health.verdict(entry, nowMs, this.#keepsIdle);
      if (verdict === 'test' && !mayTest) return undefined;
      this.idle.remove(entry);
      if (verdict === 'fit' || (verdict === 'test' && this.#isProvenNow(entry))) {
        const lease = this.#lend(entry, nowMs, borrower);
        if (this.idle.length < this.minIdle) this.pump();
        return lease;
      }
      if (verdict !== 'test') this.workshop.destroy(entry, verdict);
    }
    return undefined;
  }

  #isProvenNow(entry: Entry<T>): boolean {
    const outer = this.#claim;
    this.#claim = entry;
    this.workshop.test(entry);
    const isProven = this.#claim !== entry;
    this.#claim = outer;
    return isProven;
  }

  /** Whether no idle resource may go because of its idleness. */
  get #keepsIdle(): boolean {
    return this.idle.length <= this.minIdle || this.alive <= this.min;
  }

  #nextIdle(): Entry<T> | undefined {
    return this.settings.idleOrder === 'lifo' ? this.idle.newest : this.idle.oldest;
  }

  #lend(entry: Entry<T>, nowMs: number, borrower: Error | undefined, calledAtMs: number = nowMs): Lease<T> {
    const lease = borrower ? new WatchedLease(entry, borrower) : new PoolLease(entry);
    entry.lease = lease;
    if (entry.plan) entry.plan.usesLeft--;
    this.acquired++;
    this.lent.push(entry);
    if (this.#isTimed || this.listeners.hasAny) {
      entry.sinceMs = nowMs;
      if (borrower) this.upkeep.watchLoan(nowMs);
      this.tell({ type: 'acquired', resource: entry.resource, waitMs: Math.max(0, nowMs - calledAtMs) });
    }
    return lease;
  }

  /** Destroys idle resources, the longest idle first. All are out of reach before the first is: that runs users' code. */
  discard(count: number, reason: DestroyReason): void {
    const entries: Entry<T>[] = [];
    for (let entry = this.idle.oldest; entry && entries.length < count; entry = this.idle.oldest) {
      this.idle.remove(entry);
      entries.push(entry);
    }
    this.inHand += entries.length;
    for (const entry of entries) {
      this.inHand--;
      this.workshop.destroy(entry, reason);
    }
  }

  giveBack(entry: Entry<T>, lease: PoolLease<T>): void {
    if (!this.#endLoan(entry, lease)) return;
    const nowMs = this.now();
    if (this.settings.reset && !this.#whyUnfit(entry, nowMs)) {
      this.workshop.reset(entry);
    } else {
      entry.sinceMs = entry.provenAtMs = nowMs;
      entry.trust = this.health.breakages;
      // Nobody else is concerned by what lies idle while nobody waits, or went to one of several who do.
      const isQuiet = this.#comeBack(entry, nowMs, 'returned');
      if (isQuiet && !this.#closing && !this.share) return;
    }
    this.pump();
  }

  giveUp(entry: Entry<T>, lease: PoolLease<T>, isBroken: boolean): void {
    if (entry.lease === lease && isBroken) this.health.breakages++;
    this.seize(entry, lease, 'broken');
  }

  /** Ends a loan and destroys the resource. */
  seize(entry: Entry<T>, lease: PoolLease<T>, reason: DestroyReason): void {
    if (!this.#endLoan(entry, lease)) return;
    this.workshop.destroy(entry, reason);
    this.pump();
  }

  #endLoan(entry: Entry<T>, lease: PoolLease<T>): boolean {
    if (entry.lease !== lease) {
      this.doubleReleases++;
      return false;
    }
    entry.lease = undefined;
    this.released++;
    if (this.listeners.hasAny) {
      const heldMs = Math.max(0, this.settings.clock.now() - entry.sinceMs);
      this.tell({ type: 'released', resource: entry.resource, heldMs });
    }
    this.lent.remove(entry);
    return true;
  }

  made(entry: Entry<T>, tookMs: number): void {
    this.supply.succeeded(tookMs, this.max);
    this.#comeBack(entry, this.now(), 'made');
    this.pump();
  }

  notMade(error: unknown, round: number): void {
    const { onCreateFailure, isFatalCreateError } = this.settings;
    const retryMs = this.supply.failed(error, round);
    if (retryMs > 0) this.health.breakages++;
    this.tell({ type: 'create-failed', error, retryMs });
    const isFatal = isFatalCreateError && guarded(false, isFatalCreateError, error);
    if (isFatal || (onCreateFailure === 'fail' && this.isDown)) this.rejectAll('create', () => this.createError());
    this.warmers.fail(this.createError());
    this.pump();
  }

  proven(entry: Entry<T>, wasReset: boolean): void {
    const nowMs = this.now();
    if (this.#claim === entry && !this.#whyUnfit(entry, nowMs)) {
      this.#claim = undefined;
      return;
    }
    if (wasReset) entry.sinceMs = nowMs;
    this.#comeBack(entry, nowMs, wasReset ? 'returned' : 'tested');
    this.pump();
  }

  gone(): void {
    this.pump();
  }

  /** Why a resource that is in no list must not be lent any more. */
  #whyUnfit(entry: Entry<T>, nowMs: number): DestroyReason | undefined {
    if (entry.generation !== this.generation) return 'clear';
    if (this.#closing && this.queue.length === 0) return 'close';
    if (this.alive + this.workshop.creating >= this.max) return 'resize';
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
    waiter.resolve(this.#lend(entry, nowMs, waiter.borrower, waiter.calledAtMs < 0 ? nowMs : waiter.calledAtMs));
  }

  /** The one place where those who wait are served and resources are created. */
  pump(): void {
    this.#mustPump = true;
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (this.#mustPump) {
      this.#mustPump = false;
      this.#serve();
      if (this.#closing && this.queue.length === 0) this.#closing.windUp();
      else while (this.#mayCreate()) this.#create();
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
      const verdict = health.verdict(entry, nowMs, this.#keepsIdle);
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

  #create(): void {
    this.workshop.create(this.generation, this.supply.round);
    this.#serve();
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

import { WaitQueue } from '../core/wait-queue.ts';
import type { Entry } from './entry.ts';
import { EntryList } from './entry.ts';
import { PoolError } from './errors.ts';
import { Health } from './health.ts';
import type { PoolLease } from './lease.ts';
import { Listeners } from './listeners.ts';
import { Loans } from './loans.ts';
import type { DestroyReason, PoolEvent } from './pool-types.ts';
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

/**
 * What a pool consists of. Nothing is counted beside what it counts, and a resource is in one list, in a test or
 * being destroyed whenever users' code runs; hence size <= max at every moment.
 */
export abstract class Premises<T> implements Customer<T> {
  readonly settings: PoolSettings<T>;
  readonly share: Share<T> | undefined;
  readonly listeners: Listeners<T> = new Listeners();
  readonly queue: WaitQueue<AcquireWaiter<T>>;
  readonly idle: EntryList<T>;
  readonly loans: Loans<T>;
  readonly lent: EntryList<T>;
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
  /** Whether there may be more than `max`, because that was less once it was set anew. */
  hasShrunk: boolean = false;
  /** How often the pool has been cleared. */
  generation: number = 0;
  rejected: number = 0;
  leaked: number = 0;
  /** Taken out of the idle ones, to be handed on in the same turn. */
  inHand: number = 0;
  readonly #isTimed: boolean;

  constructor(settings: PoolSettings<T>, share?: Share<T>) {
    const { clock, max, min, minIdle, onEvent, leakThresholdMs } = settings;
    const soon = new Soon();
    this.settings = settings;
    this.share = share;
    this.idle = share ? share.idleList() : new EntryList();
    this.loans = new Loans(clock, this.listeners);
    this.lent = this.loans.lent;
    this.max = max;
    this.min = min;
    this.minIdle = minIdle;
    if (onEvent) this.listeners.add(onEvent);
    this.health = new Health(settings, settings.validate !== undefined);
    this.#isTimed = this.health.isTimed || leakThresholdMs < Infinity;
    this.workshop = new Workshop(settings, this.health, this.listeners, soon, this);
    this.supply = new Supply(settings, () => this.pump());
    this.upkeep = new Upkeep(this);
    this.queue = new WaitQueue(patientClock(clock));
  }

  /** Idle, on loan or being tested. */
  get alive(): number {
    return this.workshop.testing + this.idle.length + this.lent.length + this.inHand;
  }

  /** All that counts against `max`. */
  get size(): number {
    return this.alive + this.workshop.creating + this.workshop.destroying;
  }

  /** Whether one who waits changes nothing: all that there may be is with others, so nothing is idle and nothing may be created. */
  get isFullyLent(): boolean {
    return this.lent.length >= this.max;
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

  /** Turns away all who wait. None waits any more when the first is told: a listener may acquire, give back or close. */
  rejectAll(reason: 'closed' | 'create', error: () => PoolError, floors: Iterable<Premises<T>> = [this]): void {
    const gone: (readonly [Premises<T>, AcquireWaiter<T>])[] = [];
    for (const floor of floors)
      for (let waiter = floor.queue.shift(); waiter; waiter = floor.queue.shift()) {
        floor.rejected++;
        gone.push([floor, waiter]);
      }
    for (const [floor, waiter] of gone) {
      waiter.reject(error());
      floor.tell({ type: 'rejected', reason });
    }
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

  /** Whether the pool has been told to close. */
  abstract readonly isClosing: boolean;
  /** Looks at what there is and does what is due. */
  abstract pump(): void;
  /** Ends a loan and destroys the resource. */
  abstract seize(entry: Entry<T>, lease: PoolLease<T>, reason: DestroyReason): void;
  abstract giveBack(entry: Entry<T>, lease: PoolLease<T>): void;
  abstract giveUp(entry: Entry<T>, lease: PoolLease<T>, isBroken: boolean): void;
  abstract made(entry: Entry<T>, tookMs: number): void;
  abstract notMade(error: unknown, round: number): void;
  abstract proven(entry: Entry<T>, wasReset: boolean): void;
  abstract changed(): void;
}

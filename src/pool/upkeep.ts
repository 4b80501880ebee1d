import type { TimerHandle } from '../core/clock.ts';
import { keepAlive } from '../core/clock.ts';
import { emit } from '../core/errors.ts';
import type { Entry } from './entry.ts';
import type { Premises } from './premises.ts';
import { WatchedLease } from './lease.ts';
import type { DestroyReason } from './pool-types.ts';

/** What comes due by itself: idle resources that are retired or tested, loans that are leaks. */
export class Upkeep<T> {
  readonly #floor: Premises<T>;
  #timer: TimerHandle;
  /** What the timer is set for. */
  #dueMs = Infinity;

  constructor(floor: Premises<T>) {
    this.#floor = floor;
  }

  /** Sees to it that an idle resource is looked at in time. O(1). */
  watchIdle(entry: Entry<T>, nowMs: number): void {
    this.#remind(this.#floor.health.dueMs(entry, false), nowMs);
  }

  /** Sees to it that a loan which begins now is looked at in time. O(1). */
  watchLoan(nowMs: number): void {
    this.#remind(nowMs + this.#floor.settings.leakThresholdMs, nowMs);
  }

  #remind(dueMs: number, nowMs: number): void {
    if (dueMs >= this.#dueMs) return;
    this.stop();
    this.#dueMs = dueMs;
    const { clock } = this.#floor.settings;
    this.#timer = clock.setTimeout(() => this.#inspect(), Math.ceil(Math.max(1, dueMs - nowMs)));
    keepAlive(this.#timer, false);
  }

  stop(): void {
    if (this.#dueMs < Infinity) this.#floor.settings.clock.clearTimeout(this.#timer);
    this.#dueMs = Infinity;
  }

  /** Looks at all resources. First finds what is due and takes it out, then hands it on: that runs users' code. */
  #inspect(): void {
    const floor = this.#floor;
    const nowMs = floor.settings.clock.now();
    this.#dueMs = Infinity;
    const retired: [Entry<T>, DestroyReason | undefined][] = [];
    const idleDueMs = this.#findIdle(nowMs, (entry, reason) => {
      floor.idle.remove(entry);
      floor.inHand++;
      retired.push([entry, reason]);
    });
    const leaks: [Entry<T>, WatchedLease<T>][] = [];
    const loanDueMs = this.#findLeaks(nowMs, leaks);
    for (const [entry, reason] of retired) {
      floor.inHand--;
      if (reason) floor.workshop.destroy(entry, reason);
      else floor.workshop.test(entry);
    }
    for (const [entry, lease] of leaks) this.#report(entry, lease, nowMs);
    // At most a hundred resources are looked at per millisecond, however their times are spread.
    const dueMs = Math.max(Math.min(idleDueMs, loanDueMs), nowMs + floor.size / 100);
    if (!floor.isClosing) this.#remind(dueMs, nowMs);
  }

  /** Hands on what is due among the idle, and answers when to look again. */
  #findIdle(nowMs: number, take: (entry: Entry<T>, reason: DestroyReason | undefined) => void): number {
    const { health, idle, alive, min, minIdle, settings } = this.#floor;
    let spare = Math.min(alive - min, idle.length - minIdle);
    let dueMs = Infinity;
    for (let entry = idle.oldest, next = entry?.newer; entry; entry = next, next = entry?.newer) {
      const isIdle = spare > 0 && nowMs - entry.sinceMs >= settings.idleTimeoutMs;
      const reason = health.retirement(entry, nowMs) ?? (isIdle ? 'idle' : undefined);
      if (reason) spare--;
      if (reason || health.isKeepaliveDue(entry, nowMs)) take(entry, reason);
      else dueMs = Math.min(dueMs, health.dueMs(entry, spare <= 0));
    }
    return dueMs;
  }

  /** Collects loans that are out for too long, and answers when the next one will be. */
  #findLeaks(nowMs: number, leaks: [Entry<T>, WatchedLease<T>][]): number {
    const { lent, settings } = this.#floor;
    for (let entry = lent.oldest; entry; entry = entry.newer) {
      const dueMs = entry.sinceMs + settings.leakThresholdMs;
      if (dueMs > nowMs) return dueMs;
      const { lease } = entry;
      if (lease instanceof WatchedLease && lease.isUnreported) leaks.push([entry, lease]);
    }
    return Infinity;
  }

  #report(entry: Entry<T>, lease: WatchedLease<T>, nowMs: number): void {
    const floor = this.#floor;
    // What was reported before it may have ended it.
    if (entry.lease !== lease) return;
    const leak = { resource: entry.resource, heldMs: nowMs - entry.sinceMs, stack: lease.takeStack() };
    floor.leaked++;
    emit(floor.settings.onLeak, leak);
    floor.tell({ type: 'leak', ...leak });
    if (floor.settings.reclaimLeaked) floor.seize(entry, lease, 'leaked');
  }
}

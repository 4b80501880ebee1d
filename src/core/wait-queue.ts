import type { Clock, TimerHandle } from './clock.ts';
import type { AbortListener, Scope } from './scope.ts';

/** Waiters of one priority, in order of arrival: a list through the waiters themselves. */
interface Lane {
  readonly priority: number;
  head: Waiter | undefined;
  tail: Waiter | undefined;
}

/**
 * Something that waits in a {@link WaitQueue}. A subclass says what happens at the end of the wait;
 * exactly one end comes: `shift` hands it out, `onExpire`, `onGiveUp`, or `remove`. A waiter waits
 * once: to wait again, make another.
 */
export abstract class Waiter implements AbortListener {
  /** For the queue only. */
  lane: Lane | undefined;
  /** For the queue only. */
  before: Waiter | undefined;
  /** For the queue only. */
  behind: Waiter | undefined;
  /** For the queue only. */
  deadlineMs: number = Infinity;
  /** For the queue only. */
  queue: WaitQueue<Waiter> | undefined;
  /** For the queue only. */
  scope: Scope | undefined;

  /** The deadline passed; the waiter has left the queue. */
  abstract onExpire(): void;
  /** The scope was aborted; the waiter has left the queue. */
  abstract onGiveUp(reason: unknown): void;

  onAbort(reason: unknown): void {
    this.queue?.remove(this);
    this.onGiveUp(reason);
  }
}

/** Where and how long a waiter waits. */
export interface WaitOptions {
  /** Higher goes first. @defaultValue 0 */
  readonly priority?: number;
  /** Reading of the clock from which the wait is over. @defaultValue Infinity */
  readonly deadlineMs?: number;
  /** Its abort ends the wait. */
  readonly scope?: Scope;
}

/*
 * First come, first served within a priority. Leaving is O(1) wherever one stands: the lanes are
 * linked lists, and the heap of deadlines is cleaned later, at the latest when half of it has gone
 * (amortised O(1)). One timer serves the earliest deadline; deadlines that come in order, as those
 * of one fixed queue timeout do, enter the heap in O(1).
 */
export class WaitQueue<W extends Waiter> {
  readonly #clock: Clock;
  /** Highest priority first; empty lanes are dropped. */
  readonly #lanes: Lane[] = [];
  readonly #deadlines: Waiter[] = [];
  #length = 0;
  #dated = 0;
  #timer: TimerHandle;
  #timerAtMs = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many wait. */
  get length(): number {
    return this.#length;
  }

  /** The one to be served next. */
  peek(): W | undefined {
    return this.#lanes[0]?.head as W | undefined;
  }

  /** Queues `waiter` behind those of its priority. */
  push(waiter: W, options: WaitOptions = {}): void {
    const { priority = 0, deadlineMs = Infinity, scope } = options;
    const lane = this.#laneOf(priority);
    waiter.lane = lane;
    waiter.queue = this as unknown as WaitQueue<Waiter>;
    waiter.before = lane.tail;
    waiter.behind = undefined;
    if (lane.tail) lane.tail.behind = waiter;
    else lane.head = waiter;
    lane.tail = waiter;
    this.#length++;
    waiter.scope = scope;
    scope?.listen(waiter);
    waiter.deadlineMs = deadlineMs;
    if (deadlineMs < Infinity) {
      this.#dated++;
      this.#siftUp(waiter);
      this.#arm();
    }
  }

  /** Takes out the one to be served next. */
  shift(): W | undefined {
    const waiter = this.peek();
    if (waiter) this.remove(waiter);
    return waiter;
  }

  /** Takes `waiter` out, wherever it stands. False when it does not wait here. */
  remove(waiter: W): boolean {
    const { lane, before, behind } = waiter;
    if (!lane || waiter.queue !== (this as unknown)) return false;
    if (before) before.behind = behind;
    else lane.head = behind;
    if (behind) behind.before = before;
    else lane.tail = before;
    if (!lane.head) this.#lanes.splice(this.#lanes.indexOf(lane), 1);
    waiter.lane = waiter.queue = waiter.before = waiter.behind = undefined;
    waiter.scope?.unlisten(waiter);
    waiter.scope = undefined;
    this.#length--;
    if (waiter.deadlineMs < Infinity) this.#dropDeadline();
    return true;
  }

  #laneOf(priority: number): Lane {
    const at = this.#lanes.findIndex((lane) => lane.priority <= priority);
    const found = this.#lanes[at];
    if (found?.priority === priority) return found;
    const lane: Lane = { priority, head: undefined, tail: undefined };
    this.#lanes.splice(at < 0 ? this.#lanes.length : at, 0, lane);
    return lane;
  }

  #dropDeadline(): void {
    const heap = this.#deadlines;
    if (--this.#dated === 0) {
      heap.length = 0;
      this.#arm();
    } else if (heap.length > 2 * this.#dated + 16) {
      // Sorted order is heap order; the sort pays for as many removals as there were.
      const live = heap.filter((waiter) => waiter.lane).sort((a, b) => a.deadlineMs - b.deadlineMs);
      heap.length = 0;
      for (const waiter of live) heap.push(waiter);
    }
  }

  #siftUp(waiter: Waiter): void {
    const heap = this.#deadlines;
    let at = heap.length;
    for (let up = (at - 1) >> 1; at > 0 && heap[up]!.deadlineMs > waiter.deadlineMs; up = (at - 1) >> 1) {
      heap[at] = heap[up]!;
      at = up;
    }
    heap[at] = waiter;
  }

  #dropFirst(): void {
    const heap = this.#deadlines;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (let down = 1; down < heap.length; down = 2 * at + 1) {
      if (down + 1 < heap.length && heap[down + 1]!.deadlineMs < heap[down]!.deadlineMs) down++;
      if (heap[down]!.deadlineMs >= last.deadlineMs) break;
      heap[at] = heap[down]!;
      at = down;
    }
    heap[at] = last;
  }

  /** Keeps one timer, for the earliest deadline; a timer that is early looks again. */
  #arm(): void {
    const first = this.#deadlines[0];
    if (first && first.deadlineMs >= this.#timerAtMs) return;
    this.#clock.clearTimeout(this.#timer);
    this.#timerAtMs = first ? first.deadlineMs : Infinity;
    if (!first) return;
    const waitMs = Math.ceil(Math.max(0, first.deadlineMs - this.#clock.now()));
    this.#timer = this.#clock.setTimeout(() => this.#expire(), waitMs);
  }

  #expire(): void {
    const nowMs = this.#clock.now();
    this.#timerAtMs = Infinity;
    for (let first = this.#deadlines[0]; first; first = this.#deadlines[0]) {
      if (first.lane && first.deadlineMs > nowMs) break;
      this.#dropFirst();
      if (this.remove(first as W)) first.onExpire();
    }
    this.#arm();
  }
}

import type { Clock, TimerHandle } from './clock.ts';
import type { AbortListener, AbortSource } from './scope.ts';

/** Waiters that are served in order of arrival, as those of one priority are: a list through the waiters themselves. */
export interface Lane {
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
  order: number = 0;
  /** For the queue only. */
  queue: WaitQueue<Waiter> | undefined;
  /** For the queue only. */
  scope: AbortSource | undefined;

  /** The deadline passed; the waiter has left the queue. Must not throw. */
  abstract onExpire(): void;
  /** The scope was aborted; the waiter has left the queue. Must not throw. */
  abstract onGiveUp(reason: unknown): void;

  onAbort(reason: unknown): void {
    if (this.queue?.remove(this)) this.onGiveUp(reason);
  }
}

/** Where and how long a waiter waits. */
export interface WaitOptions {
  /** Higher goes first; any number but NaN. @defaultValue 0 */
  readonly priority?: number | undefined;
  /** Reading of the clock from which the wait is over. @defaultValue Infinity */
  readonly deadlineMs?: number | undefined;
  /** Its abort ends the wait. */
  readonly scope?: AbortSource | undefined;
  /** Whom it waits with, where lanes are served in turn. @defaultValue '' */
  readonly lane?: string | undefined;
}

/** Whether the wait of `a` ends before that of `b`: by deadline, then by arrival. */
function endsFirst(a: Waiter, b: Waiter): boolean {
  return (a.deadlineMs - b.deadlineMs || a.order - b.order) < 0;
}

/** Puts `waiter` into the heap at `at` or below it. */
function siftDown(heap: Waiter[], at: number, waiter: Waiter): void {
  for (let down = 2 * at + 1; down < heap.length; down = 2 * at + 1) {
    if (down + 1 < heap.length && endsFirst(heap[down + 1]!, heap[down]!)) down++;
    if (!endsFirst(heap[down]!, waiter)) break;
    heap[at] = heap[down]!;
    at = down;
  }
  heap[at] = waiter;
}

/*
 * First come, first served within a priority; deadlines pass in their order, equal ones in order of
 * arrival. Leaving is O(1) wherever one stands: the lanes are linked lists, and the heap of
 * deadlines is cleaned later, at the latest when half of it has gone (amortised O(1)). Joining is
 * O(log n) at most, and O(1) where deadlines come in order, as those of one fixed queue timeout do.
 * One timer serves the earliest deadline. A lane is found in O(log n) of the priorities in use.
 */
export class WaitQueue<W extends Waiter> {
  readonly #clock: Clock;
  /** Highest priority last. A lane that is empty is the only one. */
  readonly #lanes: Lane[] = [];
  /** A heap by {@link endsFirst}, of those who wait and some who have left. */
  #deadlines: Waiter[] = [];
  #length = 0;
  #dated = 0;
  #order = 0;
  #timer: TimerHandle;
  /** What the timer is set for; Infinity while there is none. */
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
    return this.firstLane()?.head as W | undefined;
  }

  /** Queues `waiter` behind those of its lane. */
  push(waiter: W, options: WaitOptions = {}): void {
    const { deadlineMs = Infinity, scope } = options;
    const lane = this.openLane(options);
    waiter.lane = lane;
    waiter.queue = this as unknown as WaitQueue<Waiter>;
    waiter.before = lane.tail;
    if (lane.tail) lane.tail.behind = waiter;
    else lane.head = waiter;
    lane.tail = waiter;
    this.#length++;
    waiter.scope = scope;
    scope?.listen(waiter);
    waiter.deadlineMs = Infinity;
    if (deadlineMs < Infinity) this.date(waiter, deadlineMs);
  }

  /** Whether a timer is set that rings by then, so that such a deadline needs none of its own. */
  ringsBy(deadlineMs: number): boolean {
    return this.#timerAtMs <= deadlineMs;
  }

  /** Gives a deadline to one who waits here and has none yet. */
  date(waiter: W, deadlineMs: number): void {
    waiter.deadlineMs = deadlineMs;
    waiter.order = this.#order++;
    this.#dated++;
    this.#siftUp(waiter);
    this.#arm();
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
    if (!lane.head) this.dropLane(lane);
    waiter.lane = waiter.queue = waiter.before = waiter.behind = undefined;
    waiter.scope?.unlisten(waiter);
    waiter.scope = undefined;
    this.#length--;
    if (waiter.deadlineMs < Infinity) this.#dropDeadline();
    return true;
  }

  /** The lane whose head is served next. */
  protected firstLane(): Lane | undefined {
    return this.#lanes.at(-1);
  }

  /** The lane to wait in, made where there is none. */
  protected openLane({ priority = 0 }: WaitOptions): Lane {
    const at = this.#laneAt(priority);
    const known = this.#lanes[at];
    if (known?.priority === priority) return known;
    const lane = { priority, head: undefined, tail: undefined };
    const isEmpty = this.#length === 0;
    this.#lanes.splice(isEmpty ? 0 : at, isEmpty ? 1 : 0, lane);
    return lane;
  }

  /** Forgets an empty lane, but for the last: queues are empty again and again, and mostly have one priority. */
  protected dropLane(lane: Lane): void {
    if (this.#lanes.length > 1) this.#lanes.splice(this.#laneAt(lane.priority), 1);
  }

  /** Where the lane of `priority` stands, or would stand. */
  #laneAt(priority: number): number {
    let low = 0;
    for (let high = this.#lanes.length; low < high;) {
      const middle = (low + high) >> 1;
      if (this.#lanes[middle]!.priority < priority) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #dropDeadline(): void {
    if (--this.#dated === 0) {
      this.#deadlines.length = 0;
      this.#arm();
    } else if (this.#deadlines.length > 2 * this.#dated + 16) {
      // Linear in those who left since the last time, which makes it constant for each of them.
      const heap = (this.#deadlines = this.#deadlines.filter((waiter) => waiter.lane));
      for (let at = heap.length >> 1; at-- > 0;) siftDown(heap, at, heap[at]!);
    }
  }

  #siftUp(waiter: Waiter): void {
    const heap = this.#deadlines;
    let at = heap.length;
    for (let up = (at - 1) >> 1; at > 0 && endsFirst(waiter, heap[up]!); up = (at - 1) >> 1) {
      heap[at] = heap[up]!;
      at = up;
    }
    heap[at] = waiter;
  }

  /** Keeps one timer, for the earliest deadline. One that is early by the clock is set again for the rest. */
  #arm(): void {
    const first = this.#deadlines[0];
    if (first && first.deadlineMs >= this.#timerAtMs) return;
    if (this.#timerAtMs < Infinity) this.#clock.clearTimeout(this.#timer);
    this.#timerAtMs = first ? first.deadlineMs : Infinity;
    if (!first) return;
    const { deadlineMs } = first;
    const sinceMs = this.#clock.now();
    const waitMs = Math.ceil(Math.max(0, deadlineMs - sinceMs));
    this.#timer = this.#clock.setTimeout(() => {
      const nowMs = this.#clock.now();
      // Where the clock stands still or was set back, the timer's own time counts, or the wait might never end.
      this.#expire(nowMs > sinceMs ? nowMs : deadlineMs);
    }, waitMs);
  }

  #expire(nowMs: number): void {
    this.#timerAtMs = Infinity;
    for (let first = this.#deadlines[0]; first; first = this.#deadlines[0]) {
      if (first.lane && first.deadlineMs > nowMs) break;
      // Where this is the only one, it is put back, and goes with the heap when it is removed.
      siftDown(this.#deadlines, 0, this.#deadlines.pop()!);
      if (this.remove(first as W)) first.onExpire();
    }
    this.#arm();
  }
}

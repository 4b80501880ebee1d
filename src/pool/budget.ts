import type { Entry } from './entry.ts';
import { EntryList } from './entry.ts';
import type { Floor } from './floor.ts';
import type { Share } from './share.ts';

/** The idle resources of one key, which are also in the order of all keys. */
class SharedList<T> extends EntryList<T> {
  readonly #all: Set<Entry<T>>;

  constructor(all: Set<Entry<T>>) {
    super();
    this.#all = all;
  }

  override push(entry: Entry<T>): void {
    super.push(entry);
    this.#all.add(entry);
  }

  override pushOldest(entry: Entry<T>): void {
    super.pushOldest(entry);
    this.#all.add(entry);
  }

  override remove(entry: Entry<T>): void {
    super.remove(entry);
    this.#all.delete(entry);
  }
}

/** What was last known of a floor. */
interface Account {
  size: number;
  destroying: number;
  /** Calls of users on it that are under way. */
  calls: number;
}

/*
 * One bound for the pools of many keys. A pool that would create while the bound is reached is hungry. What
 * comes free goes to the hungry pool whose first has waited longest, and unless enough is about to come
 * free, the longest idle resource of another key is destroyed for it. O(hungry pools) for each slot.
 */
export class Budget<T> implements Share<T> {
  readonly #max: number;
  readonly #maxWaiters: number;
  readonly #forget: (floor: Floor<T>) => void;
  readonly #accounts = new Map<Floor<T>, Account>();
  readonly #idle = new Set<Entry<T>>();
  readonly #hungry = new Set<Floor<T>>();
  #used = 0;
  #destroying = 0;
  #arrivals = 0;
  #isSharing = false;
  #mustShare = false;

  /** `forget` is told of floors that have nothing and nobody any more. */
  constructor(max: number, maxWaiters: number, forget: (floor: Floor<T>) => void) {
    this.#max = max;
    this.#maxWaiters = maxWaiters;
    this.#forget = forget;
  }

  idleList(): EntryList<T> {
    return new SharedList(this.#idle);
  }

  floors(): Iterable<Floor<T>> {
    return this.#accounts.keys();
  }

  arrival(): number {
    return this.#arrivals++;
  }

  isFull(): boolean {
    let waiting = 0;
    let free = this.#max;
    for (const { queue, lent, workshop } of this.#accounts.keys()) {
      waiting += queue.length;
      free -= lent.length + workshop.destroying;
    }
    return waiting >= this.#maxWaiters + Math.max(0, free);
  }

  mayCreate(floor: Floor<T>): boolean {
    const account = this.#note(floor);
    if (this.#used < this.#max && !this.#isBehind(floor, 0)) {
      // Before the create begins: it runs users' code, which may want one of another key.
      account.size++;
      this.#used++;
      return true;
    }
    this.#hungry.add(floor);
    return false;
  }

  mustYield(floor: Floor<T>): boolean {
    // By what was last noted, which includes the resource that is on its way.
    return this.#used >= this.#max && this.#isBehind(floor, this.#destroying);
  }

  /** Makes a call on `floor`, which is not forgotten before the call is over: it may end the last resource and then wait. */
  during<R>(floor: Floor<T>, call: () => R): R {
    this.#note(floor).calls++;
    try {
      return call();
    } finally {
      this.#note(floor).calls--;
      this.changed(floor);
    }
  }

  changed(floor: Floor<T>): void {
    const account = this.#note(floor);
    this.#mustShare = true;
    if (!this.#isSharing) {
      this.#isSharing = true;
      while (this.#mustShare) {
        this.#mustShare = false;
        this.#shareOut();
      }
      this.#isSharing = false;
    }
    if (account.calls + floor.size + floor.queue.length + floor.workshop.late > 0) return;
    if (floor.supply.isResting && !floor.isClosing) return;
    this.#accounts.delete(floor);
    this.#forget(floor);
  }

  /** Takes in the size of a floor. */
  #note(floor: Floor<T>): Account {
    let account = this.#accounts.get(floor);
    if (!account) this.#accounts.set(floor, (account = { size: 0, destroying: 0, calls: 0 }));
    const { size } = floor;
    const { destroying } = floor.workshop;
    this.#used += size - account.size;
    this.#destroying += destroying - account.destroying;
    account.size = size;
    account.destroying = destroying;
    return account;
  }

  /** How many slots a hungry floor would take. */
  #appetite(floor: Floor<T>): number {
    const { queue, workshop, alive, size, max, supply } = floor;
    const uncovered = Math.min(queue.length - workshop.creating - workshop.testing, max - size);
    if (uncovered <= 0 || !supply.mayCreate(workshop.creating)) return 0;
    return alive === 0 ? uncovered : 1;
  }

  /** Whether others, who go before the first of `floor`, would take more than `coming` slots. */
  #isBehind(floor: Floor<T>, coming: number): boolean {
    let ahead = -coming;
    for (const other of this.#hungry) {
      const appetite = this.#appetite(other);
      if (appetite > 0 && goesFirst(other, floor)) ahead += appetite;
    }
    return ahead > 0;
  }

  #shareOut(): void {
    for (;;) {
      let next: Floor<T> | undefined;
      let wanted = 0;
      for (const floor of this.#hungry) {
        const appetite = this.#appetite(floor);
        wanted += appetite;
        if (appetite === 0) this.#hungry.delete(floor);
        else if (!next || goesFirst(floor, next)) next = floor;
      }
      if (!next) return;
      if (this.#used < this.#max) {
        this.#hungry.delete(next);
        next.pump();
      } else {
        if (wanted > this.#destroying) this.#evict();
        return;
      }
    }
  }

  /** Destroys the resource that has been idle for longest, if any is. That is a change, which sets off the next look. */
  #evict(): void {
    let [entry] = this.#idle;
    if (!entry) return;
    // A test in the background puts a resource at the end of those that are idle, however long it has been so.
    if ((entry.plan?.keepaliveMs ?? Infinity) < Infinity)
      for (const other of this.#idle) if (other.sinceMs < entry.sinceMs) entry = other;
    const floor = entry.keeper as Floor<T>;
    floor.idle.remove(entry);
    floor.workshop.destroy(entry, 'evicted');
  }
}

/** Whether the first who waits on `a` goes before the first on `b`: by priority, then by arrival. */
function goesFirst<T>(a: Floor<T>, b: Floor<T>): boolean {
  const [first, second] = [a.queue.peek()!.notes!, b.queue.peek()!.notes!];
  return (second.priority - first.priority || first.arrival - second.arrival) < 0;
}

import type { Random } from '../core/random.ts';
import type { Kernel } from './kernel.ts';
import { FRESH } from './kernel.ts';

/*
 * Slots that belong to no key: FRESH, one for what the sketch says of a key, one to try a charge out. Then come those of
 * keys, then those of the sketch.
 */
const ESTIMATE = 1;
export const TRIAL = 2;
export const FIRST = 3;

/** Keys looked at, to give up those as good as new, whenever a new one comes. */
const STEPS = 2;

/** A key without a slot of its own is charged to one slot in each of this many rows. */
const ROWS = 4;

/*
 * Which slots are whose. At most `maxKeys` keys have one of their own. Only a key that is as good as new is given up:
 * whoever comes looks at the next two in turn.
 *
 * Keys that find no room share slots, as in a count-min sketch. Each shared slot holds what all its keys were charged,
 * so none shows a key to have more left than it has, and the one that shows most decides. A key may be refused for what
 * others took; it is never admitted for it. A key that gets a slot of its own takes along what the sketch knows of it.
 */
export class KeyTable {
  readonly slots: Map<string, number> = new Map<string, number>();
  readonly #kernels: readonly Kernel[];
  readonly #maxKeys: number;
  readonly #random: Random;
  #hand: Iterator<[string, number]> = this.slots.entries();
  readonly #freeSlots: number[] = [];
  /** Which key it is that has a slot, of those that made a reservation in it: an object of no more meaning. */
  readonly #tenants = new Map<number, object>();
  /** The slot that the hand came to last. */
  #seen: number = FRESH;
  #room: number = FIRST;
  /** When the sketch is as good as new, and not worth asking. */
  #sharedUntilMs = 0;
  #seed: number | undefined;

  constructor(kernels: readonly Kernel[], maxKeys: number, random: Random) {
    this.#kernels = kernels;
    this.#maxKeys = maxKeys;
    this.#random = random;
    for (const kernel of kernels) kernel.grow(FIRST);
  }

  /** The slot to look at for a key that has none of its own. */
  unknown(key: string, nowMs: number): number {
    if (nowMs >= this.#sharedUntilMs) return FRESH;
    const cells = this.#cells(key);
    for (const kernel of this.#kernels) {
      const free = cells.map((cell) => kernel.look(cell, nowMs, 0).free);
      kernel.copy(cells[free.indexOf(Math.max(...free))]!, ESTIMATE);
    }
    return ESTIMATE;
  }

  /** Whether one more key can have a slot of its own. */
  hasRoom(nowMs: number): boolean {
    for (let step = 0; step < STEPS; step++) {
      let next = this.#hand.next();
      if (next.done) next = (this.#hand = this.slots.entries()).next();
      if (next.done) break;
      const [key, slot] = next.value;
      this.#seen = slot;
      if (this.#kernels.every((kernel) => kernel.isIdle(slot, nowMs))) this.drop(key, slot);
    }
    return this.slots.size < this.#maxKeys;
  }

  /** Gives a key a slot of its own, in the state of slot `from`. There must be room. */
  place(key: string, from: number): number {
    const { size } = this.slots;
    const slot = this.#freeSlots.pop() ?? FIRST + size;
    if (slot >= this.#room) this.#grow(Math.min(FIRST + Math.max(2 * size, 16), FIRST + this.#maxKeys));
    for (const kernel of this.#kernels) kernel.copy(from, slot);
    this.slots.set(key, slot);
    return slot;
  }

  drop(key: string, slot: number): void {
    for (const kernel of this.#kernels) kernel.clear(slot);
    this.slots.delete(key);
    this.#tenants.delete(slot);
    this.#freeSlots.push(slot);
  }

  /** When to look for room again: once the key that was looked at last can be given up, if it stays away. */
  waitMs(nowMs: number): number {
    return Math.max(1, ...this.#kernels.map((kernel) => kernel.look(this.#seen, nowMs, 0).resetMs));
  }

  /** Who has a slot now. */
  tenant(slot: number): object {
    const tenant = this.#tenants.get(slot) ?? {};
    this.#tenants.set(slot, tenant);
    return tenant;
  }

  /** Whether a slot is still `tenant`'s. */
  isOf(slot: number, tenant: object | undefined): boolean {
    return tenant !== undefined && this.#tenants.get(slot) === tenant;
  }

  /** Charges a key that finds no room. */
  share(key: string, nowMs: number, units: number, isDebt: boolean): void {
    for (const cell of this.#cells(key)) {
      for (const kernel of this.#kernels) {
        if (isDebt) holdOn(kernel, cell, nowMs);
        kernel.charge(cell, nowMs, units, !isDebt);
        this.#sharedUntilMs = Math.max(this.#sharedUntilMs, nowMs + kernel.look(cell, nowMs, 0).resetMs);
      }
    }
  }

  #grow(slots: number): void {
    this.#room = slots;
    for (const kernel of this.#kernels) kernel.grow(slots);
  }

  /** The slots that a key shares, one in each row, by two hashes of its characters. */
  #cells(key: string): number[] {
    const width = Math.ceil(this.#maxKeys / ROWS);
    const first = FIRST + this.#maxKeys;
    if (this.#seed === undefined) {
      this.#seed = this.#random() * 2 ** 32;
      this.#grow(first + ROWS * width);
    }
    let a = this.#seed | 0;
    let b = ~a;
    for (let at = 0; at < key.length; at++) {
      const code = key.charCodeAt(at);
      a = Math.imul(a ^ code, 0x9e3779b1);
      b = Math.imul(b ^ code, 0x85ebca6b);
      a ^= a >>> 15;
      b ^= b >>> 13;
    }
    return [0, 1, 2, 3].map((row) => first + row * width + (((a + Math.imul(b, row)) >>> 0) % width));
  }
}

/** Has no window in a slot that others have charged end sooner than one that began now: a debt is not theirs. */
export function holdOn(kernel: Kernel, slot: number, nowMs: number): void {
  kernel.charge(slot, nowMs, 0, true);
}

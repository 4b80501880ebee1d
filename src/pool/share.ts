import type { EntryList } from './entry.ts';
import type { Floor } from './floor.ts';

/** What the pools of several keys share: one bound, and one order of those who wait. */
export interface Share<T> {
  /** A list for the idle resources of one key. */
  idleList(): EntryList<T>;
  /** Those of all keys. */
  floors(): Iterable<Floor<T>>;
  /** Numbers those who wait, over all keys. */
  arrival(): number;
  /** Whether all that there may be are on loan, and as many wait as may. */
  isFull(): boolean;
  /** Whether `floor` may begin a create, which it then does. */
  mayCreate(floor: Floor<T>): boolean;
  /** Whether what comes free in `floor` has to make room for somebody elsewhere who goes first. */
  mustYield(floor: Floor<T>): boolean;
  /** Something has changed in `floor`. */
  changed(floor: Floor<T>): void;
}

import type { Floor } from './floor.ts';

/** What the pools of several keys share: one bound, and one order of those who wait. */
export interface Share<T> {
  /** Numbers those who wait, over all keys. */
  arrival(): number;
  /** Acquires that may wait over all keys beyond those for whom there is room. */
  isFull(): boolean;
  /** Whether `floor`, which wants to, may begin a create. */
  mayCreate(floor: Floor<T>): boolean;
  /** Whether what comes free in `floor` has to make room for somebody who has waited longer elsewhere. */
  mustYield(floor: Floor<T>): boolean;
  /** Something has changed in `floor`. */
  changed(floor: Floor<T>): void;
}

/** Slots below this are the heads of an evictor's lists; entries are numbered from here on. */
export const FIRST_SLOT = 4;

/**
 * Decides which entry goes when there are too many. Entries are known by small numbers, slots, which the
 * cache hands out and takes back; all that is kept per entry lies in typed arrays indexed by them.
 */
export interface Evictor {
  /** Whether {@link Evictor.add} needs the hash of the key. */
  readonly usesHash: boolean;
  /** Weight of all entries. */
  readonly weight: number;
  /** Makes room for slots below `slots`. */
  grow(slots: number): void;
  /** A new entry, of a key with this hash. */
  add(slot: number, hash: number, weight: number): void;
  /** An entry was asked for. */
  hit(slot: number): void;
  /** An entry has left the cache, or is about to. */
  remove(slot: number): void;
  /** An entry has another weight now. */
  reweigh(slot: number, weight: number): void;
  /** The entry that should go next, when the cache is over its bound. It stays until {@link Evictor.remove}. */
  victim(): number;
}

/** What an evictor has to know of its cache. */
export interface Bounds {
  /** Most weight in all; entries weigh 1 where the cache counts entries. */
  readonly maxWeight: number;
  readonly isWeighted: boolean;
  readonly random: () => number;
}

/** Which entries a full cache keeps: `tinyLfu()` or `lru()`. */
export interface EvictionPolicy {
  readonly name: string;
  /** For `createCache` only. */
  readonly create: (bounds: Bounds) => Evictor;
}

import type { Deadline } from '../core/deadline.ts';

/**
 * How far one has heard of a partition: which life of it (`epoch`, new after everything was lost), and how many
 * invalidations of that life (`mark`).
 */
export interface TierState {
  readonly epoch: string;
  readonly mark: number;
}

/** What was invalidated: a key, entries with one of these tags, or everything (`null`). */
export type TierChange = string | readonly string[] | null;

/** A value as it is kept. */
export interface TierEntry {
  readonly payload: string;
  readonly tags: readonly string[];
  /** How long it is kept, or will be, in milliseconds. */
  readonly ttlMs: number;
}

/** The answer to a read: an entry, or how the lease on loading it stands. */
export interface TierAnswer extends TierState {
  readonly entry?: TierEntry | undefined;
  /** Who asked holds the lease of the key, and shall load it. */
  readonly isLeased: boolean;
  /** So long the lease is somebody else's yet, unless that one extends it. */
  readonly waitMs?: number | undefined;
}

/** What was invalidated, where that stands, and who has not heard of it yet: fields and their contents, in turn. */
export interface TierReceipt extends TierState {
  readonly lagging: readonly string[];
}

/** What has been invalidated since; without `changes` that is not known, so everything may have been. */
export interface TierNews extends TierState {
  readonly changes?: readonly TierChange[] | undefined;
}

/** One invalidation, as it is made known. */
export interface TierMessage extends TierState {
  readonly change: TierChange;
  /** Whether somebody waits until everybody has heard of it. */
  readonly isAwaited: boolean;
}

/** Who asks. `token` is another one for each call; it becomes the epoch where a partition is new. */
export interface TierCaller {
  readonly member: string;
  readonly token: string;
}

/**
 * A part of a tier with its own entries, tags, invalidations and members. Each verb is one atomic step, and stays right
 * when it is carried out twice, or long after its caller has given up. Rejects as its deadline says.
 */
export interface TierPartition {
  /**
   * The entry of a key that no invalidation has voided since it began to be loaded. Where there is none, or it
   * `isForced`, the lease for loading it goes to `token` for `leaseMs`, if it is free and `leaseMs` is above 0.
   */
  read(caller: TierCaller, key: string, leaseMs: number, isForced: boolean, limits: Deadline): PromiseLike<TierAnswer>;
  /** Extends a lease that is still held; 0 gives it back. */
  extend(caller: TierCaller, key: string, leaseMs: number, limits: Deadline): PromiseLike<unknown>;
  /** Keeps what was loaded under a lease, and gives that back. False, and nothing kept, where it was lost or voided. */
  fill(caller: TierCaller, key: string, entry: TierEntry, since: TierState, limits: Deadline): PromiseLike<boolean>;
  /**
   * Drops a key and voids its lease, and tells everybody. Then keeps `entry`, unless the key was invalidated later than
   * `since`: then nobody knows which of the two is newer.
   */
  write(
    caller: TierCaller,
    key: string,
    isAwaited: boolean,
    entry: TierEntry | undefined,
    since: TierState,
    limits: Deadline,
  ): PromiseLike<TierReceipt>;
  /** Voids every entry with one of these tags, or every entry, loaded or being loaded, and tells everybody. */
  invalidate(
    caller: TierCaller,
    tags: readonly string[] | null,
    isAwaited: boolean,
    limits: Deadline,
  ): PromiseLike<TierReceipt>;
  /** Says that `member` has carried out everything up to `since`, and asks what there is beyond. */
  sync(caller: TierCaller, since: TierState, limits: Deadline): PromiseLike<TierNews>;
  /** Forgets members that still are as `gone` says, in the form of `lagging`; tells who has not heard of `mark`. */
  lagging(caller: TierCaller, mark: number, gone: readonly string[], limits: Deadline): PromiseLike<readonly string[]>;
  /** Forgets the member that calls. */
  leave(caller: TierCaller, limits: Deadline): PromiseLike<unknown>;
  /** Hears of invalidations at once, as a rule. Resolves with a function that ends it. */
  subscribe?: ((onMessage: (message: TierMessage) => void) => PromiseLike<() => unknown>) | undefined;
}

/** What processes share: see `redisTier` in `holdfast/redis`. */
export interface Tier {
  readonly partitions: readonly TierPartition[];
}

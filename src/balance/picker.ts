import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { OutlierDetector } from './outlier-detector.ts';

/** Something that serves calls. Bring your own type: an address, a client, a pool. */
export interface Host {
  /** Tells hosts apart. */
  readonly id: string;
  /** Share of the calls, in proportion to the others; above 0. @defaultValue 1 */
  readonly weight?: number | undefined;
}

/** Options of one pick. */
export interface PickOptions {
  /** Ids of hosts that must not be picked, as those that a retry has tried. */
  readonly exclude?: ReadonlySet<string> | undefined;
}

/** A host for one call. */
export interface HostLease<H extends Host> extends Disposable {
  readonly host: H;
  readonly id: string;
  /** Says that the call is over, and whether it went well; true when not told. Later calls change nothing. */
  release(isOk?: boolean): void;
}

/** Chooses a host for each call. */
export interface Picker<H extends Host> {
  readonly size: number;
  /**
   * A host for one call, to be released when the call is over. Undefined only when there is no host, or all are in
   * `exclude`: where all others are ejected or unusable, they are used all the same.
   */
  pick(options?: PickOptions): HostLease<H> | undefined;
  /** Adds a host, or gives the host of this id other properties; what it has in flight stays. */
  add(host: H): void;
  /** Takes a host out; calls on it go on. False when there is none of this id. */
  remove(id: string): boolean;
  /** Calls on a host that have not been released. 0 for an unknown one. */
  inFlight(id: string): number;
}

/** Options of every picker. */
export interface PickerOptions<H extends Host> {
  /** Told of the end of each call; hosts that it has ejected are passed over. */
  readonly outliers?: OutlierDetector | undefined;
  /** Whether a host may be used now: asked on each pick. A circuit breaker per host fits in here. */
  readonly isUsable?: ((host: H) => boolean) | undefined;
  /**
   * Below this share of usable hosts all are used, because the few left would drown. 0: only when none is left.
   * Any other value makes each pick ask about all hosts: O(hosts).
   *
   * @defaultValue 0
   */
  readonly panicThreshold?: number | undefined;
  /** A host that is added later starts with a tenth of its weight and gets all of it after this time. @defaultValue 0 */
  readonly slowStartMs?: number | undefined;
  readonly clock?: Pick<Clock, 'now'> | undefined;
  readonly random?: Random | undefined;
}

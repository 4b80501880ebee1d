import type { TimerHandle } from '../core/clock.ts';
import type { FlightContext, OnOver } from '../singleflight/flight.ts';
import { Flight } from '../singleflight/flight.ts';
import type { LoadContext } from './cache-options.ts';

/** A value out of date, and its age. */
export interface Stale<V> {
  readonly value: V;
  readonly ageMs: number;
}

/** What a loader sees of its load. */
class Context<V> implements LoadContext<V> {
  readonly #load: FlightContext;
  readonly stale: Stale<V> | undefined;
  declare ttlMs?: number;
  declare tags?: readonly string[];
  declare weight?: number;

  constructor(load: FlightContext, stale: Stale<V> | undefined) {
    this.#load = load;
    this.stale = stale;
  }

  get signal(): AbortSignal {
    return this.#load.signal;
  }
}

/** One load of a key, and who waits for it. */
export class Load<K, V> extends Flight<V | undefined> {
  readonly key: K;
  readonly ctx: LoadContext<V>;
  readonly startMs: number;
  /** Whether nobody has asked for it, so that nobody can abort it. */
  isBackground: boolean = false;
  /** Whether its callers were answered with a stale value because it took too long. */
  isOverdue: boolean = false;
  /** Tags that were invalidated while it ran. Who comes after that must not get what it brings. */
  invalidated: Set<string> | undefined;
  hardTimer: TimerHandle;
  softTimer: TimerHandle;

  constructor(key: K, stale: Stale<V> | undefined, startMs: number, onOver: OnOver<V | undefined>) {
    super(onOver);
    this.key = key;
    this.startMs = startMs;
    this.ctx = new Context<V>(this, stale);
  }

  /** From here on it goes on when its last caller has left. */
  keepGoing(): void {
    this.isBackground = true;
    this.waiting++;
  }
}

import { emit } from '../core/errors.ts';
import type { StoredSettings } from './stored-options.ts';

/**
 * Carries out operations on one key, all at once and in order; answers the rows of each `look`, `take` and `hold`, with
 * commas between all of their numbers.
 */
export type StoreRun = (key: string, operations: readonly string[]) => Promise<unknown>;

/**
 * What was taken or -1, the id of the reservation or 0, and for each policy free units, milliseconds until the cost is
 * free, and until all is. More rows may follow.
 */
export type Row = readonly string[];

/** One operation, as the script takes it: what it is, units, and most units or the id of a reservation. */
export type Operation = readonly [name: string, units: number, other: number];

export const LOOK = '0';
export const TAKE = '1';
export const HOLD = '2';
export const GIVE_BACK = '3';
export const FORGET = '4';
export const BOOK = '5';

/** Failures in a row after which the store is left alone. */
const FAILURES = 3;

/** Operations of one trip at the most, so that the server is not held up. */
const MOST_OPERATIONS = 500;

interface Trip {
  readonly operations: string[];
  rows: number;
  readonly replies: Promise<Row>;
}

/** Sends operations to the store: those of one key and one go together, and none while it fails. */
export class Trips {
  readonly #run: StoreRun;
  /** Numbers of a row. */
  readonly #width: number;
  readonly #settings: StoredSettings;
  readonly #now: () => number;
  readonly #open = new Map<string, Trip>();
  #failures = 0;
  /** Trips that the store has answered. */
  #answers = 0;
  #failure: unknown;
  #suspendedMs = 0;
  #isTrying = false;

  constructor(run: StoreRun, policies: number, settings: StoredSettings, now: () => number) {
    this.#run = run;
    this.#width = 2 + 3 * policies;
    this.#settings = settings;
    this.#now = now;
  }

  /** Milliseconds until the store is asked again. */
  get pauseMs(): number {
    return Math.max(0, this.#suspendedMs + this.#settings.cooldownMs - this.#now());
  }

  /** Carries out operations that follow each other; answers the row of the last of them, which others may follow. */
  send(key: string, ...operations: readonly Operation[]): Promise<Row> {
    let trip = this.#settings.batch ? this.#open.get(key) : undefined;
    if (!trip || trip.operations.length >= 3 * MOST_OPERATIONS) trip = this.#begin(key);
    for (const [name, units, other] of operations) {
      trip.operations.push(name, String(units), String(other));
      if (name < GIVE_BACK) trip.rows++;
    }
    const at = (trip.rows - 1) * this.#width;
    return at > 0 ? trip.replies.then((rows) => rows.slice(at, at + this.#width)) : trip.replies;
  }

  #begin(key: string): Trip {
    const operations: string[] = [];
    const trip: Trip = { operations, rows: 0, replies: this.#travel(key, operations) };
    if (this.#settings.batch) this.#open.set(key, trip);
    return trip;
  }

  async #travel(key: string, operations: readonly string[]): Promise<Row> {
    // Others of this tick come along.
    await undefined;
    if (this.#open.get(key)?.operations === operations) this.#open.delete(key);
    const isTrial = this.#failures >= FAILURES;
    if (isTrial && (this.#isTrying || this.pauseMs > 0)) throw this.#failure;
    this.#isTrying = isTrial;
    const answers = this.#answers;
    try {
      const rows = String(await this.#run(key, operations)).split(',');
      if (this.#failures >= FAILURES) emit(this.#settings.onEvent, { type: 'store-resumed' });
      this.#failures = 0;
      this.#answers++;
      return rows;
    } catch (error) {
      this.#fail(error, answers === this.#answers);
      throw error;
    } finally {
      if (isTrial) this.#isTrying = false;
    }
  }

  /** What was answered meanwhile is there: one node of a cluster is down, or one key is of another kind. */
  #fail(error: unknown, isAll: boolean): void {
    const { onEvent, cooldownMs } = this.#settings;
    emit(onEvent, { type: 'store-error', error });
    if (!isAll) return;
    this.#failure = error;
    this.#suspendedMs = this.#now();
    if (++this.#failures === FAILURES) emit(onEvent, { type: 'store-suspended', cooldownMs });
  }
}

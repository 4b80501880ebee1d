import type { StoredSettings } from './stored-options.ts';
import type { Row, Trips } from './stored-trips.ts';
import { GIVE_BACK, HOLD } from './stored-trips.ts';

/** Units of a key that are taken from the store and not handed out yet. */
export interface Lease {
  left: number;
  readonly id: number;
  readonly sentMs: number;
  /** What the store has said. */
  readonly row: Row;
}

/** Units taken from the store in advance, by key. They are the store's as soon as they are too old. */
export class Leases {
  readonly #trips: Trips;
  readonly #settings: StoredSettings['lease'];
  readonly #now: () => number;
  /** The oldest first. */
  readonly #leases = new Map<string, Lease>();
  /** What is on its way from the store; tells whether it came. */
  readonly #coming = new Map<string, Promise<boolean>>();

  constructor(trips: Trips, settings: StoredSettings['lease'], now: () => number) {
    this.#trips = trips;
    this.#settings = settings;
    this.#now = now;
  }

  /** The lease of a key if it has `cost` units. */
  find(key: string, cost: number): Lease | undefined {
    const lease = this.#leases.get(key);
    return lease && lease.left >= cost && this.#isAlive(lease) ? lease : undefined;
  }

  /** Settles once the lease of the key has come, if one is on its way: with whether there is one, or as the trip failed. */
  coming(key: string): Promise<boolean> | undefined {
    return this.#coming.get(key);
  }

  /** Whether another key can have one. */
  hasRoom(key: string): boolean {
    for (const [other, lease] of this.#leases) {
      if (other === key || this.#isAlive(lease)) break;
      this.#leases.delete(other);
    }
    return this.#leases.has(key) || this.#leases.size + this.#coming.size < this.#settings.maxKeys;
  }

  /** Takes `cost` units and as many more as there are up to those of a lease. Gives back what is left of the last one. */
  renew(key: string, cost: number): Promise<Row> {
    const last = this.#leases.get(key);
    const sentMs = this.#now();
    this.#leases.delete(key);
    const trip = this.#trips.send(key, ...(last?.id ? [[GIVE_BACK, last.left, last.id] as const] : []), [
      HOLD,
      cost,
      this.#settings.units,
    ]);
    const coming = trip.then(
      (row) => {
        this.#coming.delete(key);
        const left = Number(row[0]) - cost;
        if (left > 0) this.#leases.set(key, { left, id: Number(row[1]), sentMs, row });
        return left >= 0;
      },
      (error: unknown) => {
        this.#coming.delete(key);
        throw error;
      },
    );
    this.#coming.set(key, coming);
    // In this order, so that whoever waits for the trip finds the lease.
    return coming.then(() => trip);
  }

  drop(key: string): void {
    this.#leases.delete(key);
  }

  /** Gives everything back. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#coming.values());
    const all = [...this.#leases].filter(([, lease]) => lease.id > 0 && this.#isAlive(lease));
    this.#leases.clear();
    await Promise.allSettled(all.map(([key, { left, id }]) => this.#trips.send(key, [GIVE_BACK, left, id])));
  }

  #isAlive({ sentMs }: Lease): boolean {
    return this.#now() - sentMs < this.#settings.ttlMs;
  }
}

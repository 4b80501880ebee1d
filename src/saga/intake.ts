import { emit } from '../core/errors.ts';
import type { Drives } from './drives.ts';
import { SUSPECT_AFTER } from './drives.ts';
import type { Journal } from './journal.ts';
import type { Terms } from './runner-terms.ts';
import type { ClaimQuery, SagaSnapshot } from './saga-store.ts';
import type { Worker } from './worker.ts';

/** How this process comes by the sagas that it drives but has not started. */
export class Intake {
  /** Ids that are on their way here: asked for, and not driven yet. */
  readonly coming: Set<string> = new Set();
  readonly #terms: Terms;
  readonly #drives: Drives;
  /** Until then, the store may have given this worker sagas that it has not heard of. */
  #doubtUntilMs = -Infinity;
  #strangersAtMs = -Infinity;

  constructor(terms: Terms, drives: Drives) {
    this.#terms = terms;
    this.#drives = drives;
  }

  /** An answer was lost. */
  doubt(): void {
    this.#doubtUntilMs = this.#terms.clock.now() + this.#terms.leaseMs;
  }

  /** Takes up to `limit` sagas that are due, and answers their ids. */
  async takeUp(worker: Worker, limit: number): Promise<readonly string[]> {
    const { concurrency, clock } = this.#terms;
    const free = Math.max(0, Math.min(limit, concurrency - this.#drives.size));
    const snapshots = await this.#claim(worker, {
      limit: Math.min(free, 1000),
      suspects: this.#drives.hasSuspect ? 0 : 1,
      held: clock.now() < this.#doubtUntilMs ? this.#held() : undefined,
    });
    for (const snapshot of snapshots) this.#drives.start(worker, snapshot, 'resumed');
    await this.#tellStrangers();
    return snapshots.map(({ record }) => record.id);
  }

  /** Goes on with a stuck saga; false: it is none, or on its way already. */
  async revive(worker: Worker, id: string, revive: (journal: Journal) => void): Promise<boolean> {
    if (this.coming.has(id)) return false;
    // What a claim has taken whose answer was lost belongs to nobody but this worker.
    const held = this.#held();
    this.coming.add(id);
    try {
      const [snapshot] = await this.#claim(worker, { ids: [id], isStuck: true, held });
      if (snapshot) this.#drives.start(worker, snapshot, 'resumed', revive);
      return snapshot !== undefined;
    } finally {
      this.coming.delete(id);
    }
  }

  #held(): string[] {
    return [...this.#drives.ids(), ...this.coming];
  }

  async #claim(worker: Worker, query: Partial<ClaimQuery>): Promise<readonly SagaSnapshot[]> {
    const definitions = this.#terms.sagas.map(({ name, version }) => ({ name, version }));
    const any = { ids: undefined, held: undefined, isStuck: false, limit: 1, suspects: 1, suspectAfter: SUSPECT_AFTER };
    try {
      return await this.#terms.store.claim({ ...any, ...query, worker: worker.name, definitions });
    } catch (error) {
      this.doubt();
      throw error;
    }
  }

  /** Now and then: somebody must deploy what they need. */
  async #tellStrangers(): Promise<void> {
    const { clock, leaseMs, store, sagas, onEvent } = this.#terms;
    const nowMs = clock.now();
    if (nowMs - this.#strangersAtMs < leaseMs) return;
    this.#strangersAtMs = nowMs;
    for (const { id, name, version } of await store.strangers(sagas, 100)) {
      emit(onEvent, { type: 'no-definition', id, name, version });
    }
  }
}

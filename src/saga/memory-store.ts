import type { Clock } from '../core/clock.ts';
import { systemClock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { systemRandom } from '../core/random.ts';
import { hasEnded, isOneOf, newRecord } from './memory-rows.ts';
import type { Row } from './memory-rows.ts';
import { randomId } from './random-id.ts';
import type {
  ClaimQuery,
  NewSaga,
  OutboxEvent,
  SagaNews,
  SagaQuery,
  SagaRecord,
  SagaSignal,
  SagaSnapshot,
  SagaStore,
  SagaVersion,
  SagaWrite,
} from './saga-store.ts';

/** Options of {@link memorySagaStore}. */
export interface MemorySagaStoreOptions {
  /** @defaultValue the system's clock */
  readonly clock?: Clock | undefined;
  /** Names workers. @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

/** A {@link SagaStore} in memory. */
export interface MemorySagaStore extends SagaStore<undefined> {
  atomic: NonNullable<SagaStore<undefined>['atomic']>;
  outbox: NonNullable<SagaStore['outbox']>;
  published: NonNullable<SagaStore['published']>;
}

/**
 * Creates a store of sagas that keeps them in memory: for tests, and where a saga may die with its process.
 *
 * It behaves as the stores of PostgreSQL, SQLite and Redis do: runners that share one share its sagas. `claim` costs
 * O(sagas that have not ended), `list` and `purge` O(sagas), everything else O(what it reads or writes).
 *
 * @example
 * ```ts
 * import { createSagaRunner, memorySagaStore, saga } from 'holdfast/saga';
 *
 * const greet = saga<string>('greet').step('say', { run: ({ input }) => `hello ${input}` });
 * await using runner = createSagaRunner({ store: memorySagaStore(), sagas: [greet] });
 * const handle = await runner.start(greet, 'world', { id: 'greeting-1' });
 * console.log(await handle.result()); // { say: 'hello world' }
 * ```
 */
export function memorySagaStore(options: MemorySagaStoreOptions = {}): MemorySagaStore {
  const { clock = systemClock, random = systemRandom } = options;
  return new MemoryStore(clock, random);
}

class MemoryStore implements MemorySagaStore {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #rows = new Map<string, Row>();
  /** Those that have not ended. */
  readonly #live = new Set<Row>();
  /** Those with signals that their owner has not seen. */
  readonly #unseen = new Set<Row>();
  /** When each lease ends. */
  readonly #leases = new Map<string, number>();
  #outbox: OutboxEvent[] = [];
  /** Unix time less monotonic time, from the first reading on: a clock that is set never ends a lease. */
  #offsetMs: number | undefined;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  async init(): Promise<void> {}

  async enlist(leaseMs: number): Promise<string> {
    const worker = randomId(this.#random);
    this.#leases.set(worker, this.#now() + leaseMs);
    return worker;
  }

  async renew(worker: string, leaseMs: number): Promise<readonly SagaNews[] | null> {
    if (!this.#isAlive(worker)) return null;
    this.#leases.set(worker, this.#now() + leaseMs);
    const news: SagaNews[] = [];
    for (const { record } of this.#unseen) {
      const { id, signals, cancelReason } = record;
      if (record.worker === worker) news.push({ id, signals, cancelReason });
    }
    return news;
  }

  async retire(worker: string): Promise<void> {
    this.#leases.delete(worker);
  }

  async create(worker: string, sagas: readonly NewSaga[]): Promise<readonly SagaRecord[]> {
    return sagas.map((saga) => (this.#rows.get(saga.id) ?? this.#insert(worker, saga)).record);
  }

  async write(worker: string, writes: readonly SagaWrite[]): Promise<readonly boolean[]> {
    return writes.map((write) => this.#write(worker, write) !== 'stale');
  }

  async claim(query: ClaimQuery): Promise<readonly SagaSnapshot[]> {
    const { worker, limit, suspects, suspectAfter } = query;
    if (!this.#isAlive(worker)) return [];
    const claimable = [...this.#live].filter((row) => this.#isClaimable(row.record, query));
    const isSuspect = (row: Row): boolean => row.record.recoveries >= suspectAfter;
    const suspected = claimable.filter(isSuspect).sort((a, b) => a.record.recoveries - b.record.recoveries);
    const rows = [...claimable.filter((row) => !isSuspect(row)).slice(0, limit), ...suspected.slice(0, suspects)];
    for (const row of rows) {
      const { record } = row;
      const hasDied = record.worker !== null && record.worker !== worker;
      const recoveries = query.isStuck ? 0 : record.recoveries + (hasDied ? 1 : 0);
      row.record = { ...record, worker, fence: record.fence + 1, recoveries };
    }
    return rows.map((row) => this.#snapshot(row));
  }

  async strangers(definitions: readonly SagaVersion[], limit: number): Promise<readonly SagaRecord[]> {
    const records = [...this.#live].map((row) => row.record);
    return records.filter((record) => this.#isDue(record) && !isOneOf(definitions, record)).slice(0, limit);
  }

  async load(id: string): Promise<SagaSnapshot | undefined> {
    const row = this.#rows.get(id);
    return row && this.#snapshot(row);
  }

  async get(ids: readonly string[]): Promise<readonly SagaRecord[]> {
    return ids.flatMap((id) => this.#rows.get(id)?.record ?? []);
  }

  async list(query: SagaQuery): Promise<readonly SagaRecord[]> {
    const { status, name, after, limit = 100 } = query;
    const ids = [...this.#rows.keys()].filter((id) => after === undefined || id > after).sort();
    const records = ids.map((id) => this.#rows.get(id)!.record);
    return records
      .filter((row) => row.status === (status ?? row.status) && row.name === (name ?? row.name))
      .slice(0, limit);
  }

  async signal(id: string, event: SagaSignal): Promise<boolean> {
    const row = this.#rows.get(id);
    if (!row || hasEnded(row.record)) return false;
    if (!row.events.some(({ name }) => name === event.name)) {
      row.events.push(event);
      this.#count(row, {});
    }
    return true;
  }

  async cancel(id: string, reason: string): Promise<boolean> {
    const row = this.#rows.get(id);
    if (!row?.record.isCancellable || hasEnded(row.record)) return false;
    if (row.record.cancelReason === null) this.#count(row, { cancelReason: reason });
    return true;
  }

  async purge(finishedBeforeMs: number, limit: number): Promise<number> {
    let purged = 0;
    for (const [id, { record }] of this.#rows) {
      if (purged === limit) break;
      if (record.finishedAtMs === null || record.finishedAtMs >= finishedBeforeMs) continue;
      this.#rows.delete(id);
      purged++;
    }
    return purged;
  }

  async atomic(
    worker: string,
    saga: Pick<SagaWrite, 'id' | 'fence' | 'seq'>,
    fn: (tx: undefined) => PromiseLike<SagaWrite>,
  ): Promise<'written' | 'present' | 'stale'> {
    const before = this.#verdict(worker, saga, true);
    return before === 'written' ? this.#write(worker, await fn(undefined)) : before;
  }

  async outbox(limit: number): Promise<readonly OutboxEvent[]> {
    return this.#outbox.slice(0, limit);
  }

  async published(ids: readonly string[]): Promise<void> {
    const gone = new Set(ids);
    this.#outbox = this.#outbox.filter(({ id }) => !gone.has(id));
  }

  #now(): number {
    this.#offsetMs ??= this.#clock.epochMs() - this.#clock.now();
    return Math.floor(this.#offsetMs + this.#clock.now());
  }

  #isAlive(worker: string): boolean {
    return (this.#leases.get(worker) ?? -Infinity) > this.#now();
  }

  #isFree({ worker }: SagaRecord): boolean {
    return worker === null || !this.#isAlive(worker);
  }

  #isDue(record: SagaRecord): boolean {
    if (record.status === 'stuck' || !this.#isFree(record)) return false;
    return record.worker !== null || (record.wakeAtMs !== null && record.wakeAtMs <= this.#now());
  }

  #isClaimable(record: SagaRecord, { worker, definitions, ids, held, isStuck }: ClaimQuery): boolean {
    if (!isOneOf(definitions, record) || ids?.includes(record.id) === false) return false;
    const isLost = record.worker === worker && held?.includes(record.id) === false;
    if (isStuck !== (record.status === 'stuck')) return false;
    return isLost || (isStuck ? this.#isFree(record) : this.#isDue(record));
  }

  #insert(worker: string, saga: NewSaga): Row {
    const row: Row = { record: newRecord(worker, saga, this.#now()), seenSignals: 0, log: [], events: [] };
    this.#rows.set(saga.id, row);
    this.#live.add(row);
    return row;
  }

  #verdict(
    worker: string,
    { id, fence, seq }: Pick<SagaWrite, 'id' | 'fence' | 'seq'>,
    hasEntries: boolean,
  ): 'written' | 'present' | 'stale' {
    const row = this.#rows.get(id);
    if (hasEntries && row?.log[seq]?.fence === fence) return 'present';
    const isOwn = row?.record.fence === fence && (row.record.worker === worker || row.record.worker === null);
    return isOwn && (!hasEntries || row.log.length === seq) ? 'written' : 'stale';
  }

  #write(worker: string, write: SagaWrite): 'written' | 'present' | 'stale' {
    const { id, fence, entries, outbox, status, isCancellable, seenSignals, releaseAfterMs } = write;
    const verdict = this.#verdict(worker, write, entries.length > 0);
    if (verdict !== 'written') return verdict;
    const row = this.#rows.get(id)!;
    const atMs = this.#now();
    for (const entry of entries) row.log.push({ ...entry, seq: row.log.length, fence, atMs });
    this.#outbox.push(...outbox);
    row.seenSignals = Math.max(row.seenSignals, seenSignals);
    const recoveries = entries.length > 0 ? 0 : row.record.recoveries;
    row.record = { ...row.record, status, isCancellable, recoveries };
    if (hasEnded(row.record)) row.record = { ...row.record, finishedAtMs: atMs };
    if (releaseAfterMs !== undefined) this.#release(row, releaseAfterMs);
    this.#file(row);
    return verdict;
  }

  #release(row: Row, afterMs: number): void {
    const isAtRest = row.record.status === 'stuck' || hasEnded(row.record);
    const waitMs = row.record.signals > row.seenSignals ? 0 : afterMs;
    row.record = {
      ...row.record,
      worker: null,
      wakeAtMs: isAtRest || waitMs === Infinity ? null : this.#now() + waitMs,
    };
  }

  #count(row: Row, change: { readonly cancelReason?: string }): void {
    const { record } = row;
    const isWaiting = record.worker === null && record.status !== 'stuck';
    const wakeAtMs = isWaiting ? this.#now() : record.wakeAtMs;
    row.record = { ...record, ...change, signals: record.signals + 1, wakeAtMs };
    this.#file(row);
  }

  /** Keeps the row in the sets where it belongs. */
  #file(row: Row): void {
    if (hasEnded(row.record)) this.#live.delete(row);
    if (!hasEnded(row.record) && row.record.signals > row.seenSignals) this.#unseen.add(row);
    else this.#unseen.delete(row);
  }

  #snapshot({ record, log, events }: Row): SagaSnapshot {
    return { record, log: [...log], events: [...events], nowMs: this.#now() };
  }
}

import { amount, oneOf, refuse } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { systemClock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { systemRandom } from '../core/random.ts';
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
} from '../saga/saga-store.ts';
import { Connection } from './connection.ts';
import type { Params } from './connection.ts';
import type { SqliteDatabase, SqliteTransaction } from './database.ts';
import { held, jsonRows, poke, take, verdictOn, writeSaga } from './saga-rows.ts';
import { INNOCENT, SAGA_TABLES, STRANGERS, STUCK, SUSPECT } from './saga-schema.ts';

/** Options of {@link sqliteSagaStore}. */
export interface SqliteSagaStoreOptions {
  /**
   * Stands before the name of each table.
   *
   * @defaultValue 'holdfast_'
   */
  readonly prefix?: string | undefined;
  /**
   * How long a call waits for other processes that write to the file, and how long an atomic step may take, before it
   * rejects with code ERR_STORE_TIMEOUT. Shorter than the lease of the workers, so that a call can be repeated.
   *
   * @defaultValue 5000
   */
  readonly timeoutMs?: number | undefined;
  /**
   * `full`: a commit is on the disk when it is answered. `normal`: faster, and the last commits are lost when the
   * machine loses power or its kernel crashes; never when a process dies.
   *
   * @defaultValue 'full'
   */
  readonly synchronous?: 'full' | 'normal' | undefined;
  /** Its Unix time judges leases: all processes of one file read the same. @defaultValue the system's clock */
  readonly clock?: Clock | undefined;
  /** Spreads the waits for a busy file. @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

/** A {@link SagaStore} whose atomic steps write through a {@link SqliteTransaction}. */
export interface SqliteSagaStore extends SagaStore<SqliteTransaction> {
  atomic: NonNullable<SagaStore<SqliteTransaction>['atomic']>;
  outbox: NonNullable<SagaStore['outbox']>;
  published: NonNullable<SagaStore['published']>;
}

/**
 * Keeps sagas in a SQLite file, 3.38 or later, that processes of one machine share.
 *
 * Give it a `Database` of better-sqlite3 or a `DatabaseSync` of node:sqlite that nobody else uses: its transactions
 * would take in what others write through the same handle. `init` sets `journal_mode` to WAL, `synchronous`, and
 * `busy_timeout` to 0, because it waits for other processes without blocking this one.
 *
 * One process writes to a file at a time. A call blocks the event loop while SQLite works: O(what is read or
 * written), and for a write one sync of the disk, which all writes of one call share. An atomic step keeps everybody
 * else from writing until it has ended, so let it await nothing slow.
 *
 * @example
 * ```ts
 * import { DatabaseSync } from 'node:sqlite';
 * import { createSagaRunner, saga } from 'holdfast/saga';
 * import { sqliteSagaStore } from 'holdfast/sqlite';
 *
 * const db = new DatabaseSync(':memory:');
 * const greet = saga<string>('greet').step('say', { run: ({ input }) => `hello ${input}` });
 * await using runner = createSagaRunner({ store: sqliteSagaStore(db), sagas: [greet] });
 * const handle = await runner.start(greet, 'world', { id: 'greeting-1' });
 * console.log(await handle.result());
 * ```
 *
 * @throws RangeError or TypeError for bad options.
 */
export function sqliteSagaStore(db: SqliteDatabase, options: SqliteSagaStoreOptions = {}): SqliteSagaStore {
  const { prefix = 'holdfast_', timeoutMs = 5000, synchronous = 'full' } = options;
  const { clock = systemClock, random = systemRandom } = options;
  if (typeof db?.prepare !== 'function' || typeof db.exec !== 'function') refuse('db', 'a handle of SQLite', db);
  if (!/^[a-z_]\w*$/i.test(prefix)) refuse('prefix', 'a plain name', prefix);
  amount('timeoutMs', timeoutMs, 1);
  oneOf('synchronous', synchronous, ['full', 'normal']);
  return new FileStore(new Connection(db, prefix, timeoutMs, clock, random), synchronous, clock);
}

/** SQLite's own limits are 64-bit integers. */
const most = (count: number): number => Math.min(count, 2 ** 31 - 1);

class FileStore implements SqliteSagaStore {
  readonly #file: Connection;
  readonly #synchronous: string;
  readonly #clock: Clock;

  constructor(file: Connection, synchronous: string, clock: Clock) {
    this.#file = file;
    this.#synchronous = synchronous;
    this.#clock = clock;
  }

  async init(): Promise<void> {
    await this.#file.pragma(`busy_timeout = 0`);
    await this.#file.pragma(`journal_mode = WAL`);
    await this.#file.pragma(`synchronous = ${this.#synchronous}`);
    await this.#file.write(() => this.#file.script(SAGA_TABLES));
  }

  enlist(leaseMs: number): Promise<string> {
    return this.#file.write(() => {
      const now = this.#now();
      this.#file.run(
        `DELETE FROM @worker WHERE until_ms <= :now AND name NOT IN
(SELECT worker FROM @saga WHERE worker IS NOT NULL)`,
        { now },
      );
      const until = now + Math.ceil(leaseMs);
      return this.#file.all(
        'INSERT INTO @worker (name, until_ms) VALUES (lower(hex(randomblob(16))), :until) RETURNING name',
        { until },
      )[0] as string;
    });
  }

  renew(worker: string, leaseMs: number): Promise<readonly SagaNews[] | null> {
    return this.#file.write(() => {
      const now = this.#now();
      const until = now + Math.ceil(leaseMs);
      const sql = 'UPDATE @worker SET until_ms = :until WHERE name = :worker AND until_ms > :now';
      if (!this.#file.run(sql, { worker, now, until })) return null;
      return jsonRows<SagaNews>(
        this.#file,
        `SELECT json_object('id', id, 'signals', signals, 'cancelReason', cancel_reason) FROM @saga
WHERE worker = :worker AND signals > seen_signals`,
        { worker },
      );
    });
  }

  async retire(worker: string): Promise<void> {
    await this.#file.write(() => this.#file.run('UPDATE @worker SET until_ms = 0 WHERE name = :worker', { worker }));
  }

  create(worker: string, sagas: readonly NewSaga[]): Promise<readonly SagaRecord[]> {
    return this.#file.write(() => {
      const now = this.#now();
      // A lease that has ended may have been forgotten: then it is known again, as one that has ended.
      this.#file.run('INSERT OR IGNORE INTO @worker VALUES (:worker, 0)', { worker });
      return sagas.map(({ id, name, version, input }) => {
        this.#file.run(
          `INSERT OR IGNORE INTO @saga (id, name, version, input, worker, created_at_ms)
VALUES (:id, :name, :version, :input, :worker, :now)`,
          { id, name, version, input, worker, now },
        );
        return jsonRows<SagaRecord>(this.#file, 'SELECT {record} FROM @saga WHERE id = :id', { id })[0]!;
      });
    });
  }

  write(worker: string, writes: readonly SagaWrite[]): Promise<readonly boolean[]> {
    return this.#file.write(() => writes.map((write) => writeSaga(this.#file, worker, write, this.#now()) !== 'stale'));
  }

  claim({ worker, definitions, ids, held, isStuck, ...query }: ClaimQuery): Promise<readonly SagaSnapshot[]> {
    return this.#file.write(() => {
      const now = this.#now();
      this.#file.run('UPDATE @worker SET until_ms = 0 WHERE until_ms <= :now AND until_ms > 0', { now });
      const params: Params = {
        worker,
        now,
        definitions: JSON.stringify(definitions),
        ids: ids ? JSON.stringify(ids) : null,
        held: held ? JSON.stringify(held) : null,
        suspectAfter: most(query.suspectAfter),
        limit: most(query.limit),
        suspects: most(query.suspects),
      };
      if (!this.#file.all('SELECT name FROM @worker WHERE name = :worker AND until_ms > :now', params)[0]) return [];
      const found = (isStuck ? [STUCK] : [INNOCENT, SUSPECT]).flatMap((sql) => this.#file.all(sql, params));
      return found.map((no) => take(this.#file, worker, no as number, isStuck, now));
    });
  }

  strangers(definitions: readonly SagaVersion[], limit: number): Promise<readonly SagaRecord[]> {
    const params = { definitions: JSON.stringify(definitions), now: this.#now(), limit: most(limit) };
    return this.#file.read(() => jsonRows<SagaRecord>(this.#file, STRANGERS, params));
  }

  async load(id: string): Promise<SagaSnapshot | undefined> {
    return this.#file.read(() => {
      const [found] = jsonRows<SagaSnapshot>(this.#file, 'SELECT {snapshot} FROM @saga WHERE id = :id', { id });
      return found && { ...found, nowMs: this.#now() };
    });
  }

  get(ids: readonly string[]): Promise<readonly SagaRecord[]> {
    const sql = 'SELECT {record} FROM @saga WHERE id IN (SELECT value FROM json_each(:ids))';
    return this.#file.read(() => jsonRows<SagaRecord>(this.#file, sql, { ids: JSON.stringify(ids) }));
  }

  list(query: SagaQuery): Promise<readonly SagaRecord[]> {
    const sql = `SELECT {record} FROM @saga WHERE (:status IS NULL OR status = :status) AND
(:name IS NULL OR name = :name) AND (:after IS NULL OR id > :after) ORDER BY id LIMIT :limit`;
    const { status, name, after, limit = 100 } = query;
    return this.#file.read(() =>
      jsonRows<SagaRecord>(this.#file, sql, {
        status: status ?? null,
        name: name ?? null,
        after: after ?? null,
        limit: most(limit),
      }),
    );
  }

  signal(id: string, { name, payload }: SagaSignal): Promise<boolean> {
    return this.#file.write(() => {
      const saga = held(this.#file, id);
      if (!saga || saga.hasEnded) return false;
      const sql = 'INSERT OR IGNORE INTO @event (saga, name, payload) VALUES (:no, :name, :payload)';
      if (this.#file.run(sql, { no: saga.no, name, payload })) poke(this.#file, saga.no, null, this.#now());
      return true;
    });
  }

  cancel(id: string, reason: string): Promise<boolean> {
    return this.#file.write(() => {
      const saga = held(this.#file, id);
      if (!saga?.isCancellable || saga.hasEnded) return false;
      if (saga.reason === null) poke(this.#file, saga.no, reason, this.#now());
      return true;
    });
  }

  purge(finishedBeforeMs: number, limit: number): Promise<number> {
    return this.#file.write(() => {
      const found = this.#file.all('SELECT no FROM @saga WHERE finished_at_ms < :before LIMIT :limit', {
        before: finishedBeforeMs,
        limit: most(limit),
      });
      for (const no of found) {
        this.#file.run('DELETE FROM @log WHERE saga = :no', { no });
        this.#file.run('DELETE FROM @event WHERE saga = :no', { no });
        this.#file.run('DELETE FROM @saga WHERE no = :no', { no });
      }
      return found.length;
    });
  }

  atomic(
    worker: string,
    saga: Pick<SagaWrite, 'id' | 'fence' | 'seq'>,
    fn: (tx: SqliteTransaction) => PromiseLike<SagaWrite>,
  ): Promise<'written' | 'present' | 'stale'> {
    return this.#file.hold(async (tx) => {
      const before = verdictOn(this.#file, worker, saga, true, held(this.#file, saga.id));
      return before === 'written' ? writeSaga(this.#file, worker, await fn(tx), this.#now()) : before;
    });
  }

  outbox(limit: number): Promise<readonly OutboxEvent[]> {
    const sql = `SELECT json_object('id', id, 'sagaId', saga_id, 'topic', topic, 'payload', payload) FROM @outbox
ORDER BY no LIMIT :limit`;
    return this.#file.read(() => jsonRows<OutboxEvent>(this.#file, sql, { limit: most(limit) }));
  }

  async published(ids: readonly string[]): Promise<void> {
    const sql = 'DELETE FROM @outbox WHERE id IN (SELECT value FROM json_each(:ids))';
    await this.#file.write(() => this.#file.run(sql, { ids: JSON.stringify(ids) }));
  }

  #now(): number {
    return Math.floor(this.#clock.epochMs());
  }
}

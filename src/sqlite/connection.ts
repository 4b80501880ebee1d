import type { Clock } from '../core/clock.ts';
import { HoldfastError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import type { SqliteDatabase, SqliteStatement, SqliteTransaction, SqliteValue } from './database.ts';
import { isBusy } from './database.ts';
import { withParts } from './saga-schema.ts';

/** Values for the `:names` of a statement. */
export type Params = Readonly<Record<string, SqliteValue>>;

interface Compiled {
  readonly statement: SqliteStatement;
  readonly names: readonly string[];
}

/** The longest pause before asking again for a file that others are writing. Short, or a busy writer starves the others. */
const MOST_PAUSE_MS = 4;

/**
 * A handle of SQLite, one transaction after the other.
 *
 * Who finds the file locked by another process waits without blocking the event loop: SQLite's own busy handler would
 * put the whole process to sleep.
 */
export class Connection {
  readonly #db: SqliteDatabase;
  readonly #prefix: string;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #compiled = new Map<string, Compiled>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(db: SqliteDatabase, prefix: string, timeoutMs: number, clock: Clock, random: Random) {
    this.#db = db;
    this.#prefix = prefix;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#random = random;
  }

  /** Runs a statement that answers nothing, and tells whether it changed a row. */
  run(sql: string, params: Params = {}): boolean {
    const { statement, names } = this.#compile(sql);
    const { changes } = statement.run(...names.map((name) => params[name]!)) as { readonly changes: number | bigint };
    return Number(changes) > 0;
  }

  /** The first column of each row, whatever form the handle gives rows. */
  all(sql: string, params: Params = {}): readonly SqliteValue[] {
    const { statement, names } = this.#compile(sql);
    const rows = statement.all(...names.map((name) => params[name]!)) as object[];
    return rows.map((row) => Object.values(row)[0] as SqliteValue);
  }

  /** Runs statements without parameters. */
  script(sql: string): void {
    this.#db.exec(sql.replaceAll('@', this.#prefix));
  }

  /** Sets something for this handle, outside of transactions. */
  pragma(setting: string): Promise<void> {
    return this.#next(() => this.#patiently(() => void this.#db.exec(`PRAGMA ${setting}`)));
  }

  /** Reads from one state of the file. */
  read<T>(fn: () => T): Promise<T> {
    return this.#next(() => this.#patiently(() => this.#sync('BEGIN', fn)));
  }

  /** Does `fn` in one transaction: all of it, or nothing when it throws. */
  write<T>(fn: () => T): Promise<T> {
    return this.#next(() => this.#patiently(() => this.#sync('BEGIN IMMEDIATE', fn)));
  }

  /** As {@link write}, but `fn` takes its time, at most the time limit: what it writes with is dead afterwards. */
  hold<T>(fn: (tx: SqliteTransaction) => PromiseLike<T>): Promise<T> {
    return this.#next(async () => {
      await this.#patiently(() => void this.#db.exec('BEGIN IMMEDIATE'));
      let isOver = false;
      const statement = (sql: string): SqliteStatement => {
        if (isOver) throw new HoldfastError('ERR_STORE_TIMEOUT', 'the transaction of this step is over');
        return this.#db.prepare(sql);
      };
      const tx: SqliteTransaction = {
        run: (sql, ...params) => void statement(sql).run(...params),
        all: (sql, ...params) => statement(sql).all(...params),
      };
      return this.#settle(async () => {
        try {
          return await this.#limited(fn(tx));
        } finally {
          isOver = true;
        }
      });
    });
  }

  async #settle<T>(fn: () => Promise<T>): Promise<T> {
    try {
      const value = await fn();
      this.#db.exec('COMMIT');
      return value;
    } catch (error) {
      this.#rollback();
      throw error;
    }
  }

  #sync<T>(begin: string, fn: () => T): T {
    this.#db.exec(begin);
    try {
      const value = fn();
      this.#db.exec('COMMIT');
      return value;
    } catch (error) {
      this.#rollback();
      throw error;
    }
  }

  #rollback(): void {
    try {
      this.#db.exec('ROLLBACK');
    } catch {
      // Where the disk is full or broken, SQLite has rolled back by itself.
    }
  }

  #next<T>(fn: () => Promise<T>): Promise<T> {
    const result = this.#last.then(fn);
    this.#last = result.catch(() => {});
    return result;
  }

  async #patiently<T>(fn: () => T): Promise<T> {
    const startMs = this.#clock.now();
    for (let pauseMs = 1; ; pauseMs = Math.min(2 * pauseMs, MOST_PAUSE_MS)) {
      try {
        return fn();
      } catch (error) {
        if (!isBusy(error)) throw error;
        if (this.#clock.now() - startMs >= this.#timeoutMs) throw this.#timeout(error);
      }
      await new Promise<void>((resolve) => void this.#clock.setTimeout(resolve, pauseMs * (0.5 + this.#random())));
    }
  }

  #limited<T>(work: PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimeout(() => reject(this.#timeout()), this.#timeoutMs);
      work.then(resolve, reject);
      const end = (): void => this.#clock.clearTimeout(timer);
      work.then(end, end);
    });
  }

  #timeout(cause?: unknown): HoldfastError {
    return new HoldfastError('ERR_STORE_TIMEOUT', `SQLite was busy for ${this.#timeoutMs} ms`, { cause });
  }

  #compile(sql: string): Compiled {
    let compiled = this.#compiled.get(sql);
    if (!compiled) {
      const names: string[] = [];
      const text = withParts(sql)
        .replaceAll('@', this.#prefix)
        .replaceAll(/:(\w+)/g, (_, name: string) => {
          names.push(name);
          return '?';
        });
      this.#compiled.set(sql, (compiled = { statement: this.#db.prepare(text), names }));
    }
    return compiled;
  }
}

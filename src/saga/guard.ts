import { SagaRefusal } from './errors.ts';
import { checkTable, makeTable, purgeTable } from './participant-table.ts';
import { deserialize, serialize } from './serializer.ts';
import { checkText } from './text.ts';

/** Runs one statement of PostgreSQL in the participant's transaction, with parameters $1, $2, ... */
export type GuardQuery = (
  text: string,
  params: readonly (string | number | null)[],
) => PromiseLike<readonly Record<string, unknown>[]>;

/** Options of {@link guard}. */
export interface GuardOptions {
  /**
   * The table of the participant, with a schema in front where wanted.
   *
   * @defaultValue 'holdfast_guard'
   */
  readonly table?: string | undefined;
}

/** What a participant does with calls that come twice, late, or not at all before they are undone. */
export interface Guard {
  /** Makes the table when it is missing. Not for each call: in a migration, or when the process starts. */
  init(): Promise<void>;
  /**
   * Calls `fn` the first time this key comes, and answers its result each time. Of two at the same moment the second
   * waits for the first one's transaction.
   *
   * Rejects with SagaRefusal, without calling `fn`, when the key was undone before: a call that was on its way too
   * long takes no effect any more. Rejects with what `fn` rejects with; roll back then. The result must be something a
   * saga can store.
   */
  once<T>(key: string, fn: () => T | PromiseLike<T>): Promise<T>;
  /**
   * Undoes the call of `once` with the key `runKey`: `fn` gets its result, and is called once however often this is
   * asked. Where that call never came, `fn` is not called, and the call is refused should it still come.
   */
  undo<T = unknown>(runKey: string, fn: (result: T) => unknown): Promise<void>;
  /** Forgets keys last used before, and answers how many. Keep them for longer than any saga can take. */
  purge(olderThanMs: number): Promise<number>;
}

/**
 * Guards a participant of sagas, within its own transaction, against the two things that exactly-once delivery would
 * be needed for: calls that come more than once, and calls that come after their own compensation.
 *
 * `query` runs statements in the transaction of the participant's own work, so the guard and the work take effect
 * together or not at all. Works on PostgreSQL; two statements for a call, one for a repetition or an undoing. The idea
 * of the tombstone is Seata's fence table (https://seata.apache.org/blog/seata-tcc-fence/).
 *
 * @example
 * ```ts no-run
 * import { Pool } from 'pg';
 * import { fromPg } from 'holdfast/postgres';
 * import { guard } from 'holdfast/saga';
 *
 * const db = fromPg(new Pool());
 * await guard(db.query).init();
 *
 * // Of a step: idempotencyKey. Of its compensation: runKey.
 * export const charge = (idempotencyKey: string, cents: number) =>
 *   db.transaction((query) =>
 *     guard(query).once(idempotencyKey, async () => {
 *       await query('UPDATE account SET cents = cents - $1::bigint', [cents]);
 *       return cents;
 *     }),
 *   );
 * export const refund = (runKey: string) =>
 *   db.transaction((query) =>
 *     guard(query).undo<number>(runKey, (cents) =>
 *       query('UPDATE account SET cents = cents + $1::bigint', [cents]),
 *     ),
 *   );
 * ```
 *
 * @throws RangeError or TypeError for bad options.
 */
export function guard(query: GuardQuery, options: GuardOptions = {}): Guard {
  const { table = 'holdfast_guard' } = options;
  checkTable(query, table);
  return {
    init: () =>
      makeTable(
        query,
        table,
        'key text PRIMARY KEY, result text, is_undone bool NOT NULL, used_at timestamptz NOT NULL DEFAULT now()',
      ),
    once: async <T>(key: string, fn: () => T | PromiseLike<T>): Promise<T> => {
      checkText('key', key);
      // Updated in vain where it is there: that answers the row, and as the last transaction left it.
      const [row] = await query(
        `INSERT INTO ${table} AS g (key, is_undone) VALUES ($1::text, false)
        ON CONFLICT (key) DO UPDATE SET used_at = now() RETURNING result, is_undone::text`,
        [key],
      );
      if (row!['is_undone'] === 'true') throw new SagaRefusal(`${key} was undone before it came`);
      if (row!['result'] !== null) return deserialize(row!['result'] as string) as T;
      const result = await fn();
      const text = serialize(result, key);
      await query(`UPDATE ${table} SET result = $2::text WHERE key = $1::text`, [key, text]);
      return deserialize(text) as T;
    },
    undo: async <T>(runKey: string, fn: (result: T) => unknown): Promise<void> => {
      checkText('runKey', runKey);
      const [row] = await query(
        `INSERT INTO ${table} AS g (key, is_undone) VALUES ($1::text, true)
        ON CONFLICT (key) DO UPDATE SET is_undone = true, used_at = now() WHERE NOT g.is_undone RETURNING result`,
        [runKey],
      );
      const result = row?.['result'];
      if (typeof result === 'string') await fn(deserialize(result) as T);
    },
    purge: (olderThanMs) => purgeTable(query, table, 'used_at', olderThanMs),
  };
}

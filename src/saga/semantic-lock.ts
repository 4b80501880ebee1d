import { SagaLockedError, SagaRefusal } from './errors.ts';
import type { GuardQuery } from './guard.ts';
import { checkTable, makeTable, purgeTable } from './participant-table.ts';
import { checkText } from './text.ts';

/** Options of {@link semanticLock}. */
export interface SemanticLockOptions {
  /**
   * The table of the participant, with a schema in front where wanted.
   *
   * @defaultValue 'holdfast_lock'
   */
  readonly table?: string | undefined;
}

/** Who holds a semantic lock. */
export interface SemanticLockHolder {
  readonly sagaId: string;
  /** Unix time of the transaction that took it, by the clock of the database. */
  readonly sinceMs: number;
}

/** Marks what a saga is changing, from its first step on until its last one or its compensation. */
export interface SemanticLock {
  /** Makes the table when it is missing. Not for each call: in a migration, or when the process starts. */
  init(): Promise<void>;
  /**
   * Locks `key` for a saga. That saga may ask again, in later attempts and after crashes: it still has it, once.
   *
   * Rejects with {@link SagaLockedError} when another saga holds it: the step that asks has done nothing and is not
   * compensated, and its `retry`, if it has one, waits. Rejects with {@link SagaRefusal} when this saga has released
   * the key before: a call that was on its way too long locks nothing any more, so a saga locks a key once in its life.
   * Of two at the same moment the second waits for the transaction of the first.
   */
  acquire(key: string, sagaId: string): Promise<void>;
  /**
   * Releases `key` if that saga holds it, and answers whether it did; what another saga holds is not touched. Where
   * the call of `acquire` never came, it is refused should it still come.
   */
  release(key: string, sagaId: string): Promise<boolean>;
  /** Who holds `key`, for readers that are no sagas; undefined where nobody does. Locks nothing. */
  peek(key: string): Promise<SemanticLockHolder | undefined>;
  /** The keys that a saga holds, sorted: what a stuck saga keeps from others. */
  list(sagaId: string): Promise<readonly string[]>;
  /** Forgets keys released before, and answers how many. Keep them for longer than any saga can take. */
  purge(olderThanMs: number): Promise<number>;
}

/**
 * Locks of sagas, within the transactions of a participant: what one saga has changed and may still take back is kept
 * from the others, however many processes it goes through. It is no lock of the database: it is kept between
 * transactions, costs no connection, and is released by its saga alone, never by time.
 *
 * `query` runs statements in the transaction of the participant's own work, so the mark and the work take effect
 * together or not at all. Works on PostgreSQL; one statement for a call, two where the key is taken. Take several keys
 * in one order everywhere. The idea is the semantic lock of Richardson's *Microservices Patterns* (2018), chapter 4.3;
 * that of the mark which stays after the release is Seata's fence table
 * (https://seata.apache.org/blog/seata-tcc-fence/).
 *
 * @example
 * ```ts no-run
 * import { Pool } from 'pg';
 * import { fromPg } from 'holdfast/postgres';
 * import { saga, semanticLock } from 'holdfast/saga';
 *
 * const db = fromPg(new Pool());
 * await semanticLock(db.query).init();
 *
 * const revise = saga<{ order: string; cents: number }>('revise')
 *   .step('lock', {
 *     run: ({ input, sagaId }) => db.transaction((query) => semanticLock(query).acquire(input.order, sagaId)),
 *     compensate: async ({ input, sagaId }) =>
 *       void (await db.transaction((query) => semanticLock(query).release(input.order, sagaId))),
 *     retry: { maxAttempts: 5 },
 *   })
 *   .step('revise', {
 *     kind: 'pivot',
 *     run: ({ input, sagaId }) =>
 *       db.transaction(async (query) => {
 *         await query('UPDATE orders SET cents = $2::bigint WHERE id = $1::text', [input.order, input.cents]);
 *         await semanticLock(query).release(input.order, sagaId);
 *       }),
 *   });
 * ```
 *
 * @throws RangeError or TypeError for bad options.
 */
export function semanticLock(query: GuardQuery, options: SemanticLockOptions = {}): SemanticLock {
  const { table = 'holdfast_lock' } = options;
  checkTable(query, table);
  const params = (key: string, sagaId: string): [string, string] => [
    checkText('key', key),
    checkText('sagaId', sagaId, 1),
  ];
  return {
    // `held` is the key while it is locked and null afterwards: null equals nothing, so the tombstones do not collide.
    init: () =>
      makeTable(
        query,
        table,
        'saga_id text, key text, held text UNIQUE, acquired_at timestamptz, released_at timestamptz, PRIMARY KEY (saga_id, key)',
      ),
    acquire: async (key, sagaId) => {
      const own = params(key, sagaId);
      for (;;) {
        const [taken] = await query(
          `INSERT INTO ${table} (key, saga_id, held, acquired_at) VALUES ($1::text, $2::text, $1::text, now())
          ON CONFLICT DO NOTHING RETURNING key`,
          own,
        );
        if (taken) return;
        // Its own row is kept from a release of the same moment until the work of this transaction is done.
        const [row] = await query(
          `WITH own AS (SELECT saga_id, held FROM ${table} WHERE key = $1::text AND saga_id = $2::text FOR UPDATE)
          SELECT saga_id, held, 0 AS n FROM own
          UNION ALL SELECT saga_id, held, 1 FROM ${table} WHERE held = $1::text ORDER BY n`,
          own,
        );
        // None: it was released between the two.
        if (!row) continue;
        if (row['saga_id'] !== sagaId) throw new SagaLockedError(key, row['saga_id'] as string);
        if (row['held'] === null) throw new SagaRefusal(`${key} was released before it was to be locked`);
        return;
      }
    },
    release: async (key, sagaId) => {
      const [row] = await query(
        `INSERT INTO ${table} AS l (key, saga_id, released_at) VALUES ($1::text, $2::text, now())
        ON CONFLICT (saga_id, key) DO UPDATE SET held = NULL, released_at = now() WHERE l.held IS NOT NULL
        RETURNING acquired_at::text`,
        params(key, sagaId),
      );
      return typeof row?.['acquired_at'] === 'string';
    },
    peek: async (key) => {
      const [row] = await query(
        `SELECT saga_id, (extract(epoch FROM acquired_at) * 1000)::text AS since FROM ${table} WHERE held = $1::text`,
        [checkText('key', key)],
      );
      return row && { sagaId: row['saga_id'] as string, sinceMs: Number(row['since']) };
    },
    list: async (sagaId) => {
      const rows = await query(
        `SELECT key FROM ${table} WHERE saga_id = $1::text AND held IS NOT NULL ORDER BY key COLLATE "C"`,
        [checkText('sagaId', sagaId, 1)],
      );
      return rows.map((row) => row['key'] as string);
    },
    purge: (olderThanMs) => purgeTable(query, table, 'released_at', olderThanMs),
  };
}

import { amount, optionalFunction, refuse } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { shortClock } from '../core/clock.ts';
import { withDeadline } from '../core/deadline.ts';
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
import { HoldfastError } from '../core/errors.ts';
import { whileOpen } from './client.ts';
import type { SqlClient, SqlQuery, SqlValue } from './client.ts';
import type { SqlListen } from './listen.ts';
import { PausableDeadline } from './pausable-deadline.ts';
import { migrateSagas } from './saga-migrate.ts';
import { sagaChannel } from './saga-schema.ts';
import type { PostgresSagaStore, PostgresSagaStoreOptions } from './saga-store-options.ts';

/**
 * Keeps sagas in PostgreSQL, 13 or later: as durable as a commit there.
 *
 * A call is one statement, and a write of many sagas is one commit: a saga of n steps costs n + 1 commits when it runs
 * alone, and a share of them when it does not. An atomic step is a transaction of its own, to which the store adds
 * BEGIN, two statements and COMMIT. Costs O(what is read or written), whatever else the tables hold.
 *
 * @example
 * ```ts no-run
 * import { Pool } from 'pg';
 * import { fromPg, postgresSagaStore } from 'holdfast/postgres';
 * import { createSagaRunner, saga } from 'holdfast/saga';
 *
 * const greet = saga<string>('greet').step('say', { run: ({ input }) => `hello ${input}` });
 * const store = postgresSagaStore(fromPg(new Pool()));
 * await using runner = createSagaRunner({ store, sagas: [greet] });
 * const handle = await runner.start(greet, 'world', { id: 'greeting-1' });
 * console.log(await handle.result());
 * ```
 *
 * @throws RangeError or TypeError for bad options.
 */
export function postgresSagaStore(client: SqlClient, options: PostgresSagaStoreOptions = {}): PostgresSagaStore {
  const { schema = 'holdfast', timeoutMs = 5000, idleInTransactionMs = 30_000, listen, clock = shortClock } = options;
  if (typeof client?.query !== 'function') refuse('client', 'a SqlClient', client);
  if (!/^[a-z_][a-z_0-9]{0,57}$/.test(schema)) refuse('schema', 'a plain name in lower case', schema);
  amount('timeoutMs', timeoutMs, 1);
  const idleMs = Math.ceil(amount('idleInTransactionMs', idleInTransactionMs, 1, 2 ** 31 - 1));
  return new TableStore(client, schema, timeoutMs, idleMs, optionalFunction('listen', listen), clock);
}

const VERDICTS: Readonly<Record<string, 'written' | 'present' | 'stale'>> = { w: 'written', p: 'present', s: 'stale' };

class TableStore implements PostgresSagaStore {
  readonly #client: SqlClient;
  readonly #schema: string;
  readonly #timeoutMs: number;
  readonly #idleMs: number;
  readonly #clock: Clock;
  subscribe?: NonNullable<SagaStore['subscribe']>;

  constructor(
    client: SqlClient,
    schema: string,
    timeoutMs: number,
    idleMs: number,
    listen: SqlListen | undefined,
    clock: Clock,
  ) {
    this.#client = client;
    this.#schema = schema;
    this.#timeoutMs = timeoutMs;
    this.#idleMs = idleMs;
    this.#clock = clock;
    if (!listen) return;
    this.subscribe = async (wake) => {
      const end = await listen(sagaChannel(schema), (worker) => wake(worker || undefined));
      return async () => void (await withDeadline('PostgreSQL', { timeoutMs, clock }, end));
    };
  }

  init(): Promise<void> {
    return migrateSagas(this.#client, this.#schema);
  }

  async enlist(leaseMs: number): Promise<string> {
    return (await this.#call('enlist', Math.ceil(leaseMs), String(this.subscribe !== undefined)))!;
  }

  async renew(worker: string, leaseMs: number): Promise<readonly SagaNews[] | null> {
    return this.#json('renew', worker, Math.ceil(leaseMs));
  }

  async retire(worker: string): Promise<void> {
    await this.#call('retire', worker);
  }

  async create(worker: string, sagas: readonly NewSaga[]): Promise<readonly SagaRecord[]> {
    const rows = sagas.map(({ id, name, version, input }) => [id, name, version, input] as const);
    const [verb, params] = rows.length > 1 ? ['create', columnsOf(rows, 4)] : ['start', rows[0]!];
    const answer = await this.#json<number | readonly SagaRecord[]>(verb, worker, ...params);
    if (typeof answer === 'number') return sagas.map((saga) => recordOf(worker, saga, answer));
    const records = new Map(answer.map((record) => [record.id, record]));
    return sagas.map(({ id }) => records.get(id)!);
  }

  async write(worker: string, writes: readonly SagaWrite[]): Promise<readonly boolean[]> {
    const verdicts = await this.#call(...writing(worker, writes));
    return writes.map((_, k) => (verdicts![k] ?? verdicts![0]) !== 's');
  }

  claim({ worker, definitions, ...query }: ClaimQuery): Promise<readonly SagaSnapshot[]> {
    return this.#json('claim', worker, JSON.stringify(query), JSON.stringify(definitions));
  }

  strangers(definitions: readonly SagaVersion[], limit: number): Promise<readonly SagaRecord[]> {
    return this.#json('strangers', JSON.stringify(definitions), limit);
  }

  async load(id: string): Promise<SagaSnapshot | undefined> {
    return (await this.#json<SagaSnapshot | null>('load', id)) ?? undefined;
  }

  get(ids: readonly string[]): Promise<readonly SagaRecord[]> {
    return this.#json('get', arrayOf(ids));
  }

  list({ status, name, after, limit = 100 }: SagaQuery): Promise<readonly SagaRecord[]> {
    return this.#json('list', status ?? null, name ?? null, after ?? null, limit);
  }

  signal(id: string, { name, payload }: SagaSignal): Promise<boolean> {
    return this.#json('signal', id, name, payload);
  }

  cancel(id: string, reason: string): Promise<boolean> {
    return this.#json('cancel', id, reason);
  }

  purge(finishedBeforeMs: number, limit: number): Promise<number> {
    return this.#json('purge', Math.floor(finishedBeforeMs), limit);
  }

  atomic(
    worker: string,
    { id, fence, seq }: Pick<SagaWrite, 'id' | 'fence' | 'seq'>,
    fn: (tx: SqlQuery) => PromiseLike<SagaWrite>,
  ): Promise<'written' | 'present' | 'stale'> {
    const deadline = new PausableDeadline(this.#timeoutMs, this.#clock);
    // The server has its time before and after the step; how long the step takes is the runner's business.
    return deadline.watch(async () => {
      const verdict = await this.#client.transaction(async (query) => {
        const taken = await this.#answer(query, 'take', worker, id, fence, seq, String(this.#idleMs));
        deadline.pause();
        if (taken !== 'w') return taken;
        // A step that lost its lease is left behind, and must not write once this has been rolled back.
        const write = await whileOpen(query, (open) => fn((text, params) => faultsTold(open(text, params))));
        deadline.resume();
        return this.#answer(query, ...writing(worker, [write]));
      });
      return VERDICTS[verdict!]!;
    });
  }

  outbox(limit: number): Promise<readonly OutboxEvent[]> {
    return this.#json('outbox', limit);
  }

  async published(ids: readonly string[]): Promise<void> {
    await this.#call('published', arrayOf(ids));
  }

  async #json<T>(verb: string, ...params: readonly SqlValue[]): Promise<T> {
    return JSON.parse((await this.#call(verb, ...params)) ?? 'null') as T;
  }

  #call(verb: string, ...params: readonly SqlValue[]): Promise<string | null> {
    return withDeadline('PostgreSQL', { timeoutMs: this.#timeoutMs, clock: this.#clock }, () =>
      this.#answer(this.#client.query, verb, ...params),
    );
  }

  async #answer(query: SqlQuery, verb: string, ...params: readonly SqlValue[]): Promise<string | null> {
    const args = params.map((_, k) => `$${k + 1}`).join();
    const [row] = await query(`SELECT ${this.#schema}.saga_${verb}(${args})::text AS answer`, params);
    // Seen of postgres.js, just after the server had ended a session.
    if (!row) throw new HoldfastError('ERR_STORE_FAULT', 'the client has lost the answer');
    return row['answer'] as string | null;
  }
}

/** Classes of PostgreSQL's errors that say nothing of the statement: https://www.postgresql.org/docs/18/errcodes-appendix.html */
const FAULT_STATE = /^(08...|40...|53...|57P..|25P03|E[A-Z]{4,}|CONNECTION_[A-Z]+)$/;

/** Tells faults of the store from errors that a step has made, so that they are not taken for its failure. */
async function faultsTold<T>(rows: PromiseLike<T>): Promise<T> {
  try {
    return await rows;
  } catch (error) {
    const { code, message } = Object(error) as { readonly code?: string; readonly message?: string };
    // pg gives no code for connections that have ended.
    const isFault = code === undefined ? /connection|not queryable/i.test(`${message}`) : FAULT_STATE.test(code);
    if (!isFault) throw error;
    throw new HoldfastError('ERR_STORE_FAULT', 'the transaction of this step was lost', { cause: error });
  }
}

/** The verb for some writes and its arguments. */
function writing(worker: string, writes: readonly SagaWrite[]): [string, ...SqlValue[]] {
  const [{ id, fence, seq, entries, outbox, status, isCancellable, seenSignals, releaseAfterMs }, ...others] =
    writes as [SagaWrite];
  const [entry, ...more] = entries;
  const ends = releaseAfterMs !== undefined && (status === 'completed' || status === 'compensated');
  if (entry && (ends || releaseAfterMs === undefined) && more.length + others.length + outbox.length === 0) {
    const state = [fence, seq, status, String(isCancellable), seenSignals];
    return ['step', worker, id, ...state, entry.type, entry.path, entry.attempt, entry.data, String(ends)];
  }
  const rows = writes.map((w) => {
    const [first] = w.entries;
    const row = [w.id, w.fence, w.seq, w.status, w.isCancellable, w.seenSignals, releaseOf(w)];
    return first ? [...row, first.type, first.path, first.attempt, first.data] : row;
  });
  const rest = writes.flatMap((w, i) =>
    w.entries.slice(1).map((e, k) => [i + 1, w.seq + 1 + k, e.type, e.path, e.attempt, e.data]),
  );
  const events = JSON.stringify(writes.flatMap((w) => w.outbox));
  return ['write', worker, ...columnsOf(rows, 11), ...columnsOf(rest, 6), events];
}

/** No Infinity: whatever is due after the year 30000 is never due. */
function releaseOf({ releaseAfterMs }: SagaWrite): number | null {
  return releaseAfterMs === undefined ? null : Math.min(releaseAfterMs, 1e15);
}

type Cell = string | number | boolean | null;

/** Each column of some rows as an array. */
function columnsOf(rows: readonly (readonly Cell[])[], width: number): string[] {
  return Array.from({ length: width }, (_, k) => arrayOf(rows.map((row) => row[k] ?? null)));
}

/** An array as PostgreSQL reads it. */
function arrayOf(cells: readonly Cell[]): string {
  const texts = cells.map((cell) => (typeof cell === 'string' ? `"${cell.replaceAll(/["\\]/g, '\\$&')}"` : cell));
  return `{${texts.map(String).join()}}`;
}

/** As `saga_record` gives it. */
function recordOf(worker: string, saga: NewSaga, createdAtMs: number): SagaRecord {
  return {
    ...saga,
    status: 'running',
    worker,
    fence: 1,
    recoveries: 0,
    signals: 0,
    cancelReason: null,
    isCancellable: true,
    wakeAtMs: null,
    createdAtMs,
    finishedAtMs: null,
  };
}

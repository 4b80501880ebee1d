import { amount, integer, refuse } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { systemClock } from '../core/clock.ts';
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
import type { RedisSend } from './client.ts';
import { Partitions } from './saga-partitions.ts';
import { byteOrder, recordOf, recordsOf, snapshotOf } from './saga-reply.ts';

/** Options of {@link redisSagaStore}. */
export interface RedisSagaStoreOptions {
  /**
   * Stands before the name of each key. Without braces.
   *
   * @defaultValue 'holdfast:saga:'
   */
  readonly prefix?: string | undefined;
  /**
   * Over how many hash slots sagas are spread, for Redis Cluster. Each has leases, indexes and scripts of its own, so
   * what looks for sagas costs a round trip to each, at the same time. The same for all processes, and for good.
   *
   * @defaultValue 1
   */
  readonly partitions?: number | undefined;
  /**
   * After this a call rejects with code ERR_STORE_TIMEOUT. Shorter than the lease of the workers, so that a call can
   * be repeated.
   *
   * @defaultValue 2000
   */
  readonly timeoutMs?: number | undefined;
  /**
   * What a write waits for before it counts: `replicas` that have received it, by WAIT, and with `isOnDisk` the sync
   * of the append-only file, by WAITAOF (Redis 7.2, Valkey 8) here and there. A write that is not acknowledged in time
   * rejects with ERR_STORE_TIMEOUT, and is repeated. `init` rejects on a server that has no WAITAOF or no append-only
   * file. Needs one partition and a client that sends everything over one
   * connection, which is checked: not a pool, and not Redis Cluster. Costs three more round trips.
   *
   * @defaultValue nothing
   */
  readonly acknowledge?: { readonly replicas: number; readonly isOnDisk?: boolean | undefined } | undefined;
  /** Where the deadlines come from. Leases and times go by the clock of the server. */
  readonly clock?: Clock | undefined;
}

/** A {@link SagaStore} without transactions for its users, hence without atomic steps. */
export interface RedisSagaStore extends SagaStore {
  outbox: NonNullable<SagaStore['outbox']>;
  published: NonNullable<SagaStore['published']>;
}

/**
 * Keeps sagas in Redis 5 or later, or Valkey.
 *
 * At most as durable as the server is set up to be. Without an append-only file, a restart loses every saga; with
 * `appendfsync everysec`, a crash of the machine loses what was acknowledged in the last second; with `always`,
 * nothing, as long as that machine lives. A failover loses what the replica has not received, `acknowledge` or not: it
 * only makes that rare. A saga that was lost does not come back, and one that has lost its last steps runs them again,
 * under the same idempotency keys. Where that is too little, take PostgreSQL or SQLite.
 *
 * Keys of sagas have no time to live: `purge` deletes those that have ended. `init` rejects on a server that evicts
 * keys of any kind (`maxmemory-policy` of `allkeys-...`).
 *
 * Each verb is one script on keys of one hash slot; the server's `TIME` decides. A step costs O(log sagas), a heartbeat
 * O(1) for each partition.
 *
 * @example
 * ```ts no-run
 * import { Redis } from 'ioredis';
 * import { fromIoredis, redisSagaStore } from 'holdfast/redis';
 * import { createSagaRunner, saga } from 'holdfast/saga';
 *
 * const greet = saga<string>('greet').step('say', { run: ({ input }) => `hello ${input}` });
 * await using runner = createSagaRunner({ store: redisSagaStore(fromIoredis(new Redis())), sagas: [greet] });
 * const handle = await runner.start(greet, 'world', { id: 'greeting-1' });
 * console.log(await handle.result());
 * ```
 *
 * @throws RangeError or TypeError for bad options.
 */
export function redisSagaStore(send: RedisSend, options: RedisSagaStoreOptions = {}): RedisSagaStore {
  const { prefix = 'holdfast:saga:', partitions = 1, timeoutMs = 2000, acknowledge, clock = systemClock } = options;
  if (typeof send !== 'function') refuse('send', 'a function', send);
  if (typeof prefix !== 'string' || /[{}]/.test(prefix)) refuse('prefix', 'a text without braces', prefix);
  integer('partitions', partitions, 1, acknowledge ? 1 : 1024);
  if (acknowledge) integer('acknowledge.replicas', acknowledge.replicas, 0, 100);
  return new ScriptStore(
    new Partitions(send, prefix, partitions, acknowledge, {
      timeoutMs: amount('timeoutMs', timeoutMs, 1, 2 ** 31 - 1),
      clock,
    }),
  );
}

/** As many as a script can count to. */
const most = (count: number): number => Math.min(count, 1e9);

const counted = (texts: readonly string[]): readonly (string | number)[] => [texts.length, ...texts];

const definitionsOf = (definitions: readonly SagaVersion[]): readonly string[] =>
  definitions.map(({ name, version }) => `${version} ${name}`);

class ScriptStore implements RedisSagaStore {
  readonly #redis: Partitions;

  constructor(redis: Partitions) {
    this.#redis = redis;
  }

  async init(): Promise<void> {
    for (const policy of await this.#redis.everywhere('read', 'init')) {
      if (String(policy).startsWith('allkeys')) {
        throw new RangeError(
          `maxmemory-policy must be noeviction, as it is for keys that must not vanish, got ${String(policy)}`,
        );
      }
    }
    await this.#redis.check();
  }

  async enlist(leaseMs: number): Promise<string> {
    const name = String(await this.#redis.run('write', 0, 'enlist', Math.ceil(leaseMs), ''));
    await this.#redis.everywhere('write', 'enlist', Math.ceil(leaseMs), name);
    return name;
  }

  async renew(worker: string, leaseMs: number): Promise<readonly SagaNews[] | null> {
    const answers = await this.#redis.everywhere('write', 'renew', worker, Math.ceil(leaseMs));
    if (!answers.every((answer) => Array.isArray(answer))) return null;
    return (answers as readonly (readonly [string, unknown, string | null][])[])
      .flat()
      .map(([id, signals, reason]) => ({
        id,
        signals: Number(signals),
        cancelReason: reason,
      }));
  }

  async retire(worker: string): Promise<void> {
    await this.#redis.everywhere('write', 'retire', worker);
  }

  async create(worker: string, sagas: readonly NewSaga[]): Promise<readonly SagaRecord[]> {
    return this.#redis.spread(sagas, 'write', async (run, some) => {
      const args = some.flatMap(({ id, name, version, input }) => [id, name, version, input]);
      return ((await run('create', worker, some.length, ...args)) as readonly unknown[]).map((each) => recordOf(each)!);
    });
  }

  async write(worker: string, writes: readonly SagaWrite[]): Promise<readonly boolean[]> {
    return this.#redis.spread(writes, 'write', async (run, some) => {
      const verdicts = String(await run('write', worker, some.length, ...some.flatMap(argsOf)));
      return Array.from(verdicts, (verdict) => verdict !== 's');
    });
  }

  async claim(query: ClaimQuery): Promise<readonly SagaSnapshot[]> {
    const { suspects, ids, held, isStuck } = query;
    // Ids are few, and what a worker holds it takes again wherever it is: no need to compare partitions.
    if (suspects === 0 || ids || held || isStuck || this.#redis.all.length === 1) return this.#claim(query);
    const innocents = await this.#claim({ ...query, suspects: 0 });
    return [...innocents, ...(await this.#claimSuspects(query))];
  }

  /** Those with the fewest recoveries anywhere. */
  async #claimSuspects({ suspects, ...query }: ClaimQuery): Promise<readonly SagaSnapshot[]> {
    const args = [most(query.suspectAfter), most(suspects), ...counted(definitionsOf(query.definitions))];
    const counts = (await this.#redis.everywhere('read', 'suspects', ...args)) as readonly (readonly unknown[])[];
    const all = counts.flatMap((each, partition) => each.map((count) => [Number(count), partition] as const));
    const places = all.sort(([a], [b]) => a - b).slice(0, suspects);
    const found: SagaSnapshot[] = [];
    for (const [, partition] of places) {
      found.push(...(await this.#claim({ ...query, limit: 0, suspects: 1 }, [partition])));
    }
    return found;
  }

  async #claim(query: ClaimQuery, partitions = this.#redis.inTurn(query.ids)): Promise<readonly SagaSnapshot[]> {
    const found: SagaSnapshot[] = [];
    let suspects = 0;
    const { worker, definitions, ids, held, isStuck, suspectAfter } = query;
    const sets = [Number(ids !== undefined), ...counted(ids ?? []), Number(held !== undefined), ...counted(held ?? [])];
    for (const partition of partitions) {
      const limit = query.limit - (found.length - suspects);
      if (limit <= 0 && query.suspects <= suspects) break;
      const numbers = [most(limit), most(query.suspects - suspects), most(suspectAfter), Number(isStuck)];
      const args = [worker, ...numbers, ...sets, ...counted(definitionsOf(definitions))];
      const snapshots = (await this.#redis.run('write', partition, 'claim', ...args)) as readonly unknown[][];
      for (const each of snapshots) {
        found.push(snapshotOf(each)!);
        suspects += Number(each[4]);
      }
    }
    return found;
  }

  async strangers(definitions: readonly SagaVersion[], limit: number): Promise<readonly SagaRecord[]> {
    const args = [most(limit), ...counted(definitionsOf(definitions))];
    const records = (await this.#redis.everywhere('read', 'strangers', ...args)).flatMap(recordsOf);
    return records.slice(0, limit);
  }

  async load(id: string): Promise<SagaSnapshot | undefined> {
    return snapshotOf(await this.#redis.run('read', this.#redis.partitionOf(id), 'load', id));
  }

  async get(ids: readonly string[]): Promise<readonly SagaRecord[]> {
    const sagas = ids.map((id) => ({ id }));
    const found = await this.#redis.spread(sagas, 'read', async (run, some) =>
      ((await run('get', ...counted(some.map(({ id }) => id)))) as readonly unknown[]).map(recordOf),
    );
    return found.filter((record) => record !== undefined);
  }

  async list(query: SagaQuery): Promise<readonly SagaRecord[]> {
    const { limit = 100 } = query;
    const pages = await Promise.all(this.#redis.all.map((partition) => this.#page(partition, query, limit)));
    return pages
      .flat()
      .sort((a, b) => byteOrder(a.id, b.id))
      .slice(0, limit);
  }

  async signal(id: string, { name, payload }: SagaSignal): Promise<boolean> {
    return Number(await this.#redis.run('write', this.#redis.partitionOf(id), 'signal', id, name, payload)) === 1;
  }

  async cancel(id: string, reason: string): Promise<boolean> {
    return Number(await this.#redis.run('write', this.#redis.partitionOf(id), 'cancel', id, reason)) === 1;
  }

  async purge(finishedBeforeMs: number, limit: number): Promise<number> {
    let purged = 0;
    for (const partition of this.#redis.all) {
      if (purged >= limit) break;
      const args = [Math.floor(finishedBeforeMs), most(limit - purged)];
      purged += Number(await this.#redis.run('write', partition, 'purge', ...args));
    }
    return purged;
  }

  async outbox(limit: number): Promise<readonly OutboxEvent[]> {
    const queues = (await this.#redis.everywhere('read', 'outbox', most(limit))) as readonly (readonly unknown[])[];
    const events = queues.flat().map((text) => /^(\d+) (.*)$/s.exec(String(text))!);
    // The sort keeps those of one moment, and with them those of one write, as they are.
    const oldest = events.sort((a, b) => Number(a[1]) - Number(b[1]));
    return oldest.slice(0, limit).map((event) => JSON.parse(event[2]!) as OutboxEvent);
  }

  async published(ids: readonly string[]): Promise<void> {
    await this.#redis.everywhere('write', 'published', ...counted(ids));
  }

  async #page(partition: number, { status, name, after }: SagaQuery, limit: number): Promise<SagaRecord[]> {
    const records: SagaRecord[] = [];
    let from = after === undefined ? '-' : `(${after}`;
    while (from !== '' && records.length < limit) {
      const args = [status ?? '', name === undefined ? '' : `=${name}`, from, most(limit - records.length)];
      const [some, last] = (await this.#redis.run('read', partition, 'list', ...args)) as readonly [unknown, unknown];
      records.push(...recordsOf(some));
      from = String(last);
    }
    return records;
  }
}

function argsOf(write: SagaWrite): readonly (string | number)[] {
  const { id, fence, seq, status, isCancellable, seenSignals, releaseAfterMs, entries, outbox } = write;
  const release = releaseAfterMs === undefined ? '' : releaseAfterMs === Infinity ? -1 : Math.ceil(releaseAfterMs);
  const logged = entries.map(({ type, path, attempt, data }) => JSON.stringify({ type, path, attempt, data }));
  const emitted = outbox.flatMap((event) => [event.id, JSON.stringify(event)]);
  return [id, fence, seq, status, Number(isCancellable), seenSignals, release, ...counted(logged), ...counted(emitted)];
}

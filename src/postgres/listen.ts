import type { Clock, TimerHandle } from '../core/clock.ts';
import { keepAlive, shortClock } from '../core/clock.ts';

/**
 * Calls `wake` with the payload of each notification on `channel`, a plain name in lower case, and with an empty text
 * when some may have been missed. Answers how to end that.
 */
export type SqlListen = (channel: string, wake: (payload: string) => void) => PromiseLike<() => unknown>;

/** What {@link listenPg} needs of a `Client` of pg. */
export interface PgListenerLike {
  connect(): PromiseLike<unknown>;
  query(text: string): PromiseLike<unknown>;
  end(): PromiseLike<unknown>;
  on(event: 'notification', listener: (message: { readonly payload?: string | undefined }) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  unref?(): void;
}

/** Options of {@link listenPg}. */
export interface PgListenOptions {
  /** How long after it was lost the connection is made anew. @defaultValue 1000 */
  readonly retryMs?: number | undefined;
  /** @defaultValue the system's clock */
  readonly clock?: Clock | undefined;
}

/**
 * A {@link SqlListen} over clients of pg, each with one connection of its own, made anew when it is lost. The
 * connection alone does not keep the process alive.
 *
 * @example
 * ```ts no-run
 * import { Client, Pool } from 'pg';
 * import { fromPg, listenPg, postgresSagaStore } from 'holdfast/postgres';
 *
 * const listen = listenPg(() => new Client());
 * const store = postgresSagaStore(fromPg(new Pool()), { listen });
 * console.log(typeof store.subscribe);
 * ```
 */
export function listenPg(newClient: () => PgListenerLike, options: PgListenOptions = {}): SqlListen {
  const { retryMs = 1000, clock = shortClock } = options;
  return async (channel, wake) => {
    const own = new PgListener(newClient, channel, wake, retryMs, clock);
    await own.connect();
    return () => own.end();
  };
}

class PgListener {
  readonly #newClient: () => PgListenerLike;
  readonly #channel: string;
  readonly #wake: (payload: string) => void;
  readonly #retryMs: number;
  readonly #clock: Clock;
  #client: PgListenerLike | undefined;
  #timer: TimerHandle;
  #hasEnded = false;

  constructor(
    newClient: () => PgListenerLike,
    channel: string,
    wake: (payload: string) => void,
    retryMs: number,
    clock: Clock,
  ) {
    this.#newClient = newClient;
    this.#channel = channel;
    this.#wake = wake;
    this.#retryMs = retryMs;
    this.#clock = clock;
  }

  async connect(): Promise<void> {
    const client = this.#newClient();
    const onLoss = (): void => {
      if (this.#client !== client) return;
      this.#client = undefined;
      end(client);
      this.#connectLater();
    };
    // An error that nobody listens to would end the process.
    client.on('error', onLoss);
    client.on('end', onLoss);
    client.on('notification', ({ payload = '' }) => this.#wake(payload));
    try {
      await client.connect();
      client.unref?.();
      await client.query(`LISTEN ${this.#channel}`);
    } catch (error) {
      end(client);
      throw error;
    }
    if (this.#hasEnded) end(client);
    else this.#client = client;
  }

  async end(): Promise<void> {
    this.#hasEnded = true;
    this.#clock.clearTimeout(this.#timer);
    const client = this.#client;
    this.#client = undefined;
    await client?.end();
  }

  #connectLater(): void {
    if (this.#hasEnded) return;
    this.#timer = this.#clock.setTimeout(() => {
      this.connect().then(
        () => this.#wake(''),
        () => this.#connectLater(),
      );
    }, this.#retryMs);
    keepAlive(this.#timer, false);
  }
}

/** One that is broken may say so once more. */
function end(client: PgListenerLike): void {
  client.end().then(undefined, () => {});
}

/** What {@link listenPostgresJs} needs of the `sql` that postgres.js makes. */
export interface PostgresJsListenerLike {
  listen(
    channel: string,
    onNotify: (payload: string) => void,
    onListen: () => void,
  ): PromiseLike<{ unlisten(): PromiseLike<void> }>;
}

/** A {@link SqlListen} over postgres.js, which makes a connection of its own for it, anew when it is lost. */
export function listenPostgresJs(sql: PostgresJsListenerLike): SqlListen {
  return async (channel, wake) => {
    const listening = await sql.listen(channel, wake, () => wake(''));
    return () => listening.unlisten();
  };
}

/** What {@link listenPglite} needs of a `PGlite`. */
export interface PgliteListenerLike {
  listen(channel: string, onNotify: (payload: string) => void): PromiseLike<() => PromiseLike<void>>;
}

/** A {@link SqlListen} over PGlite. */
export function listenPglite(db: PgliteListenerLike): SqlListen {
  return (channel, wake) => db.listen(channel, wake);
}

import { amount, integer, optionalFunction, refuse } from '../core/check.ts';
import type { Clock, TimerHandle } from '../core/clock.ts';
import { keepAlive, shortClock } from '../core/clock.ts';
import { emit } from '../core/errors.ts';
import type { OutboxEvent, SagaStore } from './saga-store.ts';
import { deserialize } from './serializer.ts';

/** What a relay needs of a store. */
export type OutboxStore = Required<Pick<SagaStore, 'init' | 'outbox' | 'published'>>;

/** What a relay tells its listener. */
export type OutboxRelayEvent =
  | { readonly type: 'published'; readonly events: number }
  /** `publish` rejected; the event and those after it of the same saga come again later. */
  | { readonly type: 'publish-failed'; readonly event: OutboxEvent; readonly error: unknown }
  | { readonly type: 'store-fault'; readonly error: unknown };

/** Options of {@link createOutboxRelay}. */
export interface OutboxRelayOptions {
  /** A store with an outbox: PostgreSQL, SQLite or memory. */
  readonly store: OutboxStore;
  /**
   * Hands an event to the outside: a broker, a webhook. `payload` is the value that the step has emitted. The event
   * has been taken over when this fulfils.
   */
  readonly publish: (event: OutboxEvent, payload: unknown) => unknown;
  /** Events that are read at once. @defaultValue 100 */
  readonly batch?: number | undefined;
  /** Sagas whose events are published at the same time. @defaultValue 16 */
  readonly concurrency?: number | undefined;
  /** How often `work` looks for events. @defaultValue 1000 */
  readonly pollMs?: number | undefined;
  /** What it throws is reported and changes nothing. */
  readonly onEvent?: ((event: OutboxRelayEvent) => void) | undefined;
  /** @defaultValue the system's clock */
  readonly clock?: Clock | undefined;
}

/** Hands the events of sagas to the outside. */
export interface OutboxRelay extends AsyncDisposable {
  /**
   * Publishes what is there, each event that fails tried once, and answers how many went out. Rejects with the store's error; what was published and not yet forgotten then comes again.
   */
  drain(): Promise<number>;
  /** Drains every `pollMs` until `close`, in the background: that alone does not keep the process alive. */
  work(): void;
  /** Ends for good, once the events on their way have settled. Never rejects. */
  close(): Promise<void>;
}

/**
 * Creates an {@link OutboxRelay}: each event at least once, under an id that stays the same, and the events of one
 * saga in the order in which it emitted them.
 *
 * An event is there if and only if its step is done. One that cannot be published holds up its own saga's events and no
 * others, unless those of ten times `batch` sagas cannot. Two relays on one store publish everything twice, in order all the same. A round costs two statements.
 *
 * @example
 * ```ts
 * import { createOutboxRelay, createSagaRunner, memorySagaStore, saga } from 'holdfast/saga';
 *
 * const order = saga<string>('order').step('place', { run: ({ input, emit }) => emit('order-placed', input) });
 * const store = memorySagaStore();
 * await using runner = createSagaRunner({ store, sagas: [order] });
 * await (await runner.start(order, 'book', { id: 'order-1' })).result();
 *
 * await using relay = createOutboxRelay({
 *   store,
 *   publish: async ({ id, topic }, payload) => console.log(id, topic, payload),
 * });
 * console.log(await relay.drain()); // 1
 * ```
 *
 * @throws RangeError or TypeError for bad options.
 */
export function createOutboxRelay(options: OutboxRelayOptions): OutboxRelay {
  const { store, publish, batch = 100, concurrency = 16, pollMs = 1000, onEvent, clock = shortClock } = options;
  if (typeof store?.outbox !== 'function') refuse('store', 'a store of sagas with an outbox', store);
  if (typeof publish !== 'function') refuse('publish', 'a function', publish);
  return new Relay({
    store,
    publish,
    batch: integer('batch', batch, 1),
    concurrency: integer('concurrency', concurrency, 1),
    pollMs: amount('pollMs', pollMs, 1, 2 ** 31 - 1),
    onEvent: optionalFunction('onEvent', onEvent),
    clock,
  });
}

interface Terms {
  readonly store: OutboxStore;
  readonly publish: OutboxRelayOptions['publish'];
  readonly batch: number;
  readonly concurrency: number;
  readonly pollMs: number;
  readonly onEvent: ((event: OutboxRelayEvent) => void) | undefined;
  readonly clock: Clock;
}

class Relay implements OutboxRelay {
  readonly #terms: Terms;
  #ready: Promise<void> | undefined;
  #draining: Promise<number> | undefined;
  #timer: TimerHandle;
  #isWorking = false;
  #isClosed = false;

  constructor(terms: Terms) {
    this.#terms = terms;
  }

  drain(): Promise<number> {
    // One after the other: two at once would publish the same events.
    return (this.#draining ??= this.#drain().finally(() => (this.#draining = undefined)));
  }

  work(): void {
    if (this.#isWorking || this.#isClosed) return;
    this.#isWorking = true;
    this.#next(0);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#terms.clock.clearTimeout(this.#timer);
    await this.#draining?.catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #next(ms: number): void {
    const { clock, pollMs, onEvent } = this.#terms;
    this.#timer = clock.setTimeout(() => {
      void this.drain()
        .catch((error: unknown) => emit(onEvent, { type: 'store-fault', error }))
        .then(() => {
          if (!this.#isClosed) this.#next(pollMs);
        });
    }, ms);
    keepAlive(this.#timer, false);
  }

  async #drain(): Promise<number> {
    const { store, batch, onEvent } = this.#terms;
    await (this.#ready ??= Promise.resolve(store.init()).catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    }));
    /** Sagas with an event that failed: theirs are passed over until the next time. */
    const failed = new Set<string>();
    let total = 0;
    let held = 0;
    // When so many fail, it is not the events' fault: later more.
    while (!this.#isClosed && failed.size < 10 * batch) {
      // Those held up are read again each time, so that many more at least: they must not crowd out the others.
      const limit = batch + 2 * held;
      const events = await store.outbox(limit);
      const fresh = events.filter(({ sagaId }) => !failed.has(sagaId));
      const published = await this.#publishAll(fresh, failed);
      if (published.length > 0) {
        await store.published(published);
        emit(onEvent, { type: 'published', events: published.length });
      }
      total += published.length;
      held = events.length - published.length;
      if (events.length < limit) break;
    }
    return total;
  }

  /** Answers the ids of those that went out. */
  async #publishAll(events: readonly OutboxEvent[], failed: Set<string>): Promise<string[]> {
    const bySaga = new Map<string, OutboxEvent[]>();
    for (const event of events) {
      const queue = bySaga.get(event.sagaId);
      if (queue) queue.push(event);
      else bySaga.set(event.sagaId, [event]);
    }
    const published: string[] = [];
    const queues = bySaga.values();
    const lane = async (): Promise<void> => {
      // One iterator for all lanes: each takes the next saga.
      for (const queue of queues) await this.#publishQueue(queue, failed, published);
    };
    await Promise.all(Array.from({ length: this.#terms.concurrency }, lane));
    return published;
  }

  async #publishQueue(queue: readonly OutboxEvent[], failed: Set<string>, published: string[]): Promise<void> {
    const { publish, onEvent } = this.#terms;
    for (const event of queue) {
      if (this.#isClosed) return;
      try {
        await publish(event, deserialize(event.payload));
      } catch (error) {
        failed.add(event.sagaId);
        return emit(onEvent, { type: 'publish-failed', event, error });
      }
      published.push(event.id);
    }
  }
}

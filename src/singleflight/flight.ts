import { resultOf } from '../core/step.ts';

/** What a flight's function is told. */
export interface FlightContext {
  /** Aborts when the last caller has given up. Made on first read. */
  readonly signal: AbortSignal;
}

/** The work that callers share. Values, thenables, rejections and thrown errors are all taken. */
export type FlightFunction<V> = (ctx: FlightContext) => V | PromiseLike<V>;

/** A value, and whether more than one caller got it. */
export interface SharedValue<V> {
  readonly value: V;
  readonly shared: boolean;
}

/** What the function sees of its flight. */
class Context implements FlightContext {
  readonly #flight: FlightContext;

  constructor(flight: FlightContext) {
    this.#flight = flight;
  }

  get signal(): AbortSignal {
    return this.#flight.signal;
  }
}

/** Told once, before any caller, that a flight is over; may answer what its callers get instead. */
export type OnOver<V> = (flight: Flight<V>, isOk: boolean, result: unknown) => { readonly value: V } | undefined;

/** One caller with a promise of its own. */
class Waiter<V> {
  readonly flight: Flight<V>;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (value: V) => void;
  readonly reject: (error: unknown) => void;

  constructor(
    flight: Flight<V>,
    signal: AbortSignal | undefined,
    resolve: (value: V) => void,
    reject: (error: unknown) => void,
  ) {
    this.flight = flight;
    this.signal = signal;
    this.resolve = resolve;
    this.reject = reject;
    signal?.addEventListener('abort', this);
  }

  handleEvent(): void {
    this.signal!.removeEventListener('abort', this);
    this.flight.leave(this, this.signal!.reason);
  }
}

/*
 * One run of a function, and those who wait for it. It is over when the function has settled, when the
 * last caller has left, or by `abort`, whichever comes first; then `onOver` is called, once, before any
 * caller is told, so that what it publishes is there for whoever comes next.
 *
 * Callers that cannot leave share one promise, so a crowd costs what one caller does.
 */
export class Flight<V> {
  /** How many wait, in the first place: those that were answered beforehand are not taken off. */
  waiting: number = 0;
  isOver: boolean = false;
  isAborted: boolean = false;
  readonly #onOver: OnOver<V>;
  readonly #waiters = new Set<Waiter<V>>();
  #common: Promise<V> | undefined;
  #controller: AbortController | undefined;
  #reason: unknown;

  constructor(onOver: OnOver<V>) {
    this.#onOver = onOver;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.isAborted) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Waits for the result. Before {@link start}, or while it runs. `signal` has not aborted. */
  join(signal: AbortSignal | undefined): Promise<V> {
    if (!signal && this.#common) {
      this.waiting++;
      return this.#common;
    }
    const promise = new Promise<V>((resolve, reject) => this.#add(signal, resolve, reject));
    if (!signal) this.#common = promise;
    return promise;
  }

  joinShared(signal: AbortSignal | undefined): Promise<SharedValue<V>> {
    return new Promise((resolve, reject) =>
      this.#add(signal, (value) => resolve({ value, shared: this.waiting > 1 }), reject),
    );
  }

  #add(signal: AbortSignal | undefined, resolve: (value: V) => void, reject: (error: unknown) => void): void {
    this.waiting++;
    this.#waiters.add(new Waiter(this, signal, resolve, reject));
  }

  start(fn: FlightFunction<V>): void {
    let isOk = false;
    let result: unknown;
    try {
      result = resultOf(fn as () => unknown, new Context(this) as never);
      isOk = true;
    } catch (error) {
      result = error;
    }
    if (result instanceof Promise && isOk) {
      result.then(
        (value) => this.#settle(true, value),
        (error: unknown) => this.#settle(false, error),
      );
    } else this.#settle(isOk, result);
  }

  #settle(isOk: boolean, result: unknown): void {
    if (this.isOver) return;
    this.isOver = true;
    const instead = this.#onOver(this, isOk, result);
    this.#tell(isOk || instead !== undefined, instead ? instead.value : result);
  }

  /** Gives those who wait now an answer; the function runs on. Only where something else keeps the flight going. */
  answer(value: V): void {
    this.#common = undefined;
    this.#tell(true, value);
  }

  #tell(isOk: boolean, result: unknown): void {
    for (const waiter of this.#waiters) {
      waiter.signal?.removeEventListener('abort', waiter);
      if (isOk) waiter.resolve(result as V);
      else waiter.reject(result);
    }
    this.#waiters.clear();
  }

  /** One caller gives up. The last one takes the flight down. */
  leave(waiter: Waiter<V>, reason: unknown): void {
    this.#waiters.delete(waiter);
    waiter.reject(reason);
    if (!--this.waiting) this.abort(reason);
  }

  /** Ends the flight: who still waits is rejected with `reason`, and so aborts the signal of the function. */
  abort(reason: unknown): void {
    if (this.isOver) return;
    this.isAborted = true;
    this.#reason = reason;
    this.#settle(false, reason);
    this.#controller?.abort(reason);
  }
}

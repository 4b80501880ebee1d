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

/** Those who wait under one signal, or under none: they can leave only together, so one promise serves them all. */
class Waiter<V> {
  readonly flight: Flight<V>;
  readonly signal: AbortSignal | undefined;
  readonly promise: Promise<V>;
  callers: number = 0;
  resolve!: (value: V) => void;
  reject!: (error: unknown) => void;

  constructor(flight: Flight<V>, signal: AbortSignal | undefined) {
    this.flight = flight;
    this.signal = signal;
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
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
 * Callers of one signal share a promise, and so do those without, so a crowd costs what one caller does.
 */
export class Flight<V> {
  /** How many wait, in the first place: those that were answered beforehand are not taken off. */
  waiting: number = 0;
  isOver: boolean = false;
  isAborted: boolean = false;
  readonly #onOver: OnOver<V>;
  readonly #waiters = new Map<AbortSignal | undefined, Waiter<V>>();
  /** Those without a signal: the usual case, for which a lookup is too slow. */
  #patient: Waiter<V> | undefined;
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
    let waiter = signal ? this.#waiters.get(signal) : this.#patient;
    if (!waiter) {
      waiter = new Waiter(this, signal);
      this.#waiters.set(signal, waiter);
      if (!signal) this.#patient = waiter;
    }
    waiter.callers++;
    this.waiting++;
    return waiter.promise;
  }

  joinShared(signal: AbortSignal | undefined): Promise<SharedValue<V>> {
    return this.join(signal).then((value) => ({ value, shared: this.waiting > 1 }));
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
    this.#tell(true, value);
  }

  #tell(isOk: boolean, result: unknown): void {
    for (const waiter of this.#waiters.values()) {
      waiter.signal?.removeEventListener('abort', waiter);
      if (isOk) waiter.resolve(result as V);
      else waiter.reject(result);
    }
    this.#waiters.clear();
    this.#patient = undefined;
  }

  /** The callers of one signal give up. The last ones take the flight down. */
  leave(waiter: Waiter<V>, reason: unknown): void {
    this.#waiters.delete(waiter.signal);
    waiter.reject(reason);
    if (!(this.waiting -= waiter.callers)) this.abort(reason);
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

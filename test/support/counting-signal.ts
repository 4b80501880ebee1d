/** An abort signal that knows who listens to it, on every runtime. */
export interface CountingSignal {
  readonly signal: AbortSignal;
  /** Abort listeners that are registered now. */
  readonly listeners: number;
  /** Abort listeners that were ever registered. */
  readonly added: number;
  /** The most abort listeners that were registered at one time. */
  readonly peak: number;
  abort(reason?: unknown): void;
}

interface Entry {
  readonly listener: object;
  readonly capture: boolean;
  readonly once: boolean;
}

/**
 * Creates a {@link CountingSignal}. Signals derived by `AbortSignal.any` are no listeners and are not
 * counted; the library must not use them on a hot path anyway.
 */
export function countingSignal(): CountingSignal {
  return new CountedSignal();
}

class CountedSignal implements CountingSignal {
  readonly #controller = new AbortController();
  readonly #entries = new Set<Entry>();
  #added = 0;
  #peak = 0;

  constructor() {
    const { signal } = this.#controller;
    const add = signal.addEventListener.bind(signal) as AbortSignal['addEventListener'];
    const remove = signal.removeEventListener.bind(signal) as AbortSignal['removeEventListener'];
    signal.addEventListener = (type: string, listener: EventListenerOrEventListenerObject, options?: unknown) => {
      if (type === 'abort' && listener !== null) this.#add(listener, asOptions(options));
      add(type, listener, options as AddEventListenerOptions);
    };
    signal.removeEventListener = (type: string, listener: EventListenerOrEventListenerObject, options?: unknown) => {
      if (type === 'abort') this.#remove(listener, asOptions(options).capture === true);
      remove(type, listener, options as EventListenerOptions);
    };
    // Node's own setter goes through addEventListener of the instance, a browser's does not.
    let handler: ((event: Event) => void) | null = null;
    Object.defineProperty(signal, 'onabort', {
      get: () => handler,
      set: (next: typeof handler) => {
        if (handler) signal.removeEventListener('abort', handler);
        handler = next;
        if (handler) signal.addEventListener('abort', handler);
      },
    });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get listeners(): number {
    return this.#entries.size;
  }

  get added(): number {
    return this.#added;
  }

  get peak(): number {
    return this.#peak;
  }

  abort(reason?: unknown): void {
    // Before the event, because a listener added while it is dispatched stays.
    for (const entry of this.#entries) {
      if (entry.once && !this.signal.aborted) this.#entries.delete(entry);
    }
    this.#controller.abort(reason);
  }

  #add(listener: object, options: AddEventListenerOptions): void {
    const { capture = false, once = false, signal } = options;
    if (signal?.aborted || this.#find(listener, capture)) return;
    this.#entries.add({ listener, capture, once });
    this.#added++;
    this.#peak = Math.max(this.#peak, this.listeners);
    signal?.addEventListener('abort', () => this.#remove(listener, capture), { once: true });
  }

  #remove(listener: object, capture: boolean): void {
    const entry = this.#find(listener, capture);
    if (entry) this.#entries.delete(entry);
  }

  #find(listener: object, capture: boolean): Entry | undefined {
    for (const entry of this.#entries) {
      if (entry.listener === listener && entry.capture === capture) return entry;
    }
    return undefined;
  }
}

function asOptions(options: unknown): AddEventListenerOptions {
  if (typeof options === 'boolean') return { capture: options };
  return (options as AddEventListenerOptions | null | undefined) ?? {};
}

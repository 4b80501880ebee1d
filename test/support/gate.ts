/** A promise that a test settles by hand. */
export interface Gate<T> {
  readonly promise: Promise<T>;
  /** Whether it has been opened or failed. */
  readonly isSettled: boolean;
  readonly open: (value: T) => void;
  readonly fail: (error: unknown) => void;
}

/** Creates a {@link Gate}. One that fails before anybody waits is no unhandled rejection. */
export function gate<T = void>(): Gate<T> {
  let settle: { resolve: (value: T) => void; reject: (error: unknown) => void };
  let isSettled = false;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  promise.catch(() => {});
  return {
    promise,
    get isSettled() {
      return isSettled;
    },
    open(value) {
      isSettled = true;
      settle.resolve(value);
    },
    fail(error) {
      isSettled = true;
      settle.reject(error);
    },
  };
}

// Taken when the module loads, so that a test which replaces the timers later still gets its turn.
const { setImmediate: nextTurn } = globalThis as { setImmediate?: (fn: () => void) => unknown };

/** Lets promise callbacks run until none is left, however long their chains. Fires no timer itself. */
export function flush(): Promise<void> {
  return new Promise((resolve) => {
    if (nextTurn) nextTurn(resolve);
    else viaMessage(resolve);
  });
}

function viaMessage(resolve: () => void): void {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    resolve();
  };
  port2.postMessage(0);
}

/** How a promise stands after {@link flush}. */
export type Outcome<T> =
  | { readonly state: 'pending' }
  | { readonly state: 'fulfilled'; readonly value: T }
  | { readonly state: 'rejected'; readonly reason: unknown };

/** Says how a promise stands once all promise callbacks have run, without waiting for it. */
export async function outcomeOf<T>(promise: PromiseLike<T>): Promise<Outcome<T>> {
  let outcome: Outcome<T> = { state: 'pending' };
  promise.then(
    (value) => {
      outcome = { state: 'fulfilled', value };
    },
    (reason: unknown) => {
      outcome = { state: 'rejected', reason };
    },
  );
  await flush();
  return outcome;
}

import type { BatchLoader, BatchResult, LoadResult } from './cache-options.ts';
import type { Load } from './load.ts';

type Results<K, V> = ReadonlyMap<K, BatchResult<V>> | readonly BatchResult<V>[];

/** Starts the loads of several keys with one call. Its signal aborts when those of all keys have. */
export function startBatch<K, V>(loads: readonly Load<K, V>[], loadMany: BatchLoader<K, V>): void {
  const keys = loads.map(({ key }) => key);
  let controller: AbortController | undefined;
  const ctx = {
    get signal(): AbortSignal {
      return (controller ??= followAll(loads)).signal;
    },
  };
  const run = async (): Promise<Results<K, V>> => loadMany(keys, ctx);
  const batch = run();
  for (const [at, load] of loads.entries()) load.start(() => batch.then((results) => resultOf(results, keys, at)));
}

function followAll<K, V>(loads: readonly Load<K, V>[]): AbortController {
  const controller = new AbortController();
  let running = loads.length;
  for (const { signal } of loads) {
    const leave = (): void => void (--running === 0 && controller.abort(signal.reason));
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave);
  }
  return controller;
}

function resultOf<K, V>(results: Results<K, V>, keys: readonly K[], at: number): V | undefined {
  const list = Array.isArray(results) ? (results as readonly BatchResult<V>[]) : undefined;
  if (list && list.length !== keys.length)
    throw new TypeError(`a batch of ${keys.length} keys was answered with ${list.length} results`);
  const result = list ? list[at] : (results as ReadonlyMap<K, BatchResult<V>>).get(keys[at]!);
  if (result instanceof Error) throw result;
  return result;
}

/** How a read came out, as a value. */
export function outcomeOf<V>(read: Promise<V | undefined>): Promise<LoadResult<V>> {
  return read.then(
    (value) => ({ ok: true, value }),
    (error: unknown) => ({ ok: false, error }),
  );
}

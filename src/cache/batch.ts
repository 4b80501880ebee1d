import type { BatchLoader, BatchResult, LoadResult } from './cache-options.ts';
import type { Load } from './load.ts';

type Results<K, V> = ReadonlyMap<K, BatchResult<V>> | readonly BatchResult<V>[];

/** Starts the loads of several keys with one call. Its signal aborts when those of all keys have. */
export function startBatch<K, V>(loads: readonly Load<K, V>[], loadMany: BatchLoader<K, V>): void {
  const keys = loads.map(({ key }) => key);
  let controller: AbortController | undefined;
  const ctx = {
    get signal(): AbortSignal {
      controller ??= followAll(loads);
      return controller.signal;
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
  let result: BatchResult<V>;
  if (Array.isArray(results)) {
    const { length } = results as readonly unknown[];
    if (length !== keys.length)
      throw new TypeError(`a batch of ${keys.length} keys was answered with ${length} results`);
    result = (results as readonly BatchResult<V>[])[at];
  } else result = (results as ReadonlyMap<K, BatchResult<V>>).get(keys[at]!);
  if (result instanceof Error) throw result;
  return result;
}

/** All results by key, or the reason of the caller's signal. */
export async function settled<K, V>(
  reads: readonly (readonly [K, Promise<V | undefined>])[],
  signal: AbortSignal | undefined,
): Promise<Map<K, LoadResult<V>>> {
  const outcomes = await Promise.all(
    reads.map(([key, read]) =>
      read.then(
        (value): [K, LoadResult<V>] => [key, { ok: true, value }],
        (error: unknown): [K, LoadResult<V>] => [key, { ok: false, error }],
      ),
    ),
  );
  if (signal?.aborted && outcomes.some(([, outcome]) => !outcome.ok)) throw signal.reason;
  return new Map(outcomes);
}

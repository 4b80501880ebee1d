import type { LoadContext, Loader } from '../../src/cache/index.ts';
import type { Gate } from '../support/gate.ts';
import { gate } from '../support/gate.ts';

/** One load that a test ends by hand. */
export interface StartedLoad<V> extends Gate<V | undefined> {
  readonly key: string;
  readonly ctx: LoadContext<V>;
}

/** A loader whose loads a test ends by hand, in any order. */
export interface Origin<V> {
  readonly load: Loader<string, V>;
  readonly loads: readonly StartedLoad<V>[];
}

export function createOrigin<V>(): Origin<V> {
  const loads: StartedLoad<V>[] = [];
  return {
    loads,
    load: (key, ctx) => {
      const started = { ...gate<V | undefined>(), key, ctx };
      loads.push(started);
      return started.promise;
    },
  };
}

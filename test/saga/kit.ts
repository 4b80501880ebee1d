import { expect, onTestFinished } from 'vitest';
import type { Saga, SagaRunner, SagaStore } from '../../src/saga/index.ts';
import { createSagaRunner, memorySagaStore, saga } from '../../src/saga/index.ts';
import type { AnySaga, SagaEvent, SagaRunnerOptions } from '../../src/saga/index.ts';
import { createSeededRandom, createVirtualClock } from '../../src/testing/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { flush } from '../support/gate.ts';

/** What a life may meet at a call of the store or of a step. */
export type Fate = 'die' | 'refuse' | 'lose' | undefined;

/** One life of a process: once dead, nothing it asks is answered, and nothing it has called returns. */
export interface Life {
  isDead: boolean;
}

/** A promise that a dead process waits for. */
export const never = <T>(): Promise<T> => new Promise<T>(() => {});

/**
 * A store as one life sees it. `fate` is asked before each call: `refuse` fails it, `lose` does it and fails it, `die`
 * ends the life before it or, drawn by `after`, behind it.
 */
export function storeOf(
  store: SagaStore,
  life: Life,
  fate: (verb: string, after: boolean) => Fate = () => undefined,
): SagaStore {
  return new Proxy(store, {
    get: (target, verb: Exclude<keyof SagaStore, symbol | number>) => {
      const method = target[verb] as ((...args: unknown[]) => unknown) | undefined;
      if (typeof method !== 'function') return method;
      return async (...args: unknown[]) => {
        const before = life.isDead ? 'die' : fate(verb, false);
        if (before === 'die') life.isDead = true;
        if (life.isDead) return never();
        if (before === 'refuse') throw new Error(`${verb}: the store is down`);
        const answer: unknown = await method.apply(target, args);
        if (fate(verb, true) === 'die') life.isDead = true;
        if (life.isDead) return never();
        if (before === 'lose') throw new Error(`${verb}: the answer is lost`);
        return answer;
      };
    },
  });
}

/** A clock, a store on it, and runners that share it. */
export interface Bed {
  readonly clock: VirtualClock;
  readonly store: SagaStore;
  readonly events: SagaEvent[];
  runner(sagas: readonly AnySaga[], part?: Partial<SagaRunnerOptions>): SagaRunner;
  /** Lets time pass in steps, and everything that has begun go on between them. */
  pass(ms: number): Promise<void>;
}

export function bed(): Bed {
  const clock = createVirtualClock();
  const random = createSeededRandom(1);
  const store = memorySagaStore({ clock, random });
  const events: SagaEvent[] = [];
  return {
    clock,
    store,
    events,
    runner: (sagas, part = {}) =>
      createSagaRunner<never>({
        sagas,
        clock,
        random,
        onEvent: (event) => void events.push(event),
        ...part,
        store: (part.store ?? store) as SagaStore<never>,
      }),
    pass: async (ms) => {
      for (let step = 0; step < 20; step++) {
        await flush();
        await clock.advance(Math.floor((ms * (step + 1)) / 20) - Math.floor((ms * step) / 20));
      }
      await flush();
    },
  };
}

/** An error that leaves it open what was done. */
export function broken(): Error {
  return Object.assign(new Error('the connection broke'), { code: 'ECONNRESET' });
}

/** Counts the calls of each verb of a store. */
export function counted(store: SagaStore): { readonly store: SagaStore; readonly calls: Record<string, number> } {
  const calls: Record<string, number> = {};
  const counting = storeOf(store, { isDead: false }, (verb, after) => {
    if (!after) calls[verb] = (calls[verb] ?? 0) + 1;
    return undefined;
  });
  return { store: counting, calls };
}

/** A saga of so many steps. */
export function chain(steps: number, run: (k: number) => unknown = (k) => k): Saga<unknown, unknown> {
  let def = saga<unknown>('chain') as Saga<unknown, unknown>;
  for (let k = 0; k < steps; k++) def = def.step(`s${k}`, { run: async () => run(k) });
  return def;
}

/** The default of a runner. */
export const LEASE_MS = 30_000;

/** Starts a saga in a process which that saga brings down. */
export async function dying(own: Bed, define: (life: Life) => Saga<unknown, unknown>, id: string): Promise<void> {
  const life: Life = { isDead: false };
  const def = define(life);
  await own.runner([def], { store: storeOf(own.store, life) }).start(def, 'input', { id });
  await own.pass(10);
  expect(life.isDead).toBe(true);
}

/** What is handed to the global `reportError` until the test ends. */
export function reports(): unknown[] {
  const seen: unknown[] = [];
  const before = Object.getOwnPropertyDescriptor(globalThis, 'reportError');
  const value = (error: unknown): void => void seen.push(error);
  Object.defineProperty(globalThis, 'reportError', { value, configurable: true, writable: true });
  onTestFinished(() => {
    if (before) Object.defineProperty(globalThis, 'reportError', before);
    else Reflect.deleteProperty(globalThis, 'reportError');
  });
  return seen;
}

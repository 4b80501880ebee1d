import { vi } from 'vitest';
import { createPool } from '../../src/pool/index.ts';
import type { DestroyReason, Lease, Pool, PoolEvent, PoolOptions } from '../../src/pool/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { flush, gate, outcomeOf } from '../support/gate.ts';
import type { Gate } from '../support/gate.ts';

export const down: Error = new Error('down');

/** A resource that knows what became of it. */
export interface Thing {
  readonly id: number;
  readonly ends: DestroyReason[];
}

export interface Setup {
  readonly pool: Pool<Thing>;
  readonly clock: VirtualClock;
  /** Every resource that was made. */
  readonly made: Thing[];
  /** What the pool has told since this was read first: until then nobody listens, as with most pools. */
  readonly events: PoolEvent<Thing>[];
  /** `id:reason` of each destroy, in order. */
  readonly ends: () => string[];
}

/** A pool of things that are made at once, unless told otherwise. */
export function setup(options: Partial<PoolOptions<Thing>> = {}, nowMs: number = 5_000): Setup {
  const clock = createVirtualClock({ nowMs });
  const made: Thing[] = [];
  let events: PoolEvent<Thing>[] | undefined;
  const ends: string[] = [];
  const pool = createPool<Thing>({
    create: () => thing(made),
    destroy: (resource, reason) => {
      resource.ends.push(reason);
      ends.push(`${resource.id}:${reason}`);
    },
    clock,
    random: () => 0,
    ...options,
  });
  return {
    pool,
    clock,
    made,
    get events() {
      if (!events) {
        const seen: PoolEvent<Thing>[] = (events = []);
        pool.onEvent((event) => void seen.push(event));
      }
      return events;
    },
    ends: () => ends,
  };
}

/** Makes the next thing. */
export function thing(made: Thing[]): Thing {
  const one: Thing = { id: made.length, ends: [] };
  made.push(one);
  return one;
}

/** A factory whose creates end when the test says so. */
export function gatedCreate(made: Thing[] = []): {
  readonly made: Thing[];
  readonly gates: Gate<Thing>[];
  readonly signals: AbortSignal[];
  create: PoolOptions<Thing>['create'];
  /** Lets the create at `at` succeed. */
  finish(at: number): Promise<void>;
  fail(at: number, error?: unknown): Promise<void>;
} {
  const gates: Gate<Thing>[] = [];
  const signals: AbortSignal[] = [];
  return {
    made,
    gates,
    signals,
    create: ({ signal }) => {
      signals.push(signal);
      const next = gate<Thing>();
      gates.push(next);
      return next.promise;
    },
    finish: async (at) => {
      gates[at]!.open(thing(made));
      await flush();
    },
    fail: async (at, error = down) => {
      gates[at]!.fail(error);
      await flush();
    },
  };
}

/** Resolves after `ms` of `clock`. */
export function sleep(clock: VirtualClock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimeout(resolve, ms);
  });
}

/** What a promise rejects with. */
export async function errorOf(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

/** The code of what a promise rejects with. */
export async function codeOf(promise: PromiseLike<unknown>): Promise<unknown> {
  return ((await errorOf(promise)) as { code?: unknown }).code;
}

/** `pending`, the id of the resource, or the code of the error. */
export async function stateOf(promise: PromiseLike<Lease<Thing>>): Promise<unknown> {
  const outcome = await outcomeOf(promise);
  if (outcome.state === 'pending') return 'pending';
  return outcome.state === 'fulfilled' ? outcome.value.resource.id : (outcome.reason as { code?: unknown }).code;
}

/** Collects what goes to `reportError`, until `vi.unstubAllGlobals()`. */
export function watchReports(): unknown[] {
  const reports: unknown[] = [];
  vi.stubGlobal('reportError', (error: unknown) => void reports.push(error));
  return reports;
}

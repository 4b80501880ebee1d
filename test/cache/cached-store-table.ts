import { expect } from 'vitest';
import type { BackingStore, BatchOutcome, CachedStore, StoreWrite, WriteContext } from '../../src/cache/index.ts';
import { createCache, createCachedStore, WriteFailedError } from '../../src/cache/index.ts';
import type { CacheOptions, CachedStoreOptions, WriteBehindOptions } from '../../src/cache/index.ts';
import { isHoldfastError } from '../../src/core/errors.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import type { Gate } from '../support/gate.ts';
import { gate } from '../support/gate.ts';

type Write = StoreWrite<string, string>;

/** A call of a store that a test ends by hand. */
export interface StartedCall extends Gate<BatchOutcome> {
  readonly writes: readonly Write[];
  readonly ctx: WriteContext;
  /** Writes the rows, and answers. */
  readonly succeed: () => void;
}

/** A table in memory, and how it answers. */
export interface Table {
  readonly rows: Map<string, string>;
  /** `fail` rejects everything, `hold` leaves the end of each write to the test. */
  mode: 'work' | 'fail' | 'hold';
  /** Every call with a write, in order. */
  readonly calls: readonly StartedCall[];
  /** Every key that was loaded, in order. */
  readonly loads: readonly string[];
  /** What every call was to write, as `a=1` or `a!` for a delete. */
  readonly log: readonly string[];
  /** Takes one write a call. */
  readonly single: BackingStore<string, string>;
  /** Takes many. */
  readonly batched: BackingStore<string, string>;
}

export const textOf = (write: Write): string =>
  write.type === 'put' ? `${write.key}=${write.value}` : `${write.key}!`;

export function createTable(entries: readonly (readonly [string, string])[] = []): Table {
  const rows = new Map(entries);
  const calls: StartedCall[] = [];
  const loads: string[] = [];
  const log: string[] = [];
  const apply = (writes: readonly Write[]): void => {
    for (const write of writes) {
      if (write.type === 'put') rows.set(write.key, write.value);
      else rows.delete(write.key);
    }
  };
  const call = (writes: readonly Write[], ctx: WriteContext): Promise<BatchOutcome> => {
    const end = gate<BatchOutcome>();
    const succeed = (): void => {
      apply(writes);
      end.open(undefined);
    };
    calls.push(Object.assign(end, { writes, ctx, succeed }));
    log.push(writes.map(textOf).join(' '));
    if (table.mode === 'work') succeed();
    else if (table.mode === 'fail') end.fail(new Error('down'));
    return end.promise;
  };
  const load = async (key: string): Promise<string | undefined> => {
    loads.push(key);
    return rows.get(key);
  };
  const table: Table = {
    rows,
    mode: 'work',
    calls,
    loads,
    log,
    single: {
      load,
      store: (key, value, ctx) => call([{ type: 'put', key, value }], ctx),
      remove: (key, ctx) => call([{ type: 'delete', key }], ctx),
    },
    batched: { load, writeMany: call },
  };
  return table;
}

export interface Setup extends Table {
  readonly clock: VirtualClock;
  readonly cached: CachedStore<string, string>;
  readonly peek: (key: string) => string | undefined;
}

type Rest = Partial<CacheOptions<string, string>>;

/** A cached store over a {@link Table} with a row `a` of `old`. */
export function setUp(
  write: CachedStoreOptions<string, string>['write'],
  {
    cache = {},
    isBatched = false,
    behind,
  }: { cache?: Rest; isBatched?: boolean; behind?: WriteBehindOptions<string, string> } = {},
): Setup {
  const clock = createVirtualClock();
  const table = createTable([['a', 'old']]);
  const kept = createCache<string, string>({ maxEntries: 9, clock, ...cache });
  const cached = createCachedStore<string, string>(isBatched ? table.batched : table.single, {
    cache: kept,
    write,
    behind,
    clock,
  });
  return Object.assign(table, { clock, cached, peek: (key: string) => kept.peek(key) });
}

/** Writing behind with a wait of 10 ms before a round and of 100 ms after a failure. */
export function behind(
  options: WriteBehindOptions<string, string> = {},
  rest: { cache?: Rest; isBatched?: boolean } = {},
): Setup {
  return setUp('behind', { ...rest, behind: { flushIntervalMs: 10, backoff: () => 100, ...options } });
}

/** The keys that an AggregateError of a flush names. */
export async function unwritten(flushed: Promise<void>): Promise<unknown[]> {
  const error: unknown = await flushed.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof AggregateError)) return [];
  expect(error.message).toBe(`${error.errors.length} writes are not durable`);
  return error.errors.map((one: WriteFailedError) => {
    expect([one instanceof WriteFailedError, isHoldfastError(one, 'ERR_CACHE_WRITE_FAILED'), one.name]).toEqual([
      true,
      true,
      'WriteFailedError',
    ]);
    return one.key;
  });
}

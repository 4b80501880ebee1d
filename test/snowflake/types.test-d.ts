// Compiled by `npm run check`, never run: what must compile does, what must not is expected to fail.
import {
  acquireWorkerLease,
  createLeasedSnowflake,
  createSharedSnowflake,
  createSnowflake,
  defaultLayout,
  snowflakeCodec,
  toBase62,
  workerIdFromEnv,
} from '../../src/snowflake/index.ts';
import type { LeasedSnowflake, Snowflake, WorkerLease, WorkerLeaseStore } from '../../src/snowflake/index.ts';

/** Compiles only where the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? A : never;
declare function expectType<T>(): { is<V>(value: Same<V, T>): void };
declare const store: WorkerLeaseStore;

expectType<Snowflake>().is(createSnowflake({ worker: 1 }));
expectType<bigint>().is(createSnowflake({ worker: 1 }).next());
expectType<Promise<WorkerLease>>().is(acquireWorkerLease({ store }));
expectType<Promise<LeasedSnowflake>>().is(createLeasedSnowflake({ store, maxLeadMs: 0 }));
expectType<bigint>().is(snowflakeCodec().encode({ timestampMs: 1.7e12 }));
createSnowflake({ worker: await acquireWorkerLease({ store }), layout: undefined });

// Undefined stands for the default wherever there is one.
snowflakeCodec({ ...defaultLayout, tickMs: undefined, fieldOrder: undefined });
snowflakeCodec().encode({ timestampMs: 1.8e12, workerId: undefined, sequence: undefined });

// @ts-expect-error A worker id has no default.
createSnowflake({});
// @ts-expect-error A worker id is no text.
createSnowflake({ worker: '1' });
// @ts-expect-error A layout is whole.
createSnowflake({ worker: 1, layout: { workerBits: 5 } });
// @ts-expect-error A lease is of one process and cannot be shared by its threads.
createSharedSnowflake(new SharedArrayBuffer(24), { worker: await acquireWorkerLease({ store }) });
// @ts-expect-error The lease decides the worker id.
void createLeasedSnowflake({ store, worker: 1 });
// @ts-expect-error A number may have lost digits.
snowflakeCodec().decode(5);
// @ts-expect-error A time is needed.
snowflakeCodec().encode({ workerId: 1 });
// @ts-expect-error The environment is handed in.
workerIdFromEnv('WORKER_ID', 1023);
// @ts-expect-error Text is made from bigints.
toBase62('5');

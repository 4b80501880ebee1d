import type * as PgModule from 'pg';
import type * as PostgresModule from '../src/postgres/index.ts';
import type * as SagaModule from '../src/saga/index.ts';
import { startPostgres } from '../test/support/postgres.ts';
import type { Case, Loop, Subject } from './support/case.ts';
import { awaited, time, together } from './support/case.ts';
import { bundled } from './support/size.ts';

/** Loaded by name, so that types and lint need no peer. */
async function load<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}

type Pool = InstanceType<(typeof PgModule)['Pool']>;
type Query = (text: string, params: readonly (string | number | null)[]) => PromiseLike<unknown>;

/*
 * Each subject has a server of its own, which waits for its log on commit as servers do, but not for the disk: the
 * disk of a shared machine would be all that is measured, and it is the same for everybody.
 */
async function serve(max: number): Promise<{ readonly url: string; readonly pool: Pool }> {
  const { url } = await startPostgres({ settings: { synchronous_commit: 'on', max_connections: '100' } });
  const { default: pg } = await load<{ default: typeof PgModule }>('pg');
  const pool = new pg.Pool({ connectionString: url, max });
  pool.on('error', () => {});
  return { url, pool };
}

const STEPS = ['reserve', 'charge', 'pack', 'ship', 'notify'];
const output = (step: string) => ({ step, at: 17 });

interface Flow {
  /** The last step refuses, so that the others are undone. */
  readonly refuses?: boolean;
  readonly atomic?: boolean;
}

async function ours(flow: Flow, max: number) {
  const { createSagaRunner, saga, SagaRefusal } = await load<typeof SagaModule>('holdfast/saga');
  const { fromPg, postgresSagaStore } = await load<typeof PostgresModule>('holdfast/postgres');
  const { pool } = await serve(max);
  if (flow.atomic) await pool.query(COUNTERS);
  const run = (step: string) => (): unknown => {
    if (flow.refuses && step === STEPS.at(-1)) throw new SagaRefusal('no');
    return output(step);
  };
  type Any = ReturnType<typeof saga<{ order: number }>>;
  const add = (def: Any, step: string, k: number): Any =>
    (flow.atomic
      ? def.step(step, {
          atomic: true,
          run: async ({ input }, tx: Query) => void (await tx(COUNT, [(input.order + k) % 1000])),
        })
      : def.step(step, { run: run(step), compensate: () => {} })) as unknown as Any;
  const definition = STEPS.reduce(add, saga<{ order: number }>('order'));
  const runner = createSagaRunner({ store: postgresSagaStore(fromPg(pool)), sagas: [definition] as never });
  await runner.recover();
  let order = 0;
  return async (): Promise<string> => {
    const handle = await runner.start(definition, { order: order++ });
    return handle.result().then(
      () => 'completed',
      () => 'undone',
    );
  };
}

interface Dbos {
  setConfig(config: object): void;
  launch(): Promise<void>;
  runStep<T>(fn: () => Promise<T>, options: { readonly name: string }): Promise<T>;
  registerWorkflow<T>(
    fn: (order: number) => Promise<T>,
    options: { readonly name: string },
  ): (order: number) => Promise<T>;
}

async function dbos(flow: Flow, max: number): Promise<() => Promise<string>> {
  const { DBOS } = await load<{ DBOS: Dbos }>('@dbos-inc/dbos-sdk');
  const { url } = await serve(1);
  DBOS.setConfig({ name: 'bench', systemDatabaseUrl: url, systemDatabasePoolSize: max, logLevel: 'error' });
  const workflow = DBOS.registerWorkflow(
    async () => {
      const done: string[] = [];
      try {
        for (const step of STEPS) {
          await DBOS.runStep(
            async () => {
              if (flow.refuses && step === STEPS.at(-1)) throw new Error('no');
              return output(step);
            },
            { name: step },
          );
          done.unshift(step);
        }
        return 'completed';
      } catch {
        for (const step of done) await DBOS.runStep(async () => {}, { name: `undo ${step}` });
        return 'undone';
      }
    },
    { name: 'order' },
  );
  await DBOS.launch();
  let order = 0;
  return () => workflow(order++);
}

interface OpenWorkflow {
  newWorker(options: { readonly concurrency: number }): { start(): Promise<void> };
  defineWorkflow(
    spec: { readonly name: string },
    fn: (a: { step: { run(o: { name: string }, fn: () => unknown): Promise<unknown> } }) => Promise<string>,
  ): { run(input: object): Promise<{ result(): Promise<string> }> };
}

async function openworkflow(concurrency: number): Promise<() => Promise<string>> {
  const { OpenWorkflow: Client } = await load<{ OpenWorkflow: new (o: object) => OpenWorkflow }>('openworkflow');
  const { BackendPostgres } = await load<{ BackendPostgres: { connect(url: string): Promise<unknown> } }>(
    'openworkflow/postgres',
  );
  const { url } = await serve(1);
  const client = new Client({ backend: await BackendPostgres.connect(url) });
  const workflow = client.defineWorkflow({ name: 'order' }, async ({ step }) => {
    for (const name of STEPS) await step.run({ name }, () => output(name));
    return 'completed';
  });
  await client.newWorker({ concurrency }).start();
  let order = 0;
  return async () => (await workflow.run({ order: order++ })).result();
}

const RECORDS =
  'CREATE TABLE records (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, saga text, step int, data text)';
const DATA = JSON.stringify(output('reserve'));

/** What durable writing alone costs: a row for the start and each step, for `size` sagas in one statement. */
async function inserts(
  size: number,
  result: string,
  records: number = STEPS.length + 1,
): Promise<() => Promise<string>> {
  const { pool } = await serve(4);
  await pool.query(RECORDS);
  const rows = Array.from({ length: size }, (_, k) => `($${3 * k + 1}, $${3 * k + 2}, $${3 * k + 3})`).join();
  let order = 0;
  return async () => {
    const ids = Array.from({ length: size }, () => `order-${order++}`);
    for (let step = 0; step < records; step++) {
      const values = ids.flatMap((id) => [id, step, DATA]);
      await pool.query(`INSERT INTO records (saga, step, data) VALUES ${rows}`, values);
    }
    return result;
  };
}

const COUNTERS = `CREATE TABLE counter (id int PRIMARY KEY, n int NOT NULL) WITH (fillfactor = 50);
  INSERT INTO counter SELECT k, 0 FROM generate_series(0, 999) k`;
const COUNT = 'UPDATE counter SET n = n + 1 WHERE id = $1';

/** The same by hand: a transaction for each step, with what it does and a record that it was done. */
async function byHand(max: number): Promise<() => Promise<string>> {
  const { pool } = await serve(max);
  await pool.query(COUNTERS);
  await pool.query(RECORDS);
  let order = 0;
  return async () => {
    const at = order++;
    await pool.query('INSERT INTO records (saga, step, data) VALUES ($1, $2, $3)', [`order-${at}`, 0, DATA]);
    for (let k = 0; k < STEPS.length; k++) {
      const client = await pool.connect();
      await client.query('BEGIN');
      await client.query(COUNT, [(at + k) % 1000]);
      await client.query('INSERT INTO records (saga, step, data) VALUES ($1, $2, $3)', [`order-${at}`, k + 1, DATA]);
      await client.query('COMMIT');
      client.release();
    }
    return 'completed';
  };
}

function subject(name: string, prepare: () => Promise<() => Promise<string>>, size: number): Subject<Loop> {
  return {
    name,
    counting: 'none',
    prepare: async () => {
      const call = await prepare();
      return size === 1 ? awaited(call) : together(size, call);
    },
  };
}

/** Statements of 256 sagas each; the loop counts sagas. */
function batched(name: string, records?: number): Subject<Loop> {
  return {
    name,
    isPart: true,
    counting: 'none',
    prepare: async () => {
      const call = await inserts(256, '', records);
      return {
        once: call,
        batch: 256,
        many: async (n) => {
          for (let done = 0; done < n; done += 256) await call();
        },
      };
    },
  };
}

const LIMIT = 'limit: an autocommitted INSERT for each record';
const DBOS_NAME = '@dbos-inc/dbos-sdk';

const latency: Case = {
  kind: 'loop',
  name: 'postgres, one at a time',
  about: 'a saga of five steps, started and awaited, one after the other',
  expected: 'completed',
  subjects: [
    subject('holdfast', () => ours({}, 4), 1),
    subject(DBOS_NAME, () => dbos({}, 4), 1),
    subject(LIMIT, () => inserts(1, 'completed'), 1),
  ],
  measures: [time({ against: DBOS_NAME, ratio: 1 / 3.5 }, { against: LIMIT, ratio: 1.4 })],
};

const throughput: Case = {
  kind: 'loop',
  name: 'postgres, 256 in flight',
  about: 'sagas of five steps, 256 started together and all awaited; openworkflow with 256 at once in its worker',
  expected: 'completed',
  subjects: [
    subject('holdfast', () => ours({}, 8), 256),
    subject(DBOS_NAME, () => dbos({}, 20), 256),
    subject('openworkflow', () => openworkflow(256), 256),
    batched('limit: INSERTs of 256 rows'),
  ],
  measures: [
    time(
      { against: DBOS_NAME, ratio: 1 / 25 },
      { against: 'limit: INSERTs of 256 rows', ratio: 8 },
      // 20 000 steps a second.
      { atMost: 250_000 },
    ),
  ],
};

const compensation: Case = {
  kind: 'loop',
  name: 'postgres, compensation, 256 in flight',
  about: 'four steps done, the fifth refuses, the four are undone; 256 started together',
  expected: 'undone',
  subjects: [
    subject('holdfast', () => ours({ refuses: true }, 8), 256),
    subject(DBOS_NAME, () => dbos({ refuses: true }, 20), 256),
    batched('limit: INSERTs of 256 rows', 10),
  ],
  measures: [time({ against: DBOS_NAME, ratio: 1 / 20 })],
};

const exactlyOnce: Case = {
  kind: 'loop',
  name: 'postgres, exactly once, 32 in flight',
  about: 'five steps that each update a row in the transaction that records them; 32 started together, 8 connections',
  expected: 'completed',
  subjects: [
    subject('holdfast', () => ours({ atomic: true }, 8), 32),
    subject('limit: BEGIN, UPDATE, INSERT, COMMIT by hand', () => byHand(8), 32),
  ],
  measures: [time({ against: 'limit: BEGIN, UPDATE, INSERT, COMMIT by hand', ratio: 1.5 })],
};

/** Sagas of a process that died, taken up and finished by another: the time of one. */
async function drain(): Promise<Readonly<Record<string, number>>> {
  const { createSagaRunner, saga } = await load<typeof SagaModule>('holdfast/saga');
  const { fromPg, postgresSagaStore } = await load<typeof PostgresModule>('holdfast/postgres');
  const { pool } = await serve(8);
  const store = postgresSagaStore(fromPg(pool));
  await store.init();
  type Any = ReturnType<typeof saga<number>>;
  const add = (def: Any, step: string): Any => def.step(step, { run: () => output(step) }) as unknown as Any;
  const definition = STEPS.reduce(add, saga<number>('order'));
  const orphans = 10_000;
  const dead = await store.enlist(60_000);
  for (let at = 0; at < orphans; at += 500) {
    await store.create(
      dead,
      Array.from({ length: 500 }, (_, k) => ({ id: `order-${at + k}`, name: 'order', version: 1, input: '1' })),
    );
  }
  await store.retire(dead);
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => (resolve = done));
  let left = orphans;
  const startMs = performance.now();
  const runner = createSagaRunner({
    store,
    sagas: [definition] as never,
    pollMs: 20,
    onEvent: ({ type }) => {
      if (type === 'completed' && --left === 0) resolve();
    },
  });
  void runner.work();
  await promise;
  return { 'time of one': ((performance.now() - startMs) * 1e6) / orphans };
}

const drained: Case = {
  kind: 'observed',
  name: 'postgres, 10 000 orphans',
  about: 'sagas of five steps whose process died before the first, finished by one process',
  rounds: 3,
  subjects: [{ name: 'holdfast', prepare: drain }],
  // Half of 20 000 steps a second.
  measures: [{ name: 'time of one', unit: 'ns', goals: [{ atMost: 500_000 }] }],
};

const size: Case = {
  kind: 'observed',
  name: 'size of the PostgreSQL store',
  about: 'the import alone, minified and brotli-compressed, its tables and functions included (peers without pg)',
  rounds: 1,
  subjects: [
    bundled('holdfast', "export { postgresSagaStore } from 'holdfast/postgres';"),
    bundled('holdfast, guard', "export { guard } from 'holdfast/saga';"),
    bundled('holdfast, relay', "export { createOutboxRelay } from 'holdfast/saga';"),
  ],
  measures: [{ name: 'size', unit: 'B', goals: [{ atMost: 3000 }] }],
};

export const cases: readonly Case[] = [latency, throughput, compensation, exactlyOnce, drained, size];

// Compiled by `npm run check`, never run: what must compile does, what must not is expected to fail.
import { createSagaRunner, memorySagaStore, saga } from '../../src/saga/index.ts';
import type { Saga, SagaHandle, SagaStore } from '../../src/saga/index.ts';

/** Compiles only where the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? A : never;
declare function expectType<T>(): { is<V>(value: Same<V, T>): void };

interface Sql {
  query(text: string): Promise<unknown>;
}
declare const sqlStore: SagaStore<Sql>;

const order = saga<{ item: string }>('order')
  .step('reserve', {
    run: async ({ input, results }) => {
      expectType<string>().is(input.item);
      // @ts-expect-error Nothing came before.
      void results.anything;
      return 7;
    },
    compensate: ({ output, outcome, cause }) => {
      expectType<number | undefined>().is(output);
      expectType<'completed' | 'unknown'>().is(outcome);
      expectType<unknown>().is(cause);
    },
  })
  .parallel('both', {
    a: { run: () => 'text', compensate: ({ output }) => expectType<unknown>().is(output) },
    b: { run: ({ results }) => results.reserve * 2 },
  })
  .each('each', {
    items: ({ results }) => [results.both.a],
    key: (item) => item.toUpperCase(),
    run: ({ item }) => item.length,
    compensate: ({ item, output }) => {
      expectType<string>().is(item);
      expectType<number | undefined>().is(output);
    },
  })
  .child('inner', saga<Date>('inner').step('x', { run: ({ input }) => input.getTime() }), () => new Date(0))
  .when('maybe', ({ results }) => results.each.length > 0, { run: () => true })
  .sleep('wait', ({ results }) => results.reserve)
  .event('paid', { parse: (payload) => String(payload) })
  .event('any');

interface Results {
  reserve: number;
  both: { a: string; b: number };
  each: number[];
  inner: { x: number };
  maybe?: boolean;
  paid: string;
  any: unknown;
}
const results: Results = await order.run({ item: 'tea' });
expectType<number>().is((await order.run({ item: 'tea' })).inner.x);
expectType<boolean | undefined>().is((await order.run({ item: 'tea' })).maybe);
void results;
await saga('nothing').run();

const runner = createSagaRunner({ store: memorySagaStore(), sagas: [order] });
const handle: SagaHandle<Results> = await runner.start(order, { item: 'tea' });
expectType<string>().is((await handle.result()).paid);

const atomic = saga('atomic').step('pay', { atomic: true, run: (_c, tx: Sql) => tx.query('SELECT 1') });
const sql = createSagaRunner({ store: sqlStore, sagas: [order, atomic] });
await sql.start(atomic, undefined);
expectType<Saga<void, Record<'pay', unknown>, Sql>>().is(atomic as Saga<void, Record<'pay', unknown>, Sql>);

// @ts-expect-error This store hands out no transaction for SQL.
createSagaRunner({ store: memorySagaStore(), sagas: [atomic] });
// @ts-expect-error The input is of another type.
await runner.start(order, { item: 5 });
// @ts-expect-error An input is needed.
await order.run();
// @ts-expect-error A step has to do something.
saga('x').step('a', {});
// @ts-expect-error There is no such kind.
saga('x').step('a', { run: () => 1, kind: 'reversible' });
// @ts-expect-error The child needs a Date.
saga('x').child('c', saga<Date>('y'), () => 'tomorrow');
// @ts-expect-error Branches have no transactions.
saga('x').parallel('p', { a: { atomic: true, run: () => 1 } });
saga<number>('x').step('a', {
  // @ts-expect-error Results cannot be set.
  run: (c) => void (c.results = {}),
});
// @ts-expect-error Items need names.
saga('x').each('e', { items: () => [1], run: () => 1 });
// @ts-expect-error A test answers a boolean.
saga('x').when('w', () => 'yes', { run: () => 1 });

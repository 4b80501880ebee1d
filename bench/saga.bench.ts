import type * as SagaModule from '../src/saga/index.ts';
import type { Case, Loop, Subject } from './support/case.ts';
import { awaited, time } from './support/case.ts';
import { bundled } from './support/size.ts';

type Ours = typeof SagaModule;

/** Loaded by name, so that types and lint need no peer. */
async function load<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}

const ours = (): Promise<Ours> => load('holdfast/saga');

const nothing = async (): Promise<void> => {};
const act = async (input: number): Promise<number> => input + 1;
const failure = new Error('no');
const refuse = async (): Promise<never> => {
  throw failure;
};

type Step = (input: number) => Promise<number>;

/** What a careful programmer writes: the steps in a row, and on failure what undoes them in reverse. */
async function handWritten(steps: readonly Step[], input: number): Promise<number[]> {
  const undo: (() => Promise<void>)[] = [];
  const results: number[] = [];
  try {
    for (const step of steps) {
      results.push(await step(input));
      undo.push(nothing);
    }
    return results;
  } catch (error) {
    for (let compensate = undo.pop(); compensate; compensate = undo.pop()) await compensate();
    throw new Error('undone', { cause: error });
  }
}

/** The same for five steps, without a loop. */
async function fiveByHand(input: number): Promise<object> {
  const undo: (() => Promise<void>)[] = [];
  try {
    const s0 = await act(input);
    undo.push(nothing);
    const s1 = await act(input);
    undo.push(nothing);
    const s2 = await act(input);
    undo.push(nothing);
    const s3 = await act(input);
    undo.push(nothing);
    const s4 = await act(input);
    undo.push(nothing);
    return { s0, s1, s2, s3, s4 };
  } catch (error) {
    for (let compensate = undo.pop(); compensate; compensate = undo.pop()) await compensate();
    throw new Error('undone', { cause: error });
  }
}

function chain({ saga }: Ours, steps: readonly Step[]): SagaModule.Saga<number, unknown> {
  let def = saga<number>('chain') as SagaModule.Saga<number, unknown>;
  steps.forEach((step, k) => {
    def = def.step(`s${k}`, { run: ({ input }) => step(input), compensate: nothing });
  });
  return def;
}

interface NodeSaga {
  execute(params: unknown): Promise<unknown>;
}
interface NodeSagaBuilder {
  step(name: string): NodeSagaBuilder;
  invoke(fn: (params: { input: number }) => unknown): NodeSagaBuilder;
  withCompensation(fn: () => unknown): NodeSagaBuilder;
  build(): NodeSaga;
}

/** Built anew for each run: it keeps the steps of a run in the definition. */
async function nodeSagas(steps: readonly Step[]): Promise<() => Promise<unknown>> {
  const peer = await load<{
    SagaBuilder?: new () => NodeSagaBuilder;
    default?: { SagaBuilder: new () => NodeSagaBuilder };
  }>('node-sagas');
  const Builder = peer.SagaBuilder ?? peer.default!.SagaBuilder;
  return () => {
    let builder: NodeSagaBuilder = new Builder();
    steps.forEach((step, k) => {
      builder = builder
        .step(`s${k}`)
        .invoke(({ input }) => step(input))
        .withCompensation(nothing);
    });
    return builder.build().execute({ input: 1 });
  };
}

const settled = (run: () => Promise<unknown>): (() => Promise<boolean>) => {
  return () =>
    run().then(
      () => true,
      () => false,
    );
};

function runs(name: string, prepare: () => Promise<() => Promise<unknown>>): Subject<Loop> {
  return { name, prepare: async () => awaited(settled(await prepare())) };
}

const five = Array.from({ length: 5 }, (): Step => act);
const failing: readonly Step[] = [...five.slice(1), refuse];

function scale(n: number): Case {
  const steps = Array.from({ length: n }, (): Step => act);
  return {
    kind: 'loop',
    name: `${n} steps in memory`,
    about: `a saga of ${n} asynchronous steps, without a store`,
    expected: true,
    subjects: [
      runs('holdfast', async () => {
        const def = chain(await ours(), steps);
        return () => def.run(1);
      }),
      runs('limit: a loop in try and catch', async () => () => handWritten(steps, 1)),
    ],
    measures: [time({ against: 'limit: a loop in try and catch', ratio: 1.1 })],
  };
}

export const cases: readonly Case[] = [
  {
    kind: 'loop',
    name: '5 steps in memory',
    about: 'a saga of five asynchronous steps that all succeed, without a store',
    isHot: true,
    expected: true,
    subjects: [
      runs('holdfast', async () => {
        const def = chain(await ours(), five);
        return () => def.run(1);
      }),
      runs('node-sagas', () => nodeSagas(five)),
      runs('limit: try and catch', async () => () => fiveByHand(1)),
    ],
    measures: [time({ against: 'limit: try and catch', ratio: 1.1 }, { against: 'node-sagas', ratio: 0.4 })],
  },
  {
    kind: 'loop',
    name: 'compensation of 4',
    about: 'the fifth step fails, and the four before it are undone',
    isHot: true,
    expected: false,
    subjects: [
      runs('holdfast', async () => {
        const def = chain(await ours(), failing);
        return () => def.run(1);
      }),
      runs('node-sagas', () => nodeSagas(failing)),
      runs('limit: try and catch', async () => () => handWritten(failing, 1)),
    ],
    measures: [time({ against: 'limit: try and catch', ratio: 1.6 }, { against: 'node-sagas', ratio: 0.5 })],
  },
  scale(10),
  scale(100),
  scale(1000),
  {
    kind: 'loop',
    name: '5 steps, memory store',
    about:
      'the same five steps through a runner and a store in memory, results serialized; the sagas are purged as they end',
    expected: true,
    subjects: [
      runs('holdfast', async () => {
        const lib = await ours();
        const def = chain(lib, five);
        const store = lib.memorySagaStore();
        const runner = lib.createSagaRunner({ store, sagas: [def] });
        let ended = 0;
        return async () => {
          const handle = await runner.start(def, 1);
          await handle.result();
          if (++ended % 100 === 0) await runner.purge({ finishedBeforeMs: 1e15 });
        };
      }),
      runs('limit: JSON of 6 records', async () => async () => {
        for (let k = 0; k < 6; k++) {
          await nothing();
          JSON.parse(JSON.stringify({ id: 'saga', seq: k, type: 'completed', path: `s${k}`, attempt: 1, data: '2' }));
        }
      }),
    ],
    measures: [time({ against: 'limit: JSON of 6 records', ratio: 4 })],
  },
  {
    kind: 'observed',
    name: 'size',
    about: 'what an import weighs, minified and brotli-compressed',
    rounds: 1,
    subjects: [
      bundled('holdfast', "export { saga } from 'holdfast/saga';"),
      bundled('holdfast, with a runner', "export { createSagaRunner, saga } from 'holdfast/saga';"),
      bundled('node-sagas', "export { SagaBuilder } from 'node-sagas';"),
    ],
    measures: [
      {
        name: 'size',
        unit: 'B',
        goals: [{ atMost: 2000 }, { subject: 'holdfast, with a runner', atMost: 6500 }],
      },
    ],
  },
];

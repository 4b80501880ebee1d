import type { Saga, SagaStatus, SagaStore } from '../../../src/saga/index.ts';
import { createSagaRunner, memorySagaStore, saga, SagaRefusal, timeline } from '../../../src/saga/index.ts';
import { createSeededRandom, createVirtualClock } from '../../../src/testing/index.ts';
import type { VirtualClock } from '../../../src/testing/index.ts';

export const steps = ['reserve', 'charge', 'ship', 'notify'] as const;

export type Step = (typeof steps)[number];

export type Failing = 'nothing' | 'charge' | 'ship' | 'notify';

/** A call of a step or of what undoes it. */
export interface Act {
  readonly step: Step;
  readonly kind: 'run' | 'undo';
  readonly process: 'A' | 'B';
  readonly fromMs: number;
  readonly toMs: number;
  readonly end: 'done' | 'failed' | 'cut off';
}

export interface SagaResult {
  readonly acts: readonly Act[];
  readonly status: SagaStatus;
  readonly crashMs: number | undefined;
  readonly takenOverMs: number | undefined;
  readonly endMs: number;
  /** Charges that the payment service knows when all is over. */
  readonly charged: number;
  readonly story: string;
}

export interface SagaSettings {
  readonly failing: Failing;
  readonly crashMs: number | undefined;
  readonly leaseMs: number;
  readonly seed: number;
}

const durations: Readonly<Record<Step, number>> = { reserve: 500, charge: 900, ship: 700, notify: 300 };
const TICK_MS = 25;
const PATIENCE_MS = 40_000;
const never = <T>(): Promise<T> => new Promise<T>(() => {});

/** What both processes share: time, what they did, and the service that takes the money. */
interface World {
  readonly clock: VirtualClock;
  readonly acts: Act[];
  readonly ledger: Set<string>;
  readonly failing: Failing;
}

/** One life of a process. Once dead, nothing it asks is answered and nothing it has called returns. */
interface Life {
  readonly process: 'A' | 'B';
  diedMs?: number;
}

/** Runs an order in process A, with process B beside it, and ends A where that is asked for. */
export async function simulateSaga({ failing, crashMs, leaseMs, seed }: SagaSettings): Promise<SagaResult> {
  const clock = createVirtualClock();
  const random = createSeededRandom(seed);
  const store = memorySagaStore({ clock, random });
  const world: World = { clock, acts: [], ledger: new Set(), failing };
  const [a, b]: readonly [Life, Life] = [{ process: 'A' }, { process: 'B' }];
  let takenOverMs: number | undefined;
  const runnerOf = (life: Life, order: Saga<void, unknown, never>): ReturnType<typeof createSagaRunner> =>
    createSagaRunner<never>({
      store: storeOf(store, life) as SagaStore<never>,
      sagas: [order],
      clock,
      random,
      leaseMs,
      heartbeatMs: leaseMs / 4,
      pollMs: 200,
      onEvent: ({ type }) => {
        if (life === b && type === 'resumed') takenOverMs ??= clock.now();
      },
    });
  const order = orderOf(world, a);
  const [first, second] = [runnerOf(a, order), runnerOf(b, orderOf(world, b))];
  void second.work();
  await createAndStart(first, order);
  let status: SagaStatus = 'running';
  while (clock.now() < PATIENCE_MS && (status === 'running' || status === 'compensating')) {
    if (crashMs !== undefined && clock.now() >= crashMs) a.diedMs ??= clock.now();
    await clock.advance(TICK_MS);
    status = (await store.get(['order-1']))[0]!.status;
  }
  const story = timeline((await store.load('order-1'))!.log);
  const endMs = clock.now();
  void second.close();
  if (a.diedMs === undefined) void first.close();
  await clock.advance(1000);
  return { acts: world.acts, status, crashMs: a.diedMs, takenOverMs, endMs, charged: world.ledger.size, story };
}

async function createAndStart(
  runner: ReturnType<typeof createSagaRunner>,
  order: Saga<void, unknown, never>,
): Promise<void> {
  const handle = await runner.start(order, undefined, { id: 'order-1' });
  void handle.result().catch(() => {}); // the picture shows how it ended
}

/** A store as one life sees it. */
function storeOf(store: SagaStore, life: Life): SagaStore {
  return new Proxy(store, {
    get: (target, verb: keyof SagaStore) => {
      const method = target[verb] as ((...args: unknown[]) => unknown) | undefined;
      if (typeof method !== 'function') return method;
      return async (...args: unknown[]) => {
        if (life.diedMs !== undefined) return never();
        const answer = await method.apply(target, args);
        return life.diedMs === undefined ? answer : never();
      };
    },
  });
}

function orderOf(world: World, life: Life): Saga<void, unknown, never> {
  const act = (step: Step, kind: Act['kind'], effect?: () => void): Promise<void> =>
    perform(world, life, step, kind, effect);
  const refuse = (step: Step): void => {
    if (world.failing === step) throw new SagaRefusal(`${step} was refused`);
  };
  const order = saga('order')
    .step('reserve', {
      run: () => act('reserve', 'run').then(() => 'shelf 7'),
      compensate: () => act('reserve', 'undo'),
    })
    .step('charge', {
      run: async ({ idempotencyKey }) => {
        await act('charge', 'run', () => {
          refuse('charge');
          world.ledger.add(idempotencyKey);
        });
        return 'receipt 1';
      },
      compensate: ({ runKey }) => act('charge', 'undo', () => void world.ledger.delete(runKey)),
    })
    .step('ship', { kind: 'pivot', run: () => act('ship', 'run', () => refuse('ship')).then(() => 'parcel 3') })
    .step('notify', {
      retry: { baseDelayMs: 400, jitter: 'none' },
      run: async ({ attempt }) => {
        await act('notify', 'run', () => {
          if (world.failing === 'notify' && attempt <= 2) throw new Error('the mail server is away');
        });
        return 'sent';
      },
    });
  return order as unknown as Saga<void, unknown, never>;
}

/** A call that takes its time, has its effect in the middle, and goes down with its process. */
async function perform(
  { clock, acts }: World,
  life: Life,
  step: Step,
  kind: Act['kind'],
  effect = (): void => {},
): Promise<void> {
  const fromMs = clock.now();
  const told = (toMs: number, end: Act['end']): number =>
    acts.push({ step, kind, process: life.process, fromMs, toMs, end });
  const pass = async (): Promise<void> => {
    await new Promise<void>((resolve) => clock.setTimeout(resolve, durations[step] / 2));
    if (life.diedMs === undefined) return;
    told(life.diedMs, 'cut off');
    await never();
  };
  await pass();
  let failure: { readonly error: unknown } | undefined;
  try {
    effect();
  } catch (error) {
    failure = { error };
  }
  await pass();
  told(clock.now(), failure ? 'failed' : 'done');
  if (failure) throw failure.error;
}

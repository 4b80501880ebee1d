import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { RateQueue } from '../../src/rate-limit/index.ts';
import { createRateQueue } from '../../src/rate-limit/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { countingSignal } from '../support/counting-signal.ts';
import type { CountingSignal } from '../support/counting-signal.ts';
import { flush } from '../support/gate.ts';
import { anyPolicies, ModelQueue, watch } from './queue-kit.ts';

const MAX_QUEUE = 6;

interface Real {
  readonly clock: VirtualClock;
  readonly queue: RateQueue;
  readonly signals: CountingSignal[];
  readonly ended: Map<number, string>;
}

interface Model {
  readonly queue: ModelQueue;
  readonly isFair: boolean;
  next: number;
}

type Step = fc.AsyncCommand<Model, Real>;

function step(name: string, act: (model: Model, real: Real) => void | Promise<void>): Step {
  return {
    check: () => true,
    async run(model, real) {
      await act(model, real);
      await flush();
      expect(new Map([...real.ended].sort())).toEqual(new Map([...model.queue.ended].sort()));
      expect(real.queue.size).toBe(model.queue.waiting.length);
      const isWaiting = new Set(model.queue.waiting.map(({ id }) => id));
      expect(real.signals.map(({ listeners }) => listeners)).toEqual(
        real.signals.map((_, id) => (isWaiting.has(id) ? 1 : 0)),
      );
      if (isWaiting.size === 0) expect(real.clock.pendingTimers).toBe(0);
    },
    toString: () => name,
  };
}

function arrive(model: Model, real: Real, cost: number, lane: string, maxWaitMs: number): void {
  const id = model.next++;
  const { signal } = (real.signals[id] = countingSignal());
  watch(real.queue, real.clock, real.ended, id, { cost, lane, maxWaitMs, signal });
  const { queue, isFair } = model;
  queue.begin();
  const untilMs = isFair ? queue.clock.now() + maxWaitMs : Infinity;
  const call = { id, cost, lane: isFair ? lane : '', untilMs };
  const isFull = queue.waiting.length >= MAX_QUEUE;
  if (isFull) queue.ended.set(id, 'QUEUE_FULL');
  else if (maxWaitMs < Infinity && !queue.isInTime(call, maxWaitMs)) queue.ended.set(id, 'MAX_WAIT');
  else queue.join(call);
}

const steps = [
  fc
    .tuple(fc.nat(3), fc.constantFrom('a', 'b', 'c'), fc.oneof(fc.constant(Infinity), fc.nat(15)))
    .map(([cost, lane, maxWaitMs]) =>
      step(`arrive(${cost}, ${lane}, ${maxWaitMs})`, (model, real) => arrive(model, real, cost, lane, maxWaitMs)),
    ),
  fc.nat(9).map((at) =>
    step(`abort(${at})`, (model, { signals }) => {
      const { waiting } = model.queue;
      if (waiting.length === 0) return;
      const { id } = waiting[at % waiting.length]!;
      signals[id]?.abort('aborted');
      model.queue.leave(id, 'aborted');
    }),
  ),
  fc.nat(12).map((ms) =>
    step(`pass(${ms})`, async ({ queue }, { clock }) => {
      await clock.advance(ms);
      queue.pass(ms);
    }),
  ),
];

it.each([
  ['first come, first served', false],
  ['in turn', true],
])('a queue that serves %s behaves as a list gone through every millisecond', async (_, isFair) => {
  await fc.assert(
    fc.asyncProperty(anyPolicies(), fc.commands(steps, { size: '+1' }), async (policies, commands) => {
      const setup = (): { model: Model; real: Real } => {
        const clock = createVirtualClock();
        const queue = createRateQueue(policies, { clock, maxQueue: MAX_QUEUE, fair: isFair });
        return {
          model: { queue: new ModelQueue(policies), isFair, next: 0 },
          real: { clock, queue, signals: [], ended: new Map() },
        };
      };
      await fc.asyncModelRun(setup, commands);
    }),
  );
});

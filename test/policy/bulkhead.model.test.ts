import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Bulkhead, Outcome } from '../../src/policy/index.ts';
import { createBulkhead } from '../../src/policy/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { flush, gate } from '../support/gate.ts';
import type { Gate } from '../support/gate.ts';

const MAX_CONCURRENT = 2;
const MAX_QUEUE = 3;
const QUEUE_TIMEOUT_MS = 50;

/** A bulkhead as a list of what runs, a list of what waits, and a log of how calls ended. */
class Model {
  nowMs = 0;
  next = 0;
  readonly running: number[] = [];
  waiting: { readonly id: number; readonly untilMs: number }[] = [];
  readonly ended = new Map<number, string>();

  arrive(): void {
    const id = this.next++;
    if (this.running.length < MAX_CONCURRENT) this.running.push(id);
    else if (this.waiting.length < MAX_QUEUE) this.waiting.push({ id, untilMs: this.nowMs + QUEUE_TIMEOUT_MS });
    else this.ended.set(id, 'full');
  }

  finish(at: number): void {
    const [id] = this.running.splice(at % this.running.length, 1);
    if (id !== undefined) this.ended.set(id, 'done');
    const waiter = this.waiting.shift();
    if (waiter) this.running.push(waiter.id);
  }

  abort(at: number): void {
    const [waiter] = this.waiting.splice(at % this.waiting.length, 1);
    if (waiter) this.ended.set(waiter.id, 'aborted');
  }

  pass(ms: number): void {
    this.nowMs += ms;
    for (const { id, untilMs } of this.waiting) if (untilMs <= this.nowMs) this.ended.set(id, 'queue-timeout');
    this.waiting = this.waiting.filter(({ untilMs }) => untilMs > this.nowMs);
  }
}

interface Real {
  readonly clock: VirtualClock;
  readonly slots: Bulkhead;
  readonly gates: Gate<string>[];
  readonly callers: AbortController[];
  readonly ended: Map<number, string>;
}

function arrive({ slots, gates, callers, ended }: Real, id: number): void {
  const work = (gates[id] = gate<string>());
  const caller = (callers[id] = new AbortController());
  const isPlain = id % 3 === 0;
  void slots
    .runOutcome(() => work.promise, isPlain ? {} : { signal: caller.signal })
    .then((outcome: Outcome<string>) => {
      const error = outcome.ok ? undefined : (outcome.error as string | { reason: string });
      ended.set(id, outcome.ok ? outcome.value : typeof error === 'string' ? error : (error?.reason ?? ''));
    });
}

type Step = fc.AsyncCommand<Model, Real>;

function step(
  name: string,
  can: (model: Model) => boolean,
  act: (model: Model, real: Real) => void | Promise<void>,
): Step {
  return {
    check: can,
    async run(model, real) {
      await act(model, real);
      await flush();
      expect([real.slots.inFlight, real.slots.queued]).toEqual([model.running.length, model.waiting.length]);
      expect(new Map([...real.ended].sort())).toEqual(new Map([...model.ended].sort()));
    },
    toString: () => name,
  };
}

const steps = [
  fc.constant(
    step(
      'arrive',
      () => true,
      (model, real) => {
        arrive(real, model.next);
        model.arrive();
      },
    ),
  ),
  fc.nat(10).map((at) =>
    step(
      `finish ${at}`,
      ({ running }) => running.length > 0,
      (model, { gates }) => {
        const id = model.running[at % model.running.length]!;
        gates[id]?.open('done');
        model.finish(at);
      },
    ),
  ),
  fc.nat(10).map((at) =>
    step(
      `abort ${at}`,
      ({ waiting }) => waiting.length > 0 && waiting[at % waiting.length]!.id % 3 !== 0,
      (model, { callers }) => {
        callers[model.waiting[at % model.waiting.length]!.id]?.abort('aborted');
        model.abort(at);
      },
    ),
  ),
  fc.nat(60).map((ms) =>
    step(
      `pass ${ms} ms`,
      () => true,
      async (model, { clock }) => {
        await clock.advance(ms);
        model.pass(ms);
      },
    ),
  ),
];

it('a bulkhead behaves as a list of what runs and a list of what waits', async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { size: '+1' }), async (commands) => {
      const setup = (): { model: Model; real: Real } => {
        const clock = createVirtualClock();
        const slots = createBulkhead({
          maxConcurrent: MAX_CONCURRENT,
          maxQueue: MAX_QUEUE,
          queueTimeoutMs: QUEUE_TIMEOUT_MS,
          clock,
        });
        return { model: new Model(), real: { clock, slots, gates: [], callers: [], ended: new Map() } };
      };
      await fc.asyncModelRun(setup, commands);
    }),
  );
});

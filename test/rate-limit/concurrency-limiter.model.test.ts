import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ConcurrencyLimiter, Permit } from '../../src/rate-limit/index.ts';
import { createConcurrencyLimiter } from '../../src/rate-limit/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { countingSignal } from '../support/counting-signal.ts';
import type { CountingSignal } from '../support/counting-signal.ts';
import { flush } from '../support/gate.ts';

const MAX_QUEUE = 4;

/** A limiter as a list of who has a permit, a list of who waits, and how the others ended. */
class Model {
  limit = 2;
  nowMs = 0;
  next = 0;
  held: number[] = [];
  waiting: { readonly id: number; readonly untilMs: number }[] = [];
  readonly ended = new Map<number, string>();

  arrive(maxWaitMs: number): void {
    const id = this.next++;
    if (this.held.length < this.limit && this.waiting.length === 0) this.held.push(id);
    else if (this.waiting.length < MAX_QUEUE) this.waiting.push({ id, untilMs: this.nowMs + maxWaitMs });
    else this.ended.set(id, 'QUEUE_FULL');
  }

  release(at: number): void {
    this.held.splice(at % this.held.length, 1);
    while (this.held.length < this.limit && this.waiting.length > 0) this.held.push(this.waiting.shift()!.id);
  }

  abort(at: number): void {
    const [gone] = this.waiting.splice(at % this.waiting.length, 1);
    if (gone) this.ended.set(gone.id, 'aborted');
  }

  pass(ms: number): void {
    this.nowMs += ms;
    for (const { id, untilMs } of this.waiting) if (untilMs <= this.nowMs) this.ended.set(id, 'MAX_WAIT');
    this.waiting = this.waiting.filter(({ untilMs }) => untilMs > this.nowMs);
  }
}

interface Real {
  readonly clock: VirtualClock;
  readonly algorithm: { limit: number; sample(): void };
  readonly limiter: ConcurrencyLimiter;
  readonly signals: CountingSignal[];
  readonly permits: Map<number, Permit>;
  readonly ended: Map<number, string>;
}

function arrive({ limiter, signals, permits, ended }: Real, id: number, maxWaitMs: number): void {
  const { signal } = (signals[id] = countingSignal());
  limiter.acquire({ signal, maxWaitMs }).then(
    (permit) => permits.set(id, permit),
    (error: unknown) =>
      ended.set(
        id,
        typeof error === 'string' ? error : (error as { code: string }).code.slice('ERR_RATE_LIMIT_'.length),
      ),
  );
}

type Step = fc.AsyncCommand<Model, Real>;

function step(name: string, act: (model: Model, real: Real) => void | Promise<void>): Step {
  return {
    check: () => true,
    async run(model, real) {
      await act(model, real);
      await flush();
      const { limiter, permits, ended, signals } = real;
      expect([limiter.inflight, limiter.queued]).toEqual([model.held.length, model.waiting.length]);
      expect([...permits.keys()].sort()).toEqual([...model.held].sort());
      expect(new Map([...ended].sort())).toEqual(new Map([...model.ended].sort()));
      expect(signals.reduce((sum, { listeners }) => sum + listeners, 0)).toBe(model.waiting.length);
    },
    toString: () => name,
  };
}

const steps = [
  fc.oneof(fc.constant(Infinity), fc.nat(40)).map((maxWaitMs) =>
    step(`arrive(${maxWaitMs})`, (model, real) => {
      arrive(real, model.next, maxWaitMs);
      model.arrive(maxWaitMs);
    }),
  ),
  fc
    .tuple(fc.nat(9), fc.constantFrom('success' as const, 'dropped' as const, 'ignored' as const))
    .map(([at, outcome]) =>
      step(`release(${at}, ${outcome})`, (model, { permits }) => {
        const id = model.held[at % model.held.length];
        if (id === undefined) return;
        permits.get(id)?.release(outcome);
        permits.delete(id);
        model.release(at);
      }),
    ),
  fc.nat(9).map((at) =>
    step(`abort(${at})`, (model, { signals }) => {
      signals[model.waiting[at % model.waiting.length]?.id ?? -1]?.abort('aborted');
      model.abort(at);
    }),
  ),
  fc.integer({ min: 1, max: 4 }).map((limit) =>
    step(`limit(${limit})`, (model, { algorithm }) => {
      model.limit = algorithm.limit = limit;
    }),
  ),
  fc.nat(50).map((ms) =>
    step(`pass(${ms})`, async (model, { clock }) => {
      await clock.advance(ms);
      model.pass(ms);
    }),
  ),
];

it('a concurrency limiter behaves as a list of who has a permit and a list of who waits', async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { size: '+1' }), async (commands) => {
      const setup = (): { model: Model; real: Real } => {
        const clock = createVirtualClock();
        const algorithm = { limit: 2, sample: () => {} };
        const limiter = createConcurrencyLimiter({ limit: algorithm, maxQueue: MAX_QUEUE, clock });
        const real = { clock, algorithm, limiter, signals: [], permits: new Map(), ended: new Map() };
        return { model: new Model(), real };
      };
      await fc.asyncModelRun(setup, commands);
    }),
  );
});

it('whatever the order in which calls come, end and abort, no more run than the limit, and every permit comes back', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.integer({ min: 1, max: 3 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 12 }),
      async (s, limit, aborts) => {
        const limiter = createConcurrencyLimiter({ limit, maxQueue: Infinity });
        let running = 0;
        const work = s.scheduleFunction(async () => {});
        const callers = aborts.map(() => countingSignal());
        const calls = callers.map(async ({ signal }, at) => {
          const op = async (): Promise<void> => {
            expect(++running).toBeLessThanOrEqual(limit);
            await work();
            running--;
          };
          if (at % 2) return limiter.run(op, { signal });
          const permit = await limiter.acquire({ signal });
          await op();
          return permit.release();
        });
        const settled = Promise.allSettled(calls);
        for (const [at, isAborted] of aborts.entries()) {
          if (isAborted) void s.schedule(Promise.resolve()).then(() => callers[at]!.abort('aborted'));
        }
        await s.waitFor(settled);
        await s.waitAll();
        await flush();
        expect([limiter.inflight, limiter.queued]).toEqual([0, 0]);
        expect(callers.every(({ listeners }) => listeners === 0)).toBe(true);
        for (const one of await settled) if (one.status === 'rejected') expect(one.reason).toBe('aborted');
      },
    ),
  );
});

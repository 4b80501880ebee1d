import { afterEach, describe, expect, it } from 'vitest';
import { consecutiveFailures, createCircuitBreaker } from '../../src/circuit-breaker/index.ts';
import type { Policy } from '../../src/policy/index.ts';
import { chaos, createBulkhead, fallback, hedge, pipeline, retry, timeout } from '../../src/policy/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { countingSignal } from '../support/counting-signal.ts';
import { flush, outcomeOf } from '../support/gate.ts';
import { cooperativeSleep, failingWith, microturns, sleep } from './kit.ts';
import { logged, operations, scenarios } from './scenarios.ts';

const { AbortController: RealAbortController } = globalThis;
afterEach(() => {
  globalThis.AbortController = RealAbortController;
});

/** Counts the abort controllers that are made from now on. */
function countControllers(): () => number {
  let made = 0;
  globalThis.AbortController = class extends RealAbortController {
    constructor() {
      super();
      made++;
    }
  };
  return () => made;
}

const clock = createVirtualClock();
const everything = (): Policy =>
  pipeline(
    fallback((error): never => {
      throw error;
    }),
    timeout({ ms: 5000, clock }),
    retry({ backoff: () => 0 }),
    hedge({ delayMs: 1000, clock }),
    createCircuitBreaker({ trip: consecutiveFailures(100), openDurationMs: 1, clock }),
    createBulkhead({ maxConcurrent: 5, maxQueue: 1000, queueTimeoutMs: 5000, clock }),
    timeout({ ms: 1000, clock }),
    chaos({ fault: { rate: 0.5 } }),
  );

describe('ctx.signal', () => {
  it('an operation that never reads its signal costs no AbortController', async () => {
    const policy = everything();
    const caller = new RealAbortController();
    const made = countControllers();
    await policy.run(() => 'sync');
    await policy.run(async () => 'async');
    await policy.run(failingWith([1], 'retried'));
    await policy.run(async ({ attempt }) => attempt, { signal: caller.signal });
    await policy.runOutcome(() => 'outcome');
    expect(made()).toBe(0);
  });

  it('is made on first read, once for each stretch of a call', async () => {
    const made = countControllers();
    await everything().run((ctx) => {
      expect(ctx.signal).toBe(ctx.signal);
      expect(ctx.signal.aborted).toBe(false);
    });
    expect(made()).toBe(1);
  });

  it('is the signal of the caller where no policy can abort on its own', async () => {
    const caller = new AbortController();
    const made = countControllers();
    const policy = pipeline(
      retry(),
      createBulkhead({ maxConcurrent: 1 }),
      fallback(() => 1),
    );
    expect(await policy.run(({ signal }) => signal === caller.signal, { signal: caller.signal })).toBe(true);
    expect(made()).toBe(0);
  });

  it('read for the first time after the abort has aborted, with the reason', async () => {
    for (const strategy of ['cooperative', 'aggressive'] as const) {
      const caller = new AbortController();
      const seen: unknown[] = [];
      const call = timeout({ ms: 1000, strategy, clock }).runOutcome(
        async (ctx) => {
          await flush();
          seen.push(ctx.signal.aborted, ctx.signal.reason);
        },
        { signal: caller.signal },
      );
      caller.abort('enough');
      await call;
      await flush();
      expect(seen).toEqual([true, 'enough']);
    }
  });

  it('read for the first time after the call has ended adds no listener', async () => {
    const caller = countingSignal();
    let read = (): unknown => undefined;
    const op = (ctx: { readonly signal: AbortSignal }): void => {
      read = () => ctx.signal.aborted;
    };
    for (const policy of [everything(), timeout({ ms: 10, clock }), hedge({ delayMs: 1, clock })]) {
      await policy.run(op, { signal: caller.signal });
      expect([read(), caller.listeners]).toEqual([false, 0]);
    }
  });
});

describe('the signal of the caller', () => {
  it('a signal that has aborted before the call rejects it with its reason and starts nothing', async () => {
    const reason = new Error('before');
    for (const { build } of scenarios) {
      const { policy, clock: own } = build();
      const pending = own.pending;
      let starts = 0;
      const call = policy.run(() => ++starts, { signal: AbortSignal.abort(reason) });
      expect(await outcomeOf(call)).toEqual({ state: 'rejected', reason });
      expect([starts, own.pending]).toEqual([0, pending]);
    }
  });

  it("once the caller's signal has aborted, a call rejects with its reason, the same object, whatever the operation does", async () => {
    for (const scenario of scenarios) {
      for (const kind of operations.filter(({ name }) => !name.startsWith('sync'))) {
        const { policy, clock: own } = scenario.build();
        const caller = new AbortController();
        const reason = { why: 'enough' };
        const call = policy.run(logged(kind, own, { starts: 0, running: 0 }), { signal: caller.signal });
        const error = call.catch((caught: unknown) => caught);
        await microturns(3);
        caller.abort(reason);
        do await flush();
        while (own.fireNext());
        expect(await error).toBe(reason);
      }
    }
  });

  it('after an abort no attempt, no hedge, no queued call and no fallback starts', async () => {
    const own = createVirtualClock();
    const started: string[] = [];
    const slots = createBulkhead({ maxConcurrent: 1, maxQueue: 1, clock: own });
    const starters: readonly (readonly [string, Policy<unknown>])[] = [
      ['retry', retry({ backoff: () => 100, clock: own })],
      ['hedge', hedge({ delayMs: 100, clock: own })],
      ['queued', slots],
      ['fallback', fallback(() => started.push('fallback handler'))],
      ['latency', chaos({ latency: { rate: 1, ms: 100 }, enabled: true, clock: own })],
    ];
    void slots.run(() => sleep(own, 100));
    const caller = new AbortController();
    const calls = starters.map(([name, policy]) =>
      policy.runOutcome(
        async () => {
          started.push(name);
          if (name === 'retry') throw new Error('to be retried');
          if (name === 'fallback') await sleep(own, 60).then(() => Promise.reject(new Error('to be answered')));
          await sleep(own, 1000);
        },
        { signal: caller.signal },
      ),
    );
    await own.advance(50);
    expect(started).toEqual(['retry', 'hedge', 'fallback']);
    caller.abort('enough');
    await own.advance(5000);
    expect(started).toEqual(['retry', 'hedge', 'fallback']);
    for (const outcome of await Promise.all(calls)) expect(outcome).toEqual({ ok: false, error: 'enough' });
  });

  it("a call adds at most one listener to the caller's signal, and a thousand calls leave none", async () => {
    const own = createVirtualClock();
    const policy = pipeline(
      fallback(() => 'instead'),
      timeout({ ms: 5000, strategy: 'aggressive', clock: own }),
      retry({ backoff: () => 10, clock: own }),
      hedge({ delayMs: 5, maxHedges: 3, clock: own }),
      createBulkhead({ maxConcurrent: 10, maxQueue: Infinity, queueTimeoutMs: 4000, clock: own }),
      timeout({ ms: 1000, clock: own }),
    );
    const caller = countingSignal();
    const work = (n: number): Promise<unknown> =>
      policy.run(
        async ({ signal, attempt }) => {
          await cooperativeSleep(own, 1 + (n % 20), signal);
          if (attempt === 1 && n % 3 === 0) throw n;
          return n;
        },
        { signal: caller.signal },
      );
    const first = work(5);
    await own.advance(100);
    await first;
    expect([caller.peak, caller.listeners, caller.added]).toEqual([1, 0, 1]);
    const calls = Array.from({ length: 1000 }, (_, n) => work(n));
    expect(caller.peak).toBe(1000);
    await own.advance(20_000);
    await Promise.allSettled(calls);
    expect([caller.listeners, caller.added, own.pendingTimers]).toEqual([0, 1001, 0]);
  });

  it('gets no listener for a call that needs none', async () => {
    const caller = countingSignal();
    const policy = pipeline(
      fallback(() => 'instead'),
      retry({ backoff: () => 0 }),
      createBulkhead({ maxConcurrent: 1 }),
      timeout({ ms: 10, clock }),
    );
    await policy.run(async () => 'value', { signal: caller.signal });
    await policy.run(failingWith([1], 'value'), { signal: caller.signal });
    expect(caller.added).toBe(0);
  });

  it('a settled call leaves no slot, no listener and no timer behind, wherever it was aborted', async () => {
    for (const { build } of scenarios) {
      for (const kind of operations) {
        for (let timers = 0; timers < 8; timers++) {
          const { policy, clock: own, taken } = build();
          const caller = countingSignal();
          const log = { starts: 0, running: 0 };
          void policy.runOutcome(logged(kind, own, log), { signal: caller.signal });
          for (let fired = 0; fired < timers; fired++) {
            await flush();
            own.fireNext();
          }
          caller.abort('enough');
          do await flush();
          while (own.fireNext());
          expect([log.running, caller.listeners, taken(), own.pending]).toEqual([0, 0, 0, 0]);
        }
      }
    }
  });
});

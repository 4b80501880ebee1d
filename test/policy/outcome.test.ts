import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCircuitBreaker, consecutiveFailures } from '../../src/circuit-breaker/index.ts';
import type { Policy } from '../../src/policy/index.ts';
import { chaos, createBulkhead, fallback, hedge, pipeline, retry, timeout } from '../../src/policy/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { anyOperation } from '../support/arbitraries.ts';
import { foreignPolicy } from './kit.ts';

const clock = createVirtualClock();
/** Each policy in a setting where it has nothing to do. */
const idle: readonly (readonly [string, () => Policy])[] = [
  ['pipeline', () => pipeline()],
  ['retry', () => retry({ maxAttempts: 1, clock })],
  ['timeout', () => timeout({ ms: 1000, clock })],
  ['aggressive timeout', () => timeout({ ms: 1000, strategy: 'aggressive', clock })],
  ['endless timeout', () => timeout({ ms: Infinity, clock })],
  ['bulkhead', () => createBulkhead({ maxConcurrent: 1, clock })],
  ['hedge', () => hedge({ delayMs: 1000, isFatal: () => true, clock })],
  ['fallback', () => fallback((): never => clock as never, { when: () => false })],
  ['chaos', () => chaos({ fault: { rate: 1 }, clock })],
  ['circuit breaker', () => createCircuitBreaker({ trip: consecutiveFailures(1000), openDurationMs: 1, clock })],
  ['foreign policy', () => pipeline(foreign)],
];
const context = { signal: new AbortController().signal, attempt: 1 };
const foreign: Policy = foreignPolicy(async (op) => op(context));
const everything = (): Policy => pipeline(...idle.map(([, make]) => make()));

describe('run', () => {
  it('values, undefined, thenables, rejections and sync throws come through unchanged', async () => {
    const policies = [...idle.map(([, make]) => make()), everything()];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...policies), anyOperation(), async (policy, operation) => {
        const [settled] = await Promise.allSettled([policy.run(() => operation.run())]);
        expect(settled.status).toBe(operation.outcome.status);
        if (settled.status === 'fulfilled') expect(settled).toEqual(operation.outcome);
        else expect(Object.is(settled.reason, (operation.outcome as { reason: unknown }).reason)).toBe(true);
      }),
    );
  });

  it.each(idle)('calls the operation of a %s at once, on the stack of the caller', (_, make) => {
    let hasRun = false;
    void make().run(() => {
      hasRun = true;
    });
    expect(hasRun).toBe(true);
  });

  it.each([...idle, ['everything', everything] as const])(
    'answers with a Promise, whatever %s is given',
    async (_, make) => {
      const policy = make();
      const thenable = { then: (resolve: (value: string) => void) => resolve('from a thenable') };
      const runs = [policy.run(() => 1), policy.run(async () => 2), policy.run(() => thenable as PromiseLike<string>)];
      for (const run of runs) expect(run).toBeInstanceOf(Promise);
      expect(await Promise.all(runs.slice(0, 1))).toEqual([1]);
      await Promise.allSettled(runs);
    },
  );

  it.each([...idle, ['everything', everything] as const])(
    '%s rejects what is no function with a TypeError',
    async (_, make) => {
      for (const op of [undefined, null, 'op', {}, 1]) {
        await expect(make().run(op as never)).rejects.toThrow(
          new TypeError(`op must be a function, got ${op === null ? 'object' : typeof op}`),
        );
      }
    },
  );
});

describe('runOutcome', () => {
  it('runOutcome never rejects: it resolves with the value or with the error', async () => {
    const policies = [...idle.map(([, make]) => make()), everything()];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...policies), anyOperation(), async (policy, operation) => {
        const outcome = await policy.runOutcome(() => operation.run());
        if (operation.outcome.status === 'fulfilled') {
          expect(outcome).toEqual({ ok: true, value: operation.outcome.value });
        } else {
          expect(Object.keys(outcome).sort()).toEqual(['error', 'ok']);
          expect(Object.is((outcome as { error: unknown }).error, operation.outcome.reason)).toBe(true);
        }
      }),
    );
  });

  it('gives an abort as an error too, before and during the call', async () => {
    const caller = new AbortController();
    const running = everything().runOutcome(
      () => new Promise((resolve) => void caller.signal.addEventListener('abort', resolve)),
      {
        signal: caller.signal,
      },
    );
    const reason = { why: 'enough' };
    caller.abort(reason);
    const outcomes = [await running, await everything().runOutcome(() => 1, { signal: caller.signal })];
    for (const outcome of outcomes) {
      expect(outcome).toEqual({ ok: false, error: reason });
      expect((outcome as { error: unknown }).error).toBe(reason);
    }
  });

  it('gives a fault of the call itself as an error', async () => {
    expect(await retry().runOutcome('no function' as never)).toMatchObject({ ok: false, error: { name: 'TypeError' } });
  });

  it('gives a rejection of the library as an error', async () => {
    const full = createBulkhead({ maxConcurrent: 1 });
    void full.run(() => new Promise(() => {}));
    expect(await full.runOutcome(() => 1)).toMatchObject({ ok: false, error: { code: 'ERR_BULKHEAD_REJECTED' } });
  });
});

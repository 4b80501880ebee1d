import { createHook } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { bindPolicy, operation, start, StepPolicy } from '../../src/core/call.ts';
import type { Step } from '../../src/core/step.ts';
import { Scope } from '../../src/core/scope.ts';
import type { Policy } from '../../src/core/policy.ts';
import { expectNoLeaks, heapGrowth } from '../support/leaks.ts';

/** Runs what is inside in a scope of its own, which it listens to, as a timeout does. */
const branching = new StepPolicy((inner) => (call, scope, done) => {
  const branch = new Scope(scope, scope.attempt);
  branch.listen({ onAbort: () => {} });
  inner(call, branch, (isOk, result) => {
    branch.end();
    done(isOk, result);
  });
});

const foreign: Pick<Policy<unknown>, 'run'> = {
  run: async (op, options) => op({ signal: options!.signal!, attempt: 1 }) as never,
};

const stacks: [string, Step][] = [
  ['nothing', operation],
  ['a branch', bindPolicy(branching, operation)],
  ['two branches', bindPolicy(branching, bindPolicy(branching, operation))],
  ['a foreign policy', bindPolicy(foreign, bindPolicy(branching, operation))],
];

describe.each(stacks)('calls under %s', (_, step) => {
  it('leave nothing behind, whether they succeed, fail or are aborted', async () => {
    await expectNoLeaks(async (signals) => {
      const read = (signal: AbortSignal): boolean => signal.aborted;
      const ops = [
        () => 'value',
        async () => 'value',
        () => Promise.reject(new Error('async')),
        () => {
          throw new Error('sync');
        },
      ];
      for (const op of ops) {
        for (let k = 0; k < 10; k++) {
          const all = start(step, (ctx) => [read(ctx.signal), op()][1], signals.signal);
          await all.catch(() => {});
        }
      }
      expect(signals.peak).toBeLessThanOrEqual(1);
      const waiting = Array.from({ length: 3 }, () =>
        start(step, () => new Promise((r) => setImmediate(r)), signals.signal),
      );
      signals.abort('enough');
      const outcomes = await Promise.allSettled(waiting);
      expect(outcomes.map((one) => one.status === 'rejected' && one.reason)).toEqual(Array(3).fill('enough'));
    });
  });

  it('on one signal that lives long do not grow the heap', async () => {
    const { signal } = new AbortController();
    const growth = await heapGrowth((k) => start(step, async (ctx) => [k, ctx.signal], signal), { operations: 20_000 });
    // 20 000 calls that stay would be over 2 MB.
    expect(growth).toBeLessThan(200_000);
  });
});

/** How many promises a piece of code makes on its own stack. */
function promisesOf(work: () => unknown): number {
  let count = 0;
  const hook = createHook({
    init(_, type) {
      if (type === 'PROMISE') count++;
    },
  });
  hook.enable();
  try {
    work();
  } finally {
    hook.disable();
  }
  return count;
}

describe('a call costs one promise more than its operation', () => {
  const op = async (): Promise<string> => 'value';

  it.each(stacks.slice(0, 3))('under %s', (_, step) => {
    expect(promisesOf(op)).toBe(1);
    expect(promisesOf(() => start(step, op, undefined))).toBe(2);
    expect(promisesOf(() => start(step, () => 'value', undefined))).toBe(1);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bindPolicy, operation, start, StepPolicy } from '../../src/core/call.ts';
import type { CallContext, Operation, Policy } from '../../src/core/policy.ts';
import type { Step } from '../../src/core/step.ts';
import { BareContext } from '../../src/core/step.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { anyOperation } from '../support/arbitraries.ts';
import { countingSignal } from '../support/counting-signal.ts';
import { gate, outcomeOf } from '../support/gate.ts';

type Bindable = Pick<Policy<unknown>, 'run'>;

/** Runs `op` under `policies`, outermost first. */
function runUnder(policies: readonly Bindable[], op: Operation<unknown>, signal?: AbortSignal): Promise<unknown> {
  const step = policies.reduceRight<Step>((inner, policy) => bindPolicy(policy, inner), operation);
  return start(step, op, signal);
}

const through = new StepPolicy((inner) => (call, scope, done) => inner(call, scope, (...result) => done(...result)));

/** Changes nothing and writes down each result it sees. */
function watching(seen: unknown[][]): StepPolicy {
  return new StepPolicy(
    (inner) => (call, scope, done) =>
      inner(call, scope, (...result) => {
        seen.push(result);
        done(...result);
      }),
  );
}

/** Enters the step inside again after each failure, as a retry does. */
const stubborn = new StepPolicy((inner) => (call, scope, done) => {
  const enter = (left: number): void =>
    inner(call, scope, (isOk, result) => (isOk || left === 0 ? done(isOk, result) : enter(left - 1)));
  enter(2);
});

function delayed(clock: ReturnType<typeof createVirtualClock>): StepPolicy {
  return new StepPolicy((inner) => (call, scope, done) => void clock.setTimeout(() => inner(call, scope, done), 10));
}

const foreign: Bindable = { run: async (op, options) => op({ signal: options!.signal!, attempt: 1 }) as never };

describe('a call', () => {
  it('gives back what its operation does, under any policies that change nothing', async () => {
    const stacks = fc.constantFrom<Bindable[]>(
      [],
      [through],
      [through, through],
      [foreign],
      [through, foreign, through],
    );
    await fc.assert(
      fc.asyncProperty(anyOperation(), stacks, async (any, policies) => {
        const wanted = any.outcome;
        const [got] = await Promise.allSettled([runUnder(policies, () => any.run())]);
        expect(got.status).toBe(wanted.status);
        const value = (one: typeof got): unknown => (one.status === 'fulfilled' ? one.value : one.reason);
        expect(Object.is(value(got), value(wanted as typeof got))).toBe(true);
      }),
    );
  });

  it.each([
    ['at once', () => 'value'],
    ['later', async () => 'value'],
  ])('starts its operation on the same stack and once, one that answers %s', async (_, op) => {
    let calls = 0;
    const promise = runUnder([through, through], () => {
      calls++;
      return op();
    });
    expect(calls).toBe(1);
    expect(await promise).toBe('value');
    expect(calls).toBe(1);
  });

  it.each([undefined, null, 0, '', 'text', 7n, false, Symbol('s'), {}, { then: 1 }, () => {}])(
    'tells its policies of a plain value on the same stack: %s',
    async (value) => {
      const seen: unknown[][] = [];
      const promise = runUnder([watching(seen)], () => value);
      expect(seen).toEqual([[true, value]]);
      expect(await promise).toBe(value);
    },
  );

  it.each([
    ['an object', (then: PromiseLike<unknown>['then']) => ({ then })],
    ['a function', (then: PromiseLike<unknown>['then']) => Object.assign(() => {}, { then })],
    [
      'a promise of another make',
      (then: PromiseLike<unknown>['then']) => Object.assign(new (class X extends Promise<1> {})(() => {}), { then }),
    ],
  ])('tells its policies what a thenable settles with, when it does: %s', async (_, make) => {
    for (const isOk of [true, false]) {
      const seen: unknown[][] = [];
      const inner = gate<string>();
      const promise = runUnder([watching(seen)], () => make(inner.promise.then.bind(inner.promise)));
      promise.catch(() => {});
      await outcomeOf(promise);
      expect(seen).toEqual([]);
      if (isOk) inner.open('result');
      else inner.fail('result');
      await outcomeOf(promise);
      expect(seen).toEqual([[isOk, 'result']]);
    }
  });

  it('fails, and does not throw, when the value of its operation cannot be looked at', async () => {
    const trap = (): never => {
      throw new Error('hands off');
    };
    const values = [
      new Proxy({}, { getPrototypeOf: trap }),
      new Proxy({}, { get: trap }),
      Object.defineProperty({}, 'then', { get: trap }),
    ];
    for (const value of values) {
      for (const policies of [[], [through], [foreign]]) {
        await expect(runUnder(policies, () => value)).rejects.toThrow('hands off');
      }
    }
  });

  it('fails with a promise that its operation throws, as with any other value', async () => {
    const thrown = Promise.resolve('thrown');
    const op = (): never => {
      throw thrown;
    };
    expect(await runUnder([through], op).catch((error: unknown) => error === thrown)).toBe(true);
  });

  it('ends with the last try of a policy that tries again, wherever that starts', async () => {
    for (const policies of [[stubborn], [through, stubborn], [stubborn, through], [foreign, stubborn]]) {
      for (const make of [(k: number) => k, (k: number) => Promise.resolve(k)]) {
        let calls = 0;
        const op = (): unknown => {
          const call = ++calls;
          if (call < 3) throw new Error(`try ${call}`);
          return make(call);
        };
        expect(await runUnder(policies, op)).toBe(3);
        calls = 0;
        const late = async (): Promise<unknown> => op();
        expect(await runUnder(policies, late)).toBe(3);
        calls = -10;
        await expect(runUnder(policies, late)).rejects.toThrow('try -7');
      }
    }
  });

  it.each(['value', 'failure'])('waits for a policy that enters late, for its %s', async (kind) => {
    const clock = createVirtualClock();
    const promise = runUnder([through, delayed(clock), through], async () => {
      if (kind === 'failure') throw kind;
      return kind;
    });
    promise.catch(() => {});
    expect(await outcomeOf(promise)).toEqual({ state: 'pending' });
    await clock.advance(10);
    const wanted = kind === 'value' ? { state: 'fulfilled', value: kind } : { state: 'rejected', reason: kind };
    expect(await outcomeOf(promise)).toEqual(wanted);
  });

  it('has the answer of a policy that answers before its operation does', async () => {
    const early = new StepPolicy((inner) => (call, scope, done) => {
      call.mayAdopt = false;
      inner(call, scope, () => {});
      done(true, 'early');
    });
    const late = gate<string>();
    const promise = runUnder([early], () => late.promise);
    expect(await promise).toBe('early');
    late.open('late');
    expect(await promise).toBe('early');
  });

  it.each([undefined, null, 7, 'fn', {}])('rejects without entering anything when %s is no operation', async (op) => {
    const entered: unknown[] = [];
    const watching = new StepPolicy((inner) => (call, scope, done) => {
      entered.push(scope);
      inner(call, scope, done);
    });
    const kind = typeof op;
    await expect(watching.run(op as never)).rejects.toThrow(new TypeError(`op must be a function, got ${kind}`));
    expect(entered).toEqual([]);
  });
});

describe('the context', () => {
  it('is the signal of the caller and the first attempt', async () => {
    const { signal } = new AbortController();
    const seen: CallContext[] = [];
    await runUnder([through], (ctx) => seen.push(ctx), signal);
    expect(seen[0]!.signal).toBe(signal);
    expect(seen[0]!.attempt).toBe(1);
  });

  it('has a signal that never aborts where the caller gave none, the same on each read', async () => {
    const seen: AbortSignal[] = [];
    await runUnder([through], (ctx) => void seen.push(ctx.signal, ctx.signal));
    expect(seen[0]).toBeInstanceOf(AbortSignal);
    expect([seen[0]!.aborted, seen[0] === seen[1]]).toEqual([false, true]);
  });

  it('that is bare has them too', () => {
    const bare = new BareContext();
    expect([bare.attempt, bare.signal.aborted, bare.signal === bare.signal]).toEqual([1, false, true]);
    expect(new BareContext().signal).not.toBe(bare.signal);
  });
});

describe('an abort', () => {
  it('before the call rejects with its reason and starts nothing', async () => {
    const signals = countingSignal();
    const reason = { why: 'before' };
    signals.abort(reason);
    let calls = 0;
    await expect(runUnder([through, foreign], () => calls++, signals.signal)).rejects.toBe(reason);
    expect([calls, signals.added]).toEqual([0, 0]);
  });

  it.each([
    ['answers', [], true],
    ['fails', [], false],
    ['answers under a policy', [through], true],
    ['fails under one that tries again', [stubborn], false],
    ['answers under a foreign policy', [foreign], true],
    ['fails under a foreign policy', [through, foreign], false],
  ] as [string, Bindable[], boolean][])('while it runs wins, when the operation %s', async (_, policies, isOk) => {
    const signals = countingSignal();
    const running = gate<string>();
    const promise = runUnder(policies, () => running.promise, signals.signal);
    const reason = { why: 'meanwhile' };
    signals.abort(reason);
    if (isOk) running.open('value');
    else running.fail(new Error('failed'));
    await expect(promise).rejects.toBe(reason);
    expect(signals.listeners).toBe(0);
  });

  it('by an operation that ends on the same stack wins', async () => {
    const controller = new AbortController();
    const op = (): string => {
      controller.abort('inside');
      return 'value';
    };
    await expect(runUnder([through], op, controller.signal)).rejects.toBe('inside');
  });

  it('after the end changes nothing', async () => {
    const signals = countingSignal();
    const promise = runUnder([through, foreign], async () => 'value', signals.signal);
    expect(await promise).toBe('value');
    signals.abort('late');
    expect(await promise).toBe('value');
  });
});

describe('ComposablePolicy', () => {
  it('binds itself once for all calls of its own, and keeps them apart', async () => {
    let bound = 0;
    const policy = new StepPolicy((inner) => {
      bound++;
      return inner;
    });
    const gates = [gate<number>(), gate<number>(), gate<number>()];
    const all = gates.map((one) => policy.run(() => one.promise));
    for (const k of [2, 0, 1]) gates[k]!.open(k);
    expect([await Promise.all(all), bound]).toEqual([[0, 1, 2], 1]);
    await policy.runOutcome(() => 1);
    expect(bound).toBe(1);
  });

  it('runOutcome tells values and failures of every kind apart and never rejects', async () => {
    await fc.assert(
      fc.asyncProperty(anyOperation(), async (any) => {
        const got = await through.runOutcome(() => any.run());
        const wanted = any.outcome;
        expect(got.ok).toBe(wanted.status === 'fulfilled');
        expect(Object.is(got.ok ? got.value : got.error, 'value' in wanted ? wanted.value : wanted.reason)).toBe(true);
        expect(Object.keys(got)).toEqual(got.ok ? ['ok', 'value'] : ['ok', 'error']);
      }),
    );
    const { signal } = new AbortController();
    expect(await through.runOutcome(() => 1, { signal })).toEqual({ ok: true, value: 1 });
    expect(await through.runOutcome(() => 1, { signal: AbortSignal.abort('gone') })).toEqual({
      ok: false,
      error: 'gone',
    });
    const none = await through.runOutcome(undefined as never);
    expect(none).toMatchObject({ ok: false, error: { message: 'op must be a function, got undefined' } });
  });
});

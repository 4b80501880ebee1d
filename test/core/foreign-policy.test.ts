import { describe, expect, it } from 'vitest';
import { bindPolicy, operation, start, StepPolicy } from '../../src/core/call.ts';
import type { CallContext, Operation, Policy, RunOptions } from '../../src/core/policy.ts';
import { countingSignal } from '../support/counting-signal.ts';
import { gate, outcomeOf } from '../support/gate.ts';

type Inside = (ctx?: CallContext) => Promise<unknown>;

/** A policy of another library, which knows `run` and nothing of this one. */
function foreign(run: (inside: Inside, options: RunOptions) => unknown): Pick<Policy<unknown>, 'run'> {
  return { run: (op: unknown, options?: RunOptions) => run(op as Inside, options!) as never };
}

function runIn(policy: Pick<Policy<unknown>, 'run'>, op: Operation<unknown>, signal?: AbortSignal): Promise<unknown> {
  return start(bindPolicy(policy, operation), op, signal);
}

describe('a foreign policy', () => {
  it('that calls the operation without a context gives it the signal and the attempt of the call', async () => {
    const { signal } = new AbortController();
    const seen: unknown[] = [];
    await runIn(
      foreign((inside) => inside()),
      (ctx) => seen.push(ctx.signal === signal, ctx.attempt),
      signal,
    );
    expect(seen).toEqual([true, 1]);
  });

  it('may give the operation a signal and an attempt of its own', async () => {
    const own = new AbortController();
    const seen: unknown[] = [];
    const policy = foreign((inside) => inside({ signal: own.signal, attempt: 4 }));
    await runIn(policy, (ctx) => seen.push(ctx.signal === own.signal, ctx.attempt));
    expect(seen).toEqual([true, 4]);
  });

  it('is given the signal of the call, and may abort the operation by its own', async () => {
    const signals = countingSignal();
    const own = new AbortController();
    const given: unknown[] = [];
    const running = gate();
    const policy = foreign((inside, options) => {
      given.push(options.signal === signals.signal);
      return inside({ signal: own.signal, attempt: 1 }).catch((error: unknown) => `saw ${String(error)}`);
    });
    const promise = runIn(policy, () => running.promise, signals.signal);
    own.abort('own reason');
    running.open();
    expect(await promise).toBe('saw own reason');
    expect([given, signals.listeners]).toEqual([[true], 0]);
  });

  it('that calls the operation twice gets both results', async () => {
    let calls = 0;
    const policy = foreign(async (inside) => [await inside(), await inside()]);
    expect(await runIn(policy, async () => ++calls)).toEqual([1, 2]);
    const both = foreign((inside) => Promise.all([inside(), inside()]));
    expect(await runIn(both, () => ++calls)).toEqual([3, 4]);
    const again = foreign((inside) => inside().catch(() => inside()));
    calls = 0;
    const failingOnce = async (): Promise<string> => {
      if (++calls === 1) throw new Error('once');
      return 'second';
    };
    expect(await runIn(again, failingOnce)).toBe('second');
  });

  it('that resolves late makes the call wait for it', async () => {
    const late = gate();
    const policy = foreign(async (inside) => {
      const value = await inside();
      await late.promise;
      return `${String(value)}, late`;
    });
    const promise = runIn(policy, () => 'value');
    expect(await outcomeOf(promise)).toEqual({ state: 'pending' });
    late.open();
    expect(await promise).toBe('value, late');
  });

  it.each([
    ['a value', () => 'own', { state: 'fulfilled', value: 'own' }],
    ['a promise', async () => 'own', { state: 'fulfilled', value: 'own' }],
    [
      'a thenable',
      () => ({ then: (resolve: (value: string) => void) => resolve('own') }),
      { state: 'fulfilled', value: 'own' },
    ],
    ['a rejection', () => Promise.reject('own'), { state: 'rejected', reason: 'own' }],
  ])('that never calls the operation answers with %s of its own', async (_, run, wanted) => {
    let calls = 0;
    expect(await outcomeOf(runIn(foreign(run), () => calls++))).toEqual(wanted);
    expect(calls).toBe(0);
  });

  it('that throws at once fails the call', async () => {
    const error = new Error('broken policy');
    const policy = foreign(() => {
      throw error;
    });
    await expect(runIn(policy, () => 1)).rejects.toBe(error);
  });

  it('sees what the operation throws, as a rejection', async () => {
    const error = new Error('from the operation');
    const policy = foreign((inside) => inside().catch((seen: unknown) => [seen === error]));
    const throwing = (): never => {
      throw error;
    };
    expect(await runIn(policy, throwing)).toEqual([true]);
  });

  it('may stand between policies of this library, which keep their order', async () => {
    const log: string[] = [];
    const named = (name: string): StepPolicy =>
      new StepPolicy((inner) => (call, scope, done) => {
        log.push(`${name} in`);
        inner(call, scope, (isOk, result) => {
          log.push(`${name} out`);
          done(isOk, `${name}(${String(result)})`);
        });
      });
    const middle = foreign(async (inside) => {
      log.push('foreign in');
      const value = await inside();
      log.push('foreign out');
      return `foreign(${String(value)})`;
    });
    const step = bindPolicy(named('outer'), bindPolicy(middle, bindPolicy(named('inner'), operation)));
    expect(await start(step, () => 'op', undefined)).toBe('outer(foreign(inner(op)))');
    expect(log).toEqual(['outer in', 'foreign in', 'inner in', 'inner out', 'foreign out', 'outer out']);
  });

  it('starts no operation after the call was aborted', async () => {
    const controller = new AbortController();
    const late = gate();
    let calls = 0;
    const policy = foreign(async (inside) => {
      await late.promise;
      return inside();
    });
    const promise = runIn(policy, () => calls++, controller.signal);
    controller.abort('gone');
    late.open();
    await expect(promise).rejects.toBe('gone');
    expect(calls).toBe(0);
  });
});

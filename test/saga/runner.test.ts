import { describe, expect, it } from 'vitest';
import type { Saga, SagaStore } from '../../src/saga/index.ts';
import { LeaseLostError, SagaRefusal, saga } from '../../src/saga/index.ts';
import { gate, outcomeOf } from '../support/gate.ts';
import type { Bed, Life } from './kit.ts';
import { bed, broken, never, storeOf } from './kit.ts';

/** Counts the calls of each verb of a store. */
function counted(store: SagaStore): { readonly store: SagaStore; readonly calls: Record<string, number> } {
  const calls: Record<string, number> = {};
  const counting = storeOf(store, { isDead: false }, (verb, after) => {
    if (!after) calls[verb] = (calls[verb] ?? 0) + 1;
    return undefined;
  });
  return { store: counting, calls };
}

function chain(steps: number, run: (k: number) => unknown = (k) => k): Saga<unknown, unknown> {
  let def = saga<unknown>('chain') as Saga<unknown, unknown>;
  for (let k = 0; k < steps; k++) def = def.step(`s${k}`, { run: async () => run(k) });
  return def;
}

const LEASE_MS = 30_000;

/** Starts a saga in a process which that saga brings down. */
async function dying(own: Bed, define: (life: Life) => Saga<unknown, unknown>, id: string): Promise<void> {
  const life: Life = { isDead: false };
  const def = define(life);
  await own.runner([def], { store: storeOf(own.store, life) }).start(def, 'input', { id });
  await own.pass(10);
  expect(life.isDead).toBe(true);
}

describe('start', () => {
  it('has stored the saga when it resolves, and has run nothing before', async () => {
    const own = bed();
    const order: string[] = [];
    const store = storeOf(own.store, { isDead: false }, (verb, after) => {
      order.push(`${verb}${after ? ' done' : ''}`);
      return undefined;
    });
    const def = saga('order').step('a', { run: () => void order.push('run') });
    const handle = await own.runner([def], { store }).start(def, undefined);
    expect(handle.created).toBe(true);
    await handle.result();
    expect(order.indexOf('run')).toBeGreaterThan(order.indexOf('create done'));
  });

  it('answers the same saga for the same id and a structurally equal input, whatever its state, and runs it once', async () => {
    const own = bed();
    let calls = 0;
    const def = saga<{ a: number; b?: Date }>('order').step('a', { run: () => ++calls });
    const [here, there] = [own.runner([def]), own.runner([def])];
    const handles = await Promise.all([
      here.start(def, { a: 1, b: new Date(5) }, { id: 'x' }),
      here.start(def, { b: new Date(5), a: 1 }, { id: 'x' }),
      there.start(def, { b: new Date(5), a: 1 }, { id: 'x' }),
    ]);
    expect(handles.map(({ created }) => created)).toEqual([true, false, false]);
    const results = Promise.all(handles.map((handle) => handle.result()));
    await own.pass(2000);
    expect(await results).toEqual([{ a: 1 }, { a: 1 }, { a: 1 }]);
    const late = await there.start(def, { a: 1, b: new Date(5) }, { id: 'x' });
    expect([late.created, await late.result(), calls]).toEqual([false, { a: 1 }, 1]);
  });

  it('rejects for an id that another input or another definition has', async () => {
    const own = bed();
    const def = saga<unknown>('order').step('a', { run: () => 1 });
    const other = saga<unknown>('other').step('a', { run: () => 1 });
    const runner = own.runner([def, other]);
    await runner.start(def, { a: 1 }, { id: 'x' });
    for (const input of [{ a: 2 }, { a: 1, b: undefined }, [1], null, '{"a":1}']) {
      await expect(runner.start(def, input, { id: 'x' })).rejects.toMatchObject({
        code: 'ERR_SAGA_CONFLICT',
        sagaId: 'x',
      });
    }
    await expect(runner.start(other, { a: 1 }, { id: 'x' })).rejects.toMatchObject({ code: 'ERR_SAGA_CONFLICT' });
  });

  it('refuses an id, an input or a definition that cannot be stored, by name', async () => {
    const own = bed();
    const def = saga<unknown>('order').step('a', { run: () => 1 });
    const runner = own.runner([def]);
    for (const id of ['', 'x'.repeat(256), 'a\0', '\ud800', 5 as unknown as string]) {
      await expect(runner.start(def, 1, { id })).rejects.toThrow(/^id must be/);
    }
    await expect(runner.start(def, { a: () => 1 })).rejects.toThrow('input.a cannot be stored: it is a function');
    await expect(runner.start(saga<unknown>('order'), 1)).rejects.toThrow(/^saga must be one of/);
    expect(await own.store.list({})).toEqual([]);
  });

  it('rejects with the fault of the store when that lasts, and the saga still runs if it was stored', async () => {
    const own = bed();
    const store = storeOf(own.store, { isDead: false }, (verb) => (verb === 'create' ? 'lose' : undefined));
    const done = gate();
    const def = saga('order').step('a', { run: () => done.open() });
    const started = own.runner([def], { store }).start(def, undefined, { id: 'x' });
    started.catch(() => undefined);
    await own.pass(LEASE_MS + 3000);
    await expect(started).rejects.toThrow('the answer is lost');
    await own.pass(LEASE_MS);
    await done.promise;
    expect((await own.store.get(['x']))[0]!.status).toBe('completed');
  });
});

describe('writes', () => {
  it('are one for the start and one for each step, of which the last also ends the saga', async () => {
    for (const steps of [1, 5, 50]) {
      const own = bed();
      const { store, calls } = counted(own.store);
      const def = chain(steps);
      const runner = own.runner([def], { store });
      await (await runner.start(def, 1)).result();
      expect([calls['create'], calls['write']]).toEqual([1, steps]);
      await runner.close();
    }
  });

  it('of many sagas at the same moment share calls of the store', async () => {
    const own = bed();
    const { store, calls } = counted(own.store);
    const def = chain(5);
    const runner = own.runner([def], { store });
    const handles = await Promise.all(Array.from({ length: 200 }, () => runner.start(def, 1)));
    await Promise.all(handles.map((handle) => handle.result()));
    expect(calls['create']! + calls['write']!).toBeLessThanOrEqual(60);
  });

  it('are repeated through a fault of the store, which is no failure of a step', async () => {
    for (const fate of ['refuse', 'lose'] as const) {
      const own = bed();
      let faults = 5;
      const store = storeOf(own.store, { isDead: false }, (verb, after) =>
        verb === 'write' && !after && faults-- > 0 ? fate : undefined,
      );
      let calls = 0;
      const def = chain(3, () => ++calls);
      const result = own
        .runner([def], { store })
        .start(def, 1)
        .then((handle) => handle.result());
      await own.pass(10_000);
      expect(await result).toEqual({ s0: 1, s1: 2, s2: 3 });
      expect(own.events.filter(({ type }) => type === 'store-fault').length).toBe(5);
    }
  });

  it('that the store never takes hold up no other saga', async () => {
    const own = bed();
    const def = saga<string>('order').step('a', { run: ({ input }) => input });
    const store: SagaStore = new Proxy(own.store, {
      get: (target, verb: keyof SagaStore) =>
        verb === 'write'
          ? async (...args: Parameters<SagaStore['write']>) => {
              if (args[1].some(({ entries }) => entries.some(({ data }) => data === '"poison"')))
                throw new Error('too large');
              return target.write(...args);
            }
          : (target[verb] as () => unknown)?.bind(target),
    });
    const runner = own.runner([def], { store });
    const inputs = ['a', 'poison', 'b', 'c'];
    const handles = await Promise.all(inputs.map((input) => runner.start(def, input, { id: input })));
    await own.pass(5000);
    for (const k of [0, 2, 3]) expect(await outcomeOf(handles[k]!.result())).toMatchObject({ state: 'fulfilled' });
    expect((await own.store.get(['poison']))[0]!.status).toBe('running');
  });
});

describe('recovery', () => {
  it('goes on at the frontier, calls no completed step again, and reads everything in one claim', async () => {
    const own = bed();
    const calls: string[] = [];
    const define = (life: Life): Saga<unknown, unknown> => {
      let def = saga<unknown>('long') as Saga<unknown, unknown>;
      for (let k = 0; k < 100; k++) {
        def = def.step(`s${k}`, {
          run: async ({ attempt, results }) => {
            calls.push(`s${k} ${attempt}`);
            if (k === 60 && attempt === 1) {
              life.isDead = true;
              return never();
            }
            return { k, sees: Object.keys(results as object).length };
          },
        });
      }
      return def;
    };
    await dying(own, define, 'x');
    await own.pass(LEASE_MS);
    const { store, calls: verbs } = counted(own.store);
    const heir = own.runner([define({ isDead: false })], { store });
    const [handle] = await heir.recover();
    expect(await handle!.result()).toMatchObject({ s99: { k: 99, sees: 99 } });
    expect(calls).toEqual(
      [...Array(61).keys()]
        .map((k) => `s${k} 1`)
        .concat([...Array(40).keys()].map((k) => `s${k + 60} ${k === 0 ? 2 : 1}`)),
    );
    expect([verbs['claim'], verbs['load'], verbs['get']]).toEqual([1, undefined, undefined]);
  });

  it('undoes as unknown what a crash cut off, when the saga turns back after all', async () => {
    const own = bed();
    const trace: unknown[] = [];
    const define = (life: Life): Saga<unknown, unknown> =>
      saga<unknown>('order').step('pay', {
        run: ({ attempt }) => {
          if (attempt > 1) throw new SagaRefusal('no');
          life.isDead = true;
          return never();
        },
        compensate: ({ outcome, output, attempt }) => void trace.push(outcome, output, attempt),
      });
    await dying(own, define, 'x');
    await own.pass(LEASE_MS);
    const [handle] = await own.runner([define({ isDead: false })]).recover();
    await expect(handle!.result()).rejects.toMatchObject({ code: 'ERR_SAGA_COMPENSATED' });
    expect(trace).toEqual(['unknown', undefined, 1]);
  });

  it('goes on with the compensation that a crash cut off, and repeats none before it', async () => {
    const own = bed();
    const trace: string[] = [];
    const define = (life: Life): Saga<unknown, unknown> => {
      const step = (name: string): object => ({
        run: () => name,
        compensate: ({ attempt, cause }: { attempt: number; cause: Error }) => {
          trace.push(`${name} ${attempt} ${cause.message}`);
          if (name !== 'b' || attempt > 1) return undefined;
          life.isDead = true;
          return never();
        },
      });
      return saga<unknown>('order')
        .step('a', step('a') as { run(): string })
        .step('b', step('b') as { run(): string })
        .step('c', step('c') as { run(): string })
        .step('d', {
          run: () => {
            throw new Error('no');
          },
        });
    };
    await dying(own, define, 'x');
    await own.pass(LEASE_MS);
    const [handle] = await own.runner([define({ isDead: false })]).recover();
    await expect(handle!.result()).rejects.toMatchObject({ step: 'd', cause: { message: 'no' } });
    expect(trace).toEqual(['c 1 no', 'b 1 no', 'b 2 no', 'a 1 no']);
  });

  it('counts attempts over crashes, and none of them makes a step give up by itself', async () => {
    const own = bed();
    const attempts: number[] = [];
    const define = (life: Life): Saga<unknown, unknown> =>
      saga<unknown>('order').step('a', {
        run: ({ attempt }) => {
          attempts.push(attempt);
          if (attempt === 2 || attempt === 3) {
            life.isDead = true;
            return never();
          }
          throw new Error('no');
        },
        retry: { maxAttempts: 4, baseDelayMs: 1 },
      });
    await dying(own, define, 'x');
    await own.pass(LEASE_MS);
    const life: Life = { isDead: false };
    await own.runner([define(life)], { store: storeOf(own.store, life) }).recover();
    await own.pass(LEASE_MS);
    const [handle] = await own.runner([define({ isDead: false })]).recover();
    await expect(handle!.result()).rejects.toMatchObject({ code: 'ERR_SAGA_COMPENSATED' });
    expect(attempts).toEqual([1, 2, 3, 4]);
  });

  it('parks a saga that brings its process down `maxRecoveries` times, and delays no other for it', async () => {
    const own = bed();
    let poisoned = 0;
    let isolated = 0;
    const define = (life: Life): Saga<unknown, unknown> =>
      saga<unknown>('order').step('a', {
        run: ({ sagaId }) => {
          if (sagaId !== 'poison') return ++isolated;
          poisoned++;
          life.isDead = true;
          return never();
        },
      });
    await dying(own, define, 'poison');
    let lives = 0;
    for (; lives < 10; lives++) {
      await own.pass(LEASE_MS);
      const life: Life = { isDead: false };
      const def = define(life);
      const runner = own.runner([def], { store: storeOf(own.store, life), maxRecoveries: 3 });
      const bystander = await runner.start(def, 1, { id: `bystander ${lives}` });
      await bystander.result();
      void runner.recover();
      await own.pass(10);
      if (!life.isDead) break;
    }
    expect([poisoned, lives, isolated]).toEqual([4, 3, 4]);
    const [record] = await own.store.get(['poison']);
    expect(record!.status).toBe('stuck');
    await expect(
      own
        .runner([define({ isDead: false })])
        .handle('poison')
        .result(),
    ).rejects.toMatchObject({ step: '' });
  });
});

describe('ownership', () => {
  it('keeps a saga for as long as a step takes', async () => {
    const own = bed();
    const slow = gate();
    const def = saga('order').step('a', { run: () => slow.promise });
    const [here, there] = [own.runner([def]), own.runner([def])];
    const handle = await here.start(def, undefined, { id: 'x' });
    await own.pass(10 * LEASE_MS);
    expect(await there.recover()).toEqual([]);
    slow.open();
    expect(await handle.result()).toEqual({ a: undefined });
  });

  it('aborts the signal and begins no step after the lease has ended by its own clock, and writes nothing', async () => {
    const own = bed();
    let isCut = false;
    const store = storeOf(own.store, { isDead: false }, (verb) => (isCut && verb !== 'get' ? 'refuse' : undefined));
    const slow = gate();
    const trace: unknown[] = [];
    const def = saga('order')
      .step('a', {
        run: async ({ signal }) => {
          signal.addEventListener('abort', () => trace.push(signal.reason));
          await slow.promise;
        },
      })
      .step('b', { run: () => void trace.push('b') });
    await own.runner([def], { store }).start(def, undefined, { id: 'x' });
    isCut = true;
    await own.pass(LEASE_MS);
    expect(trace).toEqual([expect.any(LeaseLostError)]);
    slow.open();
    await own.pass(1);
    expect(trace.length).toBe(1);
    expect((await own.store.load('x'))!.log).toEqual([]);
  });

  it('begins no step when it wakes up after its lease, before any timer has fired', async () => {
    const own = bed();
    const slow = gate();
    let calls = 0;
    const def = saga('order')
      .step('a', { run: () => slow.promise })
      .step('b', { run: () => void calls++ });
    const frozen = own.runner([def]);
    await frozen.start(def, undefined, { id: 'x' });
    own.clock.stall(LEASE_MS);
    slow.open();
    await outcomeOf(slow.promise);
    expect(calls).toBe(0);
  });

  it('goes on under a new name after a lost lease, and takes up what it had', async () => {
    const own = bed();
    let isCut = false;
    const store = storeOf(own.store, { isDead: false }, () => (isCut ? 'refuse' : undefined));
    let calls = 0;
    const def = saga('order').step('a', { run: () => (++calls === 1 ? never<number>() : calls) });
    const handle = await own.runner([def], { store }).start(def, undefined);
    isCut = true;
    await own.pass(LEASE_MS);
    isCut = false;
    const result = handle.result();
    await own.pass(2000);
    expect(await result).toEqual({ a: 2 });
  });

  it('frees everything at once when it closes, and lets what runs end before', async () => {
    const own = bed();
    const slow = gate();
    const trace: string[] = [];
    const def = saga('order')
      .step('a', { run: () => slow.promise })
      .step('b', { run: () => void trace.push('b') });
    const here = own.runner([def]);
    const handle = await here.start(def, undefined, { id: 'x' });
    const result = handle.result();
    const closing = here.close({ graceMs: 1000 });
    await own.pass(500);
    slow.open();
    await closing;
    await expect(result).rejects.toThrow(LeaseLostError);
    expect(trace).toEqual([]);
    const [taken] = await own.runner([def]).recover();
    await taken!.result();
    expect([trace, (await own.store.get(['x']))[0]!.recoveries]).toEqual([['b'], 0]);
    await expect(here.start(def, undefined)).rejects.toThrow(LeaseLostError);
  });

  it('closes after `graceMs` though a step goes on, and leaves no timer', async () => {
    const own = bed();
    const def = saga('order').step('a', { run: () => never() });
    const runner = own.runner([def]);
    await runner.start(def, undefined, { id: 'x' });
    const working = runner.work();
    const closing = runner.close({ graceMs: 1000 });
    await own.pass(999);
    expect((await outcomeOf(closing)).state).toBe('pending');
    await own.pass(1);
    await closing;
    await working;
    expect(own.clock.pendingTimers).toBe(0);
    expect((await own.runner([def]).recover()).length).toBe(1);
  });
});

describe('versions', () => {
  it('go on side by side: a saga runs under the version it was started with', async () => {
    const own = bed();
    const slow = gate();
    const old = saga('order', { version: 1 })
      .step('a', { run: () => slow.promise })
      .step('b', { run: () => 'old' });
    const young = saga('order', { version: 2 }).step('a', { run: () => 'young' });
    const before = own.runner([old]);
    await before.start(old, undefined, { id: 'x' });
    await before.close({ graceMs: 0 });
    const after = own.runner([old, young]);
    const [handle] = await after.recover();
    slow.open();
    expect(await handle!.result()).toMatchObject({ b: 'old' });
    expect(await (await after.start(young, undefined)).result()).toEqual({ a: 'young' });
  });

  it('that a process lacks are left alone and reported', async () => {
    const own = bed();
    const old = saga('order', { version: 1 }).step('a', { run: () => never() });
    const before = own.runner([old]);
    await before.start(old, undefined, { id: 'x' });
    await before.close({ graceMs: 0 });
    await own.pass(1);
    own.events.length = 0;
    expect(await own.runner([saga('order', { version: 2 })]).recover()).toEqual([]);
    expect(own.events).toEqual([{ type: 'no-definition', id: 'x', name: 'order', version: 1 }]);
    expect((await own.store.get(['x']))[0]).toMatchObject({ status: 'running', fence: 1 });
  });
});

describe('waits', () => {
  it('have absolute deadlines by the clock of the store, whoever lives meanwhile', async () => {
    const own = bed();
    const at: number[] = [];
    const def = saga('order')
      .sleep('s', 100_000)
      .step('a', { run: () => void at.push(own.clock.now()) });
    const first = own.runner([def]);
    await first.start(def, undefined, { id: 'x' });
    await own.pass(10);
    await first.close();
    await own.pass(60_000);
    const second = own.runner([def]);
    expect(await second.recover()).toEqual([]);
    await own.pass(60_000);
    expect(at).toEqual([expect.toSatisfy((ms: number) => ms >= 100_000 && ms <= 101_100)]);
  });

  it('take an event that came before the wait, or while nobody lived; the first of a name counts', async () => {
    const own = bed();
    const def = saga('order')
      .sleep('s', 5000)
      .event('paid', { parse: (payload) => Number(payload) })
      .event('sent');
    const runner = own.runner([def]);
    await runner.start(def, undefined, { id: 'x' });
    expect(await runner.signal('x', 'paid', '5')).toBe(true);
    expect(await runner.signal('x', 'paid', '6')).toBe(true);
    await own.pass(10_000);
    await runner.close();
    await own.runner([]).signal('x', 'sent', new Date(7));
    const heir = own.runner([def]);
    const [handle] = await heir.recover();
    expect(await handle!.result()).toEqual({ paid: 5, sent: new Date(7) });
    expect(await heir.signal('x', 'paid', 1)).toBe(false);
    expect(await heir.signal('none', 'paid', 1)).toBe(false);
  });

  it('for an event end at their time limit, which fails the step', async () => {
    const own = bed();
    const undone: string[] = [];
    const def = saga('order')
      .step('a', { run: () => 1, compensate: () => void undone.push('a') })
      .event('paid', { timeoutMs: 60_000 });
    const handle = await own.runner([def]).start(def, undefined);
    const result = handle.result();
    result.catch(() => undefined);
    await own.pass(59_000);
    expect(undone).toEqual([]);
    await own.pass(3000);
    await expect(result).rejects.toMatchObject({ step: 'paid', cause: { code: 'ERR_SAGA_STEP_TIMEOUT' } });
    expect(undone).toEqual(['a']);
  });

  it('cost no process anything: nobody owns the saga until it is due', async () => {
    const own = bed();
    const def = saga('order').event('paid');
    const runner = own.runner([def]);
    await runner.start(def, undefined, { id: 'x' });
    await own.pass(10);
    expect((await own.store.get(['x']))[0]).toMatchObject({ worker: null, wakeAtMs: null });
    expect(own.events.map(({ type }) => type)).toEqual(['started', 'waiting']);
  });
});

describe('cancel', () => {
  it('reaches a running step at once here, and within a heartbeat from elsewhere', async () => {
    for (const isHere of [true, false]) {
      const own = bed();
      const at: number[] = [];
      const def = saga('order')
        .step('a', { run: () => 1, compensate: () => void at.push(own.clock.now()) })
        .step('b', {
          run: ({ signal }) =>
            new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
        });
      const here = own.runner([def]);
      const handle = await here.start(def, undefined, { id: 'x' });
      const result = handle.result();
      result.catch(() => undefined);
      await own.pass(1);
      expect(await (isHere ? here : own.runner([])).cancel('x', 'why')).toBe(true);
      await own.pass(isHere ? 0 : LEASE_MS / 3);
      await expect(result).rejects.toMatchObject({ step: '', cause: { code: 'ERR_SAGA_CANCELLED', reason: 'why' } });
      expect(at).toEqual([isHere ? 1 : LEASE_MS / 3]);
    }
  });

  it('answers false and undoes nothing after a completed pivot', async () => {
    const own = bed();
    const slow = gate();
    const def = saga('order')
      .step('a', { run: () => 1, kind: 'pivot' })
      .step('b', { run: () => slow.promise });
    const runner = own.runner([def]);
    const handle = await runner.start(def, undefined, { id: 'x' });
    await own.pass(10);
    expect(await runner.cancel('x')).toBe(false);
    slow.open();
    await handle.result();
    expect([await runner.cancel('x'), await runner.cancel('none')]).toEqual([false, false]);
  });

  it('undoes a saga that waits', async () => {
    const own = bed();
    let undone = 0;
    const def = saga('order')
      .step('a', { run: () => 1, compensate: () => void undone++ })
      .event('paid');
    const runner = own.runner([def]);
    const handle = await runner.start(def, undefined, { id: 'x' });
    await own.pass(10);
    await runner.cancel('x');
    const result = handle.result();
    result.catch(() => undefined);
    await own.pass(1000);
    await expect(result).rejects.toMatchObject({ code: 'ERR_SAGA_COMPENSATED' });
    expect(undone).toBe(1);
  });
});

describe('stuck sagas', () => {
  const stuck = (): { def: Saga<void, { a: number; b: number }>; trace: string[]; fix: () => void } => {
    const trace: string[] = [];
    let isBroken = true;
    const def = saga('order')
      .step('a', { run: () => 1, compensate: () => void trace.push('undo a') })
      .step('b', {
        run: () => 2,
        compensate: ({ attempt }) => {
          trace.push(`undo b ${attempt}`);
          if (isBroken) throw new Error('broken');
        },
        compensationRetry: { maxAttempts: 2, baseDelayMs: 1 },
      })
      .step('c', {
        run: () => {
          throw broken();
        },
      });
    return { def, trace, fix: () => void (isBroken = false) };
  };

  it('are listed, and go on at the broken compensation with a fresh budget when retried', async () => {
    const own = bed();
    const { def, trace, fix } = stuck();
    const runner = own.runner([def]);
    const handle = await runner.start(def, undefined, { id: 'x' });
    const result = handle.result();
    result.catch(() => undefined);
    await own.pass(100);
    await expect(result).rejects.toMatchObject({ code: 'ERR_SAGA_STUCK', step: 'b', cause: { message: 'broken' } });
    expect((await runner.list({ status: 'stuck' })).map(({ id }) => id)).toEqual(['x']);
    await expect(runner.handle('x').result()).rejects.toMatchObject({ code: 'ERR_SAGA_STUCK' });
    expect(await runner.retry('x')).toBe(true);
    await own.pass(100);
    expect((await runner.get('x'))!.status).toBe('stuck');
    fix();
    expect(await runner.retry('x')).toBe(true);
    await own.pass(100);
    expect(trace).toEqual(['undo b 1', 'undo b 2', 'undo b 3', 'undo b 4', 'undo b 5', 'undo a']);
    expect((await runner.get('x'))!.status).toBe('compensated');
    expect([await runner.retry('x'), await runner.retry('none')]).toEqual([false, false]);
  });

  it('go on as if a step had been done by hand when that is resolved, forwards and backwards', async () => {
    const own = bed();
    const { def, trace } = stuck();
    const forwards = saga('forwards')
      .step('a', { run: () => 1, kind: 'pivot' })
      .step('b', {
        run: (): { by: string } => {
          throw new SagaRefusal('no');
        },
      })
      .step('c', { run: ({ results }) => results.b.by });
    const runner = own.runner([def, forwards]);
    await runner.start(def, undefined, { id: 'x' });
    await runner.start(forwards, undefined, { id: 'y' });
    await own.pass(100);
    expect(await runner.resolve('x', 'c')).toBe(false);
    expect(await runner.resolve('y', 'c')).toBe(false);
    expect(await runner.resolve('x', 'b')).toBe(true);
    expect(await runner.resolve('y', 'b', { by: 'hand' })).toBe(true);
    await own.pass(1000);
    expect(trace).toEqual(['undo b 1', 'undo b 2', 'undo a']);
    expect((await runner.get('x'))!.status).toBe('compensated');
    expect(await runner.handle('y').result()).toEqual({ a: 1, b: { by: 'hand' }, c: 'hand' });
  });
});

describe('results', () => {
  it('are told to whoever waits in another process, as they are stored', async () => {
    const own = bed();
    const slow = gate();
    const def = saga('order').step('a', { run: () => slow.promise.then(() => new Map([[1, undefined]])) });
    await own.runner([def]).start(def, undefined, { id: 'x' });
    const other = own.runner([def]);
    const result = other.handle('x').result();
    await own.pass(3000);
    slow.open();
    await own.pass(1000);
    expect(await result).toStrictEqual({ a: new Map([[1, undefined]]) });
    await expect(other.handle('none').result()).rejects.toThrow(RangeError);
    await other.handle('none')[Symbol.asyncDispose]();
  });

  it('are what the next step sees: a value that cannot be stored fails its step by name, and the step is undone', async () => {
    const own = bed();
    const seen: unknown[] = [];
    const shared = { a: 1 };
    const def = saga('order')
      .step('a', { run: () => shared, compensate: ({ outcome }) => void seen.push(outcome) })
      .step('b', { run: ({ results }) => void seen.push(results.a !== shared && results.a) })
      .step('c', { run: () => ({ deep: [Symbol('x')] }), compensate: ({ outcome }) => void seen.push(outcome) });
    const handle = await own.runner([def]).start(def, undefined);
    await expect(handle.result()).rejects.toMatchObject({
      step: 'c',
      cause: { code: 'ERR_SAGA_SERIALIZATION', path: 'c.deep[0]' },
    });
    expect(seen).toEqual([{ a: 1 }, 'unknown', 'completed']);
  });

  it('keep what steps emit if and only if they complete', async () => {
    const own = bed();
    const def = saga('order').step('b', {
      run: (c) => {
        c.emit('topic', { attempt: c.attempt });
        if (c.attempt === 1) throw new Error('no');
        c.emit('topic', 2n);
      },
      retry: { baseDelayMs: 0 },
    });
    await own.runner([def]).start(def, undefined, { id: 'x' });
    await own.pass(10);
    expect(await own.store.outbox!(10)).toEqual([
      { id: 'x/b/run/0', sagaId: 'x', topic: 'topic', payload: '{"attempt":2}' },
      { id: 'x/b/run/1', sagaId: 'x', topic: 'topic', payload: '{"$bigint":"2"}' },
    ]);
  });

  it('of a history are its entries in order, until it is purged', async () => {
    const own = bed();
    const def = chain(2);
    const runner = own.runner([def]);
    await (await runner.start(def, 1, { id: 'x' })).result();
    expect((await runner.history('x')).map(({ type, path }) => `${type} ${path}`)).toEqual([
      'completed s0',
      'completed s1',
    ]);
    expect(await runner.purge({ finishedBeforeMs: own.clock.epochMs() + 1 })).toBe(1);
    expect([await runner.history('x'), await runner.get('x')]).toEqual([[], undefined]);
  });
});

describe('atomic steps', () => {
  it('are written together with what they do, once, also when the answer to the commit is lost', async () => {
    const own = bed();
    let faults = 3;
    const store = storeOf(own.store, { isDead: false }, (verb, after) =>
      verb === 'atomic' && !after && faults-- > 0 ? 'lose' : undefined,
    );
    let calls = 0;
    const def = saga('order')
      .step('a', { atomic: true, run: (_c, tx: undefined) => [++calls, tx], compensate: () => void calls++ })
      .step('b', { run: () => 'b' });
    const handle = await own.runner([def], { store }).start(def, undefined, { id: 'x' });
    const result = handle.result();
    await own.pass(2000);
    expect(await result).toEqual({ a: [1, undefined], b: 'b' });
    expect([calls, (await own.store.load('x'))!.log.length]).toEqual([1, 2]);
  });

  it('that fail have done nothing, and are not undone', async () => {
    const own = bed();
    let undone = 0;
    const def = saga('order').step('a', {
      atomic: true,
      run: () => {
        throw new Error('no');
      },
      compensate: () => void undone++,
    });
    const handle = await own.runner([def]).start(def, undefined);
    await expect(handle.result()).rejects.toMatchObject({ step: 'a' });
    expect(undone).toBe(0);
    await expect(def.run()).rejects.toThrow(TypeError);
  });
});

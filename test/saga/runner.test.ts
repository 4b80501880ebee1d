import { describe, expect, it } from 'vitest';
import type { SagaStore } from '../../src/saga/index.ts';
import { saga } from '../../src/saga/index.ts';
import { gate, outcomeOf } from '../support/gate.ts';
import { LEASE_MS, bed, chain, counted, storeOf } from './kit.ts';

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

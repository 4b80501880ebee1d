import { describe, expect, it } from 'vitest';
import type { Saga } from '../../src/saga/index.ts';
import { SagaRefusal, saga } from '../../src/saga/index.ts';
import { gate } from '../support/gate.ts';
import { LEASE_MS, bed, broken, never } from './kit.ts';

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

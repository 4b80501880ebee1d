import { describe, expect, it } from 'vitest';
import type { Saga } from '../../src/saga/index.ts';
import { SagaRefusal, saga } from '../../src/saga/index.ts';
import type { Life } from './kit.ts';
import { LEASE_MS, bed, chain, dying, never, storeOf } from './kit.ts';

const refuse = (): never => {
  throw new SagaRefusal('no');
};

describe('resolve', () => {
  it('refuses a value that cannot be stored before it takes the saga up, which stays stuck', async () => {
    const own = bed();
    const def = saga('order')
      .step('a', { kind: 'pivot', run: () => 1 })
      .step('b', { run: refuse });
    const runner = own.runner([def]);
    await (await runner.start(def, undefined, { id: 'x' })).result().catch(() => {});
    await expect(runner.resolve('x', 'b', () => 1)).rejects.toMatchObject({
      code: 'ERR_SAGA_SERIALIZATION',
      path: 'b',
    });
    expect((await own.store.get(['x']))[0]).toMatchObject({ status: 'stuck', fence: 1 });
    expect(await runner.resolve('x', 'b', 5)).toBe(true);
    await own.pass(10);
    expect((await runner.history('x')).map(({ type, path }) => `${type} ${path}`).slice(-1)).toEqual(['resolved b']);
    expect((await own.store.get(['x']))[0]!.status).toBe('completed');
  });

  it('answers false for a saga that is not stuck, or is none, and for a step where it is not stuck', async () => {
    const own = bed();
    const def = saga('order')
      .step('a', { run: () => 1, compensate: refuse, compensationRetry: { maxAttempts: 1 } })
      .step('b', { run: refuse });
    const slow = chain(1, () => never());
    const runner = own.runner([def, slow]);
    await runner.start(slow, 1, { id: 'runs' });
    await (await runner.start(def, undefined, { id: 'x' })).result().catch(() => {});
    expect([
      await runner.resolve('runs', 's0'),
      await runner.resolve('none', 's0'),
      await runner.resolve('x', 'b'),
      await runner.resolve('x', 'nowhere'),
      await runner.resolve('x', 'a'),
      await runner.resolve('x', 'a'),
    ]).toEqual([false, false, false, false, true, false]);
  });

  it('takes any step that is not done of a saga that was parked for bringing down its workers', async () => {
    const own = bed();
    const define = (life: Life): Saga<unknown, unknown> =>
      saga<unknown>('order')
        .step('a', { run: () => 1 })
        .step('b', {
          run: () => {
            life.isDead = true;
            return never();
          },
        })
        .step('c', { run: ({ results }) => results.b }) as unknown as Saga<unknown, unknown>;
    await dying(own, define, 'x');
    const def = define({ isDead: false });
    for (let k = 0; k < 3; k++) {
      await own.pass(LEASE_MS);
      const life: Life = { isDead: false };
      const runner = own.runner([define(life)], { store: storeOf(own.store, life), maxRecoveries: 1 });
      await runner.recover();
      await own.pass(10);
    }
    const runner = own.runner([def]);
    expect((await own.store.get(['x']))[0]!.status).toBe('stuck');
    expect((await runner.history('x')).at(-1)).toMatchObject({
      type: 'stuck',
      path: '',
      data: expect.stringContaining('it has brought down 2 workers without getting any further') as unknown,
    });
    await expect(runner.handle('x').result()).rejects.toMatchObject({ code: 'ERR_SAGA_STUCK', step: '' });
    expect([await runner.resolve('x', 'a'), await runner.resolve('x', 'b', 'by hand')]).toEqual([false, true]);
    expect(await runner.handle('x').result()).toEqual({ a: 1, b: 'by hand', c: 'by hand' });
  });

  it('takes a compensation that was passed over, and the saga then ends as undone', async () => {
    const own = bed();
    const def = saga('order')
      .step('a', { run: () => 1, compensate: () => {} })
      .step('b', { run: () => 2, compensate: refuse, onExhausted: 'continue' })
      .step('c', { run: () => 3, compensate: refuse, onExhausted: 'continue' })
      .step('d', { run: refuse });
    const runner = own.runner([def]);
    const stuck = (await runner.start(def, undefined, { id: 'x' })).result();
    await expect(stuck).rejects.toMatchObject({ code: 'ERR_SAGA_STUCK', step: 'c' });
    expect([await runner.resolve('x', 'a'), await runner.resolve('x', 'b')]).toEqual([false, true]);
    await expect(runner.handle('x').result()).rejects.toMatchObject({ code: 'ERR_SAGA_STUCK', step: 'c' });
    expect(await runner.resolve('x', 'c')).toBe(true);
    await expect(runner.handle('x').result()).rejects.toMatchObject({ code: 'ERR_SAGA_COMPENSATED', step: 'd' });
  });

  it('gives what is still broken a fresh budget, and is in the log beside what a retry by hand leaves there', async () => {
    const own = bed();
    const calls: string[] = [];
    const fails = (name: string) => (): never => {
      calls.push(name);
      throw new Error('broken');
    };
    const twice = { onExhausted: 'continue', compensationRetry: { maxAttempts: 2, baseDelayMs: 0 } } as const;
    const def = saga('order')
      .step('b', { run: () => 2, compensate: fails('b'), ...twice })
      .step('c', { run: () => 3, compensate: fails('c'), ...twice })
      .step('d', { run: refuse });
    const runner = own.runner([def]);
    const stuck = (await runner.start(def, undefined, { id: 'x' })).result();
    stuck.catch(() => {});
    await own.pass(10);
    await expect(stuck).rejects.toMatchObject({ code: 'ERR_SAGA_STUCK', step: 'c' });
    expect(own.events.at(-1)).toMatchObject({ type: 'stuck', id: 'x', name: 'order', error: { step: 'c' } });
    await runner.resolve('x', 'c');
    await own.pass(10);
    await expect(runner.handle('x').result()).rejects.toMatchObject({ step: 'b' });
    await runner.retry('x');
    await own.pass(10);
    await expect(runner.handle('x').result()).rejects.toMatchObject({ step: 'b' });
    expect(calls).toEqual(['c', 'c', 'b', 'b', 'b', 'b', 'b', 'b']);
    expect(own.events.filter(({ type }) => type === 'resumed').length).toBe(2);
    const byHand = (await runner.history('x')).filter(({ type }) => type === 'resolved' || type === 'retried');
    expect(byHand.map(({ type, path, data }) => [type, path, data])).toEqual([
      ['resolved', 'c', '{"$undefined":0}'],
      ['retried', '', null],
    ]);
  });
});

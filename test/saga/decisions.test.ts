import { describe, expect, it } from 'vitest';
import type { Saga } from '../../src/saga/index.ts';
import { SagaRefusal, saga } from '../../src/saga/index.ts';
import type { Life } from './kit.ts';
import { LEASE_MS, bed, dying, never } from './kit.ts';

type Open = Saga<unknown, unknown>;

describe('what the functions of a definition answer', () => {
  it('is asked once in the life of a saga, and told as it was stored to who goes on after a crash', async () => {
    const own = bed();
    const asked: string[] = [];
    const saw: unknown[] = [];
    const once = <T>(name: string, first: T, later: T): T => {
      asked.push(name);
      return asked.filter((each) => each === name).length === 1 ? first : later;
    };
    const define = (life: Life): Open => {
      const inner = saga<{ at: Date }>('inner').step('x', { run: ({ input }) => void saw.push(input) });
      const def = saga<unknown>('order')
        .when('yes', () => once('yes', true, false), { run: () => void saw.push('yes') })
        .when('no', () => once('no', false, true), { run: () => void saw.push('no') })
        .each('e', {
          items: () => once('items', [1n, 2n], [3n]),
          key: (item) => String(item),
          run: ({ item }) => void saw.push(item),
        })
        .child('c', inner, () => once('input', { at: new Date(5) }, { at: new Date(6) }))
        .sleep('s', () => once('ms', 10, 1000))
        .step('die', {
          run: ({ attempt }) => {
            if (attempt > 1) return 'done';
            life.isDead = true;
            return never();
          },
        });
      return def as unknown as Open;
    };
    await dying(own, define, 'x');
    await own.pass(50);
    expect(asked.sort()).toEqual(['input', 'items', 'ms', 'no', 'yes']);
    await own.pass(LEASE_MS);
    const [handle] = await own.runner([define({ isDead: false })]).recover();
    const results = await handle!.result();
    expect(asked.length).toBe(5);
    expect(saw).toEqual(['yes', 1n, 2n, { at: new Date(5) }]);
    expect(Object.keys(results as object)).toEqual(['yes', 'e', 'c', 'die']);
    const log = (await own.store.load('x'))!.log.map(({ type, path }) => `${type} ${path}`);
    expect(log.slice(0, 4)).toEqual(['decided yes', 'completed yes', 'skipped no', 'decided e']);
    expect(log.filter((line) => /decided|skipped|waiting/.test(line))).toEqual([
      'decided yes',
      'skipped no',
      'decided e',
      'decided c',
      'waiting s',
    ]);
  });

  it('is stored before it is acted upon, so that a value which cannot be stored fails there', async () => {
    const own = bed();
    const def = saga('order').child('c', saga<() => void>('inner'), () => () => {});
    const handle = await own.runner([def]).start(def, undefined);
    await expect(handle.result()).rejects.toMatchObject({ step: 'c', cause: { code: 'ERR_SAGA_SERIALIZATION' } });
  });

  it('lets a saga that had turned back undo all that was done, past decisions, waits and children, and run nothing', async () => {
    const own = bed();
    const calls: string[] = [];
    const define = (life: Life): Open => {
      const step = (name: string) => ({
        run: () => void calls.push(name),
        compensate: () => {
          calls.push(`undo ${name}`);
          if (name !== 'z' || life.isDead || calls.filter((call) => call === 'undo z').length > 1) return undefined;
          life.isDead = true;
          return never<void>();
        },
      });
      const def = saga<unknown>('order')
        .step('a', step('a'))
        .when('w', () => true, step('w'))
        .sleep('s', 10)
        .each('e', { items: () => ['i', 'j'], key: (item) => item, ...step('e') })
        .child('c', saga<unknown>('inner').step('b', step('b')), () => 1)
        .step('z', step('z'))
        .step('fail', {
          run: () => {
            calls.push('fail');
            throw new SagaRefusal('no');
          },
          compensate: () => void calls.push('undo fail'),
        })
        .step('after', step('after'));
      return def as unknown as Open;
    };
    await dying(own, define, 'x');
    await own.pass(100);
    const forwards = ['a', 'w', 'e', 'e', 'b', 'z', 'fail'];
    expect(calls).toEqual([...forwards, 'undo z']);
    await own.pass(LEASE_MS);
    const [handle] = await own.runner([define({ isDead: false })]).recover();
    await expect(handle!.result()).rejects.toMatchObject({ step: 'fail' });
    expect(calls.slice(forwards.length + 1)).toEqual(['undo z', 'undo b', 'undo e', 'undo e', 'undo w', 'undo a']);
  });
});

describe('a short wait', () => {
  it('goes on for what is left of it in the process that takes the saga over', async () => {
    const own = bed();
    await own.pass(777);
    const at: number[] = [];
    const def = saga('order')
      .sleep('s', 900)
      .step('a', { run: () => void at.push(own.clock.now()) });
    const first = own.runner([def]);
    await first.start(def, undefined, { id: 'x' });
    await own.pass(300);
    await first.close({ graceMs: 0 });
    const [handle] = await own.runner([def]).recover();
    const result = handle!.result();
    await own.pass(599);
    expect(at).toEqual([]);
    await own.pass(1);
    await result;
    expect(at).toEqual([1677]);
  });

  it('that a cancellation has ended does not hold up the way back in the process that takes the saga over', async () => {
    const own = bed();
    const at: number[] = [];
    let isSlow = true;
    const def = saga('order')
      .step('a', {
        run: () => 1,
        compensate: () => {
          at.push(own.clock.now());
          return isSlow ? never<void>() : undefined;
        },
      })
      .sleep('s', 900);
    const first = own.runner([def]);
    await first.start(def, undefined, { id: 'x' });
    await own.pass(100);
    await first.cancel('x');
    await own.pass(100);
    expect(at).toEqual([100]);
    await first.close({ graceMs: 0 });
    isSlow = false;
    const [handle] = await own.runner([def]).recover();
    await expect(handle!.result()).rejects.toMatchObject({ code: 'ERR_SAGA_COMPENSATED' });
    expect(at).toEqual([100, 200]);
  });
});

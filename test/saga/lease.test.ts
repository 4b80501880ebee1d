import { describe, expect, it } from 'vitest';
import type { Saga, SagaStore } from '../../src/saga/index.ts';
import { SagaRefusal, saga } from '../../src/saga/index.ts';
import { gate, outcomeOf } from '../support/gate.ts';
import type { Life } from './kit.ts';
import { LEASE_MS, bed, chain, counted, dying, never, reports, storeOf } from './kit.ts';
import type { Bed } from './kit.ts';

type Verb = Exclude<keyof SagaStore, symbol | number>;

function changed<V extends Verb>(own: Bed, verb: V, method: SagaStore[V] | undefined): SagaStore {
  return new Proxy(own.store, {
    get: (target, each: Verb) => (each === verb ? method : (target[each] as () => void)?.bind(target)),
  });
}

describe('a worker', () => {
  it('lets go of a saga whose write the store never answers when its lease ends, and goes on with it in its next life', async () => {
    const own = bed();
    let hangs = true;
    const store = changed(own, 'write', async (...args) => {
      if (hangs) {
        hangs = false;
        return never();
      }
      return own.store.write(...args);
    });
    let calls = 0;
    const def = chain(1, () => ++calls);
    // The heartbeat fails as well, or the lease would go on.
    let isDown = true;
    const failing = storeOf(store, { isDead: false }, (verb) => (verb === 'renew' && isDown ? 'refuse' : undefined));
    const runner = own.runner([def], { store: failing });
    const handle = await runner.start(def, 1, { id: 'x' });
    const result = handle.result();
    await own.pass(LEASE_MS + 10);
    isDown = false;
    expect(own.events.map(({ type }) => type)).toContain('lost');
    await own.pass(5000);
    expect((await outcomeOf(result)).state).toBe('fulfilled');
    expect(calls).toBe(2);
  });

  it('has one call of a kind under way at a time, with all that came meanwhile in the next', async () => {
    const own = bed();
    let underWay = 0;
    let most = 0;
    const sizes: number[] = [];
    const store = changed(own, 'create', async (worker, sagas) => {
      most = Math.max(most, ++underWay);
      sizes.push(sagas.length);
      await own.clock.advance(0);
      const records = await own.store.create(worker, sagas);
      underWay--;
      return records;
    });
    const def = chain(1);
    const runner = own.runner([def], { store });
    await runner.recover();
    await Promise.all(Array.from({ length: 10 }, () => runner.start(def, 1)));
    await Promise.all(Array.from({ length: 3 }, () => runner.start(def, 1)));
    expect(most).toBe(1);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(13);
    expect(sizes.length).toBeLessThanOrEqual(4);
  });

  it.each(['init', 'enlist'])(
    'begins no life, or ends it, where the runner is closed during %s of the store',
    async (verb) => {
      const own = bed();
      const { store, calls } = counted(own.store);
      let closing: Promise<void> | undefined;
      const closes = storeOf(store, { isDead: false }, (asked) => {
        if (asked === verb) closing ??= runner.close();
        return undefined;
      });
      const def = chain(1);
      const runner = own.runner([def], { store: closes });
      await expect(runner.start(def, 1)).rejects.toMatchObject({ code: 'ERR_SAGA_LEASE_LOST' });
      await own.pass(10 * LEASE_MS);
      await closing;
      expect([own.clock.pendingTimers, calls['renew'], calls['retire']]).toEqual([0, undefined, calls['enlist']]);
    },
  );

  it('asks a store that is down less and less often, and at least every second', async () => {
    for (const verb of ['write', 'atomic'] as const) {
      const own = bed();
      let isDown = true;
      const { store, calls } = counted(
        storeOf(own.store, { isDead: false }, (each, after) =>
          isDown && each === verb && !after ? 'refuse' : undefined,
        ),
      );
      const start = saga('order');
      const def =
        verb === 'atomic' ? start.step('a', { atomic: true, run: () => 1 }) : start.step('a', { run: () => 1 });
      const runner = own.runner([def], { store });
      const handle = await runner.start(def, undefined);
      for (let s = 0; s < 20; s++) await own.pass(1000);
      expect(calls[verb]).toBeGreaterThanOrEqual(20);
      expect(calls[verb]).toBeLessThanOrEqual(27);
      if (verb === 'atomic') expect(own.events.filter(({ type }) => type === 'store-fault').length).toBe(calls[verb]);
      isDown = false;
      const result = handle.result();
      await own.pass(2000);
      expect(await result).toEqual({ a: 1 });
    }
  });

  it('fails an atomic step by name where the store has no transactions', async () => {
    const own = bed();
    const def = saga('order').step('a', { atomic: true, run: () => 1 });
    const handle = await own.runner([def], { store: changed(own, 'atomic', undefined) }).start(def, undefined);
    await expect(handle.result()).rejects.toMatchObject({
      step: 'a',
      cause: new TypeError('this store has no transactions for atomic steps'),
    });
  });

  it('begins no atomic step, and repeats none, after its lease has ended', async () => {
    for (const isFault of [true, false]) {
      const own = bed();
      const fences: number[] = [];
      const slow = gate();
      const store = changed(own, 'atomic', async (...[worker, at, fn]) => {
        if (isFault) throw new Error('the store is down');
        await slow.promise;
        return own.store.atomic!(worker, at, fn as never);
      });
      const failing = storeOf(store, { isDead: false }, (verb) => (verb === 'renew' ? 'refuse' : undefined));
      const def = saga('order').step('a', { atomic: true, run: ({ fence }) => fences.push(fence) });
      const runner = own.runner([def], { store: failing });
      await runner.start(def, undefined, { id: 'x' });
      await own.pass(LEASE_MS + 1);
      slow.open();
      await own.pass(10);
      expect(fences).not.toContain(1);
      expect(own.events.map(({ type }) => type)).toContain('lost');
      await runner.close({ graceMs: 0 });
    }
  });
});

describe('a log that cannot be read', () => {
  it('parks its saga, which says why, and is reported; where that cannot be stored either, the saga is lost', async () => {
    for (const isDown of [false, true]) {
      const own = bed();
      const reported = reports();
      const slow = gate();
      const def = saga('order')
        .step('a', { run: () => 1 })
        .step('b', { run: () => slow.promise });
      const first = own.runner([def]);
      await first.start(def, undefined, { id: 'x' });
      await own.pass(10);
      await first.close({ graceMs: 0 });
      await own.pass(1);
      own.events.length = 0;
      const torn = changed(own, 'claim', async (query) =>
        (await own.store.claim(query)).map((each) => ({
          ...each,
          log: each.log.map((entry) => ({ ...entry, data: '{' })),
        })),
      );
      const store = storeOf(torn, { isDead: false }, (verb) =>
        isDown && (verb === 'write' || verb === 'renew') ? 'refuse' : undefined,
      );
      const runner = own.runner([def], { store });
      await runner.recover();
      await own.pass(isDown ? LEASE_MS + 1 : 10);
      expect(reported[0]).toBeInstanceOf(SyntaxError);
      const [event] = own.events.filter(({ type }) => type === 'stuck' || type === 'lost');
      expect(event).toMatchObject(
        isDown
          ? { type: 'lost', id: 'x', name: 'order' }
          : { type: 'stuck', id: 'x', name: 'order', error: { sagaId: 'x', step: '', cause: { name: 'SyntaxError' } } },
      );
      expect((await own.store.get(['x']))[0]!.status).toBe(isDown ? 'running' : 'stuck');
      if (!isDown) expect((await own.store.load('x'))!.log.at(-1)).toMatchObject({ type: 'stuck', path: '' });
      await runner.close({ graceMs: 0 });
    }
  });
});

describe('a start', () => {
  it('of a saga that a lost answer has given to this worker does not begin it anew', async () => {
    const own = bed();
    const calls: number[] = [];
    const slow = gate();
    const def = chain(2, async (k) => {
      calls.push(k);
      if (k === 1) await slow.promise;
    });
    const first = own.runner([def]);
    await first.start(def, 1, { id: 'x' });
    await own.pass(10);
    await first.close({ graceMs: 0 });
    let isLost = true;
    const store = storeOf(own.store, { isDead: false }, (verb, after) =>
      isLost && verb === 'claim' && !after ? 'lose' : undefined,
    );
    const second = own.runner([def], { store });
    await expect(second.recover()).rejects.toThrow('the answer is lost');
    isLost = false;
    const handle = await second.start(def, 1, { id: 'x' });
    expect(handle.created).toBe(false);
    slow.open();
    const result = handle.result();
    await own.pass(2000);
    await result;
    expect(calls).toEqual([0, 1, 1]);
  });

  it('tells of each saga when it begins and how it ends', async () => {
    const own = bed();
    const [good, bad] = [
      chain(1),
      saga('bad').step('a', {
        run: () => {
          throw new SagaRefusal('no');
        },
      }),
    ];
    const runner = own.runner([good, bad]);
    await (await runner.start(good, 1, { id: 'x' })).result();
    await (await runner.start(bad, undefined, { id: 'y' })).result().catch(() => {});
    expect(own.events).toEqual([
      { type: 'started', id: 'x', name: 'chain', recoveries: 0 },
      { type: 'completed', id: 'x', name: 'chain' },
      { type: 'started', id: 'y', name: 'bad', recoveries: 0 },
      { type: 'compensated', id: 'y', name: 'bad', error: expect.objectContaining({ sagaId: 'y' }) as Error },
    ]);
  });
});

describe('sagas that have brought down workers', () => {
  const poison = (life: Life): Saga<unknown, unknown> =>
    saga<unknown>('order').step('a', {
      run: ({ attempt }) => {
        if (attempt <= 3) life.isDead = true;
        return never();
      },
    }) as unknown as Saga<unknown, unknown>;

  it('are driven one at a time from the second death on, beside whatever sagas have not', async () => {
    const own = bed();
    for (const id of ['x', 'y']) await dying(own, poison, id);
    for (let k = 0; k < 2; k++) {
      await own.pass(LEASE_MS);
      const life: Life = { isDead: false };
      await own.runner([poison(life)], { store: storeOf(own.store, life) }).recover();
      await own.pass(10);
    }
    await own.pass(LEASE_MS);
    own.events.length = 0;
    const def = poison({ isDead: false });
    const runner = own.runner([def]);
    await runner.start(def, 1, { id: 'innocent' });
    void runner.work();
    await own.pass(5000);
    expect(own.events.filter(({ type }) => type === 'resumed')).toEqual([
      { type: 'resumed', id: 'x', name: 'order', recoveries: 3 },
    ]);
  });

  it('are looked after by the process that has retried one by hand, in the waits that follow', async () => {
    const own = bed();
    let isDown = true;
    const def = saga('order').step('a', {
      kind: 'retriable',
      run: () => {
        if (isDown) throw new Error('down');
        return 'a';
      },
      retry: { maxAttempts: 2, baseDelayMs: 5000, jitter: 'none' },
    });
    const first = own.runner([def]);
    await first.start(def, undefined, { id: 'x' });
    await own.pass(10_000);
    expect((await own.store.get(['x']))[0]!.status).toBe('stuck');
    await first.close();
    const second = own.runner([def]);
    expect(await second.retry('x')).toBe(true);
    await own.pass(10);
    isDown = false;
    await own.pass(7000);
    expect((await own.store.get(['x']))[0]!.status).toBe('completed');
  });
});

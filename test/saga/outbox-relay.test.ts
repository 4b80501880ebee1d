import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OutboxEvent, OutboxRelayEvent, OutboxRelayOptions, OutboxStore } from '../../src/saga/index.ts';
import { createOutboxRelay, createSagaRunner, memorySagaStore, saga } from '../../src/saga/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { flush } from '../support/gate.ts';

/** A store that has these events, in this order, and takes note of the calls. */
function storeOf(events: readonly (readonly [saga: string, topic: string])[]) {
  let left: OutboxEvent[] = events.map(([sagaId, topic], k) => ({ id: `${k}`, sagaId, topic, payload: `${k}` }));
  const calls: string[] = [];
  const store: OutboxStore = {
    init: async () => void calls.push('init'),
    outbox: async (limit) => {
      calls.push('outbox');
      return left.slice(0, limit);
    },
    published: async (ids) => {
      calls.push('published');
      left = left.filter(({ id }) => !ids.includes(id));
    },
  };
  return { store, calls, left: () => left.map(({ id }) => id) };
}

describe('createOutboxRelay', () => {
  it('refuses bad options by their names, and asks nothing of the store until it is used', () => {
    const { store, calls } = storeOf([]);
    const good: OutboxRelayOptions = { store, publish: () => {} };
    createOutboxRelay(good);
    expect(calls).toEqual([]);
    for (const [name, value] of Object.entries({
      store: {},
      publish: 1,
      batch: 0,
      concurrency: 1.5,
      pollMs: 0,
      onEvent: 1,
    })) {
      expect(() => createOutboxRelay({ ...good, [name]: value } as never), name).toThrow(`${name} must be`);
    }
  });

  it('publishes what a step has emitted, with the value as it was emitted, and nothing of a step that failed', async () => {
    const order = saga<number>('order')
      .step('place', {
        run: ({ emit }) => {
          emit('placed', new Map([['at', new Date(7)]]));
          emit('placed', undefined);
        },
      })
      .step('fail', {
        run: ({ emit }) => {
          emit('never', 1);
          throw new Error('no');
        },
      });
    const store = memorySagaStore();
    await using runner = createSagaRunner({ store, sagas: [order] });
    const handle = await runner.start(order, 1, { id: 'order-1' });
    await expect(handle.result()).rejects.toThrow();
    const seen: unknown[] = [];
    await using relay = createOutboxRelay({ store, publish: ({ topic }, payload) => seen.push([topic, payload]) });
    expect(await relay.drain()).toBe(2);
    expect(seen).toEqual([
      ['placed', new Map([['at', new Date(7)]])],
      ['placed', undefined],
    ]);
    expect(await relay.drain()).toBe(0);
  });

  it('publishes each event at least once under one id, and those of a saga in order, whatever fails', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 30 }),
        fc.array(fc.boolean(), { maxLength: 40 }),
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 3 }),
        async (sagas, faults, batch, concurrency) => {
          const { store, left } = storeOf(sagas.map((name) => [name, 't']));
          const flaky: OutboxStore = {
            ...store,
            published: (ids) => (faults.pop() ? Promise.reject(new Error('lost')) : store.published(ids)),
          };
          const seen: OutboxEvent[] = [];
          const publish = async (event: OutboxEvent): Promise<void> => {
            if (faults.pop()) throw new Error('refused');
            seen.push(event);
          };
          const relay = createOutboxRelay({ store: flaky, publish, batch, concurrency });
          for (let round = 0; round < 45 && left().length > 0; round++) await relay.drain().catch(() => {});
          expect(left()).toEqual([]);
          for (const name of ['a', 'b', 'c']) {
            const expected = sagas.flatMap((each, k) => (each === name ? [`${k}`] : []));
            const ids = seen.filter(({ sagaId }) => sagaId === name).map(({ id }) => id);
            // First deliveries come in order; a repetition begins again no later than where the order was left.
            expect([...new Set(ids)]).toEqual(expected);
            ids.forEach(
              (id, k) => k > 0 && expect(expected.indexOf(id)).toBeLessThanOrEqual(expected.indexOf(ids[k - 1]!) + 1),
            );
          }
        },
      ),
    );
  });

  it('lets an event that cannot be published hold up its own saga and no other', async () => {
    const poison = Array.from({ length: 10 }, () => ['bad', 't'] as const);
    const { store, left } = storeOf([...poison, ['good', 't'], ['good', 't'], ['fine', 't']]);
    const events: OutboxRelayEvent[] = [];
    const relay = createOutboxRelay({
      store,
      batch: 2,
      publish: ({ sagaId }) => {
        if (sagaId === 'bad') throw new Error('no');
      },
      onEvent: (event) => events.push(event),
    });
    expect([await relay.drain(), left().length]).toEqual([3, 10]);
    expect(events.filter(({ type }) => type === 'publish-failed').length).toBe(1);
    expect([await relay.drain(), left().length]).toEqual([0, 10]);
  });

  it('gives up for now when nothing at all can be published', async () => {
    const { store, calls } = storeOf(Array.from({ length: 500 }, (_, k) => [`${k}`, 't'] as const));
    let tries = 0;
    const publish = (): never => {
      tries++;
      throw new Error('the broker is down');
    };
    await createOutboxRelay({ store, publish, batch: 4 }).drain();
    expect(tries).toBeLessThan(100);
    expect(calls.length).toBeLessThan(10);
  });

  it('works in the background, survives faults of the store, and stops when it is closed', async () => {
    const clock = createVirtualClock();
    const { store, left, calls } = storeOf([
      ['a', 't'],
      ['b', 't'],
    ]);
    let isDown = true;
    const flaky: OutboxStore = {
      ...store,
      outbox: (limit) => (isDown ? Promise.reject(new Error('down')) : store.outbox(limit)),
    };
    const events: OutboxRelayEvent[] = [];
    const relay = createOutboxRelay({
      store: flaky,
      publish: () => {},
      pollMs: 50,
      clock,
      onEvent: (e) => events.push(e),
    });
    relay.work();
    relay.work();
    await clock.advance(60);
    expect(events.map(({ type }) => type)).toEqual(['store-fault', 'store-fault']);
    isDown = false;
    await clock.advance(50);
    expect(left()).toEqual([]);
    await relay.close();
    const before = calls.length;
    await clock.advance(500);
    relay.work();
    await clock.advance(500);
    expect(calls.length).toBe(before);
    expect(await relay.drain()).toBe(0);
  });

  it('waits on close for the events that are on their way, and begins no other', async () => {
    const { store, left } = storeOf([
      ['a', 't'],
      ['a', 't'],
    ]);
    let finish = (): void => {};
    const relay = createOutboxRelay({ store, publish: () => new Promise<void>((resolve) => (finish = resolve)) });
    const drained = relay.drain();
    while (finish.toString() === '() => {}' || left().length < 2) await Promise.resolve();
    await flush();
    let isClosed = false;
    const closed = relay.close().then(() => (isClosed = true));
    await Promise.resolve();
    expect(isClosed).toBe(false);
    finish();
    await closed;
    expect([await drained, left()]).toEqual([1, ['1']]);
  });

  it('prepares the store once, again where that has failed, and does not work once it is closed', async () => {
    const clock = createVirtualClock();
    const { store, calls, left } = storeOf([['a', 't']]);
    let fails = true;
    const init = async (): Promise<void> => {
      calls.push('init');
      if (fails) throw new Error('down');
    };
    const relay = createOutboxRelay({ store: { ...store, init }, publish: () => {}, clock });
    await expect(relay.drain()).rejects.toThrow('down');
    fails = false;
    expect([await relay.drain(), await relay.drain(), left()]).toEqual([1, 0, []]);
    expect(calls.filter((verb) => verb === 'init').length).toBe(2);
    await relay.close();
    relay.work();
    expect(clock.pendingTimers).toBe(0);
  });

  it('tries ten times as many sagas as are read at once, and then takes the broker to be down', async () => {
    const { store } = storeOf(Array.from({ length: 500 }, (_, k) => [`${k}`, 't'] as const));
    const limits: number[] = [];
    const counting: OutboxStore = {
      ...store,
      outbox: (limit) => {
        limits.push(limit);
        return store.outbox(limit);
      },
    };
    const seen = new Set<string>();
    const publish = ({ id }: OutboxEvent): never => {
      seen.add(id);
      throw new Error('the broker is down');
    };
    await createOutboxRelay({ store: counting, publish, batch: 2 }).drain();
    // Those that failed are read again, so each time there is room for as many more.
    expect([limits, seen.size]).toEqual([[2, 6, 14, 30], 30]);
  });

  it('reads as much as before where everything went out, tells how much that was, and asks to forget nothing else', async () => {
    const { store, calls } = storeOf(Array.from({ length: 5 }, (_, k) => [`${k}`, 't'] as const));
    const limits: number[] = [];
    const counting: OutboxStore = {
      ...store,
      outbox: (limit) => {
        limits.push(limit);
        return store.outbox(limit);
      },
    };
    const events: OutboxRelayEvent[] = [];
    const onEvent = (event: OutboxRelayEvent): void => void events.push(event);
    await using relay = createOutboxRelay({ store: counting, publish: () => {}, batch: 2, onEvent });
    expect(await relay.drain()).toBe(5);
    expect([limits, events]).toEqual([
      [2, 2, 2],
      [
        { type: 'published', events: 2 },
        { type: 'published', events: 2 },
        { type: 'published', events: 1 },
      ],
    ]);
    expect(await relay.drain()).toBe(0);
    expect([calls.filter((verb) => verb === 'published').length, events.length]).toEqual([3, 3]);
  });

  it('leaves no timer behind when it is closed, also in the middle of a round, and keeps no process alive', async () => {
    const clock = createVirtualClock();
    let kept = 0;
    const timers: (typeof clock)['setTimeout'] = (fn, ms) => {
      kept++;
      const handle = clock.setTimeout(fn, ms) as object;
      return Object.assign(handle, { unref: () => kept-- });
    };
    const own = {
      now: () => clock.now(),
      epochMs: () => clock.epochMs(),
      setTimeout: timers,
      clearTimeout: (handle: unknown) => clock.clearTimeout(handle),
    };
    const { store } = storeOf([['a', 't']]);
    let finish = (): void => {};
    const publish = (): Promise<void> => new Promise((resolve) => (finish = resolve));
    for (const isBusy of [false, true]) {
      const relay = createOutboxRelay({ store, publish, clock: own, pollMs: 100 });
      relay.work();
      if (isBusy) await clock.advance(0);
      expect([kept, clock.pendingTimers]).toEqual([0, isBusy ? 0 : 1]);
      const closing = relay[Symbol.asyncDispose]();
      finish();
      await closing;
      await flush();
      expect(clock.pendingTimers).toBe(0);
    }
  });
});

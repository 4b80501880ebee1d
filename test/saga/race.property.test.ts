import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SagaStore } from '../../src/saga/index.ts';
import { createSagaRunner, memorySagaStore, saga } from '../../src/saga/index.ts';
import { createSeededRandom, createVirtualClock } from '../../src/testing/index.ts';
import { never } from './kit.ts';

/** A store whose answers, and what they are answers to, come in an order of the scheduler's choice. */
function scheduled(store: SagaStore, s: fc.Scheduler): SagaStore {
  return new Proxy(store, {
    get: (target, verb: Exclude<keyof SagaStore, symbol | number>) => {
      const method = target[verb] as ((...args: unknown[]) => Promise<unknown>) | undefined;
      if (typeof method !== 'function') return method;
      return async (...args: unknown[]) => {
        await s.schedule(Promise.resolve(), `${verb} sent`);
        const answer = await method.apply(target, args);
        await s.schedule(Promise.resolve(), `${verb} answered`);
        return answer;
      };
    },
  });
}

describe('two recoverers that race', () => {
  it('share out orphans: each is driven by one, and each of its steps is called once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 6 }), async (s, orphans) => {
        const clock = createVirtualClock();
        const random = createSeededRandom(3);
        const store = memorySagaStore({ clock, random });
        const calls = new Map<string, number>();
        const run = ({ idempotencyKey }: { readonly idempotencyKey: string }): void =>
          void calls.set(idempotencyKey, (calls.get(idempotencyKey) ?? 0) + 1);
        const def = saga('order').step('a', { run }).step('b', { run });
        const stillborn = saga('order').step('a', { run: () => never() });
        const first = createSagaRunner({ store, sagas: [stillborn], clock, random });
        for (let k = 0; k < orphans; k++) await first.start(stillborn, undefined, { id: `${k}` });
        await first.close({ graceMs: 0 });
        const heirs = [0, 1].map(() => createSagaRunner({ store: scheduled(store, s), sagas: [def], clock, random }));
        const taken = await s.waitFor(Promise.all(heirs.map((heir) => heir.recover())));
        await s.waitFor(Promise.all(taken.flat().map((handle) => handle.result())));
        expect(
          taken
            .flat()
            .map(({ id }) => id)
            .sort(),
        ).toEqual([...Array(orphans).keys()].map(String));
        expect(calls.size).toBe(2 * orphans);
        for (const count of calls.values()) expect(count).toBe(1);
        expect((await store.list({ status: 'completed' })).length).toBe(orphans);
      }),
    );
  });

  it('with an owner that comes back late: what it writes is refused, and the saga ends once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (s) => {
        const clock = createVirtualClock();
        const random = createSeededRandom(3);
        const store = memorySagaStore({ clock, random });
        const charged = new Set<string>();
        const def = saga('order')
          .step('a', { run: ({ idempotencyKey }) => void charged.add(idempotencyKey) })
          .step('b', { run: ({ fence }) => fence });
        const events: string[] = [];
        const options = { sagas: [def], clock, random };
        const late = createSagaRunner({
          ...options,
          store: scheduled(store, s),
          onEvent: ({ type }) => void events.push(type),
        });
        const started = late.start(def, undefined, { id: 'x' });
        started.catch(() => undefined);
        // It freezes after some of its calls, for longer than its lease, while another takes over.
        for (let k = 0; k < 4 && s.count() > 0; k++) await s.waitOne();
        clock.stall(30_000);
        const heir = createSagaRunner({ ...options, store });
        const [handle] = await heir.recover();
        const results = (await handle?.result()) as Record<string, unknown> | undefined;
        await s.waitFor(
          started.then(
            () => undefined,
            () => undefined,
          ),
        );
        await s.waitIdle();
        const log = (await store.load('x'))?.log ?? [];
        expect(new Set(log.map(({ path }) => path)).size).toBe(log.length);
        if (results)
          expect(log.filter(({ path }) => path === 'b').map(({ data }) => data)).toEqual([`${results.b as number}`]);
        expect(charged.size).toBeLessThanOrEqual(1);
      }),
    );
  });
});

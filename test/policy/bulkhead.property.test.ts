import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createBulkhead } from '../../src/policy/index.ts';

it('never more than maxConcurrent calls run', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 40 }),
      fc.scheduler(),
      async (maxConcurrent, calls, s) => {
        const slots = createBulkhead({ maxConcurrent, maxQueue: calls });
        const work = s.scheduleFunction(async () => {});
        const started: number[] = [];
        let running = 0;
        const all = Array.from({ length: calls }, (_, id) =>
          slots.run(async () => {
            started.push(id);
            expect(++running).toBeLessThanOrEqual(maxConcurrent);
            expect(slots.inFlight).toBe(running);
            await work();
            running--;
          }),
        );
        await s.waitFor(Promise.all(all));
        expect(started).toEqual(all.map((_, id) => id));
        expect(slots.stats()).toEqual({ inFlight: 0, queued: 0, rejected: 0 });
      },
    ),
  );
});

it('calls that arrive at any time start in order of arrival and leave no slot idle', async () => {
  const arrival = fc.record({ isSync: fc.boolean(), isFailing: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.array(arrival, { minLength: 1, maxLength: 25 }),
      fc.scheduler(),
      async (maxConcurrent, arrivals, s) => {
        const slots = createBulkhead({ maxConcurrent, maxQueue: Infinity });
        const work = s.scheduleFunction(async () => {});
        const arrive = s.scheduleFunction(async () => {});
        const arrived: number[] = [];
        const started: number[] = [];
        const all = arrivals.map(async ({ isSync, isFailing }, id) => {
          await arrive();
          arrived.push(id);
          const outcome = await slots.runOutcome(() => {
            started.push(id);
            if (isSync && isFailing) throw id;
            if (isSync) return id;
            return work().then(() => (isFailing ? Promise.reject(id) : id));
          });
          expect(outcome).toEqual(isFailing ? { ok: false, error: id } : { ok: true, value: id });
          // Whoever waits does so only while every slot is taken.
          if (slots.queued > 0) expect(slots.inFlight).toBe(maxConcurrent);
        });
        await s.waitFor(Promise.all(all));
        expect(started).toEqual(arrived);
        expect(slots.stats()).toEqual({ inFlight: 0, queued: 0, rejected: 0 });
      },
    ),
  );
});

it('an accepted call runs, whoever else arrives, aborts or is turned away', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.nat({ max: 4 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 25 }),
      fc.scheduler(),
      async (maxConcurrent, maxQueue, calls, s) => {
        const slots = createBulkhead({ maxConcurrent, maxQueue });
        const work = s.scheduleFunction(async () => {});
        const arrive = s.scheduleFunction(async () => {});
        const abort = s.scheduleFunction(async () => {});
        const all = calls.map(async (isAborted) => {
          await arrive();
          const wasFull = slots.inFlight === maxConcurrent && slots.queued === maxQueue;
          const caller = new AbortController();
          let hasRun = false;
          const call = slots.runOutcome(
            () => {
              hasRun = true;
              return work();
            },
            { signal: caller.signal },
          );
          if (isAborted) await abort().then(() => caller.abort('own'));
          const outcome = await call;
          if (wasFull) expect(outcome).toMatchObject({ ok: false, error: { reason: 'full' } });
          else if (!isAborted) expect([outcome.ok, hasRun]).toEqual([true, true]);
          else if (!outcome.ok) expect(outcome.error).toBe('own');
        });
        await s.waitFor(Promise.all(all));
        expect([slots.inFlight, slots.queued]).toEqual([0, 0]);
      },
    ),
  );
});

it('map gives the result of every item in its place and never runs more than maxConcurrent', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.integer(), { maxLength: 30 }),
      fc.scheduler(),
      async (maxConcurrent, items, s) => {
        const slots = createBulkhead({ maxConcurrent });
        const work = s.scheduleFunction(async (item: number) => item * 2);
        let running = 0;
        const call = slots.map(items, async (item) => {
          expect(++running).toBeLessThanOrEqual(maxConcurrent);
          const result = await work(item);
          running--;
          return result;
        });
        expect(await s.waitFor(call)).toEqual(items.map((item) => item * 2));
        expect(slots.inFlight).toBe(0);
      },
    ),
  );
});

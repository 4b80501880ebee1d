import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createSingleflight } from '../../src/singleflight/index.ts';

it('in any interleaving at most one flight of a key runs, and no caller gets a result older than its call', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(fc.nat(2), { minLength: 1, maxLength: 12 }), async (s, calls) => {
      const flights = createSingleflight<number, number>();
      const running = new Map<number, number>();
      const ended = new Map<number, number>();
      let time = 0;
      const load = async (key: number): Promise<number> => {
        running.set(key, (running.get(key) ?? 0) + 1);
        expect(running.get(key)).toBe(1);
        await s.schedule(Promise.resolve(), `load ${key}`);
        running.set(key, 0);
        return ++time;
      };
      const callers = s.schedule(Promise.resolve()).then(() =>
        Promise.all(
          calls.map(async (key, k) => {
            await s.schedule(Promise.resolve(), `caller ${k}`);
            const sinceEnd = ended.get(key) ?? 0;
            const value = await flights.run(key, () => load(key));
            expect(value).toBeGreaterThan(sinceEnd);
            ended.set(key, Math.max(value, ended.get(key) ?? 0));
          }),
        ),
      );
      await s.waitFor(callers);
      expect(flights.size).toBe(0);
    }),
  );
});

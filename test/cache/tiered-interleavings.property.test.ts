import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createSeededRandom } from '../../src/testing/index.ts';
import type { Process } from './tiered-fleet.ts';
import { createFleet, STALE_MS } from './tiered-fleet.ts';

const steps = fc.record({
  process: fc.nat({ max: 2 }),
  pauseMs: fc.oneof(fc.nat({ max: 8 }), fc.nat({ max: 400 })),
  do: fc.constantFrom(
    ...([
      'read',
      'read',
      'read',
      'get',
      'read and leave',
      'refresh',
      'delete',
      'set',
      'tags',
      'clear',
      'shared',
    ] as const),
    ...(['freeze', 'thaw', 'cut off', 'answers lost', 'back', 'bus lost', 'flush'] as const),
  ),
});

/**
 * The origin is a counter that each change raises before the fleet is told. A load reads it when it starts and brings
 * what it has read some time later. Everything takes a random time on its way, so that all overtake each other.
 */
it('in any interleaving of reads, changes, lost messages, frozen processes and lost data, no read is older than a change that was acknowledged before it', async () => {
  let checked = 0;
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.array(steps, { minLength: 10, maxLength: 60 }), async (seed, list) => {
      const random = createSeededRandom(seed);
      const fleet = createFleet(1 + (seed % 2));
      const { clock } = fleet;
      let version = 1;
      let acknowledged = 1;
      const load = async (): Promise<number> => {
        const read = version;
        await new Promise<void>((resolve) => void clock.setTimeout(resolve, random() * 60));
        return read;
      };
      const processes = Array.from({ length: 3 }, (): Process<number> => {
        const process = fleet.join<number>({ tags: () => ['t'], random });
        process.network.latencyMs = () => Math.floor(random() ** 3 * 30);
        return process;
      });
      const frozen = new Set<Process<number>>();
      const waiting: Promise<unknown>[] = [];
      const check = (read: Promise<number | undefined>): void => {
        const floor = acknowledged;
        waiting.push(
          read.then(
            (value) => {
              checked++;
              if (value !== undefined) expect(value).toBeGreaterThanOrEqual(floor);
            },
            (reason: unknown) => expect(reason).toBe('left'),
          ),
        );
      };
      const change = (made: (next: number) => Promise<void>): void => {
        const next = ++version;
        waiting.push(
          made(next).then(
            () => (acknowledged = Math.max(acknowledged, next)),
            (error: unknown) => expect(String(error)).toMatch(/did not answer|refused/),
          ),
        );
      };
      const run = (process: Process<number>, what: (typeof list)[0]['do']): void => {
        const { cache, network } = process;
        if (what === 'thaw' && frozen.delete(process)) process.thaw();
        else if (what === 'flush') for (const part of fleet.parts) part.flush();
        else if (what === 'back') Object.assign(network, { state: 'up', isBusDead: false });
        else if (what === 'cut off') network.state = 'lost';
        else if (what === 'answers lost') network.state = 'answers lost';
        else if (what === 'bus lost') network.isBusDead = true;
        if (frozen.has(process)) return;
        if (what === 'freeze') {
          frozen.add(process);
          process.freeze();
        } else if (what === 'read') check(cache.getOrLoad('a', load));
        else if (what === 'refresh') check(cache.getOrLoad('a', load, { forceRefresh: true }));
        else if (what === 'get') check(cache.get('a'));
        else if (what === 'read and leave') {
          const caller = new AbortController();
          check(cache.getOrLoad('a', load, { signal: caller.signal }));
          clock.setTimeout(() => caller.abort('left'), random() * 40);
        } else if (what === 'delete') change(() => cache.delete('a', { wait: 'all' }));
        else if (what === 'set') change((next) => cache.set('a', next, { wait: 'all' }));
        else if (what === 'tags') change(() => cache.invalidateTags(['t'], { wait: 'all' }));
        else if (what === 'clear') change(() => cache.clear({ wait: 'all' }));
        else if (what === 'shared') waiting.push(cache.delete('a').catch(() => {}));
      };
      for (const step of list) {
        run(processes[step.process]!, step.do);
        await clock.advance(step.pauseMs);
      }
      for (const process of processes) {
        process.thaw();
        Object.assign(process.network, { state: 'up', isBusDead: false, latencyMs: () => 1 });
      }
      await clock.advance(4 * STALE_MS);
      await Promise.all(waiting);
      for (const { cache } of processes) {
        check(cache.getOrLoad('a', load));
        waiting.push(cache.ready());
      }
      await clock.advance(STALE_MS);
      await Promise.all(waiting);
      expect(processes.map(({ cache }) => cache.stats().isConnected)).toEqual([true, true, true]);
      const closed = Promise.all(processes.map(({ cache }) => cache.close()));
      await clock.advance(STALE_MS);
      await closed;
      expect(clock.pendingTimers).toBe(0);
    }),
  );
  expect(checked).toBeGreaterThan(0);
});

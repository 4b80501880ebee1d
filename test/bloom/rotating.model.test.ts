import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TimedFilter } from '../../src/bloom/index.ts';
import { createRotatingBloom, hashKey } from '../../src/bloom/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';

const WINDOW_MS = 1000;

/** When each key was added last, on a clock that only goes ahead. */
interface Model {
  readonly generations: number;
  elapsedMs: number;
  readonly lastAdd: Map<number, number>;
}
interface Real {
  readonly clock: VirtualClock;
  readonly filter: TimedFilter;
}
type Command = fc.Command<Model, Real>;

function command(text: string, run: (model: Model, real: Real) => void): Command {
  const check = (model: Model, real: Real): void => {
    run(model, real);
    const { elapsedMs, lastAdd, generations } = model;
    for (const [key, addedMs] of lastAdd) {
      const ageMs = elapsedMs - addedMs;
      if (ageMs < WINDOW_MS) expect(real.filter.has(key)).toBe(true);
      else if (ageMs >= WINDOW_MS * (1 + 1 / generations) + 1e-6) expect(real.filter.has(key)).toBe(false);
    }
  };
  return { check: () => true, run: check, toString: () => text };
}

const add = (key: number, isHashed: boolean): Command =>
  command(`add ${key}${isHashed ? ' by its hash' : ''}`, ({ lastAdd, elapsedMs }, { filter }) => {
    const wasThere = filter.has(key);
    expect(isHashed ? filter.addHash(hashKey(key)) : filter.add(key)).toBe(!wasThere);
    lastAdd.set(key, elapsedMs);
  });

const ahead = (ms: number): Command =>
  command(`${ms} ms pass`, (model, { clock }) => {
    clock.stall(ms);
    model.elapsedMs += ms;
  });

const back = (ms: number): Command =>
  command(`the clock steps back by ${ms} ms`, (_model, { clock, filter }) => {
    // Looks at the clock on both sides of the step: one that nobody saw delays forgetting by its length.
    filter.has('before');
    clock.setNow(clock.now() - ms);
    filter.has('after');
  });

const clear = command('clear', ({ lastAdd }, { filter }) => {
  filter.clear();
  for (const key of lastAdd.keys()) expect(filter.has(key)).toBe(false);
  expect(filter.stats().estimatedFalsePositiveRate).toBe(0);
  lastAdd.clear();
});

describe('createRotatingBloom', () => {
  it('reports a key for `windowMs` after its last add and forgets it by `windowMs * (1 + 1 / generations)`', () => {
    const commands = fc.commands(
      [
        fc.tuple(fc.integer({ min: 0, max: 5 }), fc.boolean()).map((args) => add(...args)),
        fc.integer({ min: 1, max: 900 }).map(ahead),
        fc.integer({ min: 1, max: 5000 }).map(back),
        fc.constant(clear),
      ],
      { maxCommands: 60 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.nat(), commands, (generations, startMs, history) => {
        fc.modelRun(() => {
          const clock = createVirtualClock({ nowMs: startMs });
          const settings = { capacity: 100, falsePositiveRate: 1e-9, windowMs: WINDOW_MS, generations, clock };
          return {
            model: { generations, elapsedMs: 0, lastAdd: new Map<number, number>() },
            real: { clock, filter: createRotatingBloom(settings) },
          };
        }, history);
      }),
    );
  });
});

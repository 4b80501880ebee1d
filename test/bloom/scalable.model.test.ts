import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BloomKey, GrowingFilter, ScalableBloomOptions } from '../../src/bloom/index.ts';
import { createScalableBloom, hashKey } from '../../src/bloom/index.ts';
import { anyKey } from './kit.ts';

/** The keys that must be in, and how many of them were told to be new. */
interface Model {
  readonly options: ScalableBloomOptions;
  keys: BloomKey[];
  news: number;
}
type Command = fc.Command<Model, GrowingFilter>;

function command(text: string, run: (model: Model, filter: GrowingFilter) => void): Command {
  const check = (model: Model, filter: GrowingFilter): void => {
    run(model, filter);
    const { options, keys, news } = model;
    expect(keys.every((key) => filter.has(key) && filter.hasHash(hashKey(key, options)))).toBe(true);
    const { count, byteLength, stages } = filter.stats();
    expect(count).toBe(news);
    expect(byteLength).toBeLessThanOrEqual(options.maxBytes!);
    if (news <= options.initialCapacity) expect(stages).toBe(1);
  };
  return { check: () => true, run: check, toString: () => text };
}

/** Adds one way or the other; nothing may change when the filter says that it is full. */
const add = (key: BloomKey, isHashed: boolean): Command =>
  command(`add ${fc.stringify(key)}${isHashed ? ' by its hash' : ''}`, (model, filter) => {
    const before = filter.stats();
    const wasThere = filter.has(key);
    try {
      expect(isHashed ? filter.addHash(hashKey(key, model.options)) : filter.add(key)).toBe(!wasThere);
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_BLOOM_FULL' });
      expect([filter.has(key), filter.stats()]).toEqual([wasThere, before]);
      return;
    }
    model.keys.push(key);
    if (!wasThere) model.news++;
  });

const clear = command('clear', (model, filter) => {
  filter.clear();
  expect(filter.stats()).toEqual(createScalableBloom(model.options).stats());
  model.keys = [];
  model.news = 0;
});

describe('createScalableBloom', () => {
  it('holds every key it took and stays within `maxBytes`, through any history', () => {
    const commands = fc.commands(
      [
        fc.tuple(anyKey(), fc.boolean()).map((args) => add(...args)),
        fc.tuple(fc.nat(1000), fc.constant(false)).map((args) => add(...args)),
        fc.constant(clear),
      ],
      { maxCommands: 40 },
    );
    const own = fc.record({
      initialCapacity: fc.integer({ min: 1, max: 4 }),
      falsePositiveRate: fc.double({ min: 1e-6, max: 0.5, noNaN: true }),
      growth: fc.double({ min: 1.1, max: 3, noNaN: true }),
      layout: fc.constantFrom('blocked' as const, 'standard' as const),
      seed: fc.nat(),
      maxBytes: fc.integer({ min: 200, max: 2000 }),
    });
    fc.assert(
      fc.property(own, commands, (options, history) => {
        fc.modelRun(
          () => ({ model: { options, keys: [] as BloomKey[], news: 0 }, real: createScalableBloom(options) }),
          history,
        );
      }),
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BloomFilter, BloomKey, BloomOptions } from '../../src/bloom/index.ts';
import { createBloomFilter, hashKey, loadBloomFilter, unionBloom } from '../../src/bloom/index.ts';
import { anyKey, anyOptions, secretOf } from './kit.ts';

/** The keys that must be in; a filter of the same options that got them in one go tells which bits must be set. */
interface Model {
  readonly options: BloomOptions;
  keys: BloomKey[];
}
interface Real {
  filter: BloomFilter;
}
type Command = fc.Command<Model, Real>;

function command(text: string, run: (model: Model, real: Real) => void): Command {
  const check = (model: Model, real: Real): void => {
    run(model, real);
    const fresh = createBloomFilter(model.options);
    fresh.addAll(model.keys);
    expect(real.filter.toBytes()).toEqual(fresh.toBytes());
    expect(real.filter.stats()).toEqual(fresh.stats());
  };
  return { check: () => true, run: check, toString: () => text };
}

const add = (key: BloomKey): Command =>
  command(`add ${fc.stringify(key)}`, (model, { filter }) => {
    expect(filter.add(key)).toBe(!filter.addHash(hashKey(key, model.options)) && !isIn(model, key));
    model.keys.push(key);
  });

function isIn({ options, keys }: Model, key: BloomKey): boolean {
  const fresh = createBloomFilter(options);
  fresh.addAll(keys);
  return fresh.has(key);
}

const clear = command('clear', (model, { filter }) => {
  filter.clear();
  model.keys = [];
});

const reload = command('toBytes and load', (model, real) => {
  real.filter = loadBloomFilter(real.filter.toBytes(), secretOf(model.options));
});

const unite = (keys: BloomKey[]): Command =>
  command(`union with ${fc.stringify(keys)}`, (model, real) => {
    const other = createBloomFilter(model.options);
    other.addAll(keys);
    real.filter = unionBloom(real.filter, other);
    model.keys.push(...keys);
  });

describe('createBloomFilter', () => {
  it('holds exactly the bits of the keys added since it was made or cleared, through any history', () => {
    const commands = fc.commands(
      [anyKey().map(add), fc.constant(clear), fc.constant(reload), fc.array(anyKey(), { maxLength: 5 }).map(unite)],
      { maxCommands: 15 },
    );
    fc.assert(
      fc.property(anyOptions(), commands, (options, history) => {
        fc.modelRun(
          () => ({ model: { options, keys: [] as BloomKey[] }, real: { filter: createBloomFilter(options) } }),
          history,
        );
      }),
      { numRuns: 60 },
    );
  });
});

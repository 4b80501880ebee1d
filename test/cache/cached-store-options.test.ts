import { describe, expect, it } from 'vitest';
import type { BackingStore, CachedStoreOptions } from '../../src/cache/index.ts';
import { createCache, createCachedStore } from '../../src/cache/index.ts';
import type { NumberRule } from '../support/arbitraries.ts';
import { badFunctions, badNumbers } from '../support/arbitraries.ts';

const store: BackingStore<string, number> = { load: () => 1, store: () => {} };

const create = (options: object, from: unknown = store): unknown =>
  createCachedStore(
    from as typeof store,
    {
      cache: createCache({ maxEntries: 9 }),
      write: 'behind',
      ...options,
    } as CachedStoreOptions<string, number>,
  );

const rules: Readonly<Record<string, NumberRule>> = {
  flushIntervalMs: { min: 0, max: 2_147_483_647 },
  maxPending: { min: 1, isInteger: true },
  maxBatchSize: { min: 1, isInteger: true },
  maxConcurrent: { min: 1, isInteger: true, isUnbounded: true },
  maxAttempts: { min: 1, isInteger: true, isUnbounded: true },
};

describe('createCachedStore', () => {
  it.each(
    Object.entries(rules).flatMap(([name, rule]) =>
      badNumbers(rule).map(([text, value]) => [name, text, value] as const),
    ),
  )('refuses behind.%s of %s, naming the option', (name, _, value) => {
    expect(() => create({ behind: { [name]: value } })).toThrow(new RegExp(`^${name} must be `));
  });

  it('takes timeoutMs up to the longest that runtimes keep a timer, or Infinity', () => {
    for (const timeoutMs of [0, -1, 2 ** 31, NaN, '1', null])
      expect(() => create({ behind: { timeoutMs } })).toThrow('timeoutMs must be');
    for (const timeoutMs of [1, 2 ** 31 - 1, Infinity, undefined]) create({ behind: { timeoutMs } });
  });

  it('refuses functions that are none', () => {
    for (const [, value] of badFunctions) {
      for (const name of ['backoff', 'onEvent'])
        expect(() => create({ behind: { [name]: value } })).toThrow(`${name} must be a function`);
      for (const name of ['store', 'remove', 'writeMany'])
        expect(() => create({}, { ...store, [name]: value })).toThrow(`store.${name} must be a function`);
      expect(() => create({}, { load: value })).toThrow('store.load must be a function');
    }
    for (const none of [null, {}, 7]) expect(() => create({}, none)).toThrow('store.load must be');
  });

  it('refuses other words than its own, and what is no cache', () => {
    for (const write of [undefined, 'around', '', 1]) expect(() => create({ write })).toThrow('write must be one of');
    for (const onFull of ['drop', null]) expect(() => create({ behind: { onFull } })).toThrow('onFull must be one of');
    for (const cache of [undefined, null, {}, new Map()])
      expect(() => create({ cache })).toThrow('cache must be a cache');
  });

  it('refuses options of writing behind where nothing is', () => {
    for (const write of ['through', 'invalidate'])
      expect(() => create({ write, behind: {} })).toThrow('behind must be left out, got object');
  });

  it('takes undefined for the default of every option', () => {
    const names = [...Object.keys(rules), 'timeoutMs', 'backoff', 'onEvent', 'onFull'];
    create({ clock: undefined, behind: Object.fromEntries(names.map((name) => [name, undefined])) });
    create({ write: 'through', behind: undefined });
  });

  it('reads no clock and starts nothing when it is made', () => {
    const never = (): never => {
      throw new Error('called');
    };
    const clock = { now: never, epochMs: never, setTimeout: never, clearTimeout: never };
    const dead = { load: never, store: never, remove: never, writeMany: never };
    for (const write of ['through', 'invalidate', 'behind']) create({ write, clock }, dead);
    create({ clock, behind: { backoff: never, onEvent: never } }, dead);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCache, lru } from '../../src/cache/index.ts';

const keysOf = (cache: { entries(): Iterable<[string, unknown]> }): string[] =>
  [...cache.entries()].map(([key]) => key).sort();

describe('invalidateTags', () => {
  it('drops every entry with one of the tags, given by its write, its loader or the cache, and no other', async () => {
    const cache = createCache<string, number>({ maxEntries: 99, tags: (key) => [key.split(':')[0]!] });
    cache.set('product:1', 1);
    cache.set('product:2', 2, { tags: ['sale', 'sale'] });
    cache.set('user:1', 3, { tags: ['sale', '__proto__'] });
    await cache.getOrLoad('user:2', (_, ctx) => ((ctx.tags = ['new']), 4));
    cache.set('page:1', 5);
    cache.invalidateTags(['sale']);
    expect(keysOf(cache)).toEqual(['page:1', 'product:1', 'user:2']);
    cache.invalidateTags(['product', 'new', 'constructor']);
    expect(keysOf(cache)).toEqual(['page:1']);
    cache.invalidateTags([]);
    expect(keysOf(cache)).toEqual(['page:1']);
  });

  it('drops what has it both from its write and from the cache by either', () => {
    const cache = createCache<string, number>({ maxEntries: 9, tags: () => ['common'] });
    cache.set('a', 1, { tags: ['own'] });
    cache.set('b', 1, { tags: ['own'] });
    cache.set('c', 1);
    cache.delete('b');
    cache.invalidateTags(['common']);
    expect(cache.size).toBe(0);
    cache.set('a', 1, { tags: ['own'] });
    cache.invalidateTags(['own']);
    expect(cache.size).toBe(0);
  });

  it('leaves alone what has the tag no more, and what has got the place of an entry that had it', () => {
    const removed: unknown[] = [];
    const cache = createCache<string, number>({ maxEntries: 9, onRemoval: (...event) => void removed.push(event) });
    cache.set('a', 1, { tags: ['t', 'u'] });
    cache.set('a', 2);
    cache.set('b', 1, { tags: ['t'] });
    cache.set('b', 2, { tags: ['u'] });
    cache.set('c', 1, { tags: ['t'] });
    cache.delete('c');
    cache.set('d', 1, { tags: ['t'] });
    cache.delete('d');
    removed.length = 0;
    cache.invalidateTags(['t', 'never heard of']);
    expect(removed).toEqual([]);
    for (const key of ['e', 'f', 'g']) cache.set(key, key.charCodeAt(0));
    expect(['e', 'f', 'g'].map((key) => cache.get(key))).toEqual([101, 102, 103]);
    cache.invalidateTags(['t']);
    expect([keysOf(cache), cache.size]).toEqual([['a', 'b', 'e', 'f', 'g'], 5]);
    cache.invalidateTags(['u']);
    expect(keysOf(cache)).toEqual(['a', 'e', 'f', 'g']);
  });

  it('drops as many entries as a tag has', () => {
    // More than a call can have arguments.
    const [cache, tags] = [createCache<number, number>({ maxEntries: 200_000, policy: lru() }), { tags: ['all'] }];
    for (let key = 0; key < 130_000; key++) cache.set(key, key, tags);
    cache.set(-1, -1);
    cache.invalidateTags(['all']);
    expect([...cache.entries()]).toEqual([[-1, -1]]);
  });

  it('drops what is remembered as missing under a tag', async () => {
    const cache = createCache<string, number>({ maxEntries: 9, negativeTtlMs: 1000 });
    let loads = 0;
    const load = (): Promise<number | undefined> =>
      cache.getOrLoad('a', (_, ctx) => {
        loads++;
        ctx.tags = ['t'];
        return undefined;
      });
    await load();
    await load();
    cache.invalidateTags(['t']);
    await load();
    expect(loads).toBe(2);
  });

  it('refuses what is no list', () => {
    const cache = createCache<string, number>({ maxEntries: 9 });
    for (const bad of ['product', [1], [undefined], {}, null] as never[]) {
      cache.set('a', 1);
      expect(() => cache.invalidateTags(bad)).toThrow('tags must be a list of texts');
      if (bad) expect(() => cache.set('a', 2, { tags: bad })).toThrow('tags must be a list of texts');
      expect(cache.get('a')).toBe(1);
      const tagged = createCache<string, number>({ maxEntries: 9, tags: () => bad });
      if (bad) expect(() => tagged.set('a', 1, { tags: ['t'] })).toThrow('tags must be a list of texts');
      if (bad) expect(() => tagged.set('a', 1)).toThrow('tags must be a list of texts');
    }
    expect(() => cache.invalidateTags('product' as never)).toThrow(
      new RangeError('tags must be a list of texts, got "product"'),
    );
  });

  it('agrees with sets of keys, whatever is written, deleted and invalidated', () => {
    const tag = fc.constantFrom<string>('r', 's', 't');
    const step = fc.oneof(
      fc.record({ key: fc.nat(5), tags: fc.array(tag, { maxLength: 3 }) }),
      fc.record({ gone: fc.nat(5) }),
      fc.record({ dropped: fc.array(tag, { maxLength: 2 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const cache = createCache<string, number>({ maxEntries: 99 });
        const model = new Map<string, readonly string[]>();
        for (const one of steps) {
          if ('key' in one) {
            cache.set(`${one.key}`, 1, { tags: one.tags });
            model.set(`${one.key}`, one.tags);
          } else if ('gone' in one) {
            expect(cache.delete(`${one.gone}`)).toBe(model.delete(`${one.gone}`));
          } else {
            cache.invalidateTags(one.dropped);
            for (const [key, tags] of model) if (tags.some((t) => one.dropped.includes(t))) model.delete(key);
          }
          expect(keysOf(cache)).toEqual([...model.keys()].sort());
        }
      }),
    );
  });
});

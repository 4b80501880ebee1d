import fc from 'fast-check';
import type { BloomFilter, BloomKey, BloomOptions } from '../../src/bloom/index.ts';
import { createBloomFilter } from '../../src/bloom/index.ts';

/** Not in pages without cross-origin isolation. */
export const canShare = typeof SharedArrayBuffer === 'function';

export const layouts = ['blocked', 'standard'] as const;

/** Any key: text of every kind, lone surrogates and hostile names too, bytes, integers, bigints. */
export function anyKey(): fc.Arbitrary<BloomKey> {
  return fc.oneof(
    fc.string({ unit: 'binary', maxLength: 70 }),
    fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 8 }).map((codes) => String.fromCharCode(...codes)),
    fc.constantFrom('', '__proto__', 'constructor', '\n', '\0', 'a'.repeat(5000)),
    fc.uint8Array({ maxLength: 70 }),
    fc.maxSafeInteger(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
  );
}

/** Options of small filters, of every form. */
export function anyOptions(): fc.Arbitrary<BloomOptions> {
  const hashing = fc.oneof(
    fc.record({ seed: fc.nat(0xffff_ffff) }),
    fc.record({ secret: fc.uint8Array({ minLength: 8, maxLength: 8 }) }),
    fc.constant({}),
  );
  const rest = fc.record({
    capacity: fc.integer({ min: 1, max: 200 }),
    falsePositiveRate: fc.double({ min: 1e-9, max: 0.9, noNaN: true }),
    layout: fc.constantFrom(...layouts),
    shared: canShare ? fc.boolean() : fc.constant(false),
  });
  return fc.tuple(rest, hashing).map(([settings, keying]) => ({ ...settings, ...keying }));
}

/** The options of `filter` that `createBloomFilter`, `loadBloomFilter` and `hashKey` agree on. */
export function secretOf({ secret }: BloomOptions): { secret?: Uint8Array } {
  return secret ? { secret } : {};
}

/** A filter that `count` keys have been added to. */
export function filled(
  options: BloomOptions,
  keyOf: (index: number) => BloomKey,
  count = options.capacity,
): BloomFilter {
  const filter = createBloomFilter(options);
  for (let index = 0; index < count; index++) filter.add(keyOf(index));
  return filter;
}

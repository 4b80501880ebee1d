import type { BloomFilter, KeyHash } from '../../src/bloom/index.ts';
import {
  attachBloomFilter,
  bloomSize,
  createBinaryFuse,
  createBloomFilter,
  createRotatingBloom,
  createScalableBloom,
  hashKey,
  loadBloomFilter,
  unionBloom,
} from '../../src/bloom/index.ts';

const options = { capacity: 100, falsePositiveRate: 0.01 };
const filter: BloomFilter = createBloomFilter(options);

const isNew: boolean = filter.add('key');
const answers: Uint8Array = filter.hasAll(['key', 1, 2n, new Uint8Array(1)]);
const hash: KeyHash = hashKey('key', { seed: 1 });
filter.hasHash(hash);
createBloomFilter({ ...options, seed: undefined, secret: undefined });
// Bytes of their own go wherever the web takes bytes.
new Response(filter.toBytes());
new Blob([filter.toBytes(), createBinaryFuse(['key']).toBytes()]);

// @ts-expect-error: both numbers are wanted
createBloomFilter({ capacity: 100 });
// @ts-expect-error: no such layout
createBloomFilter({ ...options, layout: 'cuckoo' });
// @ts-expect-error: a secret is bytes
createBloomFilter({ ...options, secret: 'secret' });
// @ts-expect-error: an object is no key
filter.add({ id: 1 });
// @ts-expect-error: nothing is no key
filter.has(undefined);
// @ts-expect-error: text is no hash
filter.hasHash('key');
// @ts-expect-error: a hash is no key
filter.has(hash);
// @ts-expect-error: read only
filter.capacity = 1;
// @ts-expect-error: plain memory cannot be shared
attachBloomFilter(new Uint8Array(1));
// @ts-expect-error: a text is no bytes
loadBloomFilter('bytes');
// @ts-expect-error: two filters are wanted
unionBloom(filter);
// @ts-expect-error: not rotating without a window
createRotatingBloom(options);
// @ts-expect-error: its capacity is the initial one
createScalableBloom(options);
// @ts-expect-error: 8 or 16
createBinaryFuse([], { bits: 12 });
// @ts-expect-error: a size has no secret
bloomSize({ ...options, secret: new Uint8Array(8) });

export { answers, isNew };

export { attachBloomFilter, createBloomFilter, loadBloomFilter } from './bloom-filter.ts';
export type { BloomFilter, BloomOptions, BloomStats } from './bloom-filter.ts';
export { hashKey } from './key.ts';
export type { BloomHashOptions, BloomKey, KeyHash } from './key.ts';
export { bloomSize } from './size.ts';
export type { BloomLayout, BloomSize, BloomSizeOptions } from './size.ts';
export { unionBloom } from './union.ts';

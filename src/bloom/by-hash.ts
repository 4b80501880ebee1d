import type { BloomHashOptions, BloomKey, KeyHash } from './key.ts';
import { createRehasher } from './key.ts';

/** What filters made of several filters have in common: a key is hashed once, and all of them are asked by its hash. */
export abstract class ByHash {
  readonly #rehash: (key: BloomKey) => KeyHash;

  constructor(options: BloomHashOptions) {
    this.#rehash = createRehasher(options);
  }

  abstract addHash(hash: KeyHash): boolean;

  abstract hasHash(hash: KeyHash): boolean;

  add(key: BloomKey): boolean {
    return this.addHash(this.#rehash(key));
  }

  has(key: BloomKey): boolean {
    return this.hasHash(this.#rehash(key));
  }

  addAll(keys: Iterable<BloomKey>): number {
    let added = 0;
    for (const key of keys) if (this.add(key)) added++;
    return added;
  }
}

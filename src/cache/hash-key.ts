/**
 * Characters of a text that are looked at, half of them at each end. So many that keys which are queries or arguments as
 * JSON, alike but for a number in the middle, are told apart: those that are not share their popularity.
 */
const LOOKED_AT = 4096;

/** Hashes of keys of any kind. */
export class KeyHasher {
  /** Numbers for objects, which have no other identity. */
  #ids: WeakMap<object, number> | undefined;
  #next = 0;

  /** A 32-bit hash of a key: equal for equal keys, spread for others. O(length) of a text, at most 4096 characters of it. */
  hash(key: unknown): number {
    let hash = 0;
    if (typeof key === 'string') hash = hashText(key);
    else if (typeof key === 'number') {
      hash = key | 0;
      // What is above and below the 32 bits.
      if (hash !== key) hash ^= Math.imul((key / 2 ** 32) ^ (key * 2 ** 32), 0x9e3779b1);
    } else if (Object(key) === key) hash = this.#idOf(key as object);
    else hash = hashText(String(key));
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return hash ^ (hash >>> 16);
  }

  #idOf(key: object): number {
    this.#ids ??= new WeakMap();
    let id = this.#ids.get(key);
    if (id === undefined) this.#ids.set(key, (id = ++this.#next));
    return id;
  }
}

/** FNV-1a, two characters at a time. Long texts that differ in the middle only share their popularity, nothing else. */
function hashText(text: string): number {
  const { length } = text;
  const skipped = length > LOOKED_AT ? length - LOOKED_AT : 0;
  let hash = length;
  let at = 0;
  for (; at + 1 < length; at += 2) {
    if (at === LOOKED_AT / 2) at += skipped;
    hash = Math.imul(hash ^ text.charCodeAt(at) ^ (text.charCodeAt(at + 1) << 16), 0x01000193);
    hash ^= hash >>> 15;
  }
  return at < length ? Math.imul(hash ^ text.charCodeAt(at), 0x01000193) : hash;
}

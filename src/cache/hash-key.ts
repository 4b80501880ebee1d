/** Numbers for objects used as keys, which have no other identity. */
export class KeyHasher {
  #ids: WeakMap<object, number> | undefined;
  #next = 0;

  /** A 32-bit hash of a key: equal for equal keys, spread for others. O(length) of a text, at most 64 characters of it. */
  hash(key: unknown): number {
    let hash = 0;
    if (typeof key === 'string') {
      const { length } = key;
      // The ends of a long text tell it apart as a rule; where they do not, keys share their popularity, nothing else.
      const step = length > 64 ? 32 : length;
      hash = length;
      for (let at = 0; at < step; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
      for (let at = length - step; at < length && step < length; at++)
        hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
    } else if (typeof key === 'number') {
      hash = key | 0;
      if (hash !== key) hash ^= Math.imul((key * 0x1_0000_0001) | 0, 0x9e3779b1);
    } else if ((typeof key === 'object' && key !== null) || typeof key === 'function') {
      hash = this.#idOf(key);
    } else {
      return this.hash(String(key));
    }
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

/** Words of a block: those of one cache line. */
const BLOCK = 16;

/*
 * How often keys were asked for lately, about: a count-min sketch (Cormode and Muthukrishnan 2005) of four rows of
 * 4-bit counters, all counters of a key within one block, after Einziger, Friedman and Manes, "TinyLFU" (2017). Two
 * words of eight counters for each entry of the cache.
 *
 * Once `10 * capacity` increments have been counted, all counters are halved, so that what was popular is
 * forgotten: block by block with the additions that follow, because halving all at once would stall a big cache.
 */
export class FrequencySketch {
  readonly #words: Int32Array;
  readonly #blockMask: number;
  readonly #period: number;
  #increments = 0;
  /** The block to be halved next; none when it is the number of blocks. */
  #halving: number;

  constructor(capacity: number) {
    let blocks = 1;
    while (blocks * 8 < capacity) blocks *= 2;
    this.#words = new Int32Array(blocks * BLOCK);
    this.#blockMask = blocks - 1;
    this.#period = 10 * Math.max(capacity, 8);
    this.#halving = blocks;
  }

  /** 0 to 15. */
  estimate(hash: number): number {
    const words = this.#words;
    const block = (hash & this.#blockMask) * BLOCK;
    let bits = spread(hash);
    let least = 15;
    for (let row = 0; row < BLOCK; row += 4, bits >>>= 5) {
      const count = (words[block + row + (bits & 3)]! >>> (bits & 28)) & 15;
      if (count < least) least = count;
    }
    return least;
  }

  /** Counts `uses` more, up to 15 in all. */
  add(hash: number, uses: number): void {
    const words = this.#words;
    const block = (hash & this.#blockMask) * BLOCK;
    let bits = spread(hash);
    for (let row = 0; row < BLOCK; row += 4, bits >>>= 5) {
      const at = block + row + (bits & 3);
      const shift = bits & 28;
      const room = 15 - ((words[at]! >>> shift) & 15);
      words[at]! += (uses < room ? uses : room) << shift;
    }
    if (this.#halving <= this.#blockMask) this.#halve();
    else if ((this.#increments += uses) >= this.#period) {
      this.#increments >>>= 1;
      this.#halving = 0;
    }
  }

  #halve(): void {
    const from = this.#halving++ * BLOCK;
    const words = this.#words;
    for (let at = from; at < from + BLOCK; at++) words[at] = (words[at]! >>> 1) & 0x7777_7777;
  }
}

/** Other bits of a key than those that choose its block. */
function spread(hash: number): number {
  const bits = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return bits ^ (bits >>> 13);
}

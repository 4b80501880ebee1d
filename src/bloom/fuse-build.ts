import { refuse } from '../core/check.ts';
import type { Hash128 } from '../core/hash.ts';
import { newHash128, scramble } from '../core/hash.ts';
import type { FuseShape } from './fuse.ts';
import type { BloomKey, Hasher } from './key.ts';
import { hashInto } from './key.ts';

/** A fuse filter that has been worked out. */
export interface BuiltFuse {
  readonly shape: FuseShape;
  readonly slots: Uint8Array | Uint16Array;
}

/** Beyond it positions and key numbers would leave 32 bits. */
const MOST_KEYS = 2 ** 27;

/** Longer segments gain nothing (Graf and Lemire, section 4). */
const LONGEST_SEGMENT = 262_144; // 2^18

/** Attempts with another seed at one size, before the filter is made a twentieth larger. */
const SEEDS_PER_SIZE = 4;

export function buildFuse(keys: readonly BloomKey[], bits: 8 | 16): BuiltFuse {
  if (keys.length > MOST_KEYS) refuse('keys', `at most ${MOST_KEYS}`, keys.length);
  // Some sets of keys cannot be peeled with some seeds: one in a hundred at most sizes, one in three near 11 500 keys
  // (FastFilter/xor_singleheader #77). Each attempt is independent, so this ends.
  for (let seed = 0, room = 1; ; seed++) {
    if (seed > 0 && seed % SEEDS_PER_SIZE === 0) room *= 1.05;
    const hasher: Hasher = { seed, secret: undefined, id: seed };
    const words = distinct(hashAll(keys, hasher));
    const count = words.length / 4;
    const shape: FuseShape = { bits, count, hasher, ...segmentsFor(count, room) };
    const order = peel(words, shape);
    if (order) return { shape, slots: assign(words, shape, order) };
  }
}

/** How many slots a filter has. */
export function slotsOf({ segment, span }: Pick<FuseShape, 'segment' | 'span'>): number {
  return span + 2 * segment;
}

export function fuseSlots(shape: FuseShape): Uint8Array | Uint16Array {
  return shape.bits === 8 ? new Uint8Array(slotsOf(shape)) : new Uint16Array(slotsOf(shape));
}

/**
 * Four words that look independent of each other. MurmurHash3_x86_128 alone gives equal second, third and fourth words
 * for keys of up to four bytes, which have no more to give, and equal third and fourth ones up to eight.
 */
export function hashForFuse(out: Hash128, key: BloomKey, hasher: Hasher): void {
  hashInto(out, key, hasher);
  out.c = scramble((out.c + 0x9e3779b9) | 0);
  out.d = scramble((out.d + 0x3c6ef372) | 0);
}

/** Four words for each key. */
function hashAll(keys: readonly BloomKey[], hasher: Hasher): Int32Array {
  const words = new Int32Array(keys.length * 4);
  const hash = newHash128();
  for (let at = 0; at < keys.length; at++) {
    hashForFuse(hash, keys[at]!, hasher);
    words[4 * at] = hash.a;
    words[4 * at + 1] = hash.b;
    words[4 * at + 2] = hash.c;
    words[4 * at + 3] = hash.d;
  }
  return words;
}

/** Without hashes that came before: the same key twice can never be peeled. In the order in which they came. */
function distinct(words: Int32Array): Int32Array {
  let size = 16;
  while (size < words.length / 2) size *= 2;
  const table = new Int32Array(size).fill(-1);
  const kept = new Int32Array(words.length);
  let end = 0;
  for (let from = 0; from < words.length; from += 4) {
    let place = words[from]! & (size - 1);
    for (; table[place]! >= 0; place = (place + 1) & (size - 1)) {
      const other = table[place]!;
      if ([0, 1, 2, 3].every((at) => kept[other + at] === words[from + at])) break;
    }
    if (table[place]! >= 0) continue;
    table[place] = end;
    for (let at = 0; at < 4; at++) kept[end++] = words[from + at]!;
  }
  return kept.slice(0, end);
}

/** The sizes of Graf and Lemire for three slots per key. */
function segmentsFor(count: number, room: number): Pick<FuseShape, 'segment' | 'span'> {
  const keys = Math.max(count, 2);
  const exponent = Math.floor(Math.log(keys) / Math.log(3.33) + 2.25);
  const segment = Math.min(2 ** exponent, LONGEST_SEGMENT);
  const factor = Math.max(1.125, 0.875 + (0.25 * Math.log(1e6)) / Math.log(keys));
  const segments = Math.max(1, Math.ceil((keys * factor * room) / segment) - 2);
  return { segment, span: segments * segment };
}

/** The three slots of the key whose words start at `from`. */
function place(slots: [number, number, number], words: Int32Array, from: number, { segment, span }: FuseShape): void {
  const first = Math.floor(((words[from]! >>> 0) * span) / 2 ** 32);
  slots[0] = first;
  slots[1] = (first + segment) ^ (words[from + 1]! & (segment - 1));
  slots[2] = (first + 2 * segment) ^ (words[from + 2]! & (segment - 1));
}

/** The order in which keys have a slot of their own once those before are gone. */
interface Peeling {
  readonly keys: Int32Array;
  readonly slots: Int32Array;
}

function peel(words: Int32Array, shape: FuseShape): Peeling | undefined {
  const { count } = shape;
  const length = slotsOf(shape);
  const users = new Int32Array(length);
  // The xor of the numbers of the keys that use a slot: of the last one left, its number.
  const numbers = new Int32Array(length);
  const slots: [number, number, number] = [0, 0, 0];
  const toggle = (key: number, by: number): void => {
    place(slots, words, 4 * key, shape);
    for (const slot of slots) {
      users[slot]! += by;
      numbers[slot]! ^= key;
    }
  };
  for (let key = 0; key < count; key++) toggle(key, 1);
  const alone: number[] = [];
  for (let slot = 0; slot < length; slot++) if (users[slot] === 1) alone.push(slot);
  const peeling: Peeling = { keys: new Int32Array(count), slots: new Int32Array(count) };
  let done = 0;
  for (let slot = alone.pop(); slot !== undefined; slot = alone.pop()) {
    if (users[slot] !== 1) continue;
    const key = numbers[slot]!;
    peeling.keys[done] = key;
    peeling.slots[done++] = slot;
    toggle(key, -1);
    for (const other of slots) if (users[other] === 1) alone.push(other);
  }
  return done === count ? peeling : undefined;
}

/** Gives each key's own slot what makes its three slots add up to its fingerprint, the last peeled first. */
function assign(words: Int32Array, shape: FuseShape, { keys, slots: own }: Peeling): Uint8Array | Uint16Array {
  const filter = fuseSlots(shape);
  const slots: [number, number, number] = [0, 0, 0];
  for (let at = keys.length - 1; at >= 0; at--) {
    const from = 4 * keys[at]!;
    place(slots, words, from, shape);
    filter[own[at]!] = words[from + 3]! ^ filter[slots[0]]! ^ filter[slots[1]]! ^ filter[slots[2]]!;
  }
  return filter;
}

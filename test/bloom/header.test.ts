import { describe, expect, it } from 'vitest';
import { createBinaryFuse, createBloomFilter, loadBinaryFuse, loadBloomFilter } from '../../src/bloom/index.ts';
import { hashBytes, newHash128 } from '../../src/core/hash.ts';

/*
 * Bytes whose checksums are right and whose settings are not: no accident makes them, but whoever sends bytes can.
 * Offsets are those of docs/formats/bloom.md.
 */

type Patch = (view: DataView) => void;

function hashOf(bytes: Uint8Array, seed = 0): readonly [number, number, number, number] {
  const out = newHash128();
  hashBytes(out, bytes, seed);
  return [out.a, out.b, out.c, out.d];
}

function forge(bytes: Uint8Array, patch: Patch, length = bytes.length): Uint8Array {
  const forged = new Uint8Array(length);
  forged.set(bytes.subarray(0, length));
  const view = new DataView(forged.buffer);
  patch(view);
  const [first, second] = hashOf(forged.subarray(0, 40));
  view.setInt32(40, first, true);
  view.setInt32(44, second, true);
  for (const [at, word] of hashOf(forged.subarray(48, -16)).entries()) view.setInt32(length - 16 + 4 * at, word, true);
  return forged;
}

function forgeFuse(bytes: Uint8Array, patch: Patch): Uint8Array {
  const forged = bytes.slice();
  const view = new DataView(forged.buffer);
  patch(view);
  const [seed] = hashOf(forged.subarray(0, 32));
  for (const [at, word] of hashOf(forged.subarray(48), seed).entries()) view.setInt32(32 + 4 * at, word, true);
  return forged;
}

const options = { capacity: 50, falsePositiveRate: 0.01 };
const bytes = createBloomFilter(options).toBytes();
const none = 'bytes must be those of a Bloom filter, but their settings are none';

describe('loadBloomFilter', () => {
  it('reads what is forged without a change, or with settings that fit', () => {
    expect(loadBloomFilter(forge(bytes, () => {})).toBytes()).toEqual(bytes);
    const other = loadBloomFilter(
      forge(bytes, (view) => {
        view.setUint8(6, 255);
        view.setUint32(8, 0xffff_ffff, true);
        view.setFloat64(16, 7, true);
        view.setFloat64(24, 0.5, true);
      }),
    );
    expect([other.hashCount, other.capacity, other.falsePositiveRate]).toEqual([255, 7, 0.5]);
    expect([other.add('key'), other.has('key')]).toEqual([true, true]);
  });

  it.each<[string, Patch, string, number?]>([
    ['another magic', (view) => view.setUint8(3, 0x47), 'but they are no Bloom filter'],
    ['version 0', (view) => view.setUint8(4, 0), 'but their version is 0, not 1'],
    ['an unknown layout', (view) => view.setUint8(5, 2), none],
    ['an unknown way of hashing', (view) => view.setUint8(7, 2), none],
    ['no hashes', (view) => view.setUint8(6, 0), none],
    ['no bits', (view) => view.setUint32(12, 0, true), none, 64],
    ['half a block', (view) => view.setUint32(12, 8, true), none, 48 + 32 + 16],
    ['a capacity of 0', (view) => view.setFloat64(16, 0, true), 'capacity in bytes must be an integer of at least 1'],
    ['a capacity of 1.5', (view) => view.setFloat64(16, 1.5, true), 'capacity in bytes must be an integer'],
    ['a rate of 1', (view) => view.setFloat64(24, 1, true), 'falsePositiveRate must be a number of at least 1e-15'],
    ['a rate that is none', (view) => view.setFloat64(24, Number.NaN, true), 'falsePositiveRate must be a number'],
    ['more words than there are', (view) => view.setUint32(12, 2 ** 32 - 1, true), 'are said to be'],
  ])('refuses %s, whose checksums are right', (_text, patch, message, length) => {
    expect(() => loadBloomFilter(forge(bytes, patch, length))).toThrow(RangeError);
    expect(() => loadBloomFilter(forge(bytes, patch, length))).toThrow(message);
  });

  it('refuses a check value of a secret where there is none', () => {
    for (const at of [32, 36]) {
      expect(() => loadBloomFilter(forge(bytes, (view) => view.setUint32(at, 1, true)))).toThrow(
        'secret must be the one the filter was made with',
      );
    }
  });

  it('says how many bytes there are and how many there should be', () => {
    const short = bytes.subarray(0, -1);
    expect(() => loadBloomFilter(short)).toThrow(
      `bytes must be those of a Bloom filter, but they are ${short.length} bytes where ${bytes.length} are said to be`,
    );
  });

  it('reads a filter without blocks of as few words as there are', () => {
    const standard = createBloomFilter({ capacity: 1, falsePositiveRate: 0.9, layout: 'standard' });
    expect(standard.bitCount).toBe(32);
    standard.add('key');
    expect(loadBloomFilter(standard.toBytes()).has('key')).toBe(true);
  });
});

describe('loadBinaryFuse', () => {
  const fuse = createBinaryFuse(['a', 'b', 'c'], { bits: 16 }).toBytes();

  it.each<[string, Patch, string]>([
    ['another magic', (view) => view.setUint8(3, 0x47), 'but they are none'],
    ['version 2', (view) => view.setUint8(4, 2), 'but their version is 2, not 1'],
    ['bits that are neither 8 nor 16', (view) => view.setUint8(5, 24), 'bits in bytes must be one of 8, 16, got "24"'],
    ['bits of half the size', (view) => view.setUint8(5, 8), 'but their length is not what they say'],
    ['more slots than there are', (view) => view.setUint32(20, 2 ** 32 - 1, true), 'but their length is not'],
    // More than any engine gives: the length is looked at before memory is taken.
    [
      'more slots than memory can hold',
      (view) => [16, 20].forEach((at) => view.setUint32(at, 2 ** 32 - 1, true)),
      'but their length is not',
    ],
  ])('refuses %s, whose checksum is right', (_text, patch, message) => {
    expect(loadBinaryFuse(forgeFuse(fuse, () => {})).has('a')).toBe(true);
    expect(() => loadBinaryFuse(forgeFuse(fuse, patch))).toThrow(RangeError);
    expect(() => loadBinaryFuse(forgeFuse(fuse, patch))).toThrow(message);
  });

  it('names what is damaged', () => {
    const message = (of: Uint8Array): unknown => {
      try {
        return loadBinaryFuse(of);
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(message(fuse.subarray(0, 47))).toBe('bytes must be those of a binary fuse filter, but they are none');
    expect(message(fuse.subarray(0, 48))).toBe('bytes must be those of a binary fuse filter, but they are damaged');
    expect(message(fuse.subarray(0, -2))).toBe('bytes must be those of a binary fuse filter, but they are damaged');
    expect(message('text' as unknown as Uint8Array)).toBe('bytes must be a Uint8Array, got "text"');
  });
});

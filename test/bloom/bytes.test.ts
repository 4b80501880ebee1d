import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BloomOptions } from '../../src/bloom/index.ts';
import { attachBloomFilter, createBloomFilter, loadBloomFilter, unionBloom } from '../../src/bloom/index.ts';
import { anyOptions, canShare, filled, layouts, secretOf } from './kit.ts';

const options: BloomOptions = { capacity: 20, falsePositiveRate: 0.01 };
const secret = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

describe('loadBloomFilter', () => {
  it('throws on every changed byte', () => {
    for (const layout of layouts) {
      for (const keying of [{ seed: 7 }, { secret }]) {
        const bytes = filled({ ...options, ...keying, layout }, (k) => `key-${k}`).toBytes();
        for (let at = 0; at < bytes.length; at++) {
          for (const flip of [1, 0x80, 0xff]) {
            const changed = bytes.slice();
            changed[at]! ^= flip;
            expect(() => loadBloomFilter(changed, secretOf({ ...options, ...keying })), `byte ${at}`).toThrow(
              RangeError,
            );
          }
        }
      }
    }
  });

  it('throws on every missing or extra byte, at either end', () => {
    const bytes = filled(options, (k) => `key-${k}`).toBytes();
    for (let length = 0; length < bytes.length; length++) {
      expect(() => loadBloomFilter(bytes.subarray(0, length))).toThrow(RangeError);
      expect(() => loadBloomFilter(bytes.subarray(bytes.length - length))).toThrow(RangeError);
    }
    for (const extra of [1, 4, 64]) {
      const longer = new Uint8Array(bytes.length + extra);
      longer.set(bytes);
      expect(() => loadBloomFilter(longer)).toThrow(/bytes must be those of a Bloom filter, but they are/);
      longer.fill(0).set(bytes, extra);
      expect(() => loadBloomFilter(longer)).toThrow(RangeError);
    }
  });

  it('throws on bytes that are none of its own', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(() => loadBloomFilter(bytes)).toThrow(RangeError);
      }),
    );
    for (const none of [undefined, null, 'text', [1], new ArrayBuffer(128), new Int8Array(128)]) {
      expect(() => loadBloomFilter(none as unknown as Uint8Array)).toThrow(/bytes must be a Uint8Array/);
    }
  });

  it('believes no header that promises more than there is', () => {
    const bytes = createBloomFilter(options).toBytes();
    new DataView(bytes.buffer).setUint32(12, 0xffff_ffff, true);
    expect(() => loadBloomFilter(bytes)).toThrow('header is damaged');
    bytes[4] = 2;
    expect(() => loadBloomFilter(bytes)).toThrow('their version is 2, not 1');
  });

  it('reads a view at any offset of a larger buffer, shared ones too, and keeps nothing of it', () => {
    fc.assert(
      fc.property(anyOptions(), fc.integer({ min: 0, max: 9 }), fc.boolean(), (own, offset, isShared) => {
        const filter = filled(own, (k) => k);
        const bytes = filter.toBytes();
        const size = bytes.length + 16;
        const view = new Uint8Array(
          isShared && canShare ? new SharedArrayBuffer(size) : new ArrayBuffer(size),
          offset,
          bytes.length,
        );
        view.set(bytes);
        const loaded = loadBloomFilter(view, secretOf(own));
        view.fill(0xff);
        expect(loaded.toBytes()).toEqual(bytes);
        expect([loaded.capacity, loaded.falsePositiveRate, loaded.bitCount, loaded.hashCount]).toEqual([
          filter.capacity,
          filter.falsePositiveRate,
          filter.bitCount,
          filter.hashCount,
        ]);
      }),
    );
  });

  it.skipIf(!canShare)('takes memory of its own that is not shared, whatever the filter was', () => {
    const shared = createBloomFilter({ ...options, shared: true });
    expect(shared.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(loadBloomFilter(shared.toBytes()).buffer).toBeInstanceOf(ArrayBuffer);
    expect(unionBloom(shared, shared).buffer).toBeInstanceOf(ArrayBuffer);
  });

  it('reads a filter with a secret only with that secret, which its bytes do not hold', () => {
    const bytes = filled({ ...options, secret }, (k) => k).toBytes();
    expect(hex(bytes)).not.toContain(hex(secret).slice(0, 8));
    expect(() => loadBloomFilter(bytes)).toThrow(/secret must be the one the filter was made with/);
    const wrong = new RangeError('secret must be the one the filter was made with');
    expect(() => loadBloomFilter(bytes, { secret: new Uint8Array(8) })).toThrow(wrong);
    expect(loadBloomFilter(bytes, { secret }).has(3)).toBe(true);
    const open = createBloomFilter(options).toBytes();
    expect(() => loadBloomFilter(open, { secret })).toThrow(/secret must be absent/);
  });
});

describe('attachBloomFilter', () => {
  it.skipIf(!canShare)('uses the memory of the shared filter, not a copy', () => {
    const filter = createBloomFilter({ ...options, shared: true });
    const attached = attachBloomFilter(filter.buffer as SharedArrayBuffer);
    attached.add('from there');
    filter.add('from here');
    expect([filter.has('from there'), attached.has('from here')]).toEqual([true, true]);
    expect(attached.buffer).toBe(filter.buffer);
  });

  it('refuses what is no shared filter', () => {
    const cases: unknown[] = [undefined, new ArrayBuffer(128), createBloomFilter(options).buffer, new Uint8Array(64)];
    for (const bad of cases) {
      expect(() => attachBloomFilter(bad as SharedArrayBuffer)).toThrow(/buffer must be a SharedArrayBuffer/);
    }
  });

  it.skipIf(!canShare)('refuses shared memory without a filter, and one of another secret', () => {
    expect(() => attachBloomFilter(new SharedArrayBuffer(128))).toThrow(/they are no Bloom filter/);
    const keyed = createBloomFilter({ ...options, secret, shared: true }).buffer as SharedArrayBuffer;
    expect(() => attachBloomFilter(keyed)).toThrow(/secret must be/);
    expect(attachBloomFilter(keyed, { secret }).add('key')).toBe(true);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBase62, fromCrockford, fromHex, toBase62, toCrockford, toHex } from '../../src/snowflake/index.ts';
import { attempt } from './kit.ts';

const texts = [
  { name: 'base62', to: toBase62, from: fromBase62, width: 11, digits: /^[0-9A-Za-z]+$/ },
  { name: 'Crockford', to: toCrockford, from: fromCrockford, width: 13, digits: /^[0-9A-HJKMNP-TV-Z]+$/ },
  { name: 'hex', to: toHex, from: fromHex, width: 16, digits: /^[0-9a-f]+$/ },
];

const LAST = 2n ** 64n - 1n;
const anyId = fc.oneof(
  fc.bigInt({ min: 0n, max: LAST }),
  fc.constantFrom(0n, 1n, LAST, LAST - 1n, 2n ** 63n, 2n ** 32n, 916132832n),
);

describe('texts', () => {
  it('have a fixed width, sort as the ids do, and read back as the same id', () => {
    fc.assert(
      fc.property(fc.constantFrom(...texts), anyId, anyId, ({ to, from, width, digits }, a, b) => {
        const [x, y] = [to(a), to(b)];
        expect(x).toHaveLength(width);
        expect(x).toMatch(digits);
        expect(from(x)).toBe(a);
        expect(x < y).toBe(a < b);
      }),
    );
  });

  it('are refused unless they are the one text of an id', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...texts),
        fc.oneof(fc.string(), fc.string({ minLength: 11, maxLength: 16 }), fc.stringMatching(/^[0-9A-Za-z]{11,16}$/)),
        ({ to, from }, text) => {
          const id = attempt(() => from(text));
          if (typeof id === 'bigint') expect(to(id)).toBe(text);
          else expect(id).toBeInstanceOf(RangeError);
        },
      ),
    );
    const wrong = [
      '',
      'zzzzzzzzzzz',
      'LygHa16AHYG',
      '0AWE5HZP3SK!!',
      'G000000000000',
      '0awe5hzp3sk00',
      'O000000000000',
      'FFFFFFFFFFFFFFFF',
    ];
    for (const text of wrong)
      for (const { from, to } of texts) {
        const id = attempt(() => from(text));
        if (typeof id === 'bigint') expect(to(id)).toBe(text);
      }
    expect(() => fromHex('x')).toThrow('text must be 16 characters of hex, up to 64 bits, got "x"');
    expect(() => fromBase62('x')).toThrow('11 characters of base62');
    expect(() => fromCrockford('x')).toThrow('13 characters of Crockford base32');
    for (const { from } of texts) {
      expect(attempt(() => from('LygHa16AHYG'))).toBeInstanceOf(RangeError);
      expect(attempt(() => from(5 as never))).toBeInstanceOf(RangeError);
      expect(attempt(() => from(undefined as never))).toBeInstanceOf(TypeError);
    }
  });

  it('are refused for what is no bigint of 64 bits', () => {
    for (const { to } of texts) {
      for (const id of [-1n, 2n ** 64n, 5, '5', null]) {
        expect(() => to(id as never)).toThrow('id must be a bigint of 64 bits without sign, got ');
      }
    }
  });

  it('are known for a few ids', () => {
    const id = 0x0cae_0f3b_1c35_5000n;
    expect([fromBase62('LygHa16AHYF'), fromCrockford('FZZZZZZZZZZZZ'), fromHex('f'.repeat(16))]).toEqual([
      LAST,
      LAST,
      LAST,
    ]);
    expect([toHex(id), toCrockford(id), toBase62(id)]).toEqual(['0cae0f3b1c355000', crockfordOf(id), base62Of(id)]);
    expect([toBase62(LAST), toCrockford(LAST), toHex(LAST)]).toEqual([
      'LygHa16AHYF',
      'FZZZZZZZZZZZZ',
      'ffffffffffffffff',
    ]);
  });
});

/** The same by repeated division, a digit at a time. */
function byDivision(id: bigint, digits: string, width: number): string {
  let text = '';
  for (let rest = id; text.length < width; rest /= BigInt(digits.length))
    text = digits[Number(rest % BigInt(digits.length))] + text;
  return text;
}

const crockfordOf = (id: bigint): string => byDivision(id, '0123456789ABCDEFGHJKMNPQRSTVWXYZ', 13);
const base62Of = (id: bigint): string =>
  byDivision(id, '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', 11);

import type { BloomKey } from '../../src/bloom/index.ts';

/** A kind of keys that people have: `keyOf` gives a different key for every index. */
export interface KeyFamily {
  readonly name: string;
  readonly keyOf: (index: number) => BloomKey;
}

/** 32 bits of an index, scattered and reversibly so, hence no two alike. */
function scatter(index: number): number {
  let mixed = Math.imul(index ^ (index >>> 16), 0x7feb352d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

function hex(value: number, digits = 8): string {
  return value.toString(16).padStart(digits, '0');
}

/** Digits of an index, as characters from `first` on. */
function letters(index: number, first: number, base: number, least = 3): string {
  let text = '';
  for (let rest = index; rest > 0 || text.length < least; rest = Math.floor(rest / base)) {
    text = String.fromCodePoint(first + (rest % base)) + text;
  }
  return text;
}

function word(...words: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(words).buffer);
}

const text: Readonly<Record<string, (index: number) => string>> = {
  'decimal numbers': (k) => String(k),
  'padded numbers': (k) => String(k).padStart(12, '0'),
  'user:N': (k) => `user:${k}`,
  'N:user, the difference in front': (k) => `${k}:user:profile:v2`,
  'UUIDs, random': (k) => `${hex(scatter(k))}-${hex(scatter(k) >>> 16, 4)}-4000-8000-${hex(k, 12)}`,
  'UUIDs, time-ordered': (k) => `0190${hex(k)}-7abc-8def-0123456789ab`,
  'URLs with a number': (k) => `https://www.example.com/articles/${k}/comments?page=${k % 7}`,
  'URLs of many hosts': (k) => `http://${letters(k, 97, 26)}.example.org/index.html`,
  'e-mail addresses': (k) => `${letters(k, 97, 26)}.${letters(scatter(k) & 0xff, 97, 26)}@example.com`,
  'IPv4 addresses': (k) => `${(k >>> 24) & 255}.${(k >>> 16) & 255}.${(k >>> 8) & 255}.${k & 255}`,
  'IPv6 addresses': (k) => `2001:db8:0:1::${hex(k >>> 16, 1)}:${hex(k & 0xffff, 1)}`,
  'short letters': (k) => letters(k, 97, 26, 1),
  'hex digests': (k) => hex(scatter(k)) + hex(scatter(~k)) + hex(k) + hex(scatter(k ^ 0x5a5a5a5a)),
  'ISO times': (k) => new Date(1_700_000_000_000 + k * 1000).toISOString(),
  CJK: (k) => letters(k, 0x4e00, 20_000),
  'CJK sentences': (k) => `第${letters(k, 0x4e00, 500)}章節`,
  Cyrillic: (k) => letters(k, 0x430, 32),
  emoji: (k) => letters(k, 0x1f600, 64),
  'lone surrogates': (k) => letters(k, 0xd800, 1024),
  'long text, the difference in the middle': (k) => `${'x'.repeat(60)}${k}${'y'.repeat(60)}`,
  'zeros of every length and one number': (k) => `${'\0'.repeat(k % 32)}${k >>> 5}`,
};

const other: Readonly<Record<string, (index: number) => BloomKey>> = {
  integers: (k) => k,
  'multiples of 2^20': (k) => k * 2 ** 20,
  'bigints, snowflake-like': (k) => (BigInt(k) << 22n) | 5n,
  'bytes, 4 of a counter': (k) => word(k),
  'bytes, 16 scattered': (k) => word(scatter(k), k, 0, scatter(~k)),
};

/** Families of keys on which peers were found to miss their rate, and those that people use most. */
export const families: readonly KeyFamily[] = [...Object.entries(text), ...Object.entries(other)].map(
  ([name, keyOf]) => ({ name, keyOf }),
);

/** An upper bound that a count of `trials` of chance `rate` exceeds once in 10^9, or with another chance (Chernoff). */
export function chernoffBound(trials: number, rate: number, chance = 1e-9): number {
  const mean = trials * rate;
  const log = -Math.log(chance);
  // exp(-mean((1+d)ln(1+d)-d)) = chance, solved for d by bisection.
  let low = 0;
  let high = 10 + (3 * log) / mean;
  for (let step = 0; step < 60; step++) {
    const d = (low + high) / 2;
    if (mean * ((1 + d) * Math.log1p(d) - d) < log) low = d;
    else high = d;
  }
  return mean * (1 + high);
}

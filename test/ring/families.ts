import type { RingKey } from '../../src/ring/index.ts';

type Family = (k: number) => RingKey;

export const COUNT = 20_000;
const pad = (k: number, length: number): string => String(k).padStart(length, '0');

/** Keys as they come: numbers, prefixes, suffixes, short ones, long ones, other scripts, bytes. */
export const families: Readonly<Record<string, Family>> = {
  numbers: (k) => String(k),
  'padded numbers': (k) => pad(k, 10),
  'prefixed numbers': (k) => `user:${k}`,
  'suffixed numbers': (k) => `${k}:profile:settings`,
  'two characters and more': (k) => k.toString(36),
  'powers of two apart': (k) => String(k * 65_536),
  UUIDs: (k) => `${pad(k, 8)}-0000-4000-8000-${pad((k * 7919) % 1_000_003, 12)}`,
  URLs: (k) => `https://example.com/articles/${k % 100}/comments/${k}?page=1`,
  CJK: (k) => `鍵${String.fromCharCode(0x4e00 + (k % 20_000))}${Math.floor(k / 20_000)}`,
  emoji: (k) => `😀${String.fromCodePoint(0x1f300 + (k % 200))}${k}`,
  bytes: (k) => Uint8Array.of(k, k >> 8, 0, 0),
};

/** How many standard deviations a chi-square statistic is off its mean: too uneven, or more even than chance. */
export function deviation(counts: ReadonlyMap<string, number>, shares: ReadonlyMap<string, number>): number {
  let chi = 0;
  for (const [id, share] of shares) chi += ((counts.get(id) ?? 0) - COUNT * share) ** 2 / (COUNT * share);
  const freedom = shares.size - 1;
  return Math.abs(chi - freedom) / Math.sqrt(2 * freedom);
}

export function countOf(get: (key: RingKey) => string | undefined, family: Family): Map<string, number> {
  const counts = new Map<string, number>();
  for (let k = 0; k < COUNT; k++) {
    const id = get(family(k))!;
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

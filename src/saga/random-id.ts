import type { Random } from '../core/random.ts';

/** 104 bits as 26 hexadecimal digits. */
export function randomId(random: Random): string {
  return half(random) + half(random);
}

/** As many bits as a number from `random` has, and a few less. */
function half(random: Random): string {
  return Math.floor(random() * 2 ** 52)
    .toString(16)
    .padStart(13, '0');
}

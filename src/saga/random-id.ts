import type { Random } from '../core/random.ts';

/** 104 bits as 28 hexadecimal digits. */
export function randomId(random: Random): string {
  return part(random) + part(random) + part(random) + part(random);
}

/** As many bits as engines turn into text fast: those of a small integer. */
function part(random: Random): string {
  return Math.floor(random() * 2 ** 26)
    .toString(16)
    .padStart(7, '0');
}

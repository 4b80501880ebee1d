import type { Random } from '../core/random.ts';

/** 128 bits as 32 hexadecimal digits. */
export function randomId(random: Random): string {
  let id = '';
  while (id.length < 32)
    id += Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0');
  return id;
}

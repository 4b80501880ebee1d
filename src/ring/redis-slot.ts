import type { RingKey } from './key.ts';
import { bytesOf } from './key.ts';

/**
 * The Redis Cluster slot of a key, 0 to 16383, as `CLUSTER KEYSLOT` answers: CRC16 of what is between the first `{`
 * and the `}` after it, or of the whole key where that is nothing.
 *
 * A lone surrogate counts as U+FFFD, which is what clients send for it.
 *
 * @example
 * ```ts
 * import { redisSlot } from 'holdfast/ring';
 *
 * console.log(redisSlot('{user:7}:cart') === redisSlot('{user:7}:orders')); // true
 * ```
 */
export function redisSlot(key: RingKey): number {
  const bytes = typeof key === 'string' ? new TextEncoder().encode(key) : bytesOf(key);
  const open = bytes.indexOf(0x7b) + 1;
  const close = open > 0 ? bytes.indexOf(0x7d, open) : 0;
  const isTagged = close > open;
  const end = isTagged ? close : bytes.length;
  let crc = 0;
  for (let at = isTagged ? open : 0; at < end; at++) {
    // CRC-16/XMODEM, eight steps at once.
    let mixed = (crc >> 8) ^ bytes[at]!;
    mixed ^= mixed >> 4;
    crc = ((crc << 8) ^ (mixed << 12) ^ (mixed << 5) ^ mixed) & 0xffff;
  }
  return crc & 0x3fff;
}

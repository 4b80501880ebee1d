import { describe, expect, it } from 'vitest';
import { redisSlot } from '../../src/ring/index.ts';

describe('redisSlot', () => {
  // Answers of redis-server 7 to CLUSTER KEYSLOT; test/redis asks a server for any key.
  it.each([
    ['', 0],
    ['123456789', 12739],
    ['foo', 12182],
    ['{}', 15257],
    ['{user1000}.following', 3443],
    ['{user1000}.followers', 3443],
    ['user1000', 3443],
    ['foo{}{bar}', 8363],
    ['foo{{bar}}zap', 4015],
    ['foo{bar}{zap}', 5061],
    ['bar', 5061],
    ['A}B{C', 7939],
    ['ab}c', 14509],
    ['}', 12090],
    ['}{', 12793],
  ])('of %j is the one that Redis Cluster computes', (key, slot) => {
    expect(redisSlot(key)).toBe(slot);
    expect(redisSlot(new TextEncoder().encode(key))).toBe(slot);
  });

  it('refuses what is neither text nor bytes', () => {
    for (const key of [7, null, undefined, {}, [1], new Uint16Array(1)]) {
      expect(() => redisSlot(key as unknown as string)).toThrow(/^key must be text or a Uint8Array/);
    }
  });
});

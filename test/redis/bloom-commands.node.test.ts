import { describe, expect, it } from 'vitest';
import type { BloomOptions } from '../../src/bloom/index.ts';
import { createBloomFilter } from '../../src/bloom/index.ts';
import type { RedisBloomOptions, RedisSend } from '../../src/redis/index.ts';
import { redisBloom } from '../../src/redis/index.ts';

const options: BloomOptions = { capacity: 1000, falsePositiveRate: 1e-6 };

describe('redisBloom', () => {
  it('refuses bad options by their names, and sends nothing until the first call', () => {
    const send: RedisSend = () => {
      throw new Error('sent');
    };
    const good: RedisBloomOptions = { ...options, send, key: 'k', ttlMs: 1000 };
    redisBloom(good);
    for (const [name, values] of Object.entries({
      send: [undefined, {}],
      key: [undefined, 1],
      ttlMs: [undefined, 0, -1, Number.NaN],
      timeoutMs: [0, Infinity, Number.NaN],
      command: ['set'],
      capacity: [0, 1.5, 1e18],
      falsePositiveRate: [0, 1],
      layout: ['round'],
      seed: [-1],
      secret: [new Uint8Array(1)],
    })) {
      for (const value of values) {
        expect(() => redisBloom({ ...good, [name]: value }), `${name} ${String(value)}`).toThrow(`${name} must be`);
      }
    }
    const large = { capacity: 4.48e8, falsePositiveRate: 0.01, layout: 'standard' } as const;
    expect(() => redisBloom({ ...good, ...large })).toThrow(/2\^32 bits|512 MB/);
  });
});

describe("redisBloom with command 'bf'", () => {
  // Debian's Redis has no such module: what is sent is checked here, and the script runs where BF.ADD is known (below).
  it('sends the hash of a key in hex, the same for all that are one key, and its options', async () => {
    const sent: (readonly string[])[] = [];
    const send: RedisSend = async (command) => (sent.push(command), '01');
    const bloom = redisBloom({ ...options, send, key: 'k', ttlMs: 1000.5, command: 'bf' });
    expect([...(await bloom.hasAll(['1', 1]))]).toEqual([0, 1]);
    expect(await bloom.add(1n)).toBe(true);
    expect(await bloom.add(Uint8Array.of(0x31))).toBe(true);
    const [asked, number, text] = sent.map((command) => command.slice(2));
    expect(asked!.slice(0, 7)).toEqual(['1', 'k', 'has', '1000', '0.000001', '1001', '1']);
    expect(asked![7]).toMatch(/^[0-9a-f]{24}$/);
    expect([text![7], number![7]]).toEqual([asked![7], asked![8]]);
  });

  it('refuses to copy', async () => {
    const bloom = redisBloom({ ...options, send: async () => '', key: 'k', ttlMs: 1000, command: 'bf' });
    await expect(bloom.snapshot()).rejects.toThrow(TypeError);
    await expect(bloom.push(createBloomFilter(options))).rejects.toThrow(TypeError);
  });
});

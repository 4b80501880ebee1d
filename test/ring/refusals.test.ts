import { describe, expect, it } from 'vitest';
import type { Ring, RingNode } from '../../src/ring/index.ts';
import {
  createBoundedLoads,
  createKetamaRing,
  createMaglev,
  createRendezvous,
  createRing,
  diffRings,
  hashPosition,
  jumpHash,
  redisSlot,
  renderRing,
} from '../../src/ring/index.ts';
import { ringOf } from './kit.ts';

const ring = ringOf(2);
const one = (own: object): (() => Ring) => {
  return () => createRing({ nodes: [{ id: 'a', ...own }] });
};
const number = 7 as unknown as string;
const anyKeyRule = 'key must be text or a Uint8Array, got';
const anySeedRule = 'seed must be an integer of at least 0 and at most 4294967295, got';
const anyWeightRule = 'weight must be a number of at least 0 and at most 16777216, got';
const anyCountRule = 'count must be an integer of at least 0, got';
const tooMany = 'points must be a number of at least 0 and at most 16777216, got';

describe('what is refused', () => {
  it.each<[string, () => unknown, typeof RangeError | typeof TypeError, string]>([
    [
      'vnodes of 0',
      () => createRing({ vnodes: 0 }),
      RangeError,
      'vnodes must be an integer of at least 1 and at most 16777216, got 0',
    ],
    [
      'vnodes of more than 2^24',
      () => createRing({ vnodes: 2 ** 24 + 1 }),
      RangeError,
      'vnodes must be an integer of at least 1 and at most 16777216, got 16777217',
    ],
    ['a seed of -1', () => createRing({ seed: -1 }), RangeError, `${anySeedRule} -1`],
    ['a seed of 2^32', () => createRendezvous({ seed: 2 ** 32 }), RangeError, `${anySeedRule} 4294967296`],
    ['a seed of 0.5', () => createMaglev({ seed: 0.5 }), RangeError, `${anySeedRule} 0.5`],
    ['a seed of text', () => hashPosition('k', '1' as unknown as number), RangeError, `${anySeedRule} "1"`],
    ['a negative weight', one({ weight: -1 }), RangeError, `${anyWeightRule} -1`],
    ['a weight of more than 2^24', one({ weight: 2 ** 24 + 1 }), RangeError, `${anyWeightRule} 16777217`],
    ['no number for a weight', () => ring.reweight('node-0', Number.NaN), RangeError, `${anyWeightRule} NaN`],
    ['no id', one({ id: 7 }), RangeError, 'id must be text, got 7'],
    ['nothing for a node', () => ring.with(null as unknown as string), TypeError, 'id must be text, got undefined'],
    ['a number for a zone', one({ zone: 1 }), RangeError, 'zone must be text, got 1'],
    ['null for a zone', one({ zone: null }), TypeError, 'zone must be text, got null'],
    ['an id twice', () => createKetamaRing(['a', 'a']), RangeError, 'id must be in the ring once, got "a"'],
    ['an id that is there', () => ring.with('node-1'), RangeError, 'id must be new to the ring, got "node-1"'],
    ['an id that is not there', () => ring.reweight('x', 1), RangeError, 'id must be in the ring, got "x"'],
    ['too many points', one({ weight: 2 ** 24 }), RangeError, `${tooMany} 2684354560`],
    ['a node too many', () => ring.with({ id: 'x', weight: 104_858 }), RangeError, `${tooMany} 16777600`],
    ['a weight too much', () => ring.reweight('node-1', 104_857), RangeError, `${tooMany} 16777280`],
    ['a count of -1', () => ring.getN('k', -1), RangeError, `${anyCountRule} -1`],
    ['a count of 1.5', () => createRendezvous({}).getN('k', 1.5), RangeError, `${anyCountRule} 1.5`],
    ['no count', () => createKetamaRing([]).getN('k', Infinity), RangeError, `${anyCountRule} Infinity`],
    [
      'a spread',
      () => ring.getN('k', 1, { spread: 'rack' as 'zone' }),
      RangeError,
      'spread must be one of node, zone, got "rack"',
    ],
    [
      'a spread of null',
      () => ring.getN('k', 1, { spread: null as unknown as 'zone' }),
      TypeError,
      'spread must be one of node, zone, got null',
    ],
    ['a number for a key', () => ring.get(number), RangeError, `${anyKeyRule} 7`],
    ['null for a key', () => ring.walk(null as unknown as string), TypeError, `${anyKeyRule} null`],
    ['a key for maglev', () => createMaglev({}).get(number), RangeError, `${anyKeyRule} 7`],
    ['a key for rendezvous', () => createRendezvous({}).get({} as string), TypeError, `${anyKeyRule} object`],
    [
      'a key for ketama',
      () => createKetamaRing([]).get(new Uint16Array(1) as unknown as string),
      TypeError,
      `${anyKeyRule} object`,
    ],
    [
      'nothing for a key of ketama',
      () => createKetamaRing([]).get(undefined as unknown as string),
      TypeError,
      `${anyKeyRule} undefined`,
    ],
    ['a key for redisSlot', () => redisSlot(null as unknown as string), TypeError, `${anyKeyRule} null`],
    [
      'a key beyond 64 bits',
      () => jumpHash(2n ** 64n, 2),
      TypeError,
      'key must be from 0 to 2^64-1, got 18446744073709551616',
    ],
    ['a key below 0', () => jumpHash(-1n, 2), TypeError, 'key must be from 0 to 2^64-1, got -1'],
    [
      'no buckets',
      () => jumpHash('k', 0),
      RangeError,
      'buckets must be an integer of at least 1 and at most 2147483647, got 0',
    ],
    [
      'too many buckets',
      () => jumpHash('k', 2 ** 31),
      RangeError,
      'buckets must be an integer of at least 1 and at most 2147483647, got 2147483648',
    ],
    [
      'a factor below 1',
      () => createBoundedLoads(ring, { factor: 0.9 }),
      RangeError,
      'factor must be a number of at least 1, got 0.9',
    ],
    [
      'a table of 1',
      () => createMaglev({ tableSize: 1 }),
      RangeError,
      'tableSize must be an integer of at least 2 and at most 16777216, got 1',
    ],
    [
      'a table that is not prime',
      () => createMaglev({ tableSize: 9 }),
      RangeError,
      'tableSize must be a prime number, got 9',
    ],
    [
      'a small table',
      () => createMaglev({ nodes: ['a', 'b', 'c', 'd'], tableSize: 3 }),
      RangeError,
      'tableSize must be at least the number of nodes, 4, got 3',
    ],
    [
      'rings of two seeds',
      () => diffRings(ring, createRing({ seed: 9 })),
      RangeError,
      'after must be a ring of seed 0, got 9',
    ],
    [
      'a ring of somebody else',
      () => diffRings(ring, { ...ring } as Ring),
      TypeError,
      'ring must be made by createRing, got object',
    ],
    [
      'a format',
      () => renderRing(ring, { format: 'png' as 'svg' }),
      RangeError,
      'format must be one of ascii, svg, got "png"',
    ],
    [
      'a narrow text',
      () => renderRing(ring, { width: 23 }),
      RangeError,
      'width must be an integer of at least 24 and at most 10000, got 23',
    ],
    [
      'a wide text',
      () => renderRing(ring, { width: 10_001 }),
      RangeError,
      'width must be an integer of at least 24 and at most 10000, got 10001',
    ],
    [
      'a narrow picture',
      () => renderRing(ring, { width: 199, format: 'svg' }),
      RangeError,
      'width must be an integer of at least 200 and at most 10000, got 199',
    ],
    [
      'no replicas',
      () => renderRing(ring, { replicas: 0, key: 'k' }),
      RangeError,
      'replicas must be an integer of at least 1, got 0',
    ],
    [
      'half a replica',
      () => renderRing(ring, { replicas: 0.5 }),
      RangeError,
      'replicas must be an integer of at least 1, got 0.5',
    ],
  ])('names rule and value: %s', (_text, call, kind, message) => {
    let thrown: unknown;
    try {
      call();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(kind);
    expect((thrown as Error).message).toBe(message);
  });

  it('is nothing at the edge of what is said', () => {
    expect(hashPosition('k', 2 ** 32 - 1)).toBeTypeOf('number');
    expect(createRing({ vnodes: 2 ** 24 }).points).toBe(0);
    const idle: RingNode = { id: 'idle', weight: 0 };
    expect(createRing({ nodes: [idle], vnodes: 2 ** 24 }).get('k')).toBeUndefined();
    expect(jumpHash(2n ** 64n - 1n, 2 ** 31 - 1)).toBeLessThan(2 ** 31);
    expect(jumpHash(0n, 1)).toBe(0);
    expect(createMaglev({ nodes: ['a', 'b', 'c'], tableSize: 3 }).get('k')).toBeDefined();
    expect(createMaglev({ nodes: ['a', 'b', idle, { ...idle, id: 'too' }], tableSize: 2 }).get('k')).toBeDefined();
    expect(createBoundedLoads(ring, { factor: Number.MAX_VALUE }).acquire('k')?.node).toBe(ring.get('k'));
    expect(ring.getN('k', 0)).toEqual([]);
    expect(renderRing(ring, { width: 10_000, replicas: 2 ** 31 })).toContain('node-1');
  });
});

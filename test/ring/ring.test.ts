import { describe, expect, it } from 'vitest';
import type { RingNode } from '../../src/ring/index.ts';
import { createRendezvous, createRing, hashPosition } from '../../src/ring/index.ts';
import { placementOf, ringOf } from './kit.ts';

describe('names', () => {
  it('takes any text for the id of a node of its own', () => {
    const ids = [
      '',
      '__proto__',
      'constructor',
      'toString',
      '\ud800',
      '\udfff',
      '\ufffd',
      'x'.repeat(10_000),
      'é',
      'e\u0301',
      'n1',
      'n11',
    ];
    const ring = createRing({ nodes: ids });
    expect(ring.size).toBe(ids.length);
    expect([...ring.ownership().keys()]).toEqual(ids);
    expect(new Set(ring.getN('key', 99))).toEqual(new Set(ids));
    for (const share of ring.ownership().values()) expect(Math.abs(share * ids.length - 1)).toBeLessThan(0.4);
    for (const id of ids) expect(ring.without(id).nodes.has(id)).toBe(false);
  });

  it('does not take the end of a name for the number of a point', () => {
    // With points named `id + number`, n1 and n11 would share n111, n112 and so on.
    const [one, eleven] = ['n1', 'n11'].map((id) => createRing({ nodes: [id, 'other'], vnodes: 1000 }));
    const shared = [one!.ownership().get('other'), eleven!.ownership().get('other')];
    expect(shared[0]).not.toBe(shared[1]);
    expect(
      Math.abs(
        createRing({ nodes: ['n1', 'n11'], vnodes: 1000 })
          .ownership()
          .get('n1')! - 0.5,
      ),
    ).toBeLessThan(0.08);
  });

  it('refuses two nodes of one id', () => {
    expect(() => createRing({ nodes: ['a', 'b', { id: 'a' }] })).toThrow(/^id must be in the ring once, got "a"$/);
    expect(() => ringOf(2).with('node-0')).toThrow(/^id must be new to the ring, got "node-0"$/);
    expect(() => ringOf(2).with('node-1')).toThrow(/^id must be new to the ring, got "node-1"$/);
    expect(() => createRendezvous({ nodes: ['a', 'a'] })).toThrow(RangeError);
  });
});

describe('weights', () => {
  it('gives a node points in proportion to its weight, and one at least', () => {
    const points = (weight: number): number => createRing({ nodes: [{ id: 'a', weight }], vnodes: 100 }).points;
    expect([0, 1e-9, 0.5, 1, 2.25].map(points)).toEqual([0, 1, 50, 100, 225]);
  });

  it('owns something however small the weight', () => {
    const ring = createRing({
      nodes: [
        { id: 'small', weight: 1e-6 },
        { id: 'large', weight: 1000 },
      ],
    });
    expect(ring.ownership().get('small')).toBeGreaterThan(0);
  });
});

describe('immutability', () => {
  it('cannot be changed by what was handed in or out', () => {
    const node: { id: string; weight: number } = { id: 'a', weight: 1 };
    const nodes: (string | RingNode)[] = [node, 'b', 'c'];
    const ring = createRing({ nodes });
    const before = placementOf(ring);
    node.weight = 0;
    node.id = 'z';
    nodes.length = 0;
    (ring.nodes as Map<string, RingNode>).clear();
    (ring.nodes.get('a') as { weight: number }).weight = 0;
    ring.ownership().clear();
    ring.getN('key', 2).reverse();
    expect(placementOf(ring)).toEqual(before);
    expect(ring.nodes.get('a')).toStrictEqual({ id: 'a', weight: 1 });
  });

  it('leaves a ring as it was when others are made of it', () => {
    const ring = createRing({ nodes: ['a', { id: 'b', zone: 'z' }, 'c'] });
    const before = placementOf(ring);
    ring.getN('key', 2, { spread: 'zone' });
    const others = [ring.with('d'), ring.without('a'), ring.reweight('b', 9)];
    for (const other of others) other.getN('key', 3, { spread: 'zone' });
    expect(placementOf(ring)).toEqual(before);
    expect(ring.size).toBe(3);
    expect(others[2]!.nodes.get('b')).toEqual({ id: 'b', weight: 9, zone: 'z' });
    expect([...others[1]!.nodes.keys()]).toEqual(['b', 'c']);
    expect(ring.without('nobody')).toBe(ring);
  });

  it('keeps two walks and calls in between apart', () => {
    const ring = ringOf(10);
    const [expected, one, other] = [ring.getN('key', 10), ring.walk('key'), ring.walk('key')];
    for (const id of expected) {
      expect(one.next().value).toBe(id);
      ring.getN('other', 5);
      ring.getN('other', 5, { spread: 'zone' });
      expect(other.next().value).toBe(id);
    }
    expect(one.next().done).toBe(true);
    expect(ring.pick('key', (id) => ring.pick(id, () => false) === undefined && id === expected[3])).toBe(expected[3]);
  });
});

describe('small rings', () => {
  it('answers undefined and nothing where no node has a weight', () => {
    for (const ring of [
      createRing(),
      createRing({
        nodes: [
          { id: 'a', weight: 0 },
          { id: 'b', weight: 0 },
        ],
      }),
      ringOf(1).without('node-0'),
    ]) {
      expect(ring.get('key')).toBeUndefined();
      expect(ring.getN('key', 3)).toEqual([]);
      expect(ring.getN('key', 3, { spread: 'zone' })).toEqual([]);
      expect([...ring.walk('key')]).toEqual([]);
      expect(ring.pick('key', () => true)).toBeUndefined();
      expect(ring.points).toBe(0);
    }
  });

  it('counts no zone whose nodes all have a weight of 0', () => {
    const nodes = [
      { id: 'a', zone: 'one' },
      { id: 'b', zone: 'one' },
      { id: 'c', zone: 'two', weight: 0 },
      { id: 'd', weight: 0 },
    ];
    for (const key of ['', 'key', 'other']) {
      expect(createRing({ nodes }).getN(key, 4, { spread: 'zone' })).toEqual(createRing({ nodes }).getN(key, 4));
      expect(createRing({ nodes }).getN(key, 4).sort()).toEqual(['a', 'b']);
      expect(createRendezvous({ nodes }).getN(key, 4, { spread: 'zone' }).sort()).toEqual(['a', 'b']);
    }
  });

  it('gives everything to the only node, also when it has one point', () => {
    for (const vnodes of [1, 160]) {
      const ring = createRing({ nodes: ['only'], vnodes });
      expect(ring.ownership()).toEqual(new Map([['only', 1]]));
      expect(new Set(placementOf(ring))).toEqual(new Set(['only']));
    }
  });
});

describe('large rings', () => {
  it('tells more than 65,536 nodes apart', () => {
    const ring = createRing({ nodes: Array.from({ length: 70_000 }, (_, k) => `n${k}`), vnodes: 1 });
    expect(ring.getN('key', 70_000)).toHaveLength(70_000);
    expect(new Set(ring.getN('key', 70_000)).size).toBe(70_000);
  });

  it('refuses more than 2^24 points at once, however they come about', () => {
    const tooMany = /^points must be a number of at least 0 and at most 16777216/;
    const start = performance.now();
    expect(() => createRing({ nodes: ['a', 'b'], vnodes: 2 ** 24 })).toThrow(tooMany);
    expect(() => createRing({ nodes: [{ id: 'a', weight: 2 ** 24 }] })).toThrow(tooMany);
    expect(() => ringOf(2).with({ id: 'x', weight: 2 ** 20 })).toThrow(tooMany);
    expect(() => ringOf(2).reweight('node-0', 2 ** 20)).toThrow(tooMany);
    expect(performance.now() - start).toBeLessThan(1000);
  });
});

describe('options', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['vnodes 0', () => createRing({ vnodes: 0 }), /^vnodes must be an integer of at least 1/],
    ['vnodes 1.5', () => createRing({ vnodes: 1.5 }), /^vnodes must be/],
    ['seed -1', () => createRing({ seed: -1 }), /^seed must be an integer of at least 0 and at most 4294967295/],
    ['seed 2^32', () => hashPosition('k', 2 ** 32), /^seed must be/],
    ['weight -1', () => createRing({ nodes: [{ id: 'a', weight: -1 }] }), /^weight must be a number of at least 0/],
    ['weight NaN', () => createRing({ nodes: [{ id: 'a', weight: Number.NaN }] }), /^weight must be/],
    ['weight Infinity', () => ringOf(1).reweight('node-0', Infinity), /^weight must be/],
    ['weight text', () => createRing({ nodes: [{ id: 'a', weight: '1' as unknown as number }] }), /^weight must be/],
    ['no id', () => createRing({ nodes: [{} as RingNode] }), /^id must be text, got undefined/],
    ['node null', () => createRing({ nodes: [null as unknown as RingNode] }), /^id must be text, got undefined/],
    ['node undefined', () => ringOf(1).with(undefined as unknown as string), /^id must be text, got undefined/],
    ['zone 1', () => createRing({ nodes: [{ id: 'a', zone: 1 as unknown as string }] }), /^zone must be text, got 1/],
    ['unknown node', () => ringOf(1).reweight('nobody', 1), /^id must be in the ring, got "nobody"/],
    ['count -1', () => ringOf(1).getN('k', -1), /^count must be an integer of at least 0/],
    ['count NaN', () => ringOf(1).getN('k', Number.NaN), /^count must be/],
    ['spread rack', () => ringOf(1).getN('k', 1, { spread: 'rack' as 'zone' }), /^spread must be one of node, zone/],
    ['key 7', () => ringOf(1).get(7 as unknown as string), /^key must be text or a Uint8Array, got 7/],
    ['key null', () => ringOf(1).get(null as unknown as string), /^key must be/],
    ['walk of a number', () => ringOf(1).walk(7 as unknown as string), /^key must be/],
    ['key of words', () => hashPosition(new Uint16Array(2) as unknown as Uint8Array), /^key must be/],
  ])('refuses %s, naming it', (_, act, message) => {
    expect(act).toThrow(message);
  });
});

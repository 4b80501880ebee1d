import { consistentHash, effect, hashring, ketama, KEYS, makeKeys, names, ours, VNODES } from './ring-peers.ts';
import type { Lookup } from './ring-peers.ts';
import type { Case, Loop, Measure, Subject } from './support/case.ts';
import { direct, time } from './support/case.ts';

/** What a careful user writes: FNV-1a and a binary search. */
function byHand(count: number): Lookup {
  const nodes = names(count);
  const points = nodes.flatMap((name, owner) =>
    Array.from({ length: VNODES }, (_, k) => ({ at: fnv(`${name}#${k}`), owner })),
  );
  points.sort((x, y) => x.at - y.at);
  const positions = Uint32Array.from(points, ({ at }) => at);
  const owners = Uint16Array.from(points, ({ owner }) => owner);
  return (key) => {
    const wanted = fnv(key);
    let [low, high] = [0, positions.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (positions[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    return nodes[owners[low === positions.length ? 0 : low]!];
  };
}

function fnv(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/** Looks the keys up in turn; for the check, whether there was an answer. */
function looking(name: string, prepare: () => Lookup | Promise<Lookup>, count = KEYS): Subject<Loop> {
  return {
    name,
    prepare: async () => {
      const [get, keys] = [await prepare(), makeKeys(count)];
      let k = 0;
      const next = (): unknown => get(keys[k++ & (count - 1)]!);
      return { ...direct(next), once: () => next() !== undefined };
    },
  };
}

function lookups(count: number, best: number, hand: number, limit?: number): Case {
  const measures: Measure[] = [
    time(
      { against: 'consistent-hash', ratio: best },
      { against: 'binary search by hand', ratio: hand },
      ...(limit === undefined ? [] : [{ against: 'limit: read the key, one load', ratio: limit }]),
    ),
  ];
  return {
    kind: 'loop',
    name: `get, ${count} nodes`,
    about: `the owner of one of ${KEYS} keys of 16 characters, ${count} nodes with ${VNODES} points each`,
    isHot: true,
    expected: true,
    subjects: [
      looking('holdfast', async () => {
        const ring = (await ours()).createRing({ nodes: names(count), vnodes: VNODES });
        return (key) => ring.get(key);
      }),
      looking('consistent-hash', async () => {
        const ring = await consistentHash(count);
        return (key) => ring.get(key);
      }),
      looking('effect', async () => {
        const { peer, ring } = await effect(count);
        return (key) => peer.HashRing.get(ring, key);
      }),
      looking('ketama', async () => {
        const ring = await ketama(count);
        return (key) => ring.getNode(key);
      }),
      looking('hashring, no cache', async () => {
        const ring = await hashring(count);
        return (key) => ring.get(key);
      }),
      looking('binary search by hand', () => byHand(count)),
      looking('limit: read the key, one load', () => {
        const table = names(count);
        return (key) => table[fnv(key) % count];
      }),
    ],
    measures,
  };
}

const growth: Case = {
  kind: 'loop',
  name: 'get, from 10 to 1000 nodes',
  about: `the owner of one of ${KEYS} keys, in rings of three sizes`,
  expected: true,
  subjects: [10, 100, 1000].map((count) =>
    looking(`holdfast, ${count} nodes`, async () => {
      const ring = (await ours()).createRing({ nodes: names(count) });
      return (key) => ring.get(key);
    }),
  ),
  measures: [time({ subject: 'holdfast, 1000 nodes', against: 'holdfast, 10 nodes', ratio: 2.5 })],
};

const hot: Case = {
  kind: 'loop',
  name: 'get, hot keys',
  about: 'the owner of one of 1024 keys that hashring holds in its cache, 1000 nodes',
  expected: true,
  subjects: [
    looking(
      'holdfast',
      async () => {
        const ring = (await ours()).createRing({ nodes: names(1000) });
        return (key) => ring.get(key);
      },
      1024,
    ),
    looking(
      'hashring, cached',
      async () => {
        const ring = await hashring(1000, 5000);
        return (key) => ring.get(key);
      },
      1024,
    ),
  ],
  measures: [time({ against: 'hashring, cached', ratio: 0.4 })],
};

const replicas: Case = {
  kind: 'loop',
  name: '3 replicas, 100 nodes',
  about: 'three different nodes for a key',
  isHot: true,
  expected: true,
  subjects: [
    looking('holdfast', async () => {
      const ring = (await ours()).createRing({ nodes: names(100) });
      return (key) => ring.getN(key, 3);
    }),
    looking('holdfast, in three zones', async () => {
      const nodes = names(100).map((id, k) => ({ id, zone: `zone-${k % 3}` }));
      const [ring, options] = [(await ours()).createRing({ nodes }), { spread: 'zone' } as const];
      return (key) => ring.getN(key, 3, options);
    }),
    looking('hashring', async () => {
      const ring = await hashring(100);
      return (key) => ring.range(key, 3);
    }),
    looking('consistent-hash', async () => {
      const ring = await consistentHash(100);
      return (key) => ring.get(key, 3);
    }),
  ],
  measures: [
    time(
      { against: 'consistent-hash', ratio: 0.15 },
      { against: 'hashring', ratio: 0.15 },
      { subject: 'holdfast, in three zones', against: 'holdfast', ratio: 1.5 },
    ),
  ],
};

const compatible: Case = {
  kind: 'loop',
  name: 'ketama get',
  about: 'the owner of a key as libketama has it, 100 servers',
  expected: true,
  subjects: [
    looking('holdfast', async () => {
      const ring = (await ours()).createKetamaRing(names(100));
      return (key) => ring.get(key);
    }),
    looking('hashring, no cache', async () => {
      const ring = await hashring(100);
      return (key) => ring.get(key);
    }),
  ],
  measures: [time({ against: 'hashring, no cache', ratio: 0.5 })],
};

export const cases: readonly Case[] = [
  lookups(10, 0.35, 0.6, 1.4),
  lookups(100, 0.25, 0.45, 1.6),
  lookups(1000, 0.22, 0.55),
  growth,
  hot,
  replicas,
  compatible,
];

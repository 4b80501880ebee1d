import type * as RingModule from '../src/ring/index.ts';
import type { Case, Loop, Measure, Subject } from './support/case.ts';
import { direct, time } from './support/case.ts';
import { retained } from './support/heap.ts';
import { bundled } from './support/size.ts';

type Ours = typeof RingModule;
type Lookup = (key: string) => unknown;

/** Loaded by name, so that types and lint need no peer. */
async function load<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}

const ours = (): Promise<Ours> => load('holdfast/ring');
const VNODES = 160;
const KEYS = 8192;

/** Sixteen characters in one piece, as they come from a request; text put together is slower to read for everybody. */
function makeKeys(count = KEYS): string[] {
  const one = (k: number): string => `user:${String((k * 7919) % 100_000_007).padStart(11, '0')}`;
  return JSON.parse(JSON.stringify(Array.from({ length: count }, (_, k) => one(k)))) as string[];
}

function names(count: number): string[] {
  return Array.from({ length: count }, (_, k) => `node-${k}`);
}

interface ConsistentHash {
  add(node: string, count: number): void;
  remove(node: string): void;
  get(key: string, count?: number): unknown;
}

async function consistentHash(count: number): Promise<ConsistentHash> {
  const { default: Peer } = await load<{ default: new (o: object) => ConsistentHash }>('consistent-hash');
  // As many positions as its 24-bit hash can tell apart.
  const ring = new Peer({ range: 16_777_213 });
  for (const node of names(count)) ring.add(node, VNODES);
  return ring;
}

interface Effect {
  readonly HashRing: {
    make(o: { baseWeight: number }): object;
    addMany(ring: object, nodes: readonly object[]): void;
    add(ring: object, node: object): void;
    remove(ring: object, node: object): void;
    get(ring: object, key: string): unknown;
  };
  readonly PrimaryKey: { readonly symbol: symbol };
}

async function effect(count: number): Promise<{ peer: Effect; ring: object; node: (name: string) => object }> {
  const peer = await load<Effect>('effect');
  const node = (name: string): object => ({ [peer.PrimaryKey.symbol]: () => name });
  const ring = peer.HashRing.make({ baseWeight: VNODES });
  peer.HashRing.addMany(ring, names(count).map(node));
  return { peer, ring, node };
}

interface Ketama {
  addNode(node: string, weight?: number): void;
  removeNode(node: string): void;
  getNode(key: string): unknown;
}

async function ketama(count: number): Promise<Ketama> {
  const { HashRing } = await load<{ HashRing: (new (nodes: readonly string[]) => Ketama) & { baseWeight: number } }>(
    'ketama',
  );
  HashRing.baseWeight = VNODES;
  return new HashRing(names(count));
}

interface Hashring {
  get(key: string): unknown;
  range(key: string, count: number): unknown[];
}

async function hashring(count: number, cache = 1): Promise<Hashring> {
  const { default: Peer } = await load<{
    default: new (nodes: readonly string[], hash: string, o: object) => Hashring;
  }>('hashring');
  return new Peer(names(count), 'md5', { 'max cache size': cache });
}

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
      { against: 'hashring', ratio: 0.15 },
      { subject: 'holdfast, in three zones', against: 'holdfast', ratio: 1.5 },
    ),
  ],
};

/** One thing done again and again; for the check, that it was done. */
function doing(name: string, prepare: () => Promise<() => unknown>): Subject<Loop> {
  return {
    name,
    prepare: async () => {
      const act = await prepare();
      return {
        ...direct(act),
        once: () => {
          act();
          return 'done';
        },
      };
    },
  };
}

const change: Case = {
  kind: 'loop',
  name: 'join and leave, 100 nodes',
  about: 'a node joins a ring of 100 and leaves it again (ours makes two new rings)',
  expected: 'done',
  subjects: [
    doing('holdfast', async () => {
      const ring = (await ours()).createRing({ nodes: names(100) });
      return () => ring.with('joining').without('joining');
    }),
    doing('effect', async () => {
      const { peer, ring, node } = await effect(100);
      const joining = node('joining');
      return () => {
        peer.HashRing.add(ring, joining);
        peer.HashRing.remove(ring, joining);
      };
    }),
    doing('ketama', async () => {
      const ring = await ketama(100);
      return () => {
        ring.addNode('joining');
        ring.removeNode('joining');
      };
    }),
  ],
  measures: [time({ against: 'effect', ratio: 0.15 })],
};

const building: Case = {
  kind: 'loop',
  name: 'build, 100 nodes',
  about: 'a ring of 100 nodes, ready for lookups',
  expected: 'done',
  subjects: [
    doing('holdfast', async () => {
      const [{ createRing }, nodes] = [await ours(), names(100)];
      return () => createRing({ nodes });
    }),
    doing('effect', async () => {
      const { peer, node } = await effect(1);
      const nodes = names(100).map(node);
      return () => peer.HashRing.addMany(peer.HashRing.make({ baseWeight: VNODES }), nodes);
    }),
    doing('ketama', async () => {
      await ketama(1);
      const { HashRing } = await load<{ HashRing: new (nodes: readonly string[]) => Ketama }>('ketama');
      const nodes = names(100);
      return () => new HashRing(nodes);
    }),
  ],
  measures: [time({ against: 'effect', ratio: 0.3 })],
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

/** Bytes that a ring of 1000 nodes keeps, on the heap and beside it. */
function keeping(name: string, make: (count: number) => Promise<unknown>): Subject<Readonly<Record<string, number>>> {
  return {
    name,
    prepare: async () => {
      await make(10); // loads the module and compiles what is needed, which is not the ring's
      return { memory: (await retained(() => make(1000))) / 1e6 };
    },
  };
}

const memory: Case = {
  kind: 'observed',
  name: 'memory, 1000 nodes',
  about: `what a ring of 1000 nodes with ${VNODES} points each keeps, after a lookup`,
  rounds: 3,
  subjects: [
    keeping('holdfast', async (count) => {
      const ring = (await ours()).createRing({ nodes: names(count) });
      ring.get('key');
      return ring;
    }),
    keeping('consistent-hash', async (count) => {
      const ring = await consistentHash(count);
      ring.get('key');
      return ring;
    }),
    keeping('effect', async (count) => (await effect(count)).ring),
    keeping('ketama', ketama),
  ],
  measures: [{ name: 'memory', unit: 'MB', goals: [{ atMost: 1.5 }] }],
};

const size: Case = {
  kind: 'observed',
  name: 'size of the ring',
  about: 'createRing alone as a browser gets it, minified and as brotli',
  rounds: 1,
  subjects: [
    bundled('holdfast', "export { createRing } from 'holdfast/ring';"),
    bundled('effect', "export { HashRing } from 'effect';"),
    bundled('consistent-hash', "export { default } from 'consistent-hash';"),
  ],
  measures: [{ name: 'size', unit: 'B', goals: [{ atMost: 1900 }] }],
};

export const cases: readonly Case[] = [
  lookups(10, 0.35, 0.6, 1.4),
  lookups(100, 0.25, 0.45, 1.6),
  lookups(1000, 0.22, 0.55),
  hot,
  replicas,
  change,
  building,
  compatible,
  memory,
  size,
];

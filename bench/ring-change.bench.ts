import { consistentHash, effect, ketama, load, makeConsistentHash, names, ours, VNODES } from './ring-peers.ts';
import type { Ketama } from './ring-peers.ts';
import type { Case, Loop, Subject } from './support/case.ts';
import { direct, time } from './support/case.ts';
import { retained } from './support/heap.ts';
import { bundled } from './support/size.ts';

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
    doing('consistent-hash', async () => {
      const ring = await consistentHash(100);
      return () => {
        ring.add('joining', VNODES);
        ring.get('key'); // sorts
        ring.remove('joining');
        ring.get('key');
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

function building(count: number): Case {
  return {
    kind: 'loop',
    name: `build, ${count} nodes`,
    about: `a ring of ${count} nodes, ready for lookups`,
    expected: 'done',
    subjects: [
      doing('holdfast', async () => {
        const [{ createRing }, nodes] = [await ours(), names(count)];
        return () => createRing({ nodes });
      }),
      doing('effect', async () => {
        const { peer, node } = await effect(1);
        const nodes = names(count).map(node);
        return () => peer.HashRing.addMany(peer.HashRing.make({ baseWeight: VNODES }), nodes);
      }),
      doing('consistent-hash', async () => {
        const make = await makeConsistentHash();
        return () => make(count);
      }),
      // It sorts all points again for each node: seconds for a thousand.
      ...(count > 100 ? [] : [buildingKetama(count)]),
    ],
    measures: [time({ against: 'effect', ratio: 0.3 })],
  };
}

function buildingKetama(count: number): Subject<Loop> {
  return doing('ketama', async () => {
    await ketama(1);
    const { HashRing } = await load<{ HashRing: new (nodes: readonly string[]) => Ketama }>('ketama');
    const nodes = names(count);
    return () => new HashRing(nodes);
  });
}

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
      return consistentHash(count);
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

export const cases: readonly Case[] = [change, building(100), building(1000), memory, size];

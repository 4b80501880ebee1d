import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSagaRunner, memorySagaStore } from '../../src/saga/index.ts';
import { createSeededRandom, createVirtualClock } from '../../src/testing/index.ts';
import type { Fate, Life } from './kit.ts';
import { never, storeOf } from './kit.ts';
import type { End, Leaf, Node } from './random-sagas.ts';
import { Outside, define } from './random-sagas.ts';

/** The reference: where the saga ends, and which leaves were reached at all. */
function model(nodes: readonly Node[], state: { isCommitted: boolean }): 'completed' | 'compensated' {
  for (const node of nodes) {
    if (node.type === 'sleep') continue;
    if (node.type === 'child') {
      if (model(node.nodes, state) === 'compensated') return 'compensated';
      continue;
    }
    if (!state.isCommitted && node.leaves.some(({ end }) => end !== 'ok')) return 'compensated';
    if (node.type === 'pivot') state.isCommitted = true;
  }
  return 'completed';
}

const leafs: fc.Arbitrary<Leaf> = fc.record({
  end: fc.oneof({ weight: 8, arbitrary: fc.constant('ok' as const) }, fc.constantFrom<End>('refused', 'unknown')),
  flaky: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(2)),
  canUndo: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.constant(false)),
  undoFlaky: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(2)),
});
const one = fc.tuple(leafs);
const simple: fc.Arbitrary<Node> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constantFrom('step' as const, 'when' as const), leaves: one }) },
  fc.record({ type: fc.constantFrom('parallel' as const, 'each' as const), leaves: fc.array(leafs, { maxLength: 3 }) }),
  fc.record({ type: fc.constant('sleep' as const), ms: fc.constantFrom(0, 5, 1500) }),
);
const nodeLists: fc.Arbitrary<readonly Node[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: simple },
    fc.record({ type: fc.constant('pivot' as const), leaves: one }),
    fc.record({ type: fc.constant('child' as const), nodes: fc.array(simple, { maxLength: 3 }) }),
  ),
  { maxLength: 6 },
);

/** What happens at which call of a step or of the store. */
const fates = fc.array(fc.tuple(fc.nat(60), fc.constantFrom<Fate>('die', 'die', 'refuse', 'lose')), { maxLength: 5 });

const LEASE_MS = 3000;

async function live(
  nodes: readonly Node[],
  fateAt: ReadonlyMap<number, Fate>,
): Promise<{ outside: Outside; status: string; deaths: number; paths: string[]; results: unknown }> {
  const clock = createVirtualClock();
  const random = createSeededRandom(7);
  const store = memorySagaStore({ clock, random });
  const outside = new Outside();
  let points = 0;
  let deaths = 0;
  let paths: string[] = [];
  for (let lives = 0; lives < 12; lives++) {
    const life: Life = { isDead: false };
    const next = (): Fate => fateAt.get(points++);
    const meet = async (own: Life): Promise<void> => {
      if (!own.isDead && next() === 'die') own.isDead = true;
      if (own.isDead) await never();
      await undefined;
    };
    paths = [];
    const def = define(nodes, outside, life, meet, paths);
    const runner = createSagaRunner({
      store: storeOf(store, life, next),
      sagas: [def],
      clock,
      random,
      leaseMs: LEASE_MS,
    });
    let results: unknown;
    const start = async (): Promise<unknown> => {
      for (;;) {
        try {
          const handle = await runner.start(def, 'input', { id: 'it' });
          return (results = await handle.result());
        } catch (error) {
          // A caller whose start failed starts again, under the same id.
          if (!/store is down|answer is lost/.test(String(error))) return error;
        }
      }
    };
    const started = start();
    for (let turn = 0; turn < 60 && !life.isDead; turn++) {
      await clock.advance(turn < 20 ? 5 : 500);
      const [record] = await store.get(['it']);
      if (record?.status === 'completed' || record?.status === 'compensated') {
        await clock.advance(2000);
        if (!life.isDead)
          expect(await started).toSatisfy((end) => record.status === 'completed' || end instanceof Error);
        return { outside, status: record.status, deaths, paths, results: life.isDead ? undefined : results };
      }
    }
    if (!life.isDead)
      return { outside, status: (await store.get(['it']))[0]?.status ?? 'none', deaths, paths, results };
    deaths++;
    await clock.advance(LEASE_MS + 1);
  }
  throw new Error('too many lives');
}

describe('random sagas with random failures', () => {
  it('agree with a model: they end as their first failing step says, and undo exactly what may have taken place', async () => {
    await fc.assert(
      fc.asyncProperty(nodeLists, async (nodes) => {
        const { outside, status, paths } = await live(nodes, new Map());
        check(nodes, outside, status, paths, 0);
      }),
    );
  });

  it('agree with the model when processes die and the store fails at any moment', async () => {
    await fc.assert(
      fc.asyncProperty(nodeLists, fates, async (nodes, drawn) => {
        const { outside, status, deaths, paths } = await live(nodes, new Map(drawn));
        check(nodes, outside, status, paths, deaths);
      }),
    );
  });
});

function check(
  nodes: readonly Node[],
  outside: Outside,
  status: string,
  paths: readonly string[],
  deaths: number,
): void {
  expect(status).toBe(model(nodes, { isCommitted: false }));
  expect(outside.forwardAfterBackward).toBe(0);
  expect(new Set(outside.attemptKeys).size).toBe(outside.attemptKeys.length);
  const took = [...outside.accounts].filter(([, { ends }]) => ends.some((end) => end !== 'refused'));
  for (const { keys } of outside.accounts.values()) expect(keys.size).toBe(1);
  const undoable = undoables(nodes);
  if (status === 'completed') {
    expect(outside.undone).toEqual([]);
    for (const [, { ends, calls, failures }] of outside.accounts) {
      expect(ends).toContain('ok');
      expect(calls).toBeLessThanOrEqual(1 + failures + deaths);
    }
    return;
  }
  const must = took.map(([path]) => path).filter((path) => undoable.has(path));
  const undone = [...new Set(outside.undone)];
  expect(undone).toEqual(expect.arrayContaining(must));
  // A death leaves open what was called, or was about to be; so does the abort of a group, for who fails right then.
  const isOpen = (path: string): boolean => deaths > 0 || (path.includes('/b') && outside.of(path).failures > 0);
  expect(undone.filter((path) => !must.includes(path) && !isOpen(path))).toEqual([]);
  expect(undone.map((path) => paths.indexOf(path))).toEqual(
    undone.map((path) => paths.indexOf(path)).sort((a, b) => b - a),
  );
  for (const path of undone) expect(outside.of(path).undone).toBeLessThanOrEqual(1 + deaths);
}

function undoables(nodes: readonly Node[], prefix: string = ''): Set<string> {
  const paths = new Set<string>();
  nodes.forEach((node, k) => {
    const path = `${prefix}n${k}`;
    if (node.type === 'child') for (const inner of undoables(node.nodes, `${path}/`)) paths.add(inner);
    else if (node.type !== 'sleep') {
      node.leaves.forEach((leaf, b) => {
        if (leaf.canUndo) paths.add(node.type === 'parallel' || node.type === 'each' ? `${path}/b${b}` : path);
      });
    }
  });
  return paths;
}

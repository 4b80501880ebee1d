import { expect } from 'vitest';
import type { Saga, StepDef } from '../../src/saga/index.ts';
import { SagaRefusal, saga } from '../../src/saga/index.ts';
import type { Life } from './kit.ts';
import { broken } from './kit.ts';

export type End = 'ok' | 'refused' | 'unknown';

export interface Leaf {
  readonly end: End;
  /** Attempts that fail before. */
  readonly flaky: number;
  readonly canUndo: boolean;
  readonly undoFlaky: number;
}

export type Node =
  | { readonly type: 'step' | 'when' | 'pivot'; readonly leaves: readonly [Leaf] }
  | { readonly type: 'parallel' | 'each'; readonly leaves: readonly Leaf[] }
  | { readonly type: 'child'; readonly nodes: readonly Node[] }
  | { readonly type: 'sleep'; readonly ms: number };

/** What the world saw of one step. */
interface Account {
  calls: number;
  failures: number;
  ends: End[];
  undoCalls: number;
  undone: number;
  keys: Set<string>;
}

/** Everything outside of the processes: it survives them. */
export class Outside {
  readonly accounts = new Map<string, Account>();
  /** Successful compensations, in order. */
  readonly undone: string[] = [];
  readonly attemptKeys: string[] = [];
  readonly leaves: string[] = [];
  isBackwards = false;
  forwardAfterBackward = 0;

  of(path: string): Account {
    let account = this.accounts.get(path);
    if (!account) {
      account = { calls: 0, failures: 0, ends: [], undoCalls: 0, undone: 0, keys: new Set() };
      this.accounts.set(path, account);
    }
    return account;
  }
}

type Meet = (life: Life) => Promise<void>;

function stepOf(
  leaf: Leaf,
  path: string,
  isCommitted: boolean,
  outside: Outside,
  life: Life,
  meet: Meet,
): StepDef<unknown, unknown, string> {
  const run: StepDef<unknown, unknown, string>['run'] = async ({ idempotencyKey, attemptKey, signal }) => {
    const account = outside.of(path);
    account.calls++;
    account.keys.add(idempotencyKey);
    outside.attemptKeys.push(attemptKey);
    if (outside.isBackwards) outside.forwardAfterBackward++;
    await meet(life);
    if (account.failures < leaf.flaky) {
      account.failures++;
      // What fails after it was aborted leaves it open what it did.
      if (signal.aborted) account.ends.push('unknown');
      throw new Error('not yet');
    }
    const end = isCommitted ? 'ok' : leaf.end;
    account.ends.push(end);
    await meet(life);
    if (end === 'refused') throw new SagaRefusal('no');
    if (end === 'unknown') throw broken();
    return path;
  };
  const retry = { maxAttempts: leaf.end === 'unknown' && !isCommitted ? leaf.flaky + 1 : Infinity, baseDelayMs: 1 };
  if (isCommitted) return { run, retry: { ...retry, maxAttempts: Infinity } };
  if (!leaf.canUndo) return { run, retry };
  let failures = 0;
  return {
    run,
    retry,
    compensationRetry: { baseDelayMs: 1 },
    compensate: async ({ idempotencyKey, attemptKey, runKey, output, outcome }) => {
      outside.isBackwards = true;
      const account = outside.of(path);
      account.undoCalls++;
      account.keys.add(runKey);
      expect(idempotencyKey).not.toBe(runKey);
      outside.attemptKeys.push(attemptKey);
      expect(output).toBe(outcome === 'completed' ? path : undefined);
      await meet(life);
      if (failures++ < leaf.undoFlaky) throw new Error('not yet');
      account.undone++;
      outside.undone.push(path);
      await meet(life);
    },
  };
}

/** The definition as one life has it; the paths of its leaves in order of the definition go to `paths`. */
export function define(
  nodes: readonly Node[],
  outside: Outside,
  life: Life,
  meet: Meet,
  paths: string[],
): Saga<unknown, unknown> {
  let isCommitted = false;
  const build = (name: string, prefix: string, part: readonly Node[]): Saga<unknown, unknown> => {
    let def = saga<unknown>(name) as Saga<unknown, unknown>;
    part.forEach((node, k) => {
      const own = `n${k}`;
      const path = `${prefix}${own}`;
      const leafAt = (leaf: Leaf, at: string): StepDef<unknown, unknown, string> => {
        paths.push(at);
        return stepOf(leaf, at, isCommitted, outside, life, meet);
      };
      if (node.type === 'sleep') def = def.sleep(own, node.ms);
      else if (node.type === 'child') def = def.child(own, build('child', `${path}/`, node.nodes), () => k);
      else if (node.type === 'parallel') {
        const branches = node.leaves.map((leaf, b) => [`b${b}`, leafAt(leaf, `${path}/b${b}`)] as const);
        def = def.parallel(own, Object.fromEntries(branches));
      } else if (node.type === 'each') {
        // Tried once, so an item that failed at first would end as deaths happen to have it.
        const steps = node.leaves.map((leaf, b) => leafAt({ ...leaf, flaky: 0 }, `${path}/b${b}`));
        const canUndo = steps.some(({ compensate }) => compensate);
        def = def.each<string, number, string>(own, {
          items: () => steps.map((_, b) => b),
          key: (b) => `b${b}`,
          run: (c) => steps[c.item]!.run(c),
          ...(canUndo
            ? { compensate: (c) => steps[c.item]!.compensate?.(c), compensationRetry: { baseDelayMs: 1 } }
            : {}),
          retry: { maxAttempts: 1 },
          ...(isCommitted ? { retry: { baseDelayMs: 1 } } : {}),
        });
      } else if (node.type === 'when') {
        def = def.when(own, () => true, leafAt(node.leaves[0], path));
      } else if (node.type === 'pivot' && !isCommitted) {
        def = def.step(own, { ...leafAt(node.leaves[0], path), kind: 'pivot' });
        isCommitted = true;
      } else def = def.step(own, leafAt(node.leaves[0], path));
    });
    return def;
  };
  return build('model', '', nodes);
}

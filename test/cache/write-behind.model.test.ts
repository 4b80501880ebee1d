import fc from 'fast-check';
import { expect, it } from 'vitest';
import { flush, outcomeOf } from '../support/gate.ts';
import type { Setup } from './cached-store-table.ts';
import { behind } from './cached-store-table.ts';

const BACKOFF_MS = 100;
const MAX_PENDING = 2;

type Value = string | undefined;

/** A key with a write that is not durable, what the store is writing of it, and up to where a flush waits for it. */
interface Entry {
  newest: { readonly id: number; readonly value: Value };
  underWay: Entry['newest'] | undefined;
  awaited: number;
  dueMs: number;
}

/** A store that is told of each key's newest write, one at a time: at once or, after a failure, when the backoff is over. */
class Model {
  nowMs = 0;
  writes = 0;
  readonly durable = new Map<string, Value>();
  readonly entries = new Map<string, Entry>();

  read(key: string): Value {
    const entry = this.entries.get(key);
    return entry ? entry.newest.value : this.durable.get(key);
  }

  write(key: string, value: Value): boolean {
    const entry = this.entries.get(key);
    if (!entry && this.entries.size >= MAX_PENDING) return false;
    const newest = { id: ++this.writes, value };
    if (entry) entry.newest = newest;
    else this.entries.set(key, { newest, underWay: undefined, awaited: 0, dueMs: this.nowMs });
    return true;
  }

  /** The store begins what is due. */
  start(): void {
    for (const entry of this.entries.values()) if (entry.dueMs <= this.nowMs) entry.underWay ??= entry.newest;
  }

  end(key: string, isOk: boolean): void {
    const entry = this.entries.get(key)!;
    const ended = entry.underWay!;
    const isNewest = ended === entry.newest;
    entry.underWay = undefined;
    if (isOk) this.durable.set(key, ended.value);
    if (isOk && isNewest) this.entries.delete(key);
    if ((isOk || isNewest) && ended.id >= entry.awaited) entry.awaited = 0;
    entry.dueMs = isOk || entry.awaited > 0 ? this.nowMs : this.nowMs + BACKOFF_MS;
  }
}

type Step = fc.AsyncCommand<Model, Setup>;

const keys = ['a', 'b', 'c'] as const;

function step(name: string, act: (model: Model, table: Setup) => unknown): Step {
  return {
    check: () => true,
    async run(model, table) {
      await act(model, table);
      model.start();
      await table.clock.advance(0);
      await flush();
      const running = table.calls.filter((call) => !call.isSettled).map(({ writes }) => writes[0]!);
      const expected = [...model.entries].flatMap(([key, { underWay }]) => (underWay ? [[key, underWay.value]] : []));
      const found = running.map((write) => [write.key, write.type === 'put' ? write.value : undefined]);
      expect(found.sort()).toEqual(expected.sort());
      expect(table.cached.pendingWrites).toBe(model.entries.size);
      for (const key of keys) {
        expect(table.rows.get(key)).toBe(model.durable.get(key));
        expect(await table.cached.get(key)).toBe(model.read(key));
      }
    },
    toString: () => name,
  };
}

const anyKey = fc.constantFrom(...keys);
const steps = [
  fc.tuple(anyKey, fc.boolean()).map(([key, isPut]) =>
    step(`${isPut ? 'put' : 'delete'} ${key}`, async (model, { cached }) => {
      const value = isPut ? `value ${model.writes}` : undefined;
      const isTaken = model.write(key, value);
      const written = value === undefined ? cached.delete(key) : cached.put(key, value);
      expect((await outcomeOf(written)).state).toBe(isTaken ? 'fulfilled' : 'rejected');
    }),
  ),
  fc.tuple(anyKey, fc.boolean()).map(([key, isOk]) =>
    step(`the store ends ${key} ${isOk ? 'well' : 'badly'}`, (model, table) => {
      const call = table.calls.find(({ isSettled, writes }) => !isSettled && writes[0]!.key === key);
      if (!call) return;
      model.end(key, isOk);
      if (isOk) call.succeed();
      else call.fail(new Error('no'));
    }),
  ),
  fc.constantFrom(40, 100).map((ms) =>
    step(`wait ${ms}`, async (model, table) => {
      model.nowMs += ms;
      model.start();
      await table.clock.advance(ms);
    }),
  ),
  fc.constant(
    step('flush', (model, table) => {
      for (const entry of model.entries.values()) {
        entry.dueMs = model.nowMs;
        entry.awaited = entry.newest.id;
      }
      table.cached.flush().catch(() => {});
    }),
  ),
];

it('agrees with a model, whatever comes after what, and however the store answers', async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { maxCommands: 40, size: 'max' }), async (commands) => {
      const setup = (): { model: Model; real: Setup } => {
        const table = behind(
          { flushIntervalMs: 0, maxPending: MAX_PENDING, onFull: 'reject', maxConcurrent: Infinity },
          { cache: { maxEntries: 1 } },
        );
        table.rows.clear();
        table.mode = 'hold';
        return { model: new Model(), real: table };
      };
      await fc.asyncModelRun(setup, commands);
    }),
  );
});

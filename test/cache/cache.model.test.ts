import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Cache } from '../../src/cache/index.ts';
import { createCache } from '../../src/cache/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { flush } from '../support/gate.ts';
import type { Origin } from './origin.ts';
import { createOrigin } from './origin.ts';

const TTL_MS = 100;
const STALE_MS = 50;

/** A cache with a time to live that is served stale for a while, loads included: what is kept, and who waits for what. */
class Model {
  readonly kept = new Map<string, { readonly value: string; readonly untilMs: number }>();
  readonly loads: { readonly key: string; readonly waiting: Set<number>; isOver: boolean; isBehind: boolean }[] = [];
  /** The load that the next caller of a key joins. */
  readonly current = new Map<string, number>();
  readonly ended = new Map<number, string>();
  callers = 0;
  nowMs = 0;

  read(key: string): void {
    const [id, entry] = [this.callers++, this.kept.get(key)];
    const lateMs = entry ? this.nowMs - entry.untilMs : STALE_MS;
    if (entry && lateMs < STALE_MS) this.ended.set(id, entry.value);
    if (lateMs >= 0 && !this.current.has(key)) {
      this.loads.push({ key, waiting: new Set(), isOver: false, isBehind: lateMs < STALE_MS });
      this.current.set(key, this.loads.length - 1);
    }
    if (lateMs >= STALE_MS) this.loads[this.current.get(key)!]!.waiting.add(id);
  }

  end(at: number, how: string, keeps: boolean): void {
    const load = this.loads[at]!;
    load.isOver = true;
    for (const id of load.waiting) this.ended.set(id, how);
    if (this.current.get(load.key) !== at) return;
    this.current.delete(load.key);
    if (keeps) this.write(load.key, how);
  }

  write(key: string, value: string): void {
    this.current.delete(key);
    this.kept.set(key, { value, untilMs: this.nowMs + TTL_MS });
  }

  abort(id: number): void {
    const at = this.loads.findIndex((load) => !load.isOver && load.waiting.delete(id));
    if (at < 0) return;
    this.ended.set(id, `left ${id}`);
    if (this.loads[at]!.waiting.size === 0 && !this.loads[at]!.isBehind) this.end(at, '', false);
  }
}

interface Real extends Origin<string> {
  readonly cache: Cache<string, string>;
  readonly clock: VirtualClock;
  readonly callers: AbortController[];
  readonly ended: Map<number, string>;
}

type Step = fc.AsyncCommand<Model, Real>;

function step(name: string, act: (model: Model, real: Real) => unknown): Step {
  return {
    check: () => true,
    async run(model, real) {
      await act(model, real);
      await flush();
      expect(new Map([...real.ended].sort())).toEqual(new Map([...model.ended].sort()));
      expect(real.loads.map(({ key }) => key)).toEqual(model.loads.map(({ key }) => key));
      for (const key of ['a', 'b']) {
        const entry = model.kept.get(key);
        expect(real.cache.peek(key)).toBe(entry && model.nowMs < entry.untilMs ? entry.value : undefined);
      }
      expect(real.cache.stats().loading).toBe(model.loads.filter(({ isOver }) => !isOver).length);
    },
    toString: () => name,
  };
}

const keys = fc.constantFrom('a', 'b');
const steps = [
  keys.map((key) =>
    step(`read ${key}`, (model, { cache, callers, ended }) => {
      const id = model.callers;
      model.read(key);
      const { signal } = (callers[id] = new AbortController());
      const end = (how: unknown): void => void ended.set(id, String(how));
      cache.getOrLoad(key, id % 4 === 0 ? {} : { signal }).then(end, end);
    }),
  ),
  fc.tuple(fc.nat(30), fc.boolean()).map(([at, isOk]) =>
    step(`end ${at} ${isOk ? 'well' : 'badly'}`, (model, { loads }) => {
      const load = loads[at];
      if (!load || load.isSettled) return;
      if (!model.loads[at]!.isOver) model.end(at, isOk ? `value ${at}` : `failure ${at}`, isOk);
      if (isOk) load.open(`value ${at}`);
      else load.fail(`failure ${at}`);
    }),
  ),
  fc.nat(30).map((id) =>
    step(`abort ${id}`, (model, { callers }) => {
      if (id % 4 === 0 || !callers[id]) return;
      model.abort(id);
      callers[id].abort(`left ${id}`);
    }),
  ),
  keys.map((key) =>
    step(`set ${key}`, (model, { cache }) => {
      model.write(key, 'set');
      cache.set(key, 'set');
    }),
  ),
  keys.map((key) =>
    step(`delete ${key}`, (model, { cache }) => {
      model.current.delete(key);
      model.kept.delete(key);
      cache.delete(key);
    }),
  ),
  fc.constantFrom(1, 40, 60).map((ms) =>
    step(`wait ${ms}`, async (model, { clock }) => {
      model.nowMs += ms;
      await clock.advance(ms);
    }),
  ),
];

it('loads, times to live and stale values agree with a model, whatever comes after what', async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { maxCommands: 40, size: 'max' }), async (commands) => {
      const setup = (): { model: Model; real: Real } => {
        const clock = createVirtualClock();
        const origin = createOrigin<string>();
        const cache = createCache<string, string>({
          maxEntries: 9,
          ttlMs: TTL_MS,
          staleWhileRevalidateMs: STALE_MS,
          loader: origin.load,
          clock,
        });
        return { model: new Model(), real: { ...origin, cache, clock, callers: [], ended: new Map() } };
      };
      await fc.asyncModelRun(setup, commands);
    }),
  );
});

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createRateLimiter, fixedWindow } from '../../src/rate-limit/index.ts';
import type { RateLimiter, Reservation } from '../../src/rate-limit/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';

const LIMIT = 6;
const WINDOW = 100;

/** Windows of all keys begin at the same time, so the model is a count per key, and which window it is of. */
interface Model {
  window: number;
  used: Map<string, number>;
  open: { key: string; cost: number; window: number }[];
}

interface Real {
  readonly limiter: RateLimiter;
  readonly clock: VirtualClock;
  readonly open: Reservation[];
}

type Command = fc.Command<Model, Real>;

const charge = (model: Model, key: string, cost: number): boolean => {
  const used = model.used.get(key) ?? 0;
  const isAllowed = cost === 0 || used + cost <= LIMIT;
  if (isAllowed) model.used.set(key, used + cost);
  return isAllowed;
};

class Take implements Command {
  readonly key: string;
  readonly cost: number;
  readonly isReserved: boolean;
  constructor(key: string, cost: number, isReserved: boolean) {
    this.key = key;
    this.cost = cost;
    this.isReserved = isReserved;
  }
  check = (): boolean => true;
  run(model: Model, { limiter, open }: Real): void {
    const made = this.isReserved ? limiter.reserve(this.key, this.cost) : limiter.consume(this.key, this.cost).allowed;
    const isAllowed = charge(model, this.key, this.cost);
    expect(Boolean(made)).toBe(isAllowed);
    if (typeof made !== 'object') return;
    open.push(made);
    model.open.push({ key: this.key, cost: this.cost, window: model.window });
  }
  toString = (): string => `${this.isReserved ? 'reserve' : 'consume'} ${this.key} ${this.cost}`;
}

class Settle implements Command {
  readonly which: number;
  readonly actual: number;
  constructor(which: number, actual: number) {
    this.which = which;
    this.actual = actual;
  }
  check = ({ open }: Model): boolean => open.length > 0;
  run(model: Model, real: Real): void {
    const at = this.which % model.open.length;
    const [{ key, cost, window }] = model.open.splice(at, 1) as [Model['open'][number]];
    real.open.splice(at, 1)[0]!.settle(this.actual);
    const isDue = window === model.window || this.actual > cost;
    if (isDue) model.used.set(key, (model.used.get(key) ?? 0) + this.actual - cost);
  }
  toString = (): string => `settle ${this.which} ${this.actual}`;
}

class Wait implements Command {
  readonly windows: number;
  constructor(windows: number) {
    this.windows = windows;
  }
  check = (): boolean => true;
  run(model: Model, { clock }: Real): void {
    clock.stall(this.windows * WINDOW);
    model.window += this.windows;
    if (this.windows > 0) model.used.clear();
  }
  toString = (): string => `wait ${this.windows}`;
}

class Reset implements Command {
  readonly key: string;
  constructor(key: string) {
    this.key = key;
  }
  check = ({ open }: Model): boolean => open.every(({ key }) => key !== this.key);
  run(model: Model, { limiter }: Real): void {
    limiter.reset(this.key);
    model.used.delete(this.key);
  }
  toString = (): string => `reset ${this.key}`;
}

class Look implements Command {
  readonly key: string;
  constructor(key: string) {
    this.key = key;
  }
  check = (): boolean => true;
  run(model: Model, { limiter }: Real): void {
    expect(limiter.peek(this.key, 0).remaining).toBe(Math.max(0, LIMIT - (model.used.get(this.key) ?? 0)));
    expect(limiter.size).toBeGreaterThanOrEqual([...model.used.values()].filter((units) => units > 0).length);
  }
  toString = (): string => `peek ${this.key}`;
}

it('does what a count per key and window does, in any order of commands', () => {
  const key = fc.constantFrom('a', 'b', '', 'constructor');
  const commands = [
    fc.tuple(key, fc.nat({ max: LIMIT + 1 }), fc.boolean()).map((args) => new Take(...args)),
    fc.tuple(fc.nat({ max: 5 }), fc.nat({ max: LIMIT + 3 })).map((args) => new Settle(...args)),
    fc.nat({ max: 2 }).map((windows) => new Wait(windows)),
    key.map((name) => new Reset(name)),
    key.map((name) => new Look(name)),
  ];
  fc.assert(
    fc.property(fc.commands(commands, { maxCommands: 60, size: 'max' }), (sequence) => {
      fc.modelRun(() => {
        const clock = createVirtualClock({ epochMs: 0 });
        const limiter = createRateLimiter(fixedWindow({ limit: LIMIT, windowMs: WINDOW, align: 'epoch' }), { clock });
        return { model: { window: 0, used: new Map(), open: [] }, real: { limiter, clock, open: [] } };
      }, sequence);
    }),
  );
});

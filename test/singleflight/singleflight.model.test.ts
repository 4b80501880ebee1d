import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { FlightContext } from '../../src/singleflight/index.ts';
import { createSingleflight } from '../../src/singleflight/index.ts';
import { flush, gate } from '../support/gate.ts';
import type { Gate } from '../support/gate.ts';

/** Flights by number: who waits for them, and which of them each key leads to. */
class Model {
  readonly current = new Map<string, number>();
  readonly waiting: Set<number>[] = [];
  readonly aborted: boolean[] = [];
  readonly ended = new Map<number, string>();
  callers = 0;

  call(key: string): void {
    let flight = this.current.get(key);
    if (flight === undefined) {
      flight = this.waiting.push(new Set()) - 1;
      this.aborted.push(false);
      this.current.set(key, flight);
    }
    this.waiting[flight]!.add(this.callers++);
  }

  end(flight: number, how: string): void {
    for (const caller of this.waiting[flight]!) this.ended.set(caller, how);
    this.waiting[flight]!.clear();
    for (const [key, current] of this.current) if (current === flight) this.current.delete(key);
  }

  abort(caller: number): void {
    const flight = this.waiting.findIndex((callers) => callers.delete(caller));
    if (flight < 0) return;
    this.ended.set(caller, `left ${caller}`);
    if (this.waiting[flight]!.size > 0) return;
    this.aborted[flight] = true;
    this.end(flight, '');
  }
}

interface Real {
  readonly flights: ReturnType<typeof createSingleflight<string, string>>;
  readonly work: { readonly gate: Gate<string>; readonly ctx: FlightContext }[];
  readonly callers: AbortController[];
  readonly ended: Map<number, string>;
}

type Step = fc.AsyncCommand<Model, Real>;

function step(name: string, act: (model: Model, real: Real) => void): Step {
  return {
    check: () => true,
    async run(model, real) {
      act(model, real);
      await flush();
      expect(new Map([...real.ended].sort())).toEqual(new Map([...model.ended].sort()));
      expect(real.work.map(({ ctx }) => ctx.signal.aborted)).toEqual(model.aborted);
      const waiters = [...model.current].map(([key, flight]) => [key, model.waiting[flight]!.size]);
      expect(waiters.map(([key]) => [key, real.flights.waiters(key as string)])).toEqual(waiters);
      expect(real.flights.size).toBe(model.current.size);
    },
    toString: () => name,
  };
}

const keys = fc.constantFrom('a', 'b', '__proto__');
const steps = [
  fc.tuple(keys, fc.boolean()).map(([key, isShared]) =>
    step(`call ${key}`, (model, { flights, work, callers, ended }) => {
      const id = model.callers;
      const { signal } = (callers[id] = new AbortController());
      const load = (ctx: FlightContext): Promise<string> => {
        const started = { gate: gate<string>(), ctx };
        work.push(started);
        return started.gate.promise;
      };
      const options = id % 4 === 0 ? {} : { signal };
      const result = isShared
        ? flights.runShared(key, load, options).then(({ value }) => value)
        : flights.run(key, load, options);
      result.then(
        (value) => ended.set(id, value),
        (error: unknown) => ended.set(id, String(error)),
      );
      model.call(key);
    }),
  ),
  fc.tuple(fc.nat(20), fc.boolean()).map(([at, isOk]) =>
    step(`settle ${at}`, (model, { work }) => {
      const flight = at % Math.max(1, work.length);
      const started = work[flight];
      if (!started || started.gate.isSettled) return;
      if (isOk) started.gate.open(`value ${flight}`);
      else started.gate.fail(`error ${flight}`);
      model.end(flight, `${isOk ? 'value' : 'error'} ${flight}`);
    }),
  ),
  fc.nat(20).map((at) =>
    step(`abort ${at}`, (model, { callers }) => {
      const caller = at % Math.max(1, callers.length);
      if (caller % 4 === 0) return;
      callers[caller]?.abort(`left ${caller}`);
      model.abort(caller);
    }),
  ),
  keys.map((key) =>
    step(`forget ${key}`, (model, { flights }) => {
      expect(flights.forget(key)).toBe(model.current.delete(key));
    }),
  ),
];

it('flights behave as sets of callers that end together', async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { size: '+1' }), async (commands) => {
      const setup = (): { model: Model; real: Real } => ({
        model: new Model(),
        real: { flights: createSingleflight(), work: [], callers: [], ended: new Map() },
      });
      await fc.asyncModelRun(setup, commands);
    }),
  );
});

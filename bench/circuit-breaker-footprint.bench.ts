import type { Case, Subject } from './support/case.ts';
import { retained } from './support/heap.ts';
import { circuitBreaker, cockatiel, opossum } from './support/peers.ts';
import { bundled } from './support/size.ts';
import { countTimers } from './support/timers.ts';

const MANY = 10_000;
const succeed = async (): Promise<string> => 'answer';

/** Makes many circuits that have served one call each, and looks at what they leave behind. */
function idle(
  name: string,
  maker: () => Promise<() => { call(): Promise<unknown> }>,
): Subject<Readonly<Record<string, number>>> {
  return {
    name,
    prepare: async () => {
      const timers = countTimers();
      const make = await maker();
      const fill = async (count: number): Promise<unknown[]> => {
        const all = Array.from({ length: count }, make);
        for (const { call } of all) await call();
        return all;
      };
      await fill(100); // compiled code and shapes are not counted
      const before = timers();
      const bytes = await retained(() => fill(MANY));
      return { memory: bytes / MANY, timers: timers() - before };
    },
  };
}

const breakers: Case = {
  kind: 'observed',
  name: 'idle circuit',
  about: `each of ${MANY} circuits that have served one call, and the timers that all of them keep running`,
  rounds: 3,
  subjects: [
    idle('holdfast', async () => {
      const { consecutiveFailures, createCircuitBreaker } = await circuitBreaker();
      return () => {
        const circuit = createCircuitBreaker({ trip: consecutiveFailures(5), openDurationMs: 1000 });
        return { call: () => circuit.run(succeed) };
      };
    }),
    idle('cockatiel', async () => {
      const peer = await cockatiel();
      return () => {
        const breaker = new peer.ConsecutiveBreaker(5);
        const circuit = peer.circuitBreaker(peer.handleAll, { halfOpenAfter: 1000, breaker });
        return { call: () => circuit.execute(succeed) };
      };
    }),
    idle('opossum', async () => {
      const Circuit = await opossum();
      return () => {
        const circuit = new Circuit(succeed, { timeout: false });
        return { call: () => circuit.fire() };
      };
    }),
  ],
  measures: [
    { name: 'memory', unit: 'B', goals: [{ atMost: 700 }] },
    { name: 'timers', unit: 'timers', goals: [{ atMost: 0 }] },
  ],
};

const CALLS = 100_000;

const perCall: Case = {
  kind: 'observed',
  name: 'call in a count window',
  about: `memory per call of a full window of ${CALLS} calls`,
  rounds: 3,
  subjects: [
    {
      name: 'holdfast',
      prepare: async () => {
        const { countWindow, createCircuitBreaker } = await circuitBreaker();
        const filled = async (size: number): Promise<number> =>
          retained(() => {
            const trip = countWindow({ size, failureRateThreshold: 0.5 });
            const circuit = createCircuitBreaker({ trip, openDurationMs: 1000 });
            for (let k = 0; k < size; k++) circuit.tryAcquire()!.success();
            return circuit;
          });
        await filled(CALLS);
        return { memory: ((await filled(10 * CALLS)) - (await filled(CALLS))) / (9 * CALLS) };
      },
    },
  ],
  measures: [{ name: 'memory', unit: 'B', goals: [{ atMost: 1.3 }] }],
};

const cockatielBreaker = 'circuitBreaker, ConsecutiveBreaker, handleAll';

const size: Case = {
  kind: 'observed',
  name: 'size of a circuit breaker',
  about: 'the import that makes one, minified and brotli-compressed (opossum also needs the `events` module of Node)',
  subjects: [
    bundled('holdfast', "export { createCircuitBreaker, consecutiveFailures } from 'holdfast/circuit-breaker';"),
    bundled('cockatiel', `export { ${cockatielBreaker} } from 'cockatiel';`),
    bundled('opossum', "export { default } from 'opossum';"),
    bundled('mollitia', "export { Circuit, SlidingCountBreaker } from 'mollitia';"),
  ],
  measures: [{ name: 'size', unit: 'B', goals: [{ atMost: 2400 }] }],
};

export const cases: readonly Case[] = [breakers, perCall, size];

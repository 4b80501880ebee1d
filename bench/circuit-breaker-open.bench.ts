import type { CircuitBreaker } from '../src/circuit-breaker/index.ts';
import type { Case } from './support/case.ts';
import { allocation, awaited, direct, rejected, time } from './support/case.ts';
import { answer, fail, fired, ours, succeed, theirs } from './support/circuits.ts';

/** A circuit of ours that is open. */
async function openCircuit(): Promise<CircuitBreaker> {
  return ours(
    ({ consecutiveFailures }) => consecutiveFailures(1),
    (circuit) => circuit.trip(),
  );
}

const turnedAway: Case = {
  kind: 'loop',
  name: 'rejected while open',
  about: 'a call that an open circuit rejects, awaited and caught; or taken as an outcome',
  isHot: true,
  expected: 'rejected',
  subjects: [
    {
      name: 'holdfast',
      prepare: async () => {
        const circuit = await openCircuit();
        return rejected(() => circuit.run(succeed));
      },
    },
    {
      name: 'holdfast, runOutcome',
      prepare: async () => {
        const circuit = await openCircuit();
        const { many } = awaited(() => circuit.runOutcome(succeed));
        return { many, once: async () => ((await circuit.runOutcome(succeed)).ok ? 'resolved' : 'rejected') };
      },
    },
    {
      name: 'cockatiel',
      counting: 'fewer',
      prepare: async () => {
        const circuit = await theirs('consecutive');
        for (let k = 0; k < 5; k++) await circuit.execute(fail).catch(() => {});
        return rejected(() => circuit.execute(succeed));
      },
    },
    {
      name: 'opossum',
      counting: 'fewer',
      prepare: async () => {
        const circuit = await fired(succeed);
        circuit.open();
        return rejected(() => circuit.fire());
      },
    },
    {
      name: 'limit: reject, no stack',
      prepare: () => {
        Error.stackTraceLimit = 0; // this process does nothing else
        return rejected(() => Promise.reject(new Error('circuit is open')));
      },
    },
  ],
  measures: [
    time(
      { against: 'cockatiel', ratio: 0.4 },
      { against: 'opossum', ratio: 0.4 },
      { against: 'limit: reject, no stack', ratio: 1.3 },
    ),
    allocation({ atMost: 600 }),
  ],
};

const decision: Case = {
  kind: 'loop',
  name: 'decision while open',
  about: 'tryAcquire() of an open circuit: null, without an object',
  isHot: true,
  expected: null,
  subjects: [
    {
      name: 'holdfast',
      prepare: async () => {
        const circuit = await openCircuit();
        return direct(() => circuit.tryAcquire());
      },
    },
    {
      name: 'limit: clock read, compare',
      prepare: () => {
        const untilMs = performance.now() + 1e9;
        return direct(() => (performance.now() < untilMs ? null : answer));
      },
    },
  ],
  measures: [
    time({ against: 'limit: clock read, compare', ratio: 2 }),
    allocation({ against: 'limit: clock read, compare', above: 1 }),
  ],
};

export const cases: readonly Case[] = [turnedAway, decision];

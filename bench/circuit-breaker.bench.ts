import type { Case, Loop, Subject } from './support/case.ts';
import { allocation, awaited, direct, rejected, time } from './support/case.ts';
import type { OpossumOptions } from './support/peers.ts';
import { circuitBreaker, cockatiel, mollitia, opossum } from './support/peers.ts';
import type { CircuitBreaker, TripRule } from '../src/circuit-breaker/index.ts';

type Module = Awaited<ReturnType<typeof circuitBreaker>>;

const answer = { ok: true };
const failure = new Error('the dependency failed');
const succeed = async (): Promise<typeof answer> => answer;
const fail = async (): Promise<never> => {
  throw failure;
};

/** A circuit breaker of ours under one rule, with what the rule must have seen before. */
async function ours(
  rule: (module: Module) => TripRule,
  fill?: (circuit: CircuitBreaker) => void,
): Promise<CircuitBreaker> {
  const module = await circuitBreaker();
  const circuit = module.createCircuitBreaker({ trip: rule(module), openDurationMs: 1e9 });
  fill?.(circuit);
  return circuit;
}

function successes(count: number): (circuit: CircuitBreaker) => void {
  return (circuit) => {
    for (let k = 0; k < count; k++) circuit.tryAcquire()!.success();
  };
}

async function theirs(breaker: 'consecutive' | 'sampling'): Promise<{ execute(op: () => unknown): Promise<unknown> }> {
  const { circuitBreaker: create, ConsecutiveBreaker, SamplingBreaker, handleAll } = await cockatiel();
  const rule =
    breaker === 'consecutive'
      ? new ConsecutiveBreaker(5)
      : new SamplingBreaker({ threshold: 0.5, duration: 10_000, minimumRps: 1e9 });
  return create(handleAll, { halfOpenAfter: 1e9, breaker: rule });
}

async function fired(
  op: () => unknown,
  options: Partial<OpossumOptions> = {},
): Promise<{ fire(): Promise<unknown>; open(): void }> {
  const Circuit = await opossum();
  return new Circuit(op, { timeout: false, resetTimeout: 2 ** 31 - 1, ...options });
}

/** A count window that is full, so that each call pushes one out. */
function fullWindow(name: string, size: number): Subject<Loop> {
  return {
    name,
    prepare: async () => {
      const circuit = await ours(
        ({ countWindow }) => countWindow({ size, failureRateThreshold: 0.5 }),
        successes(size),
      );
      return awaited(() => circuit.run(succeed));
    },
  };
}

/** The two handlers of a call that is counted, and nothing else. */
function counting(): {
  readonly ok: <T>(value: T) => T;
  readonly bad: (error: unknown) => never;
  calls: number;
  failures: number;
} {
  const counts = {
    calls: 0,
    failures: 0,
    ok: <T>(value: T): T => {
      counts.calls++;
      return value;
    },
    bad: (error: unknown): never => {
      counts.calls++;
      counts.failures++;
      throw error;
    },
  };
  return counts;
}

const success: Case = {
  kind: 'loop',
  name: 'success',
  about: 'a call that succeeds through a closed circuit that opens after five failures in a row',
  isHot: true,
  expected: answer,
  subjects: [
    {
      name: 'holdfast',
      prepare: async () => {
        const circuit = await ours(({ consecutiveFailures }) => consecutiveFailures(5));
        return awaited(() => circuit.run(succeed));
      },
    },
    {
      name: 'cockatiel',
      prepare: async () => {
        const circuit = await theirs('consecutive');
        return awaited(() => circuit.execute(succeed));
      },
    },
    {
      name: 'opossum',
      prepare: async () => {
        const circuit = await fired(succeed);
        return awaited(() => circuit.fire());
      },
    },
    {
      name: 'limit: op().then(f, g)',
      prepare: () => {
        const { ok, bad } = counting();
        return awaited(() => succeed().then(ok, bad));
      },
    },
    { name: 'raw call', prepare: () => awaited(succeed) },
  ],
  measures: [
    time({ against: 'cockatiel', ratio: 0.6 }, { against: 'limit: op().then(f, g)', ratio: 1.4 }),
    allocation({ against: 'raw call', above: 160 }),
  ],
};

const counted: Case = {
  kind: 'loop',
  name: 'count window',
  about: 'a success recorded in a full window of the last 100 000 calls',
  isHot: true,
  expected: answer,
  subjects: [
    fullWindow('holdfast', 100_000),
    fullWindow('holdfast, 10 calls', 10),
    {
      name: 'mollitia, 1000 calls',
      prepare: async () => {
        const { Circuit, SlidingCountBreaker } = await mollitia();
        const module = new SlidingCountBreaker({
          slidingWindowSize: 1000,
          minimumNumberOfCalls: 1000,
          failureRateThreshold: 50,
        });
        const circuit = new Circuit({ func: succeed, options: { modules: [module] } });
        for (let k = 0; k < 1000; k++) await circuit.execute();
        return awaited(() => circuit.execute());
      },
    },
  ],
  measures: [time({ against: 'holdfast, 10 calls', ratio: 1.15 }, { against: 'mollitia, 1000 calls', ratio: 0.01 })],
};

const timed: Case = {
  kind: 'loop',
  name: 'time window',
  about:
    'a success recorded in a window of 10 s that judges failures and slow calls (cockatiel and opossum: failures only)',
  isHot: true,
  expected: answer,
  subjects: [
    {
      name: 'holdfast',
      prepare: async () => {
        const slow = { slowCallRateThreshold: 0.5, slowCallDurationMs: 1000 };
        const circuit = await ours(({ timeWindow }) =>
          timeWindow({ durationMs: 10_000, failureRateThreshold: 0.5, ...slow }),
        );
        return awaited(() => circuit.run(succeed));
      },
    },
    {
      name: 'cockatiel',
      prepare: async () => {
        const circuit = await theirs('sampling');
        return awaited(() => circuit.execute(succeed));
      },
    },
    {
      name: 'opossum',
      prepare: async () => {
        const circuit = await fired(succeed);
        return awaited(() => circuit.fire());
      },
    },
    {
      name: 'limit: two clock reads',
      prepare: () => {
        let slowCalls = 0;
        return awaited(() => {
          const startMs = performance.now();
          return succeed().then(
            (value) => {
              if (performance.now() - startMs > 1000) slowCalls++;
              return value;
            },
            (error: unknown) => {
              slowCalls++;
              throw error;
            },
          );
        });
      },
    },
  ],
  measures: [time({ against: 'cockatiel', ratio: 0.8 }, { against: 'limit: two clock reads', ratio: 1.6 })],
};

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
      prepare: async () => {
        const circuit = await theirs('consecutive');
        for (let k = 0; k < 5; k++) await circuit.execute(fail).catch(() => {});
        return rejected(() => circuit.execute(succeed));
      },
    },
    {
      name: 'opossum',
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

const failed: Case = {
  kind: 'loop',
  name: 'failed call',
  about: 'a call that fails, with 10 000 calls in a window of 10 s and a volume at which nothing opens',
  expected: 'rejected',
  subjects: [
    {
      name: 'holdfast',
      prepare: async () => {
        const circuit = await ours(
          ({ timeWindow }) => timeWindow({ durationMs: 10_000, failureRateThreshold: 0.5, minimumThroughput: 1e9 }),
          successes(10_000),
        );
        return rejected(() => circuit.run(fail));
      },
    },
    {
      name: 'cockatiel',
      prepare: async () => {
        const circuit = await theirs('sampling');
        for (let k = 0; k < 10_000; k++) await circuit.execute(succeed);
        return rejected(() => circuit.execute(fail));
      },
    },
    {
      name: 'opossum',
      prepare: async () => {
        const circuit = await fired(fail, { volumeThreshold: 1e9, errorThresholdPercentage: 50 });
        for (let k = 0; k < 10_000; k++) await circuit.fire().catch(() => {});
        return rejected(() => circuit.fire());
      },
    },
    {
      name: 'limit: op().then(f, g)',
      prepare: () => {
        const { ok, bad } = counting();
        return rejected(() => fail().then(ok, bad));
      },
    },
  ],
  measures: [time({ against: 'limit: op().then(f, g)', ratio: 1.5 }, { against: 'opossum', ratio: 0.01 })],
};

export const cases: readonly Case[] = [success, counted, timed, turnedAway, decision, failed];

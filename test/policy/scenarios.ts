import { consecutiveFailures, createCircuitBreaker } from '../../src/circuit-breaker/index.ts';
import type { Clock } from '../../src/index.ts';
import type { CallContext, Operation, Policy } from '../../src/policy/index.ts';
import { chaos, createBulkhead, fallback, hedge, pipeline, retry, timeout } from '../../src/policy/index.ts';
import { cooperativeSleep, createStepClock, foreignPolicy, sleep } from './kit.ts';
import type { StepClock } from './kit.ts';

/** A pipeline in a situation of its own, with what must be empty after the call. */
export interface Scene {
  readonly clock: StepClock;
  readonly policy: Policy<unknown>;
  /** Idle timers that the policies may keep, one for each timeout. */
  readonly timeouts: number;
  /** Slots, queue places and trials that are taken. */
  taken(): number;
  /** Fallback handlers that run. */
  answering(): number;
}

export interface Scenario {
  readonly name: string;
  /** Whether the call rejects in the turn of the abort, even if its operation goes on. */
  readonly isAtOnce: boolean;
  readonly build: () => Scene;
}

const BACKOFF = { maxAttempts: 3, backoff: () => 30 } as const;

interface Parts {
  readonly policy: Policy<unknown>;
  readonly timeouts?: number;
  readonly taken?: () => number;
  readonly answering?: () => number;
}

function scenario(name: string, parts: (clock: Clock) => Parts, isAtOnce = false): Scenario {
  const build = (): Scene => {
    const clock = createStepClock();
    const { policy, timeouts = 0, taken = () => 0, answering = () => 0 } = parts(clock);
    return { clock, policy, timeouts, taken, answering };
  };
  return { name, isAtOnce, build };
}

/** A bulkhead whose only slot is taken for 40 ms. */
function busyBulkhead(clock: Clock): Parts {
  const slots = createBulkhead({ maxConcurrent: 1, maxQueue: 5, queueTimeoutMs: 200, clock });
  void slots.run(() => sleep(clock, 40));
  return { policy: slots, taken: () => slots.inFlight + slots.queued };
}

/** A circuit breaker whose next call is the trial. */
function breakerOnTrial(clock: Clock): Parts {
  const circuit = createCircuitBreaker({ trip: consecutiveFailures(1), openDurationMs: 1000, clock });
  circuit.trip(0);
  return { policy: circuit, taken: () => circuit.stats().inFlight };
}

/** A fallback whose handler takes its time. */
function slowFallback(clock: Clock): Parts {
  let running = 0;
  const handler = async (): Promise<void> => {
    running++;
    await sleep(clock, 15);
    running--;
  };
  return { policy: fallback(handler), answering: () => running };
}

function everything(clock: Clock): Parts {
  const answer = slowFallback(clock);
  const slots = busyBulkhead(clock);
  const circuit = breakerOnTrial(clock);
  const policy = pipeline(
    answer.policy,
    timeout({ ms: 400, clock }),
    retry({ ...BACKOFF, clock }),
    hedge({ delayMs: 20, clock }),
    circuit.policy,
    slots.policy,
    timeout({ ms: 60, clock }),
  );
  return { ...answer, policy, timeouts: 2, taken: () => slots.taken!() + circuit.taken!() };
}

function nested(clock: Clock): Parts {
  const slots = busyBulkhead(clock);
  const inner = pipeline(pipeline(slots.policy), pipeline(timeout({ ms: 70, clock }), retry({ ...BACKOFF, clock })));
  return { ...slots, policy: pipeline(pipeline(fallback(() => 'instead')), inner), timeouts: 1 };
}

function foreignInside(clock: Clock): Parts {
  const slots = busyBulkhead(clock);
  const foreign = foreignPolicy(async (op, options) => {
    await Promise.resolve();
    return op({ signal: options?.signal ?? new AbortController().signal, attempt: 1 });
  });
  return { ...slots, policy: pipeline(retry({ ...BACKOFF, clock }), foreign, slots.policy) };
}

export const scenarios: readonly Scenario[] = [
  scenario('retry in its backoff', (clock) => ({ policy: retry({ ...BACKOFF, clock }) })),
  scenario('bulkhead with a queue', busyBulkhead),
  scenario('hedge', (clock) => ({ policy: hedge({ delayMs: 5, maxHedges: 2, clock }) }), true),
  scenario('chaos with latency', (clock) => ({
    policy: chaos({ latency: { rate: 1, ms: 20 }, enabled: true, clock }),
  })),
  scenario(
    'aggressive timeout',
    (clock) => ({ policy: timeout({ ms: 25, strategy: 'aggressive', clock }), timeouts: 1 }),
    true,
  ),
  scenario('cooperative timeout', (clock) => ({ policy: timeout({ ms: 25, clock }), timeouts: 1 })),
  scenario('fallback that takes its time', slowFallback),
  scenario('half-open circuit breaker', breakerOnTrial),
  scenario('foreign policy in the middle', foreignInside),
  scenario('nested pipelines', nested),
  scenario('everything in the recommended order', everything),
  scenario(
    'aggressive timeout around retry and bulkhead',
    (clock) => {
      const slots = busyBulkhead(clock);
      const limit = timeout({ ms: 90, strategy: 'aggressive', clock });
      return { ...slots, policy: pipeline(limit, retry({ ...BACKOFF, clock }), slots.policy), timeouts: 1 };
    },
    true,
  ),
];

/** What an operation leaves to look at. */
export interface OperationLog {
  /** How often it was started. */
  starts: number;
  /** How many of it run now. */
  running: number;
}

export interface OperationKind {
  readonly name: string;
  /** Whether it ends as soon as its signal aborts. */
  readonly isCooperative: boolean;
  readonly work: (clock: Clock, ctx: CallContext) => unknown;
}

export const operations: readonly OperationKind[] = [
  { name: 'sync', isCooperative: true, work: () => 'value' },
  {
    name: 'sync throwing',
    isCooperative: true,
    work: () => {
      throw 'failure';
    },
  },
  { name: 'async', isCooperative: false, work: (clock) => sleep(clock, 10).then(() => 'value') },
  {
    name: 'async throwing',
    isCooperative: false,
    work: (clock) => sleep(clock, 10).then(() => Promise.reject('failure')),
  },
  { name: 'signal-ignoring and slow', isCooperative: false, work: (clock) => sleep(clock, 100).then(() => 'value') },
  { name: 'signal-obeying', isCooperative: true, work: (clock, { signal }) => cooperativeSleep(clock, 100, signal) },
  {
    name: 'throwing something else when aborted',
    isCooperative: true,
    work: (clock, { signal }) => cooperativeSleep(clock, 100, signal).catch(() => Promise.reject('other')),
  },
  {
    name: 'answering when aborted',
    isCooperative: true,
    work: (clock, { signal }) => cooperativeSleep(clock, 100, signal).catch(() => 'answer'),
  },
];

/** An operation of `kind` that keeps `log`. */
export function logged(kind: OperationKind, clock: Clock, log: OperationLog): Operation<unknown> {
  return (ctx) => {
    log.starts++;
    log.running++;
    const end = (): void => void log.running--;
    try {
      const result = kind.work(clock, ctx);
      if (result instanceof Promise) void result.then(end, end);
      else end();
      return result;
    } catch (error) {
      end();
      throw error;
    }
  };
}

import fc from 'fast-check';
import type { Clock, RateLimitPolicy, RateQueue, RateQueueOptions, RateQueueWait } from '../../src/rate-limit/index.ts';
import {
  createRateLimiter,
  createRateQueue,
  fixedWindow,
  slidingLog,
  slidingWindow,
  tokenBucket,
} from '../../src/rate-limit/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';

/** Sets of policies of every kind, with windows of a few milliseconds and at least 3 units at once. */
export const policySets: Readonly<Record<string, readonly RateLimitPolicy[]>> = {
  bucket: [tokenBucket({ limit: 3, periodMs: 10, burst: 4 })],
  'slow bucket': [tokenBucket({ limit: 2, periodMs: 7, burst: 3, initial: 1 })],
  'fixed window': [fixedWindow({ limit: 3, windowMs: 8 })],
  'sliding window': [slidingWindow({ limit: 4, windowMs: 9 })],
  log: [slidingLog({ limit: 3, windowMs: 10 })],
  'bucket and log': [tokenBucket({ limit: 2, periodMs: 5, burst: 3 }), slidingLog({ limit: 5, windowMs: 20 })],
};

export const anyPolicies = (): fc.Arbitrary<readonly RateLimitPolicy[]> =>
  fc.constantFrom(...Object.values(policySets));

/** One who waits in a {@link ModelQueue}. */
export interface ModelCall {
  readonly id: number;
  readonly cost: number;
  readonly lane: string;
  readonly untilMs: number;
}

/** A queue as a list that is gone through every millisecond, asking a limiter. Times are those of its own clock. */
export class ModelQueue {
  readonly clock: VirtualClock = createVirtualClock();
  readonly ended = new Map<number, string>();
  /** Lanes in the order of their turns. */
  lanes: ModelCall[][] = [];
  readonly #policies: readonly RateLimitPolicy[];
  readonly #taken: { readonly atMs: number; readonly cost: number }[] = [];
  readonly #limiter;
  #beganMs: number | undefined;

  constructor(policies: readonly RateLimitPolicy[]) {
    this.#policies = policies;
    this.#limiter = createRateLimiter(policies, { clock: this.clock, maxKeys: 1 });
  }

  get waiting(): readonly ModelCall[] {
    return this.lanes.flat().sort((a, b) => a.id - b.id);
  }

  /** A bucket that starts with less than it holds fills from the first decision on. */
  begin(): void {
    this.#beganMs ??= this.clock.now();
    this.#limiter.peek();
  }

  join(call: ModelCall): void {
    const lane = this.lanes.find(([first]) => first?.lane === call.lane);
    if (lane) lane.push(call);
    else this.lanes.push([call]);
    this.serve();
  }

  leave(id: number, how: string): void {
    this.ended.set(id, how);
    this.lanes = this.lanes.map((lane) => lane.filter((call) => call.id !== id)).filter((lane) => lane.length > 0);
    this.serve();
  }

  /** Lets everyone go on who may, then turns away those who have waited too long. */
  serve(): void {
    const nowMs = this.clock.now();
    for (let first = this.lanes[0]; first && this.#limiter.tryAcquire('', first[0]!.cost); first = this.lanes[0]) {
      const { id, cost } = first.shift()!;
      this.#taken.push({ atMs: nowMs, cost });
      this.ended.set(id, `granted at ${nowMs}`);
      this.lanes = [...this.lanes.slice(1), first].filter((lane) => lane.length > 0);
    }
    for (const { id, untilMs } of this.waiting) if (untilMs < nowMs) this.leave(id, 'MAX_WAIT');
  }

  pass(ms: number): void {
    for (let k = 0; k < ms; k++) {
      this.clock.stall(1);
      this.serve();
    }
  }

  /** Whether `call` would go on within `maxWaitMs` if nobody else came: tried out from the beginning. */
  isInTime(call: ModelCall, maxWaitMs: number): boolean {
    const trial = new ModelQueue(this.#policies);
    trial.clock.setNow(this.#beganMs ?? 0);
    trial.begin();
    for (const { atMs, cost } of this.#taken) {
      trial.clock.setNow(atMs);
      trial.#limiter.tryAcquire('', cost);
    }
    trial.clock.setNow(this.clock.now());
    trial.lanes = this.lanes.map((lane) => lane.map((one) => ({ ...one, untilMs: Infinity })));
    trial.join({ ...call, untilMs: Infinity });
    trial.pass(maxWaitMs);
    return trial.ended.has(call.id);
  }
}

/** Starts a wait and notes when and how it ends. */
export function watch(
  queue: RateQueue,
  clock: VirtualClock,
  ended: Map<number, string>,
  id: number,
  options?: RateQueueWait,
): void {
  queue.acquire(options).then(
    () => ended.set(id, `granted at ${clock.now()}`),
    (error: unknown) => ended.set(id, typeof error === 'string' ? error : codeOf(error)),
  );
}

function codeOf(error: unknown): string {
  return String((error as { code?: string }).code).replace('ERR_RATE_LIMIT_', '');
}

/** One call every 100 ms. */
export const tenth = tokenBucket({ limit: 10, periodMs: 1000, burst: 1 });

/** What is not the reading of a clock. */
export function timersOf(clock: VirtualClock): Omit<Clock, 'now'> {
  return {
    epochMs: () => clock.epochMs(),
    setTimeout: (fn, ms) => clock.setTimeout(fn, ms),
    clearTimeout: (handle) => clock.clearTimeout(handle),
  };
}

/** A queue and who waits in it. */
export interface Bench {
  readonly clock: VirtualClock;
  readonly queue: RateQueue;
  /** How the calls have ended, by their numbers. */
  readonly ended: Map<number, string>;
  /** Has the next call come. */
  readonly join: (wait?: RateQueueWait) => void;
}

export function bench(
  policy: RateLimitPolicy | readonly RateLimitPolicy[] = tenth,
  options: RateQueueOptions = {},
): Bench {
  const clock = createVirtualClock();
  const queue = createRateQueue(policy, { clock, ...options });
  const ended = new Map<number, string>();
  let next = 0;
  const join = (wait?: RateQueueWait): void => watch(queue, clock, ended, next++, wait);
  return { clock, queue, ended, join };
}

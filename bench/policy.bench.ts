import type { Case, Loop, Subject } from './support/case.ts';
import { allocation, awaited, time } from './support/case.ts';
import { circuitBreaker, cockatiel, opossum, policy, pLimit, pRetry, pTimeout } from './support/peers.ts';
import type { Operation, Policy } from '../src/policy/index.ts';

const answer = { ok: true };
const succeed = async (): Promise<typeof answer> => answer;
const readsSignal = async ({ signal }: { readonly signal: AbortSignal }): Promise<typeof answer> => {
  signal.throwIfAborted();
  return answer;
};
const nothing = (): void => {};

/** retry > circuit breaker > timeout > bulkhead, as every subject of this file has it. */
async function ours(): Promise<Policy> {
  const { createBulkhead, pipeline, retry, timeout } = await policy();
  const { consecutiveFailures, createCircuitBreaker } = await circuitBreaker();
  return pipeline(
    retry({ maxAttempts: 3 }),
    createCircuitBreaker({ trip: consecutiveFailures(5), openDurationMs: 10_000 }),
    timeout({ ms: 1000 }),
    createBulkhead({ maxConcurrent: 100, maxQueue: 100 }),
  );
}

type CockatielPolicy = ReturnType<Awaited<ReturnType<typeof cockatiel>>['wrap']>;

async function cockatiels(): Promise<CockatielPolicy> {
  const peer = await cockatiel();
  return peer.wrap(
    peer.retry(peer.handleAll, { maxAttempts: 2 }),
    peer.circuitBreaker(peer.handleAll, { halfOpenAfter: 10_000, breaker: new peer.ConsecutiveBreaker(5) }),
    peer.timeout(1000, peer.TimeoutStrategy.Cooperative),
    peer.bulkhead(100, 100),
  );
}

/** The same from four packages, as their users write it. */
async function assembled(op: () => unknown): Promise<(signal?: AbortSignal) => Promise<unknown>> {
  const [retry, Circuit, timeout, limitTo] = [await pRetry(), await opossum(), await pTimeout(), await pLimit()];
  const limited = limitTo(100);
  const circuit = new Circuit(() => timeout(limited(op), { milliseconds: 1000 }), { timeout: false });
  return (signal) => retry(() => circuit.fire(), signal ? { retries: 2, signal } : { retries: 2 });
}

function holdfast(op: Operation<unknown>, signal?: AbortSignal): Subject<Loop> {
  return {
    name: 'holdfast',
    prepare: async () => {
      const calls = await ours();
      return awaited(signal ? () => calls.run(op, { signal }) : () => calls.run(op));
    },
  };
}

function peer(op: Operation<unknown>, signal?: AbortSignal): Subject<Loop> {
  return {
    name: 'cockatiel',
    counting: 'fewer',
    prepare: async () => {
      const calls = await cockatiels();
      return awaited(() => calls.execute(({ signal: inner }) => op({ signal: inner, attempt: 1 }), signal));
    },
  };
}

const FOUR = 'p-retry + opossum + p-timeout + p-limit';

const composed: Case = {
  kind: 'loop',
  name: 'pipeline',
  about: 'a success through retry > circuit breaker > timeout > bulkhead',
  isHot: true,
  expected: answer,
  subjects: [
    holdfast(succeed),
    peer(succeed),
    {
      name: FOUR,
      counting: 'fewer',
      prepare: async () => {
        const call = await assembled(succeed);
        return awaited(() => call());
      },
    },
    {
      name: 'limit: setTimeout, clearTimeout',
      isPart: true,
      prepare: () => ({
        once: nothing,
        many: (n) => {
          for (let k = 0; k < n; k++) clearTimeout(setTimeout(nothing, 1000));
        },
      }),
    },
    {
      name: 'limit: the timer and one await',
      prepare: () => ({
        once: succeed,
        many: async (n) => {
          for (let k = 0; k < n; k++) {
            const timer = setTimeout(nothing, 1000);
            await succeed();
            clearTimeout(timer);
          }
        },
      }),
    },
    { name: 'raw call', prepare: () => awaited(succeed) },
  ],
  measures: [
    time(
      { against: 'cockatiel', ratio: 0.1 },
      { against: FOUR, ratio: 0.06 },
      { against: 'limit: setTimeout, clearTimeout', ratio: 1.5 },
    ),
    allocation({ atMost: 1800 }),
  ],
};

const reading: Case = {
  kind: 'loop',
  name: 'pipeline, signal read',
  about: 'the same pipeline with an operation that reads the signal it is given',
  isHot: true,
  expected: answer,
  subjects: [
    holdfast(readsSignal),
    peer(readsSignal),
    {
      name: 'limit: one AbortController',
      prepare: () =>
        awaited(() => {
          const controller = new AbortController();
          controller.signal.addEventListener('abort', nothing);
          return readsSignal(controller);
        }),
    },
    {
      name: 'limit: the same and a timer',
      prepare: () =>
        awaited(async () => {
          const controller = new AbortController();
          controller.signal.addEventListener('abort', nothing);
          const timer = setTimeout(nothing, 1000);
          const value = await readsSignal(controller);
          clearTimeout(timer);
          return value;
        }),
    },
  ],
  measures: [time({ against: 'cockatiel', ratio: 0.45 }, { against: 'limit: one AbortController', ratio: 1.4 })],
};

const shared = new AbortController().signal;

const lived: Case = {
  kind: 'loop',
  name: "pipeline, caller's signal",
  about: 'the same pipeline under one long-lived signal of the caller, given to every call',
  isHot: true,
  expected: answer,
  subjects: [
    holdfast(succeed, shared),
    peer(succeed, shared),
    {
      name: FOUR,
      counting: 'fewer',
      prepare: async () => {
        const call = await assembled(succeed);
        return awaited(() => call(shared));
      },
    },
    {
      name: 'limit: add, remove a listener',
      prepare: () => ({
        once: succeed,
        many: async (n) => {
          for (let k = 0; k < n; k++) {
            const listener = (): void => {};
            shared.addEventListener('abort', listener);
            await succeed();
            shared.removeEventListener('abort', listener);
          }
        },
      }),
    },
  ],
  measures: [time({ against: 'limit: add, remove a listener', ratio: 1.6 })],
};

export const cases: readonly Case[] = [composed, reading, lived];

import {
  consecutiveFailures,
  countWindow,
  createBulkhead,
  createCircuitBreaker,
  createRetryBudget,
  exponentialBackoff,
  fallback,
  pipeline,
  retry,
  timeout,
} from '../../../src/index.ts';
import type { CircuitBreakerEvent, Operation, Random } from '../../../src/index.ts';
import type { Plan } from './plan.ts';
import type { Price } from './prices.ts';

/** What a caller gets: a fresh price, or the last one that was seen. */
export interface Answer extends Price {
  readonly isStored?: boolean;
}

/** A way of calling the service. */
export type Client = (signal: AbortSignal) => Promise<Answer>;

export const layerNames = ['fallback', 'timeout', 'retry', 'breaker', 'bulkhead'] as const;
export type LayerName = (typeof layerNames)[number];

export interface HoldfastOptions {
  readonly plan: Plan;
  readonly random: Random;
  readonly onCircuit: (event: CircuitBreakerEvent) => void;
  /** Builds the pipeline without this layer, to see what it was for. */
  readonly leaveOut: LayerName | undefined;
}

/** Calls through fallback > timeout > retry with a budget > circuit breaker > bulkhead. */
export function holdfastClient(ask: Operation<Price>, options: HoldfastOptions): Client {
  const { plan, random, onCircuit, leaveOut } = options;
  let lastSeen: Price = { price: 100 };

  const layers = {
    fallback: fallback((): Answer => ({ ...lastSeen, isStored: true })),
    timeout: timeout({ ms: plan.timeoutMs }),
    retry: retry({
      maxAttempts: plan.maxAttempts,
      backoff: exponentialBackoff({ baseMs: 25, random }),
      budget: createRetryBudget({ ratio: 0.1, minRetriesPerSecond: 5, ttlMs: 2_000 }),
    }),
    breaker: createCircuitBreaker({
      name: 'prices',
      trip: [
        consecutiveFailures(plan.failuresInARow),
        // Opens on calls that hang, before the first of them has come back.
        countWindow({
          size: 50,
          slowCallRateThreshold: 0.5,
          slowCallDurationMs: plan.slowCallMs,
          countInFlightSlowCalls: true,
        }),
      ],
      openDurationMs: plan.openMs,
      halfOpen: {
        maxConcurrent: plan.trials,
        successThreshold: plan.trials,
        failureThreshold: plan.trialFailures,
      },
      onEvent: onCircuit,
    }),
    bulkhead: createBulkhead({ maxConcurrent: plan.maxConcurrent }),
  };
  const calls = pipeline(...layerNames.filter((name) => name !== leaveOut).map((name) => layers[name]));

  return (signal) =>
    calls.run(
      async (ctx): Promise<Answer> => {
        lastSeen = await ask(ctx);
        return lastSeen;
      },
      { signal },
    );
}

/** What is often written instead: the call, and a generous client timeout. */
export function bareClient(ask: Operation<Price>, { bareTimeoutMs }: Plan): Client {
  return async () => {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(new Error('client timeout')), bareTimeoutMs);
    try {
      return await ask({ signal: controller.signal, attempt: 1 });
    } finally {
      clearTimeout(timer);
    }
  };
}

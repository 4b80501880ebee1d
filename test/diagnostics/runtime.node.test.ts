import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { consecutiveFailures, createCircuitBreaker } from '../../src/circuit-breaker/index.ts';
import { publishDecisions, publishEvents, subscribeEvents } from '../../src/diagnostics/index.ts';
import { createRateLimiter, tokenBucket } from '../../src/rate-limit/index.ts';
import { flush } from '../support/gate.ts';
import { usedHeap } from '../support/leaks.ts';

function circuit(name: string): ReturnType<typeof createCircuitBreaker> {
  return createCircuitBreaker({
    trip: consecutiveFailures(1),
    openDurationMs: 1_000,
    onEvent: publishEvents('circuit-breaker', { name }),
  });
}

/** Collects uncaught exceptions instead of ending the process. */
function watchExceptions(): { readonly errors: unknown[]; stop(): void } {
  const others = process.listeners('uncaughtException');
  const errors: unknown[] = [];
  const collect = (error: unknown): void => void errors.push(error);
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', collect);
  return {
    errors,
    stop() {
      process.off('uncaughtException', collect);
      for (const other of others) process.on('uncaughtException', other);
    },
  };
}

describe('with the module of the runtime', () => {
  it('reaches those who subscribed to the channel by its name', () => {
    const heard: unknown[] = [];
    const listener = (message: unknown): void => void heard.push(message);
    subscribe('holdfast:circuit-breaker', listener);
    circuit('payments').trip();
    unsubscribe('holdfast:circuit-breaker', listener);
    circuit('payments').trip();
    expect(heard).toMatchObject([{ name: 'payments', event: { from: 'closed', to: 'open' } }]);
  });

  it('hears subscribers who come before, and those who come after the first event', () => {
    const publish = publishEvents('hedge', { name: 'one' });
    publish({ type: 'hedge', attempt: 2 });
    const heard: number[] = [];
    const stop = subscribeEvents('hedge', ({ event }) => heard.push(event.attempt));
    publish({ type: 'hedge', attempt: 3 });
    publishEvents('hedge', { name: 'two' })({ type: 'hedge', attempt: 4 });
    stop();
    publish({ type: 'hedge', attempt: 5 });
    expect(heard).toEqual([3, 4]);
  });

  it('a subscriber that throws changes nothing of the primitive', async () => {
    const exceptions = watchExceptions();
    const stop = subscribeEvents('circuit-breaker', () => {
      throw new Error('bad subscriber');
    });
    try {
      const one = circuit('one');
      one.trip();
      expect(one.state).toBe('open');
      one.reset();
      expect(await one.run(() => 'answer')).toBe('answer');
      await flush();
      expect(exceptions.errors).toEqual([new Error('bad subscriber'), new Error('bad subscriber')]);
    } finally {
      stop();
      exceptions.stop();
    }
  });

  it('makes no message while nobody subscribes', () => {
    const publish = publishEvents('bulkhead', { name: 'one' });
    const event = { type: 'rejected', reason: 'full' } as const;
    const many = (count: number): void => {
      for (let k = 0; k < count; k++) publish(event);
    };
    many(20_000);
    const quiet = Array.from({ length: 5 }, () => allocated(() => many(20_000)));
    expect(Math.min(...quiet)).toBeLessThan(50_000);
    // What it is with a message each, which are kept so that no collection can hide them.
    const messages: unknown[] = [];
    const stop = subscribeEvents('bulkhead', (message) => messages.push(message));
    expect(allocated(() => many(20_000))).toBeGreaterThan(400_000);
    stop();
    expect(new Set(messages).size).toBe(20_000);
  });

  it('keeps nothing of limiters and listeners that are gone', () => {
    const make = (): void => {
      const policy = tokenBucket({ limit: 1, periodMs: 1_000 });
      createRateLimiter(policy, { onDecision: publishDecisions({ name: 'one' }) }).tryAcquire('key');
    };
    for (let k = 0; k < 200; k++) make();
    const before = usedHeap();
    for (let k = 0; k < 200; k++) make();
    expect(usedHeap() - before).toBeLessThan(100_000);
  });
});

/** Bytes by which the heap grows. */
function allocated(work: () => void): number {
  usedHeap();
  const before = process.memoryUsage().heapUsed;
  work();
  return process.memoryUsage().heapUsed - before;
}

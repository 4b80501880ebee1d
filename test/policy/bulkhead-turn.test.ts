import { describe, expect, it } from 'vitest';
import type { Policy } from '../../src/policy/index.ts';
import { createBulkhead } from '../../src/policy/index.ts';
import { createConcurrencyLimiter } from '../../src/rate-limit/index.ts';
import { gate, outcomeOf } from '../support/gate.ts';

describe.each([
  ['a bulkhead', () => createBulkhead({ maxConcurrent: 1, maxQueue: 10 })],
  ['a concurrency limiter', () => createConcurrencyLimiter({ limit: 1, maxQueue: 10 })],
] as const)('under %s', (_, create: () => Policy) => {
  it('a call that is aborted between its turn and its start never starts, and hands its place on', async () => {
    const policy = create();
    const first = gate();
    const caller = new AbortController();
    const started: string[] = [];
    const running = policy.run(() => first.promise);
    const second = policy.run(() => void started.push('second'), { signal: caller.signal });
    const third = policy.run(() => void started.push('third'));
    // Runs right after the place was handed on, before whoever has it goes on.
    void first.promise.then(() => caller.abort('gone'));
    first.open();
    await running;
    expect(await outcomeOf(second)).toEqual({ state: 'rejected', reason: 'gone' });
    await third;
    expect(started).toEqual(['third']);
    expect(await outcomeOf(policy.run(() => 'free'))).toEqual({ state: 'fulfilled', value: 'free' });
  });
});

import { describe, expect, it } from 'vitest';
import { countDecisions, countEvents } from '../../src/otel/index.ts';
import type { CountedKind } from '../../src/otel/index.ts';
import { createBulkhead, retry } from '../../src/policy/index.ts';
import { createRateLimiter, tokenBucket } from '../../src/rate-limit/index.ts';
import { createSagaRunner, memorySagaStore, saga } from '../../src/saga/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { fakeMeter } from './kit.ts';

const fail = (): never => {
  throw new Error('down');
};

describe('events', () => {
  it('events are counted by type, and by reason where that is one of a few words', async () => {
    const { meter, collect, made } = fakeMeter();
    const policy = retry({
      maxAttempts: 3,
      backoff: () => 0,
      onEvent: countEvents(meter, 'retry', { name: 'payments' }),
    });
    await policy.runOutcome(fail);
    await policy.runOutcome(fail);
    const bulkhead = createBulkhead({
      maxConcurrent: 1,
      onEvent: countEvents(meter, 'bulkhead', { name: 'reports' }),
    });
    await Promise.allSettled([1, 2, 3].map(() => bulkhead.run(async () => {})));
    expect(collect()).toEqual({
      'holdfast.retry.events{payments,retry}': 4,
      'holdfast.retry.events{payments,give-up,max-attempts}': 2,
      'holdfast.bulkhead.events{reports,rejected,full}': 2,
    });
    expect(made.get('holdfast.retry.events')).toMatchObject({
      kind: 'counter',
      unit: '{event}',
      attributeNames: ['holdfast.retry.name', 'holdfast.retry.event', 'holdfast.retry.reason'],
    });
  });

  it('events of sagas are counted by definition', async () => {
    const { meter, collect } = fakeMeter();
    const order = saga<string>('order').step('place', { run: () => 1 });
    const clock = createVirtualClock();
    await using runner = createSagaRunner({
      store: memorySagaStore({ clock }),
      sagas: [order],
      onEvent: countEvents(meter, 'saga', { name: 'orders' }),
      clock,
    });
    for (const id of ['a', 'b']) await (await runner.start(order, 'book', { id })).result();
    expect(collect()).toEqual({
      'holdfast.saga.events{orders,started,order}': 2,
      'holdfast.saga.events{orders,completed,order}': 2,
    });
  });

  it.each([
    'bulkhead',
    'chaos',
    'circuit-breaker',
    'fallback',
    'hedge',
    'outbox',
    'outlier',
    'pool',
    'rate-limit-store',
    'retry',
    'saga',
    'shared-circuit',
    'timeout',
    'worker-lease',
  ] satisfies CountedKind[])('events of %s are counted under its name', (kind) => {
    const { meter, collect } = fakeMeter();
    countEvents(meter, kind, { name: 'one' })({ type: 'happened' });
    expect(collect()).toEqual({ [`holdfast.${kind.replaceAll('-', '_')}.events{one,happened}`]: 1 });
  });

  it('events are counted together by primitives that share a listener, and no more once it is disposed', async () => {
    const { meter, collect } = fakeMeter();
    const onEvent = countEvents(meter, 'retry', { name: 'hosts' });
    const policies = [1, 2].map(() => retry({ maxAttempts: 2, backoff: () => 0, onEvent }));
    for (const policy of policies) await policy.runOutcome(fail);
    expect(collect()).toMatchObject({ 'holdfast.retry.events{hosts,retry}': 2 });
    onEvent[Symbol.dispose]();
    for (const policy of policies) await policy.runOutcome(fail);
    onEvent({ type: 'new' });
    expect(collect()).toEqual({
      'holdfast.retry.events{hosts,retry}': 2,
      'holdfast.retry.events{hosts,give-up,max-attempts}': 2,
    });
    expect(collect()).toEqual({});
  });

  it('events take 200 names from outside and call all further ones other', () => {
    const { meter, collect } = fakeMeter();
    const tell = countEvents(meter, 'saga', { name: 'orders' });
    for (let k = 0; k < 1_000; k++) tell({ type: 'completed', name: `saga ${k}` } as never);
    const values = collect();
    expect(Object.keys(values)).toHaveLength(201);
    expect(values['holdfast.saga.events{orders,completed,other}']).toBe(800);
  });

  it('events give back the names of what is disposed, where a meter ends series', () => {
    const { meter, collect } = fakeMeter(true);
    for (let k = 0; k < 300; k++) {
      using tell = countEvents(meter, 'saga', { name: 'orders' });
      tell({ type: 'completed', name: `saga ${k}` } as never);
    }
    countEvents(meter, 'saga', { name: 'orders' })({ type: 'completed', name: 'last' } as never);
    expect(collect()).toEqual({ 'holdfast.saga.events{orders,completed,last}': 1 });
  });

  it('events of an unknown kind are refused', () => {
    const { meter } = fakeMeter();
    expect(() => countEvents(meter, 'pools' as never, { name: 'one' })).toThrow(RangeError);
    expect(() => countEvents(meter, 'toString' as never, { name: 'one' })).toThrow(RangeError);
    expect(() => countEvents(meter, 'pool', { name: '' })).toThrow(RangeError);
    expect(() => countDecisions({} as never, { name: 'one' })).toThrow(TypeError);
  });
});

describe('decisions', () => {
  it('decisions are counted by policy and outcome, also where a limiter only tries a limit out', () => {
    const { meter, collect } = fakeMeter();
    const clock = createVirtualClock();
    const onDecision = countDecisions(meter, { name: 'api' });
    const policies = [
      tokenBucket({ limit: 2, periodMs: 1_000, name: 'burst' }),
      tokenBucket({ limit: 3, periodMs: 60_000, name: 'day' }),
    ];
    const limiter = createRateLimiter(policies, { onDecision, shadow: true, clock });
    for (const key of ['a', 'a', 'a', 'b']) limiter.tryAcquire(key);
    expect(collect()).toEqual({
      'holdfast.rate_limit.decisions{api,burst,allowed}': 3,
      'holdfast.rate_limit.decisions{api,burst,refused}': 1,
    });
  });

  it('decisions of a limiter over a store are counted by who made them', () => {
    const { meter, collect, made } = fakeMeter();
    const count = countDecisions(meter, { name: 'api' });
    for (const source of ['store', 'store', 'fallback'] as const)
      count('key', { allowed: true, policy: 'day', source });
    expect(collect()).toEqual({
      'holdfast.rate_limit.decisions{api,day,allowed,store}': 2,
      'holdfast.rate_limit.decisions{api,day,allowed,fallback}': 1,
    });
    expect(made.get('holdfast.rate_limit.decisions')!.attributeNames).toEqual(
      ['name', 'policy', 'outcome', 'source'].map((name) => `holdfast.rate_limit.${name}`),
    );
  });
});

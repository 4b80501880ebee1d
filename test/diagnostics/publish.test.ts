import { describe, expect, it, vi } from 'vitest';
import { createCache } from '../../src/cache/index.ts';
import { consecutiveFailures, createCircuitBreaker } from '../../src/circuit-breaker/index.ts';
import { publishCache, publishDecisions, publishEvents, subscribeEvents } from '../../src/diagnostics/index.ts';
import type { DiagnosticKind } from '../../src/diagnostics/index.ts';
import { createPool } from '../../src/pool/index.ts';
import { createRateLimiter, tokenBucket } from '../../src/rate-limit/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { fakeModule, replaceModules } from './fake-module.ts';

const kinds: readonly DiagnosticKind[] = [
  'circuit-breaker',
  'shared-circuit',
  'bulkhead',
  'chaos',
  'fallback',
  'hedge',
  'retry',
  'timeout',
  'rate-limit',
  'rate-limit-store',
  'pool',
  'outlier',
  'cache',
  'saga',
  'outbox',
  'worker-lease',
];

/** An event that cannot be looked into. */
function opaque(): never {
  const refuse = (): never => {
    throw new Error('looked into');
  };
  return new Proxy({}, { get: refuse, has: refuse, ownKeys: refuse }) as never;
}

describe('publishing', () => {
  it('publishes each event, the very object, with its name on the channel of its kind', () => {
    using module = fakeModule();
    for (const kind of kinds) {
      const event = { type: kind } as never;
      subscribeEvents(kind, () => {});
      publishEvents(kind, { name: 'one' })(event);
      expect(module.published.at(-1)).toEqual([`holdfast:${kind}`, { name: 'one', event }]);
      expect((module.published.at(-1)![1] as { event: unknown }).event).toBe(event);
    }
    expect(module.published).toHaveLength(kinds.length);
  });

  it('publishes and looks into nothing while nobody subscribes', () => {
    using module = fakeModule();
    subscribeEvents('pool', () => {});
    const { onRemoval, onError } = publishCache({ name: 'one' });
    for (const kind of kinds) if (kind !== 'pool') publishEvents(kind, { name: 'one' })(opaque());
    publishDecisions({ name: 'one' })('key', opaque());
    onRemoval(opaque(), opaque(), 'deleted');
    onError(opaque(), opaque());
    expect(module.published).toEqual([]);
  });

  it('starts and stops with its subscribers', () => {
    using module = fakeModule();
    const publish = publishEvents('timeout', { name: 'one' });
    const tell = (ms: number): void => publish({ type: 'timeout', ms });
    tell(1);
    const heard: number[] = [];
    const stop = subscribeEvents('timeout', ({ event }) => heard.push(event.ms));
    tell(2);
    stop();
    stop();
    tell(3);
    expect(module.published.map(([, message]) => message)).toEqual([
      { name: 'one', event: { type: 'timeout', ms: 2 } },
    ]);
  });

  it('asks the runtime for its module at the first event, and once', () => {
    using module = fakeModule();
    const publish = publishEvents('hedge', { name: 'one' });
    expect(module.lookups()).toBe(0);
    for (let attempt = 2; attempt < 5; attempt++) publish({ type: 'hedge', attempt });
    expect(module.lookups()).toBe(1);
  });

  it('does nothing where the runtime has no diagnostics channels', () => {
    for (const getBuiltinModule of [() => undefined, undefined]) {
      using _modules = replaceModules(getBuiltinModule);
      const heard: unknown[] = [];
      const stop = subscribeEvents('hedge', (message) => heard.push(message));
      publishEvents('hedge', { name: 'one' })({ type: 'hedge', attempt: 2 });
      publishDecisions({ name: 'one' })('key', opaque());
      publishCache({ name: 'one' }).onRemoval('key', 1, 'deleted');
      stop();
      expect(heard).toEqual([]);
    }
  });

  it('does nothing where the runtime has no process', () => {
    const publish = publishEvents('hedge', { name: 'one' });
    const found: unknown[] = [];
    // All at once: whoever else runs here wants it.
    vi.stubGlobal('process', undefined);
    try {
      publish({ type: 'hedge', attempt: 2 });
      found.push(subscribeEvents('hedge', () => {}));
    } finally {
      vi.unstubAllGlobals();
    }
    expect(found).toHaveLength(1);
  });
});

describe('primitives', () => {
  it('tell under their names what happens to them', async () => {
    using module = fakeModule();
    const stops = (['circuit-breaker', 'rate-limit', 'cache', 'pool'] as const).map((kind) =>
      subscribeEvents(kind as 'pool', () => {}),
    );
    const clock = createVirtualClock();
    const circuit = createCircuitBreaker({
      trip: consecutiveFailures(1),
      openDurationMs: 10,
      onEvent: publishEvents('circuit-breaker', { name: 'payments' }),
      clock,
    });
    circuit.trip();
    const limiter = createRateLimiter(tokenBucket({ limit: 1, periodMs: 1_000 }), {
      onDecision: publishDecisions({ name: 'api' }),
      clock,
    });
    limiter.tryAcquire('user:1');
    const cache = createCache<string, string>({ maxEntries: 10, ...publishCache({ name: 'users' }) });
    cache.set('7', 'secret');
    cache.delete('7');
    const pool = createPool({ create: () => 'thing', clock });
    pool.onEvent(publishEvents('pool', { name: 'orders' }));
    await pool.use(() => {});
    for (const stop of stops) stop();

    const said = module.published.map(([channel, message]) => {
      const { name, event } = message as { name: string; event: { type: string } };
      return `${channel} ${name} ${event.type}`;
    });
    expect(said).toEqual([
      'holdfast:circuit-breaker payments state-change',
      'holdfast:rate-limit api decision',
      'holdfast:cache users removed',
      'holdfast:pool orders created',
      'holdfast:pool orders acquired',
      'holdfast:pool orders released',
    ]);
    expect(module.published[1]![1]).toMatchObject({ event: { key: 'user:1', decision: { allowed: true } } });
    expect(module.published[2]![1]).toEqual({ name: 'users', event: { type: 'removed', key: '7', cause: 'deleted' } });
  });

  it('tell of loads of a cache that failed with nobody waiting', async () => {
    using module = fakeModule();
    subscribeEvents('cache', () => {});
    const clock = createVirtualClock();
    let loads = 0;
    const cache = createCache<string, number>({
      maxEntries: 10,
      ttlMs: 10,
      staleWhileRevalidateMs: 1_000,
      loader: async () => {
        if (loads++ > 0) throw new Error('down');
        return 1;
      },
      clock,
      ...publishCache({ name: 'users' }),
    });
    await cache.getOrLoad('7');
    await clock.advance(20);
    await cache.getOrLoad('7');
    await clock.advance(0);
    expect(module.published).toEqual([
      ['holdfast:cache', { name: 'users', event: { type: 'load-failed', key: '7', error: new Error('down') } }],
    ]);
  });
});

describe('options', () => {
  it.each([
    ['a kind that there is not', () => publishEvents('pools' as never, { name: 'one' }), RangeError],
    ['a kind of the prototype', () => publishEvents('toString' as never, { name: 'one' }), RangeError],
    ['no name', () => publishEvents('pool', {} as never), TypeError],
    ['a name that is no text', () => publishDecisions({ name: 5 as never }), RangeError],
    ['no name for a cache', () => publishCache({} as never), TypeError],
    ['no listener', () => subscribeEvents('pool', undefined as never), TypeError],
    ['an unknown kind to subscribe to', () => subscribeEvents('x' as never, () => {}), RangeError],
  ])('refuse %s', (_, make, kind) => {
    expect(make).toThrow(kind);
  });

  it('are named where they are refused', () => {
    const refused = (make: () => unknown): string => {
      try {
        make();
      } catch (error) {
        return (error as Error).message;
      }
      return 'taken';
    };
    expect(refused(() => publishEvents('pools' as never, { name: 'one' }))).toBe(
      'kind must be a kind of primitive that has events, got "pools"',
    );
    expect(refused(() => publishEvents('pool', { name: 5 as never }))).toBe('name must be a text, got 5');
    expect(refused(() => subscribeEvents('pool', null as never))).toBe('listener must be a function, got null');
  });
});

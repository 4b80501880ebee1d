import { describe, expect, it } from 'vitest';
import { flush } from '../support/gate.ts';
import { down, gatedCreate, setup } from './kit.ts';
import type { Setup } from './kit.ts';

/** Why acquires were turned away, in order. */
const reasonsOf = (events: Setup['events']): unknown[] =>
  events.flatMap((event) => (event.type === 'rejected' ? [event.reason] : []));

describe('events', () => {
  it('say what became of each resource, and how long it took', async () => {
    const { create, finish, made } = gatedCreate();
    const { pool, clock, events } = setup({ create, max: 1 });
    const first = pool.acquire();
    await clock.advance(30);
    await finish(0);
    const lease = await first;
    await clock.advance(5);
    const second = pool.acquire();
    await clock.advance(7);
    lease.release();
    const next = await second;
    await clock.advance(4);
    next.release();
    pool.tryAcquire()?.destroy();
    const [resource] = made;
    expect(events).toEqual([
      { type: 'created', resource, createMs: 30 },
      { type: 'acquired', resource, waitMs: 30 },
      { type: 'released', resource, heldMs: 12 },
      { type: 'acquired', resource, waitMs: 7 },
      { type: 'released', resource, heldMs: 4 },
      { type: 'acquired', resource, waitMs: 0 },
      { type: 'released', resource, heldMs: 0 },
      { type: 'destroyed', resource, reason: 'broken' },
    ]);
  });

  it('say why an acquire was turned away', async () => {
    const { pool, clock, events } = setup({ max: 1, maxWaiters: 1 });
    await pool.acquire();
    const give = (options?: Parameters<typeof pool.acquire>[0]): void => void pool.acquire(options).catch(() => {});
    give({ timeoutMs: 10 });
    give();
    give({ signal: AbortSignal.abort() });
    await clock.advance(10);
    const caller = new AbortController();
    give({ signal: caller.signal });
    caller.abort();
    give();
    void pool.close();
    give();
    await flush();
    expect(reasonsOf(events)).toEqual(['full', 'aborted', 'timeout', 'aborted', 'closed', 'closed']);
    expect(pool.stats()).toMatchObject({ rejected: 3, aborted: 2, timeouts: 1, waiting: 0 });
  });

  it('say why a create failed and how long creates pause', async () => {
    const { pool, clock, events } = setup({ create: () => Promise.reject(down), onCreateFailure: 'fail', max: 2 });
    for (let k = 0; k < 3; k++) pool.acquire().catch(() => {});
    await flush();
    pool.acquire().catch(() => {});
    await flush();
    expect(reasonsOf(events)).toEqual(['create', 'create', 'create', 'create']);
    const failures = (): unknown[] => events.filter(({ type }) => type === 'create-failed');
    // The second began before the first had failed, and is no news.
    expect(failures()).toEqual([
      { type: 'create-failed', error: down, retryMs: 25 },
      { type: 'create-failed', error: down, retryMs: 0 },
    ]);
    await clock.advance(25);
    pool.acquire().catch(() => {});
    await flush();
    expect(failures()[2]).toEqual({ type: 'create-failed', error: down, retryMs: 50 });
    expect(pool.stats()).toMatchObject({ rejected: 5, createFailed: 3, created: 0 });
  });

  it('say which hook failed, and with what', async () => {
    const { pool, events, ends } = setup({ validate: () => Promise.reject(down), validateAfterIdleMs: 0 });
    (await pool.acquire()).release();
    (await pool.acquire()).release();
    expect(events).toContainEqual({ type: 'hook-failed', hook: 'validate', error: down });
    const other = setup({ reset: () => new Promise(() => {}), resetTimeoutMs: 10 });
    const others = other.events;
    (await other.pool.acquire()).release();
    await other.clock.advance(10);
    expect(others).toContainEqual({
      type: 'hook-failed',
      hook: 'reset',
      error: expect.objectContaining({ code: 'ERR_POOL_HOOK_TIMEOUT', message: 'reset took more than 10 ms' }),
    });
    expect([ends(), other.ends()]).toEqual([['0:invalid'], ['0:reset']]);
    expect([pool.stats().invalid, other.pool.stats().invalid]).toEqual([1, 0]);
  });

  it('do not take a resource that is merely invalid for a failed hook', async () => {
    const { pool, events } = setup({ validate: () => false, validateAfterIdleMs: 0 });
    (await pool.acquire()).release();
    await pool.acquire();
    expect(events.map(({ type }) => type)).toEqual([
      'created',
      'acquired',
      'released',
      'destroyed',
      'created',
      'acquired',
    ]);
  });

  it('say nothing of how long one has waited who waited before anybody listened', async () => {
    const { pool, clock } = setup({ max: 1 });
    const lease = await pool.acquire();
    const wait = pool.acquire();
    await clock.advance(100);
    const waits: number[] = [];
    pool.onEvent((event) => event.type === 'acquired' && waits.push(event.waitMs));
    lease.release();
    await wait;
    expect(waits).toEqual([0]);
  });

  it('go to each listener until it is taken away, the same function twice included', async () => {
    const { pool } = setup();
    const seen: string[] = [];
    const listener = ({ type }: { readonly type: string }): void => void seen.push(type);
    const stops = [pool.onEvent(listener), pool.onEvent(listener)];
    const lease = await pool.acquire();
    expect(seen).toEqual(['created', 'created', 'acquired', 'acquired']);
    seen.length = 0;
    stops[0]!();
    lease.release();
    expect(seen).toEqual(['released']);
    stops[1]!();
    await pool.acquire();
    expect(seen).toEqual(['released']);
  });
});

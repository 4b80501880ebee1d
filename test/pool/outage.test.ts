import { describe, expect, it } from 'vitest';
import { createPool } from '../../src/pool/index.ts';
import type { Lease, Pool, PoolOptions } from '../../src/pool/index.ts';
import { createSeededRandom, createVirtualClock } from '../../src/testing/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { flush, outcomeOf } from '../support/gate.ts';
import { codeOf, down, errorOf, gatedCreate, setup, sleep, stateOf } from './kit.ts';

interface Server {
  isUp: boolean;
  readonly attemptsMs: number[];
  inFlight: number;
  most: number;
}

/** A server that refuses after 1 ms while it is down and accepts after 10 ms while it is up. */
function service(options: Partial<PoolOptions<object>> = {}): {
  clock: VirtualClock;
  server: Server;
  pool: Pool<object>;
} {
  const clock = createVirtualClock();
  const server: Server = { isUp: true, attemptsMs: [], inFlight: 0, most: 0 };
  const pool = createPool<object>({
    create: async () => {
      server.attemptsMs.push(clock.now());
      server.most = Math.max(server.most, ++server.inFlight);
      const { isUp } = server;
      await sleep(clock, isUp ? 10 : 1);
      server.inFlight--;
      if (!isUp) throw down;
      return {};
    },
    max: 10,
    clock,
    random: createSeededRandom(1),
    createBackoff: { baseMs: 50, maxMs: 500 },
    ...options,
  });
  return { clock, server, pool };
}

describe('while creates fail', () => {
  it('one create at a time is tried, after pauses that double with jitter up to `createBackoff.maxMs`', async () => {
    const { clock, server, pool } = service();
    server.isUp = false;
    for (let k = 0; k < 100; k++) pool.acquire().catch(() => {});
    expect(server.attemptsMs).toHaveLength(10);
    await clock.advance(1);
    server.most = 0;
    await clock.advance(2_499);
    const probes = server.attemptsMs.slice(10);
    expect(server.most).toBe(1);
    expect(server.attemptsMs.length).toBeLessThanOrEqual(35);
    const gaps = probes.map((atMs, k) => atMs - (k === 0 ? 0 : probes[k - 1]!) - 1);
    for (const [k, gap] of gaps.entries()) {
      const boundMs = Math.min(500, 50 * 2 ** k);
      expect(gap).toBeGreaterThanOrEqual(boundMs / 2);
      expect(gap).toBeLessThanOrEqual(boundMs);
    }
    expect(new Set(gaps.map((gap) => gap / Math.min(500, 50))).size).toBeGreaterThan(3);
  });

  it('after the first success 1, 2, 4 and so on may be created at once', async () => {
    const { clock, server, pool } = service({ max: 20, growth: 'eager' });
    server.isUp = false;
    const leases = Array.from({ length: 20 }, () => pool.acquire());
    await clock.advance(100);
    server.isUp = true;
    server.most = 0;
    const seen: number[] = [];
    for (let k = 0; k < 1_000 && pool.stats().created < 20; k++) {
      await clock.advance(1);
      const { creating } = pool.stats();
      if (creating !== seen.at(-1)) seen.push(creating);
    }
    expect(seen.filter((creating) => creating > 0).slice(0, 4)).toEqual([1, 2, 4, 8]);
    await Promise.all(leases);
  });

  it('a success ends the pause, and the next outage begins with the shortest one and no old error', async () => {
    const { create, gates, fail, finish } = gatedCreate();
    const { pool, clock, events } = setup({ create, max: 2 });
    const waits = [pool.acquire(), pool.acquire()];
    await fail(0);
    await finish(1);
    expect(gates).toHaveLength(3);
    await fail(2);
    await clock.advance(25);
    await fail(3);
    await clock.advance(50);
    await finish(4);
    const leases = await Promise.all(waits);
    const late = pool.acquire({ timeoutMs: 10 });
    late.catch(() => {});
    await clock.advance(10);
    expect(((await errorOf(late)) as Error).cause).toBeUndefined();
    leases[0]!.destroy();
    pool.acquire().catch(() => {});
    await fail(5);
    const pauses = events.flatMap((event) => (event.type === 'create-failed' ? [event.retryMs] : []));
    expect(pauses).toEqual([25, 25, 50, 25]);
  });

  it('those who wait are served within one longest pause after the return of the server', async () => {
    const { clock, server, pool } = service();
    server.isUp = false;
    const waits = Array.from({ length: 10 }, () => pool.acquire({ timeoutMs: 60_000 }));
    await clock.advance(7_000);
    server.isUp = true;
    await clock.advance(500 + 10 * 5);
    expect((await Promise.all(waits)).length).toBe(10);
  });

  it('a factory that throws at once does not spin', async () => {
    const { pool, clock } = setup({
      create: () => {
        throw down;
      },
      minIdle: 1,
    });
    pool.acquire().catch(() => {});
    expect(pool.stats().createFailed).toBe(1);
    await clock.advance(1_000);
    expect(pool.stats().createFailed).toBeLessThan(10);
  });

  it('resources that live go on serving while creates fail', async () => {
    const { clock, server, pool } = service({ onCreateFailure: 'fail' });
    const lease = pool.acquire();
    await clock.advance(10);
    server.isUp = false;
    const waiting = pool.acquire();
    await clock.advance(100);
    expect((await outcomeOf(waiting)).state).toBe('pending');
    (await lease).release();
    expect((await outcomeOf(waiting)).state).toBe('fulfilled');
  });

  it('a create that hangs blocks nobody for longer than `createTimeoutMs`', async () => {
    let hangs = true;
    const { pool, clock, made } = setup({
      create: () => (hangs ? new Promise(() => {}) : Promise.resolve({ id: made.length, ends: [] })),
      max: 3,
      createTimeoutMs: 1_000,
    });
    const waits = Array.from({ length: 3 }, () => pool.acquire());
    await clock.advance(999);
    hangs = false;
    await clock.advance(1 + 50);
    expect((await Promise.all(waits)).length).toBe(3);
    expect(pool.stats()).toMatchObject({ createFailed: 3, size: 3 });
  });
});

describe('onCreateFailure', () => {
  it('by default those who wait do so until their deadline, and get the last error as `cause`', async () => {
    const { clock, server, pool } = service({ acquireTimeoutMs: 3_000 });
    server.isUp = false;
    const wait = pool.acquire();
    wait.catch(() => {});
    await clock.advance(2_999);
    expect((await outcomeOf(wait)).state).toBe('pending');
    await clock.advance(1);
    expect(await errorOf(wait)).toMatchObject({ code: 'ERR_POOL_TIMEOUT', cause: down });
  });

  it('with `onCreateFailure: fail` all who wait are rejected when nothing is alive, and newcomers until the next probe', async () => {
    const { clock, server, pool } = service({ onCreateFailure: 'fail' });
    server.isUp = false;
    const waits = Array.from({ length: 30 }, () => pool.acquire().catch((error: unknown) => error));
    await clock.advance(1);
    expect(await Promise.all(waits)).toEqual(
      waits.map(() => expect.objectContaining({ code: 'ERR_POOL_CREATE', cause: down })),
    );
    const attempts = server.attemptsMs.length;
    expect(await codeOf(pool.acquire())).toBe('ERR_POOL_CREATE');
    expect(server.attemptsMs).toHaveLength(attempts);
    await clock.advance(50);
    server.isUp = true;
    const after = pool.acquire();
    await clock.advance(10);
    expect((await outcomeOf(after)).state).toBe('fulfilled');
  });

  it('an error that `isFatalCreateError` knows rejects all who wait in either mode', async () => {
    const { create, fail } = gatedCreate();
    const { pool } = setup({ create, isFatalCreateError: (error) => error === down, max: 1 });
    const waits = [pool.acquire(), pool.acquire()];
    await fail(0, new Error('passing'));
    expect(await stateOf(waits[0]!)).toBe('pending');
    const { pool: other } = setup({ create: () => Promise.reject(down), isFatalCreateError: () => true, max: 1 });
    expect(await Promise.all([other.acquire(), other.acquire()].map(codeOf))).toEqual([
      'ERR_POOL_CREATE',
      'ERR_POOL_CREATE',
    ]);
    void pool.close();
    for (const wait of waits) await errorOf(wait);
    // Even where others live, for which those who wait would be left waiting.
    for (const onCreateFailure of ['wait', 'fail'] as const) {
      const gated = gatedCreate();
      const isFatalCreateError = (error: unknown): boolean => error === down;
      const { pool: mixed } = setup({ create: gated.create, onCreateFailure, isFatalCreateError, max: 2 });
      const first = mixed.acquire();
      await gated.finish(0);
      const late = Promise.all([mixed.acquire(), mixed.acquire()].map(codeOf));
      await gated.fail(1);
      expect(await late).toEqual(['ERR_POOL_CREATE', 'ERR_POOL_CREATE']);
      expect(await stateOf(first)).toBe(0);
    }
  });

  it('one failed create among others rejects nobody while another is under way', async () => {
    const { create, fail, finish } = gatedCreate();
    const { pool } = setup({ create, onCreateFailure: 'fail', max: 2 });
    const waits: Promise<Lease<unknown>>[] = [pool.acquire(), pool.acquire()];
    await fail(0);
    await flush();
    expect(pool.stats().waiting).toBe(2);
    await finish(1);
    expect(pool.stats()).toMatchObject({ inUse: 1, waiting: 1 });
    (await waits[0]!).release();
    await waits[1];
  });

  it('with `onCreateFailure: fail` nobody is rejected while something is alive beside what is under way', async () => {
    const { create, fail, finish } = gatedCreate();
    const { pool } = setup({ create, onCreateFailure: 'fail', max: 2 });
    const waits = [pool.acquire(), pool.acquire()];
    await finish(0);
    const lease = await waits[0]!;
    const late = pool.acquire();
    expect(pool.stats()).toMatchObject({ inUse: 1, creating: 1, waiting: 2 });
    pool.resize({ max: 3 });
    await fail(1);
    const more = pool.acquire();
    await flush();
    expect(pool.stats()).toMatchObject({ inUse: 1, waiting: 3, rejected: 0 });
    for (const wait of [waits[1]!, late, more]) wait.catch(() => {});
    lease.release();
    void pool.close({ graceMs: 0 });
  });

  it('a success leaves no timer of the pause, and the pause of a later failure its whole length', async () => {
    const { create, gates, fail, finish } = gatedCreate();
    const { pool, clock } = setup({
      create,
      max: 2,
      acquireTimeoutMs: Infinity,
      createTimeoutMs: Infinity,
      random: () => 1,
      createBackoff: { baseMs: 100 },
    });
    const waits = [pool.acquire(), pool.acquire()];
    await fail(0);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(60);
    await finish(1);
    await waits[0];
    expect(gates).toHaveLength(3);
    expect(clock.pendingTimers).toBe(0);
    await fail(2);
    await clock.advance(99);
    expect(gates).toHaveLength(3);
    await clock.advance(1);
    expect(gates).toHaveLength(4);
  });

  it('a pool that closes while it watches its growth leaves no timer', async () => {
    const { create, finish } = gatedCreate();
    const { pool, clock } = setup({ create, max: 5, acquireTimeoutMs: Infinity, createTimeoutMs: Infinity });
    const first = pool.acquire();
    await clock.advance(80);
    await finish(0);
    await first;
    for (let k = 0; k < 3; k++) pool.acquire().catch(() => {});
    expect(clock.pendingTimers).toBe(1);
    void pool.close();
    expect(clock.pendingTimers).toBe(0);
  });
});

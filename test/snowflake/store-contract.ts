import { expect, it } from 'vitest';
import type { LeaseGrant, LeaseRequest, WorkerLeaseStore } from '../../src/snowflake/index.ts';

const defaults: LeaseRequest = { pool: 'ids', workerIds: 4, ttlMs: 60_000, coldStart: 'immediate' };

/** Asks until there is a grant, for a window that ends by itself soon. */
async function untilGranted(store: WorkerLeaseStore, request: LeaseRequest): Promise<LeaseGrant> {
  for (;;) {
    const grant = await store.acquire(request);
    if (grant) return grant;
  }
}

/** What every store of leases promises, whatever engine keeps them. Each test has a pool of its own. */
export function storeContract(store: () => WorkerLeaseStore): void {
  let pools = 0;
  const request = (part: Partial<LeaseRequest> = {}): LeaseRequest => ({
    ...defaults,
    pool: `pool ${++pools} {}:%'"`,
    ...part,
  });

  it('grants each worker id to one of many that ask at the same moment, and nothing when all are taken', async () => {
    // More than once: the first round opens connections, one after the other.
    for (let round = 0; round < 4; round++) {
      const ask = request({ workerIds: 32 });
      const first = (await store().acquire(ask))!;
      const grants = await Promise.all(Array.from({ length: 40 }, () => store().acquire(ask)));
      const taken = [first, ...grants.filter((grant) => grant !== null)];
      // A row that somebody else is about to take may be passed over, so the loser of a race asks again.
      while (taken.length < 32) taken.push((await store().acquire(ask))!);
      expect(taken.map(({ workerId }) => workerId).sort((a, b) => a - b)).toEqual([...Array(32).keys()]);
      expect(await store().acquire(ask)).toBeNull();
      for (const { untilMs, nowMs } of taken) expect(untilMs - nowMs).toBe(60_000);
    }
  });

  it('starts worker ids that it knows nothing of a `ttlMs` later, unless told to start at once', async () => {
    const cold = (await store().acquire(request({ coldStart: 'wait' })))!;
    expect(cold.fromMs - cold.nowMs).toBeGreaterThan(59_000);
    // No longer than any other, or a holder from before a loss of the data could meet the next: renewals open it.
    expect(cold.untilMs).toBe(cold.nowMs + 60_000);
    const warm = (await store().acquire(request()))!;
    expect(warm.fromMs).toBeLessThanOrEqual(warm.nowMs);
  });

  it('never starts a window before the end of the one before, and tokens grow', async () => {
    const ask = request({ workerIds: 1, ttlMs: 30 });
    let before: LeaseGrant | undefined;
    for (let k = 0; k < 10; k++) {
      const grant = await untilGranted(store(), ask);
      if (before) {
        expect(grant.fromMs).toBeGreaterThanOrEqual(before.untilMs);
        expect(grant.nowMs).toBeGreaterThanOrEqual(before.untilMs);
        expect(grant.fencingToken).toBeGreaterThan(before.fencingToken);
      }
      before = grant;
    }
    // Micro- or milliseconds since 1970, exact to the last digit.
    expect(Number.isSafeInteger(before!.fencingToken)).toBe(true);
  });

  it('extends the window of the holder and nobody else, and never shortens it', async () => {
    const ask = request({ workerIds: 1 });
    const { pool } = ask;
    const { workerId, fencingToken, untilMs, nowMs } = (await store().acquire(ask))!;
    const renew = (part: object): PromiseLike<number | null> =>
      store().renew({ pool, workerId, fencingToken, ttlMs: 60_000, ...part });
    expect(await renew({ ttlMs: 1 })).toBe(untilMs);
    expect(await renew({})).toBeGreaterThanOrEqual(untilMs);
    expect(await renew({ ttlMs: 90_000 })).toBeGreaterThanOrEqual(nowMs + 90_000);
    expect(await renew({ ttlMs: 1 })).toBeGreaterThanOrEqual(nowMs + 90_000);
    for (const part of [
      { fencingToken: fencingToken + 1 },
      { fencingToken: fencingToken - 1 },
      { workerId: 3 },
      { pool: 'none' },
    ]) {
      expect(await renew(part)).toBeNull();
    }
  });

  it('extends a window that has ended as long as nobody has taken the worker id', async () => {
    const ask = request({ workerIds: 2, ttlMs: 20 });
    const { pool } = ask;
    const first = await untilGranted(store(), ask);
    const others = request({ workerIds: 1, ttlMs: 1 });
    // The store's own time tells that the window is over.
    let { nowMs } = await untilGranted(store(), others);
    while (nowMs <= first.untilMs) ({ nowMs } = await untilGranted(store(), others));
    const { workerId, fencingToken } = first;
    expect(await store().renew({ pool, workerId, fencingToken, ttlMs: 20 })).toBeGreaterThan(first.untilMs);
    const taken = [await untilGranted(store(), ask), await untilGranted(store(), ask)];
    while (!taken.some((grant) => grant.workerId === workerId)) taken.push(await untilGranted(store(), ask));
    expect(await store().renew({ pool, workerId, fencingToken, ttlMs: 20 })).toBeNull();
  });

  it('frees a worker id from the time that its holder names, and only for its holder', async () => {
    const ask = request({ workerIds: 1 });
    const { pool } = ask;
    const { workerId, fencingToken, nowMs } = (await store().acquire(ask))!;
    await store().release({ pool, workerId, fencingToken: fencingToken - 1, untilMs: nowMs });
    await store().release({ pool: 'none', workerId, fencingToken, untilMs: nowMs });
    expect(await store().acquire(ask)).toBeNull();
    // A fraction counts as the millisecond it ends in.
    await store().release({ pool, workerId, fencingToken, untilMs: nowMs - 5.5 });
    const next = (await store().acquire(ask))!;
    expect([next.workerId, next.fromMs]).toEqual([workerId, nowMs - 5]);
    // Sent twice, and late: it is no longer its own.
    await store().release({ pool, workerId, fencingToken, untilMs: nowMs - 5 });
    expect(await store().renew({ pool, workerId, fencingToken, ttlMs: 1 })).toBeNull();
    expect(await store().renew({ pool, workerId, fencingToken: next.fencingToken, ttlMs: 1 })).toBe(next.untilMs);
  });

  it('ends no window later than it was granted, whatever its holder says', async () => {
    const ask = request({ workerIds: 1, ttlMs: 50 });
    const { pool } = ask;
    const { workerId, fencingToken, untilMs } = (await store().acquire(ask))!;
    await store().release({ pool, workerId, fencingToken, untilMs: untilMs + 1e6 });
    expect((await untilGranted(store(), ask)).fromMs).toBe(untilMs);
  });

  it('hands out the worker id that has rested longest', async () => {
    const ask = request({ workerIds: 3 });
    const { pool } = ask;
    const grants = [await store().acquire(ask), await store().acquire(ask), await store().acquire(ask)].map(
      (grant) => grant!,
    );
    const [a, b, c] = grants as [LeaseGrant, LeaseGrant, LeaseGrant];
    for (const [grant, agoMs] of [
      [a, 10],
      [b, 30],
      [c, 20],
    ] as const) {
      await store().release({
        pool,
        workerId: grant.workerId,
        fencingToken: grant.fencingToken,
        untilMs: a.nowMs - agoMs,
      });
    }
    const order = [await store().acquire(ask), await store().acquire(ask), await store().acquire(ask)];
    expect(order.map((grant) => grant!.workerId)).toEqual([b.workerId, c.workerId, a.workerId]);
  });

  it('knows pools apart, and takes fewer or more worker ids than before', async () => {
    const ask = request({ workerIds: 1 });
    expect((await store().acquire(ask))!.workerId).toBe(0);
    expect(await store().acquire(ask)).toBeNull();
    expect((await store().acquire({ ...ask, workerIds: 3 }))!.workerId).toBe(1);
    expect(await store().acquire(ask)).toBeNull();
    expect((await store().acquire({ ...ask, pool: `${ask.pool}2` }))!.workerId).toBe(0);
  });
}

import { describe, expect, it } from 'vitest';
import { acquireWorkerLease, createSnowflake, snowflakeCodec } from '../../src/snowflake/index.ts';
import { attempt, START_MS, tinyLayout } from './kit.ts';
import { MemoryStore, setup, warmLease } from './lease.kit.ts';

const codec = snowflakeCodec(tinyLayout);

describe('a store that is empty', () => {
  it('starts worker ids of an empty store a `ttlMs` later, and resolves when their window begins', async () => {
    const { clock, store, options } = setup();
    let lease: Awaited<ReturnType<typeof acquireWorkerLease>> | undefined;
    const waiting = acquireWorkerLease(options).then((value) => (lease = value));
    await clock.advance(2999);
    expect([lease, store.calls.filter((call) => call === 'acquire').length]).toEqual([undefined, 1]);
    await clock.advance(1);
    expect((await waiting).fromMs).toBe(START_MS + 3000);
    expect(createSnowflake({ worker: await waiting, layout: tinyLayout, clock }).next()).toBeGreaterThan(
      codec.maxId(START_MS + 2999),
    );
  });

  it('never meets a holder from before a loss of the data of the store', async () => {
    const { clock, store, options } = setup();
    const one = { ...options, workerIds: 1 };
    const old = createSnowflake({ worker: await warmLease(one), layout: tinyLayout, maxLeadMs: 1e6, clock });
    // Renewed at the last moment, then cut off from the store, which starts empty.
    await clock.advance(1000);
    clock.stall(999);
    store.loseEverything();
    const waiting = acquireWorkerLease(one);
    const seen = new Set<bigint>();
    for (let id = attempt(() => old.next()); typeof id === 'bigint'; id = attempt(() => old.next())) seen.add(id);
    const before = seen.size;
    await clock.advance(3000);
    const fresh = createSnowflake({ worker: await waiting, layout: tinyLayout, maxLeadMs: 1e6, clock });
    clock.setEpoch(START_MS);
    for (let k = 0; k < 1000; k++) seen.add(fresh.next());
    expect([before > 4000, seen.size]).toEqual([true, before + 1000]);
  });

  it('never meets a holder whose window had not begun when the data were lost', async () => {
    const { clock, store, options } = setup();
    const one = { ...options, workerIds: 1 };
    // Cut off as soon as it has its lease, so that it does not hear of the loss.
    const cut = Object.assign(new MemoryStore(() => START_MS), { acquire: store.acquire.bind(store) });
    cut.down = new Error('unreachable');
    const waiting = [acquireWorkerLease({ ...one, store: cut })];
    await clock.advance(1);
    store.loseEverything();
    waiting.push(acquireWorkerLease(one));
    await clock.advance(3000);
    const ids = (await Promise.all(waiting)).flatMap((worker) => {
      const generator = createSnowflake({ worker, layout: tinyLayout, maxLeadMs: 1e6, clock });
      return Array.from({ length: 100 }, () => attempt(() => generator.next())).filter((id) => typeof id === 'bigint');
    });
    expect([ids.length, new Set(ids).size]).toEqual([100, 100]);
  });

  it('takes another worker id when the one it waits for is lost meanwhile', async () => {
    const { clock, store, options } = setup();
    const waiting = acquireWorkerLease(options);
    await clock.advance(1);
    store.loseEverything();
    await clock.advance(2999);
    expect(store.windows).toHaveLength(2);
    await clock.advance(3000);
    const lease = await waiting;
    expect(lease.signal.aborted).toBe(false);
    expect(createSnowflake({ worker: lease, layout: tinyLayout, clock }).next()).toBeGreaterThan(0n);
  });
});

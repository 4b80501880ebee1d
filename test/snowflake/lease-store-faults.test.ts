import { describe, expect, it } from 'vitest';
import { createSnowflake, WorkerLeaseLostError } from '../../src/snowflake/index.ts';
import { attempt, START_MS, tinyLayout } from './kit.ts';
import { setup, warmLease } from './lease.kit.ts';

describe('a store that does not keep to its part', () => {
  it.each([undefined, NaN, 'tomorrow', {}])('opens no window by answering %s to a renewal', async (answer) => {
    const { clock, store, options } = setup();
    const lease = await warmLease(options);
    const ids = createSnowflake({ worker: lease, layout: tinyLayout, clock });
    store.renew = () => Promise.resolve(answer as number);
    ids.next();
    await clock.advance(2999);
    ids.next();
    await clock.advance(1);
    expect(attempt(() => ids.next())).toMatchObject({ reason: 'expired' });
    expect(lease.untilMs).toBe(START_MS + 3000);
  });

  it.each(['fromMs', 'untilMs'])('gives no ids by a grant without %s', async (name) => {
    const { clock, store, options } = setup();
    const acquire = store.acquire.bind(store);
    store.acquire = async (request) => ({ ...(await acquire(request))!, [name]: undefined });
    const ids = createSnowflake({ worker: await warmLease(options), layout: tinyLayout, clock });
    expect(() => ids.next()).toThrow(WorkerLeaseLostError);
  });

  it.each([2, -1, 0.5, NaN, undefined, '1'])('is refused worker id %s, and nothing goes on', async (workerId) => {
    const { clock, store, events, options } = setup();
    const acquire = store.acquire.bind(store);
    store.acquire = async (request) => ({ ...(await acquire(request))!, workerId: workerId as number });
    await expect(warmLease(options)).rejects.toThrow('workerId of the store must be an integer of at least 0');
    expect([clock.pendingTimers, events]).toEqual([0, []]);
  });
});

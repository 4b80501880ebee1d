import { expect, it } from 'vitest';
import { poolMetrics } from '../../src/pool/index.ts';
import { setup, sleep } from './kit.ts';

it('`poolMetrics` reports under the names of OpenTelemetry, in seconds, until it is stopped', async () => {
  const gauges = new Map<string, () => number>();
  const records: (readonly [string, number])[] = [];
  const { pool, clock } = setup({
    max: 1,
    maxWaiters: 2,
    name: 'orders',
    minIdle: 1,
    create: () => sleep(clock, 40).then(() => ({ id: 0, ends: [] })),
  });
  const stop = poolMetrics(pool, {
    gauge(name, read, attributes) {
      expect(attributes['db.client.connection.pool.name']).toBe('orders');
      const key = [name, attributes['db.client.connection.state']]
        .filter(Boolean)
        .join(':')
        .replaceAll('db.client.connection.', '');
      gauges.set(key, read);
      return () => gauges.delete(key);
    },
    add: (name, value) => records.push([name.slice(21), value]),
    record: (name, value) => records.push([name.slice(21), value]),
  });
  const first = pool.acquire();
  await clock.advance(40);
  const lease = await first;
  const late = pool.acquire({ timeoutMs: 100 }).catch(() => {});
  const next = pool.acquire();
  const read = (): Record<string, number> => Object.fromEntries([...gauges].map(([key, value]) => [key, value()]));
  expect(read()).toEqual({ 'count:idle': 0, 'count:used': 1, max: 1, 'idle.min': 1, pending_requests: 2 });
  await pool.acquire().catch(() => {});
  await pool.acquire({ signal: AbortSignal.abort() }).catch(() => {});
  await clock.advance(250);
  await late;
  lease.release();
  (await next).release();
  expect(records).toEqual([
    ['create_time', 0.04],
    ['wait_time', 0.04],
    ['timeouts', 1],
    ['use_time', 0.25],
    ['wait_time', 0.25],
    ['use_time', 0],
  ]);
  stop();
  expect(gauges.size).toBe(0);
  await pool.use(() => 1);
  expect(records).toHaveLength(6);
});

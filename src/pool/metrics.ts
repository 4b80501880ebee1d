import type { Pool } from './pool-types.ts';

/** Where measurements go; a few lines on top of any metrics library. */
export interface MetricsSink {
  /** Registers a value that is read when the library wants it. Answers how to unregister it. */
  gauge(name: string, read: () => number, attributes: Readonly<Record<string, string>>): () => void;
  /** Adds to a counter. */
  add(name: string, value: number, attributes: Readonly<Record<string, string>>): void;
  /** Records one value of a histogram, in seconds. */
  record(name: string, value: number, attributes: Readonly<Record<string, string>>): void;
}

const PREFIX = 'db.client.connection.';

/**
 * Reports a pool under the names of OpenTelemetry's semantic conventions for database client connection pools:
 * `db.client.connection.count` by `db.client.connection.state`, `.max`, `.idle.min`, `.pending_requests`, `.timeouts`,
 * and `.create_time`, `.wait_time`, `.use_time` in seconds. Answers how to stop.
 *
 * While it runs, the pool reads the clock for each loan.
 *
 * @example
 * ```ts
 * import { createPool, poolMetrics } from 'holdfast/pool';
 *
 * const pool = createPool({ create: () => ({}), name: 'orders' });
 * const stop = poolMetrics(pool, {
 *   gauge: (name, read) => (console.log(name, read()), () => {}),
 *   add: (name, value) => console.log(name, value),
 *   record: (name, seconds) => console.log(name, seconds),
 * });
 * stop();
 * ```
 */
export function poolMetrics<T>(pool: Pool<T>, sink: MetricsSink): () => void {
  const attributes = { [`${PREFIX}pool.name`]: pool.name };
  const state = (value: string): Record<string, string> => ({ ...attributes, [`${PREFIX}state`]: value });
  const stops = [
    sink.gauge(`${PREFIX}count`, () => pool.stats().idle, state('idle')),
    sink.gauge(`${PREFIX}count`, () => pool.stats().inUse, state('used')),
    sink.gauge(`${PREFIX}max`, () => pool.stats().max, attributes),
    sink.gauge(`${PREFIX}idle.min`, () => pool.stats().minIdle, attributes),
    sink.gauge(`${PREFIX}pending_requests`, () => pool.stats().waiting, attributes),
    pool.onEvent((event) => {
      if (event.type === 'created') sink.record(`${PREFIX}create_time`, event.createMs / 1_000, attributes);
      if (event.type === 'acquired') sink.record(`${PREFIX}wait_time`, event.waitMs / 1_000, attributes);
      if (event.type === 'released') sink.record(`${PREFIX}use_time`, event.heldMs / 1_000, attributes);
      if (event.type === 'rejected' && event.reason === 'timeout') sink.add(`${PREFIX}timeouts`, 1, attributes);
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

import type { PoolOptions } from './options.ts';
import type { Pool } from './pool-types.ts';
import { ResourcePool } from './resource-pool.ts';
import { settingsOf } from './settings.ts';

/**
 * Creates a {@link Pool}: at most `max` resources, each lent to one borrower at a time.
 *
 * Nothing is created, and no time is read, before the first use. Those who wait are served by priority,
 * then in order of arrival, by whatever comes first: a return or a new resource. While creates fail, one
 * probe at a time is made, at growing intervals, and after the first success 2, 4, 8 ... at once.
 *
 * @example
 * ```ts
 * import { createPool } from 'holdfast/pool';
 *
 * const sessions = createPool({
 *   create: async () => ({ id: crypto.randomUUID() }),
 *   destroy: async (session) => console.log(`closed ${session.id}`),
 *   max: 4,
 *   idleTimeoutMs: 30_000,
 * });
 * const length = await sessions.use(async (session) => session.id.length);
 * await sessions.close();
 * ```
 *
 * @throws RangeError or TypeError when an option is out of its bounds.
 */
export function createPool<T>(options: PoolOptions<T>): Pool<T> {
  return new ResourcePool(settingsOf(options));
}

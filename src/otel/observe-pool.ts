import type { KeyedPool } from '../pool/keyed-pool.ts';
import type { Pool, PoolStats } from '../pool/pool-types.ts';
import type { Histogram, Meter } from './meter.ts';
import type { Observation, ObserveOptions, Row } from './observation.ts';
import { level, Observed, total } from './observation.ts';

const PREFIX = 'db.client.connection';
const POOL_NAME = 'db.client.connection.pool.name';

type Stats = () => PoolStats & { readonly keys?: number };

/** Options of {@link observePool}. */
export interface ObservePoolOptions extends ObserveOptions {
  /**
   * Whether the three histograms are kept. They are what observing a pool costs per loan: a record of each time.
   *
   * @defaultValue true
   */
  readonly times?: boolean | undefined;
}

/**
 * Shows a pool by OpenTelemetry's conventions for database clients, `db.client.connection.`: `count` by state, `max`,
 * `idle.min`, `pending_requests`, `timeouts`, and in seconds `create_time`, `wait_time`, `use_time`; and under
 * `holdfast.pool.` what they have no name for: `created`, `create_failures`, `destroyed`, `rejected`, `aborted`,
 * `invalid`, `leaked`.
 *
 * For the times a pool reads its clock for each loan; without them a loan pays nothing. A keyed pool is shown as one, with `holdfast.pool.keys` and without
 * times; it needs a name in the options.
 *
 * @example
 * ```ts
 * import { metrics } from '@opentelemetry/api';
 * import { observePool } from 'holdfast/otel';
 * import { createPool } from 'holdfast/pool';
 *
 * const pool = createPool({ create: () => ({}), name: 'orders' });
 * const observation = observePool(metrics.getMeter('shop'), pool);
 * await pool.close();
 * observation.close();
 * ```
 *
 * @throws RangeError or TypeError for a meter that is none, and where neither pool nor options have a name.
 */
export function observePool<T>(
  meter: Meter,
  pool: Pick<Pool<T>, 'name' | 'stats' | 'onEvent'> | Pick<KeyedPool<never, T>, 'stats'>,
  options: ObservePoolOptions = {},
): Observation {
  const { onEvent, name: ownName } = pool as Partial<Pick<Pool<T>, 'name' | 'onEvent'>>;
  const { name = ownName, times = true } = options;
  const stats: Stats = () => pool.stats();
  const conventional = new Observed(meter, PREFIX, name, POOL_NAME);
  const further = new Observed(meter, 'holdfast.pool', name, POOL_NAME);
  for (const row of conventionalRows(stats)) conventional.show(row);
  for (const row of furtherRows(stats)) further.show(row);
  conventional.onClose(() => further.close());
  if (onEvent && times) showTimes(conventional, onEvent.bind(pool));
  return conventional;
}

/** Keeps the three times, in seconds. */
function showTimes<T>(observed: Observed, listen: Pool<T>['onEvent']): void {
  const { hub, own } = observed;
  const seconds = (metric: string, description: string): Histogram | undefined =>
    hub.seconds(`${PREFIX}.${metric}`, description, [POOL_NAME]);
  const create = seconds('create_time', 'Time to make a connection.');
  const wait = seconds('wait_time', 'Time from acquire to loan.');
  const use = seconds('use_time', 'Time on loan.');
  const stop = listen((event) => {
    if (event.type === 'acquired') wait?.record(event.waitMs / 1000, own);
    else if (event.type === 'released') use?.record(event.heldMs / 1000, own);
    else if (event.type === 'created') create?.record(event.createMs / 1000, own);
  });
  observed.onClose(stop);
  observed.onLast(() => {
    for (const histogram of [create, wait, use]) histogram?.remove?.(own);
  });
}

/** What the conventions have a name for; the same as `poolMetrics` of `holdfast/pool` reports. */
function conventionalRows(stats: Stats): Row[] {
  const unit = '{connection}';
  return [
    level('count', unit, 'Connections by state.', () => stats().idle, { state: 'idle' }),
    level('count', unit, 'Connections by state.', () => stats().inUse, { state: 'used' }),
    level('max', unit, 'Connections that there may be.', () => stats().max),
    level('idle.min', unit, 'Idle connections that are kept.', () => stats().minIdle),
    level('pending_requests', '{request}', 'Acquires that wait.', () => stats().waiting),
    total('timeouts', '{timeout}', 'Acquires that waited too long.', () => stats().timeouts),
  ];
}

function furtherRows(stats: Stats): Row[] {
  const unit = '{connection}';
  const rows = [
    total('created', unit, 'Resources that were made.', () => stats().created),
    total('create_failures', '{attempt}', 'Creates that failed.', () => stats().createFailed),
    total('destroyed', unit, 'Resources that were destroyed.', () => stats().destroyed),
    total('rejected', '{request}', 'Acquires that were turned away.', () => stats().rejected),
    total('aborted', '{request}', 'Acquires that were given up.', () => stats().aborted),
    total('invalid', unit, 'Resources that a test found invalid.', () => stats().invalid),
    total('leaked', unit, 'Loans that took too long.', () => stats().leaked),
  ];
  if (stats().keys === undefined) return rows;
  return [...rows, level('keys', '{key}', 'Keys of a keyed pool.', () => stats().keys ?? 0)];
}

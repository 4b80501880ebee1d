import { poolMetrics } from '../pool/metrics.ts';
import type { KeyedPool } from '../pool/keyed-pool.ts';
import type { Pool, PoolStats } from '../pool/pool-types.ts';
import type { Histogram, Meter } from './meter.ts';
import type { Observation, ObserveOptions, Row } from './observation.ts';
import { level, Observed, total } from './observation.ts';

const PREFIX = 'db.client.connection';
const POOL_NAME = 'db.client.connection.pool.name';

/** What `poolMetrics` reads: name, unit and description, after the conventions. */
const LEVELS: Readonly<Record<string, readonly [unit: string, description: string]>> = {
  count: ['{connection}', 'Connections by state.'],
  max: ['{connection}', 'Connections that there may be.'],
  'idle.min': ['{connection}', 'Idle connections that are kept.'],
  pending_requests: ['{request}', 'Acquires that wait.'],
};

const TIMES: Readonly<Record<string, string>> = {
  create_time: 'Time to make a connection.',
  wait_time: 'Time from acquire to loan.',
  use_time: 'Time on loan.',
};

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
  const stats = (): PoolStats & { readonly keys?: number } => pool.stats();
  const conventional = new Observed(meter, PREFIX, name, POOL_NAME);
  const further = new Observed(meter, 'holdfast.pool', name, POOL_NAME);
  const { hub, own } = conventional;
  const seconds = (metric: string): Histogram | undefined =>
    hub.seconds(`${PREFIX}.${metric}`, TIMES[metric]!, [POOL_NAME]);

  const shown = { name: '', stats, onEvent: onEvent && times ? onEvent.bind(pool) : () => () => {} };
  const stop = poolMetrics(shown as Pick<Pool<T>, 'name' | 'stats' | 'onEvent'> as Pool<T>, {
    gauge: (full, read, { [`${PREFIX}.state`]: state }) => {
      const metric = full.slice(PREFIX.length + 1);
      const [unit, description] = LEVELS[metric]!;
      conventional.show(level(metric, unit, description, read, state === undefined ? {} : { state }));
      return () => {};
    },
    // The pool itself counts what is added here.
    add: () => {},
    record: (full, value) => seconds(full.slice(PREFIX.length + 1))?.record(value, own),
  });
  conventional.show(total('timeouts', '{timeout}', 'Acquires that waited too long.', () => stats().timeouts));
  for (const row of ownRows(stats)) further.show(row);
  conventional.onClose(stop);
  conventional.onClose(() => further.close());
  conventional.onLast(() => {
    for (const metric of Object.keys(TIMES)) seconds(metric)?.remove?.(own);
  });
  return conventional;
}

/** What the conventions have no name for. */
function ownRows(stats: () => PoolStats & { readonly keys?: number }): Row[] {
  const rows = [
    total('created', '{connection}', 'Resources that were made.', () => stats().created),
    total('create_failures', '{attempt}', 'Creates that failed.', () => stats().createFailed),
    total('destroyed', '{connection}', 'Resources that were destroyed.', () => stats().destroyed),
    total('rejected', '{request}', 'Acquires that were turned away.', () => stats().rejected),
    total('aborted', '{request}', 'Acquires that were given up.', () => stats().aborted),
    total('invalid', '{connection}', 'Resources that a test found invalid.', () => stats().invalid),
    total('leaked', '{connection}', 'Loans that took too long.', () => stats().leaked),
  ];
  if (stats().keys === undefined) return rows;
  return [...rows, level('keys', '{key}', 'Keys of a keyed pool.', () => stats().keys ?? 0)];
}

import type { Filled } from '../core/check.ts';
import { amount, integer, oneOf, optionalFunction, refuse } from '../core/check.ts';
import { systemClock } from '../core/clock.ts';
import { systemRandom } from '../core/random.ts';
import type { PoolOptions } from './options.ts';

type Functions = 'destroy' | 'validate' | 'reset' | 'isFatalCreateError' | 'destroyOnError' | 'onLeak' | 'onEvent';

type Optional = Functions | 'runInContext';

/** Checked options, each with its default; the backoff by name. */
export type PoolSettings<T> = Filled<Omit<PoolOptions<T>, Optional | 'createBackoff'>> &
  Pick<PoolOptions<T>, Optional> & { readonly baseMs: number; readonly maxMs: number };

/** Name, default, least; most where it is not Infinity, and whether it counts something. */
const NUMBERS: readonly (readonly [string, number, number, number?, boolean?])[] = [
  ['maxWaiters', Infinity, 0, Infinity, true],
  ['acquireTimeoutMs', 30_000, 0],
  ['createTimeoutMs', 30_000, 1],
  ['validateTimeoutMs', 5_000, 1],
  ['resetTimeoutMs', 5_000, 1],
  ['destroyTimeoutMs', 5_000, 1],
  ['idleTimeoutMs', Infinity, 1],
  ['maxLifetimeMs', Infinity, 1],
  ['maxLifetimeJitter', 0.1, 0, 1],
  ['maxUses', Infinity, 1, Infinity, true],
  ['validateAfterIdleMs', 500, 0],
  ['keepaliveMs', Infinity, 1],
  ['maxConcurrentCreates', Infinity, 1, Infinity, true],
  ['leakThresholdMs', Infinity, 1],
];

const FUNCTIONS: readonly Functions[] = [
  'destroy',
  'validate',
  'reset',
  'isFatalCreateError',
  'destroyOnError',
  'onLeak',
  'onEvent',
];

/** The limits of a pool, which belong together. */
export function checkLimits(max: number, min: number, minIdle: number): void {
  integer('max', max, 1);
  integer('min', min, 0, max);
  integer('minIdle', minIdle, 0, max);
}

/** Checks options and fills in defaults; an option that is `undefined` has its default. */
export function settingsOf<T>(options: PoolOptions<T>): PoolSettings<T> {
  const { max = 10, min = 0, minIdle = 0, idleOrder = 'lifo', growth = 'adaptive', onCreateFailure = 'wait' } = options;
  const { clock = systemClock, random = systemRandom, name = 'pool', reclaimLeaked = false } = options;
  const { baseMs = 50, maxMs = Math.max(5_000, baseMs) } = options.createBackoff ?? {};
  if (typeof options.create !== 'function') refuse('create', 'a function', options.create);
  for (const hook of FUNCTIONS) optionalFunction(hook, options[hook]);
  optionalFunction('runInContext', options.runInContext);
  checkLimits(max, min, minIdle);
  amount('createBackoff.baseMs', baseMs, 1, Number.MAX_SAFE_INTEGER);
  amount('createBackoff.maxMs', maxMs, baseMs, Number.MAX_SAFE_INTEGER);
  oneOf('idleOrder', idleOrder, ['lifo', 'fifo']);
  oneOf('growth', growth, ['adaptive', 'eager']);
  oneOf('onCreateFailure', onCreateFailure, ['wait', 'fail']);
  const numbers: Record<string, number> = {};
  for (const [key, fallback, least, most = Infinity, isWhole] of NUMBERS) {
    const value = (options as unknown as Record<string, number | undefined>)[key];
    const number = value === undefined ? fallback : value;
    numbers[key] = amount(key, number, least, most, isWhole);
  }
  if (numbers['keepaliveMs']! < Infinity && !options.validate) refuse('validate', 'given with keepaliveMs', undefined);
  return {
    ...options,
    ...numbers,
    max,
    min,
    minIdle,
    idleOrder,
    growth,
    onCreateFailure,
    clock,
    random,
    name,
    reclaimLeaked,
    baseMs,
    maxMs,
  } as PoolSettings<T>;
}

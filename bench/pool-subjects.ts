/*
 * The pools that are compared, each behind the same few functions. They are loaded by name at run time, from
 * next to the bundle of the child process, so that types and lint need none of them.
 */
import type * as PoolModule from '../src/pool/index.ts';

export interface PoolSetup {
  readonly max: number;
  readonly create: () => Promise<object>;
  readonly validate?: (resource: object) => boolean;
  /** What a peer calls in its own words. */
  readonly acquireTimeoutMs?: number;
}

/** One pool as the benchmarks use it; `lent` is whatever its release wants back. */
export interface AnyPool {
  acquire(): Promise<unknown>;
  release(lent: unknown): unknown;
  /** Ends the resource instead of giving it back. */
  destroy(lent: unknown): unknown;
  close(): unknown;
}

export type MakePool = (setup: PoolSetup) => Promise<AnyPool>;

const nothing = async (): Promise<void> => {};

async function load<T>(name: string): Promise<T> {
  const module = (await import(name)) as T & { readonly default?: T };
  return module.default ?? module;
}

export const ours = (): Promise<typeof PoolModule> => load('holdfast/pool');

async function holdfast({ max, create, validate, acquireTimeoutMs }: PoolSetup): Promise<AnyPool> {
  const { createPool } = await ours();
  const pool = createPool({
    create,
    destroy: nothing,
    max,
    ...(validate && { validate, validateAfterIdleMs: 0 }),
    ...(acquireTimeoutMs !== undefined && { acquireTimeoutMs }),
  });
  type Lease = Awaited<ReturnType<typeof pool.acquire>>;
  return {
    acquire: () => pool.acquire(),
    release: (lease) => (lease as Lease).release(),
    destroy: (lease) => (lease as Lease).destroy(),
    close: () => pool.close({ graceMs: 0 }),
  };
}

interface GenericPool {
  acquire(): Promise<unknown>;
  release(resource: unknown): Promise<void>;
  destroy(resource: unknown): Promise<void>;
  clear(): Promise<void>;
}

async function genericPool({ max, create, validate, acquireTimeoutMs }: PoolSetup): Promise<AnyPool> {
  const { createPool } = await load<{ createPool(factory: object, options: object): GenericPool }>('generic-pool');
  const factory = { create, destroy: nothing, ...(validate && { validate: async (one: object) => validate(one) }) };
  const options = {
    max,
    testOnBorrow: validate !== undefined,
    ...(acquireTimeoutMs !== undefined && { acquireTimeoutMillis: acquireTimeoutMs }),
  };
  const pool = createPool(factory, options);
  return {
    acquire: () => pool.acquire(),
    release: (one) => pool.release(one),
    destroy: (one) => pool.destroy(one),
    close: () => pool.clear(),
  };
}

interface TarnPool {
  acquire(): { readonly promise: Promise<unknown> };
  release(resource: unknown): boolean;
  destroy(): Promise<void>;
}

async function tarn({ max, create, validate, acquireTimeoutMs }: PoolSetup): Promise<AnyPool> {
  const { Pool } = await load<{ readonly Pool: new (options: object) => TarnPool }>('tarn');
  const bad = new Set<unknown>();
  const pool = new Pool({
    create,
    destroy: nothing,
    validate: validate ?? ((one: object) => !bad.delete(one)),
    min: 0,
    max,
    ...(acquireTimeoutMs !== undefined && { acquireTimeoutMillis: acquireTimeoutMs }),
  });
  return {
    acquire: () => pool.acquire().promise,
    release: (one) => pool.release(one),
    // It has no other way to end one resource.
    destroy: (one) => (bad.add(one), pool.release(one)),
    close: () => pool.destroy(),
  };
}

interface LightningPool {
  start(): void;
  acquire(): Promise<unknown>;
  release(resource: unknown): void;
  destroy(resource: unknown): void;
  close(force: boolean): Promise<void>;
}

async function lightningPool({ max, create, validate, acquireTimeoutMs }: PoolSetup): Promise<AnyPool> {
  const { Pool } = await load<{ readonly Pool: new (factory: object, options: object) => LightningPool }>(
    'lightning-pool',
  );
  const factory = { create, destroy: nothing, ...(validate && { validate: async (one: object) => validate(one) }) };
  const pool = new Pool(factory, {
    max,
    min: 0,
    maxQueue: 1_000_000,
    validation: validate !== undefined,
    ...(acquireTimeoutMs !== undefined && { acquireTimeoutMillis: acquireTimeoutMs }),
  });
  pool.start();
  return {
    acquire: () => pool.acquire(),
    release: (one) => pool.release(one),
    destroy: (one) => pool.destroy(one),
    close: () => pool.close(true),
  };
}

interface SequelizePool {
  acquire(): Promise<unknown>;
  release(resource: unknown): void;
  destroy(resource: unknown): Promise<void>;
  destroyAllNow(): Promise<void>;
}

async function sequelizePool({ max, create, validate, acquireTimeoutMs }: PoolSetup): Promise<AnyPool> {
  const { Pool } = await load<{ readonly Pool: new (options: object) => SequelizePool }>('sequelize-pool');
  const pool = new Pool({
    create,
    destroy: nothing,
    validate: validate ?? (() => true),
    min: 0,
    max,
    ...(acquireTimeoutMs !== undefined && { acquireTimeoutMillis: acquireTimeoutMs }),
  });
  return {
    acquire: () => pool.acquire(),
    release: (one) => pool.release(one),
    destroy: (one) => pool.destroy(one),
    close: () => pool.destroyAllNow(),
  };
}

/** By name, ours first. */
export const pools: Readonly<Record<string, MakePool>> = {
  holdfast,
  'generic-pool': genericPool,
  tarn,
  'lightning-pool': lightningPool,
  'sequelize-pool': sequelizePool,
};

export const PEERS: readonly string[] = Object.keys(pools).slice(1);

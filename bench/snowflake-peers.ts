/*
 * The parts of the packages that the benchmarks of ids call. Loaded by name at run time, so that types and lint need
 * none of them.
 */
import type * as SnowflakeModule from '../src/snowflake/index.ts';

async function load<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}

export const ours = (): Promise<typeof SnowflakeModule> => load('holdfast/snowflake');

export const EPOCH = 1_577_836_800_000;

interface Sapphire {
  readonly Snowflake: new (epoch: number) => {
    generate(o?: { workerId?: bigint }): bigint;
    deconstruct(id: bigint): { readonly timestamp: bigint };
  };
}

export async function sapphire(): Promise<InstanceType<Sapphire['Snowflake']>> {
  const { Snowflake } = await load<Sapphire>('@sapphire/snowflake');
  return new Snowflake(EPOCH);
}

export async function nodejsSnowflake(): Promise<{ getUniqueID(): bigint }> {
  type Make = new (o: object) => { getUniqueID(): bigint };
  const { default: peer } = await load<{ default: { Snowflake: Make } }>('nodejs-snowflake');
  return new peer.Snowflake({ custom_epoch: EPOCH, instance_id: 5 });
}

export async function snowyflake(): Promise<{ nextId(): bigint }> {
  type Make = new (o: object) => { nextId(): bigint };
  const peer = await load<{ Snowyflake: Make; default?: { Snowyflake: Make } }>('snowyflake');
  const Snowyflake = peer.Snowyflake ?? peer.default!.Snowyflake;
  return new Snowyflake({ epoch: BigInt(EPOCH), workerId: 5n });
}

/** Its next id, which it throws instead of when a millisecond is full or the clock was set back. */
export async function flakeIdgen(): Promise<() => bigint> {
  type Make = new (o: object) => { next(): Buffer };
  const { default: FlakeId } = await load<{ default: Make }>('flake-idgen');
  const ids = new FlakeId({ epoch: EPOCH, id: 5 });
  return () => ids.next().readBigUInt64BE();
}

export async function tsid(): Promise<() => { toBigInt(): bigint; toString(): string }> {
  type Id = { toBigInt(): bigint; toString(): string };
  const peer = await load<{ getTsid?: () => Id; default: { getTsid: () => Id } }>('tsid-ts');
  return peer.getTsid ?? peer.default.getTsid;
}

/** Text in order, also within a millisecond. */
export async function ulid(): Promise<() => string> {
  const { monotonicFactory } = await load<{ monotonicFactory(): () => string }>('ulid');
  return monotonicFactory();
}

export const uuid = async (): Promise<() => string> => (await load<{ v7: () => string }>('uuid')).v7;

export const uuidv7 = async (): Promise<() => string> => (await load<{ uuidv7: () => string }>('uuidv7')).uuidv7;

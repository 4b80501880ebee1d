/*
 * The parts of the packages that the benchmarks of rings call. Loaded by name at run time, so that types and lint need
 * none of them.
 */
import type * as RingModule from '../src/ring/index.ts';

type Ours = typeof RingModule;
export type Lookup = (key: string) => unknown;

/** Loaded by name, so that types and lint need no peer. */
export async function load<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}

export const ours = (): Promise<Ours> => load('holdfast/ring');
export const VNODES = 160;
export const KEYS = 8192;

/** Sixteen characters in one piece, as they come from a request; text put together is slower to read for everybody. */
export function makeKeys(count = KEYS): string[] {
  const one = (k: number): string => `user:${String((k * 7919) % 100_000_007).padStart(11, '0')}`;
  return JSON.parse(JSON.stringify(Array.from({ length: count }, (_, k) => one(k)))) as string[];
}

export function names(count: number): string[] {
  return Array.from({ length: count }, (_, k) => `node-${k}`);
}

interface ConsistentHash {
  add(node: string, count: number): void;
  remove(node: string): void;
  get(key: string, count?: number): unknown;
}

export async function makeConsistentHash(): Promise<(count: number) => ConsistentHash> {
  const { default: Peer } = await load<{ default: new (o: object) => ConsistentHash }>('consistent-hash');
  return (count) => {
    // As many positions as its 24-bit hash can tell apart.
    const ring = new Peer({ range: 16_777_213 });
    for (const node of names(count)) ring.add(node, VNODES);
    ring.get('key'); // sorts, which it does at the first lookup
    return ring;
  };
}

export async function consistentHash(count: number): Promise<ConsistentHash> {
  return (await makeConsistentHash())(count);
}

interface Effect {
  readonly HashRing: {
    make(o: { baseWeight: number }): object;
    addMany(ring: object, nodes: readonly object[]): void;
    add(ring: object, node: object): void;
    remove(ring: object, node: object): void;
    get(ring: object, key: string): unknown;
  };
  readonly PrimaryKey: { readonly symbol: symbol };
}

export async function effect(count: number): Promise<{ peer: Effect; ring: object; node: (name: string) => object }> {
  const peer = await load<Effect>('effect');
  const node = (name: string): object => ({ [peer.PrimaryKey.symbol]: () => name });
  const ring = peer.HashRing.make({ baseWeight: VNODES });
  peer.HashRing.addMany(ring, names(count).map(node));
  return { peer, ring, node };
}

export interface Ketama {
  addNode(node: string, weight?: number): void;
  removeNode(node: string): void;
  getNode(key: string): unknown;
}

export async function ketama(count: number): Promise<Ketama> {
  const { HashRing } = await load<{ HashRing: (new (nodes: readonly string[]) => Ketama) & { baseWeight: number } }>(
    'ketama',
  );
  HashRing.baseWeight = VNODES;
  return new HashRing(names(count));
}

interface Hashring {
  get(key: string): unknown;
  range(key: string, count: number): unknown[];
}

export async function hashring(count: number, cache = 1): Promise<Hashring> {
  const { default: Peer } = await load<{
    default: new (nodes: readonly string[], hash: string, o: object) => Hashring;
  }>('hashring');
  return new Peer(names(count), 'md5', { 'max cache size': cache });
}

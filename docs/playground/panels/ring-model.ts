import { createMaglev, createRendezvous, createRing, hashPosition, jumpHash } from '../../../src/ring/index.ts';

export interface Member {
  readonly id: string;
  readonly weight: number;
}

/** Who owns a key. */
export type Place = (key: string) => string | undefined;

/** Ways to place keys on nodes. */
export const algorithms: Readonly<Record<Algorithm, string>> = {
  ring: 'Hash ring',
  rendezvous: 'Rendezvous',
  maglev: 'Maglev',
  jump: 'Jump hash',
  modulo: 'Hash modulo n',
};

export type Algorithm = 'ring' | 'rendezvous' | 'maglev' | 'jump' | 'modulo';

export interface PlaceOptions {
  readonly vnodes: number;
  readonly seed: number;
}

/** The placement of an algorithm. Jump hash and modulo know no weights, and number the nodes in their order. */
export function placeBy(algorithm: Algorithm, nodes: readonly Member[], { vnodes, seed }: PlaceOptions): Place {
  const last = nodes.length;
  if (last === 0) return () => undefined;
  if (algorithm === 'jump') return (key) => nodes[jumpHash(`${seed}:${key}`, last)]!.id;
  if (algorithm === 'modulo') return (key) => nodes[hashPosition(key, seed) % last]!.id;
  if (algorithm === 'rendezvous') {
    const rendezvous = createRendezvous({ nodes, seed });
    return (key) => rendezvous.get(key);
  }
  const table = algorithm === 'maglev' ? createMaglev({ nodes, seed }) : createRing({ nodes, vnodes, seed });
  return (key) => table.get(key);
}

/** The share of the keys whose owner differs. */
export function movedShare(keys: readonly string[], before: Place, after: Place): number {
  return keys.filter((key) => before(key) !== after(key)).length / keys.length;
}

/** The least share that has to move for each node to have its part by weight. */
export function leastMove(before: readonly Member[], after: readonly Member[], isWeighted: boolean): number {
  const [old, young] = [idealShares(before, isWeighted), idealShares(after, isWeighted)];
  return [...young].reduce((sum, [id, share]) => sum + Math.max(0, share - (old.get(id) ?? 0)), 0);
}

/** What each node should have. */
export function idealShares(nodes: readonly Member[], isWeighted: boolean): ReadonlyMap<string, number> {
  const weightOf = ({ weight }: Member): number => (isWeighted ? weight : 1);
  const all = nodes.reduce((sum, node) => sum + weightOf(node), 0);
  return new Map(nodes.map((node) => [node.id, weightOf(node) / all]));
}

/** Whether an algorithm gives a node its weight. */
export const knowsWeights = (algorithm: Algorithm): boolean => algorithm !== 'jump' && algorithm !== 'modulo';

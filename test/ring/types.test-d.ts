import type { LoadLease, Move, Ring, RingNode } from '../../src/ring/index.ts';
import {
  createBoundedLoads,
  createKetamaRing,
  createMaglev,
  createRendezvous,
  createRing,
  diffRings,
  jumpHash,
  renderRing,
} from '../../src/ring/index.ts';

const ring: Ring = createRing({ nodes: new Set(['a', 'b']), vnodes: 10, seed: 1 });
const owner: string | undefined = ring.get(new Uint8Array(3));
const nodes: ReadonlyMap<string, RingNode> = ring.nodes;
const moves: readonly Move[] = diffRings(ring, ring.with({ id: 'c', weight: 2, zone: 'z' })).ranges;
const lease: LoadLease | undefined = createBoundedLoads(ring, { factor: 1.25 }).acquire('k');
export { lease, moves, nodes, owner };

// @ts-expect-error keys are text or bytes
ring.get(7);
// @ts-expect-error a node may be missing
export const id: string = ring.get('k');
// @ts-expect-error a ring does not change
ring.size = 3;
// @ts-expect-error nodes cannot be set from outside
ring.nodes.set('c', { id: 'c' });
// @ts-expect-error there is no such spread
ring.getN('k', 2, { spread: 'rack' });
// @ts-expect-error the factor is required
createBoundedLoads(ring, {});
// @ts-expect-error rendezvous has no virtual nodes
createRendezvous({ nodes: ['a'], vnodes: 3 });
// @ts-expect-error maglev has no replicas
createMaglev({ nodes: ['a'] }).getN('k', 2);
// @ts-expect-error buckets are a number
jumpHash('k', 10n);
// @ts-expect-error servers are required
createKetamaRing();
// @ts-expect-error there is no such format
renderRing(ring, { format: 'png' });

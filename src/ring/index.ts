export { hashPosition } from './key.ts';
export type { RingKey } from './key.ts';
export type { RingNode } from './member.ts';
export { createRing } from './ring.ts';
export type { ReplicaOptions, Ring, RingOptions } from './ring.ts';

import type { Host, HostLease, Picker, PickOptions } from '../../src/balance/index.ts';

export interface Named extends Host {
  readonly id: string;
  readonly weight?: number;
}

/** Hosts a, b, c ... with these weights. */
export function hosts(...weights: readonly number[]): Named[] {
  return weights.map((weight, k) => ({ id: String.fromCharCode(97 + k), weight }));
}

/** Ids of so many picks, each released at once. */
export function picks(picker: Picker<Named>, count: number, options?: PickOptions): string[] {
  return Array.from({ length: count }, () => {
    const lease = picker.pick(options)!;
    lease.release();
    return lease.id;
  });
}

export function countOf(ids: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const id of ids) counts[id] = (counts[id] ?? 0) + 1;
  return counts;
}

export function hold(picker: Picker<Named>, count: number): HostLease<Named>[] {
  return Array.from({ length: count }, () => picker.pick()!);
}

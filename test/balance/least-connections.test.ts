import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLeastConnections } from '../../src/balance/index.ts';
import { hold, hosts, picks } from './kit.ts';

describe('createLeastConnections', () => {
  it('takes the host with the fewest calls for its weight, and equals in turn', () => {
    const picker = createLeastConnections(hosts(1, 1, 2));
    expect(hold(picker, 4).map(({ id }) => id)).toEqual(['a', 'b', 'c', 'c']);
    // Calls one after the other: none is ever in flight, so all are equal.
    expect(picks(createLeastConnections(hosts(1, 2)), 4)).toEqual(['a', 'b', 'a', 'b']);
    expect(picks(createLeastConnections(hosts(1, 1, 1)), 6)).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
  });

  it('picks as a search through all hosts would', () => {
    const step = fc.oneof(
      fc.constant({ type: 'pick' as const }),
      fc.record({ type: fc.constant('skip' as const), id: fc.nat(15) }),
      fc.record({ type: fc.constant('release' as const), at: fc.nat(50) }),
      fc.record({ type: fc.constant('add' as const), id: fc.nat(15), weight: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ type: fc.constant('remove' as const), id: fc.nat(15) }),
    );
    const start = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 16, size: 'max' });
    fc.assert(
      fc.property(start, fc.array(step, { maxLength: 150, size: 'max' }), (first, steps) => {
        const list = hosts(...first);
        const picker = createLeastConnections(list);
        const weights = new Map(list.map(({ id, weight = 1 }) => [id, weight]));
        const leases: { id: string; release(): void; isOfPresent: boolean }[] = [];
        const inFlight = new Map<string, number>();
        const bestLoad = (skip?: string): number =>
          Math.min(
            ...[...weights].filter(([id]) => id !== skip).map(([id, weight]) => (inFlight.get(id) ?? 0) / weight),
          );
        for (const action of steps) {
          const id = 'id' in action ? String.fromCharCode(97 + action.id) : '';
          if (action.type === 'pick' || action.type === 'skip') {
            const best = bestLoad(id);
            const lease = picker.pick(id ? { exclude: new Set([id]) } : {});
            if (!lease) expect([...weights.keys()].filter((other) => other !== id)).toEqual([]);
            else {
              expect((inFlight.get(lease.id) ?? 0) / weights.get(lease.id)!).toBe(best);
              inFlight.set(lease.id, (inFlight.get(lease.id) ?? 0) + 1);
              leases.push({ id: lease.id, release: () => lease.release(), isOfPresent: true });
            }
          } else if (action.type === 'release') {
            const [lease] = leases.splice(action.at % Math.max(1, leases.length), 1);
            lease?.release();
            if (lease?.isOfPresent) inFlight.set(lease.id, inFlight.get(lease.id)! - 1);
          } else if (action.type === 'add') {
            picker.add({ id, weight: action.weight });
            weights.set(id, action.weight);
          } else if (picker.remove(id)) {
            weights.delete(id);
            inFlight.delete(id);
            for (const lease of leases) if (lease.id === id) lease.isOfPresent = false;
          }
          for (const known of weights.keys()) expect(picker.inFlight(known)).toBe(inFlight.get(known) ?? 0);
        }
      }),
    );
  });
});

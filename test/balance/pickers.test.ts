import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Picker, PickerOptions } from '../../src/balance/index.ts';
import {
  createLeastConnections,
  createOutlierDetector,
  createP2cEwma,
  createRoundRobin,
  createWeightedRoundRobin,
} from '../../src/balance/index.ts';
import { createSeededRandom, createVirtualClock } from '../../src/testing/index.ts';
import { countOf, hold, hosts, picks } from './kit.ts';
import type { Named } from './kit.ts';

type Create = (list: readonly Named[], options?: PickerOptions<Named>) => Picker<Named>;

const kinds: readonly (readonly [string, Create])[] = [
  ['createRoundRobin', createRoundRobin],
  ['createWeightedRoundRobin', createWeightedRoundRobin],
  ['createLeastConnections', createLeastConnections],
  ['createP2cEwma', createP2cEwma],
];

describe.each(kinds)('%s', (_name, create) => {
  it('picks nothing only where there is no host, or all are excluded', () => {
    expect(create([]).pick()).toBeUndefined();
    const picker = create(hosts(1, 1));
    expect(picker.pick({ exclude: new Set(['a', 'b']) })).toBeUndefined();
    expect(new Set(picks(picker, 20, { exclude: new Set(['a']) }))).toEqual(new Set(['b']));
    picker.remove('a');
    picker.remove('b');
    expect(picker.pick()).toBeUndefined();
    expect(picker.size).toBe(0);
  });

  it('passes over hosts that are ejected or unusable, and uses all of them when no other is left', () => {
    const clock = createVirtualClock();
    const outliers = createOutlierDetector({ consecutiveFailures: 1, maxEjectionRatio: 1, clock });
    const down = new Set(['b']);
    const picker = create(hosts(1, 1, 1), { outliers, isUsable: ({ id }) => !down.has(id), clock });
    outliers.record('a', false);
    expect(new Set(picks(picker, 20))).toEqual(new Set(['c']));
    down.add('c');
    expect(new Set(picks(picker, 60))).toEqual(new Set(['a', 'b', 'c']));
  });

  it('uses all hosts while fewer than panicThreshold of them are usable', () => {
    const down = new Set(['a', 'b']);
    const isUsable = ({ id }: Named): boolean => !down.has(id);
    const options = { isUsable, panicThreshold: 0.5, clock: createVirtualClock() };
    const picker = create(hosts(1, 1, 1), options);
    expect(new Set(picks(picker, 60))).toEqual(new Set(['a', 'b', 'c']));
    down.delete('a');
    expect(new Set(picks(picker, 60))).toEqual(new Set(['a', 'c']));
  });

  it('counts a lease once, however often it is released', () => {
    const picker = create(hosts(1));
    const [first, second] = hold(picker, 2);
    expect(picker.inFlight('a')).toBe(2);
    first!.release();
    first!.release(false);
    first![Symbol.dispose]();
    expect(picker.inFlight('a')).toBe(1);
    second!.release();
    expect([picker.inFlight('a'), picker.inFlight('unknown')]).toEqual([0, 0]);
  });

  it('tells the outlier detector how each call ended, once', () => {
    const outliers = createOutlierDetector({ consecutiveFailures: 2, maxEjectionRatio: 1 });
    const picker = create(hosts(1, 1), { outliers });
    const exclude = new Set(['b']);
    const lease = picker.pick({ exclude })!;
    lease.release(false);
    lease.release(false);
    expect(outliers.ejected).toEqual([]);
    picker.pick({ exclude })!.release(false);
    expect(outliers.ejected).toEqual(['a']);
  });

  it('lets hosts come and go while calls are in flight', () => {
    const outliers = createOutlierDetector();
    const picker = create(hosts(1, 1), { outliers, clock: createVirtualClock() });
    const leases = hold(picker, 4);
    expect(picker.remove('a')).toBe(true);
    expect(picker.remove('a')).toBe(false);
    picker.add({ id: 'c' });
    for (const lease of leases) lease.release();
    expect([picker.inFlight('a'), picker.inFlight('b'), picker.size]).toEqual([0, 0, 2]);
    expect(new Set(picks(picker, 40))).toEqual(new Set(['b', 'c']));
  });

  it('keeps what a host has in flight when it is added again with another weight', () => {
    const picker = create(hosts(1));
    const [lease] = hold(picker, 1);
    picker.add({ id: 'a', weight: 5 });
    expect([picker.size, picker.inFlight('a')]).toEqual([1, 1]);
    lease!.release();
    expect(picker.pick()!.host.weight).toBe(5);
  });

  it('reports what a rule throws, and uses the host', () => {
    const reported: unknown[] = [];
    const before = globalThis.reportError;
    globalThis.reportError = (error) => void reported.push(error);
    try {
      const picker = create(hosts(1), {
        isUsable: () => {
          throw new Error('rule');
        },
      });
      expect(picker.pick()!.id).toBe('a');
      expect(reported).toHaveLength(1);
    } finally {
      globalThis.reportError = before;
    }
  });

  it('refuses bad hosts and options by name', () => {
    const bad: readonly [unknown, unknown, string][] = [
      [{}, {}, 'hosts'],
      [[{ id: 7 }], {}, 'host.id'],
      [[undefined], {}, 'host.id'],
      [[{ id: 'a', weight: 0 }], {}, 'host.weight'],
      [[{ id: 'a', weight: NaN }], {}, 'host.weight'],
      [[{ id: 'a' }, { id: 'a' }], {}, 'hosts'],
      [[], { panicThreshold: 2 }, 'panicThreshold'],
      [[], { slowStartMs: -1 }, 'slowStartMs'],
      [[], { isUsable: true }, 'isUsable'],
    ];
    for (const [list, options, name] of bad)
      expect(() => create(list as Named[], options as PickerOptions<Named>)).toThrow(name);
  });

  it('is fair to ids that look like properties of an object', () => {
    const ids = ['__proto__', 'constructor', '', '\ud800'];
    const picker = create(ids.map((id) => ({ id })));
    expect(new Set(picks(picker, 200))).toEqual(new Set(ids));
  });

  it('reads no clock and draws nothing while it is made', () => {
    const never = (): never => {
      throw new Error('too early');
    };
    expect(() => create(hosts(1, 2), { clock: { now: never }, random: never, slowStartMs: 100 })).not.toThrow();
  });
});

describe('createRoundRobin', () => {
  it('gives each host as many picks as any other, give or take one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.nat(100), (count, total) => {
        const picker = createRoundRobin(hosts(...Array.from({ length: count }, () => 1)));
        const counts = Object.values(countOf(picks(picker, total)));
        if (total >= count) expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('goes on where it was when a host leaves', () => {
    const picker = createRoundRobin(hosts(1, 1, 1, 1));
    expect(picks(picker, 2)).toEqual(['a', 'b']);
    picker.remove('a');
    expect(picks(picker, 3)).toEqual(['c', 'd', 'b']);
  });

  it('takes the next in turn after those it passed over', () => {
    const picker = createRoundRobin(hosts(1, 1, 1));
    expect(picks(picker, 2, { exclude: new Set(['a']) })).toEqual(['b', 'c']);
    expect(picks(picker, 2)).toEqual(['a', 'b']);
  });
});

describe('createWeightedRoundRobin', () => {
  it('gives each host exactly its weight in every cycle', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 }), (weights) => {
        const picker = createWeightedRoundRobin(hosts(...weights));
        const cycle = weights.reduce((sum, weight) => sum + weight, 0);
        for (let round = 0; round < 3; round++) {
          const counts = countOf(picks(picker, cycle));
          expect(Object.values(counts).sort()).toEqual([...weights].sort());
        }
      }),
    );
  });

  it('spreads the picks of a heavy host out', () => {
    expect(picks(createWeightedRoundRobin(hosts(5, 1, 1)), 7).join('')).toBe('aabacaa');
  });
});

describe('createLeastConnections', () => {
  it('takes the host with the fewest calls for its weight, and equals in turn', () => {
    const picker = createLeastConnections(hosts(1, 1, 2));
    expect(hold(picker, 4).map(({ id }) => id)).toEqual(['c', 'a', 'b', 'c']);
    expect(picks(createLeastConnections(hosts(1, 1, 1)), 6)).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
  });

  it('picks as a search through all hosts would', () => {
    const step = fc.oneof(
      fc.constant({ type: 'pick' as const }),
      fc.record({ type: fc.constant('skip' as const), id: fc.nat(7) }),
      fc.record({ type: fc.constant('release' as const), at: fc.nat(50) }),
      fc.record({ type: fc.constant('add' as const), id: fc.nat(7), weight: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ type: fc.constant('remove' as const), id: fc.nat(7) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const picker = createLeastConnections(hosts(1, 1, 1));
        const weights = new Map([...'abc'].map((id) => [id, 1]));
        const leases: { id: string; release(): void; isOfPresent: boolean }[] = [];
        const inFlight = new Map<string, number>();
        const bestLoad = (skip?: string): number =>
          Math.min(
            ...[...weights].filter(([id]) => id !== skip).map(([id, weight]) => ((inFlight.get(id) ?? 0) + 1) / weight),
          );
        for (const action of steps) {
          const id = 'id' in action ? String.fromCharCode(97 + action.id) : '';
          if (action.type === 'pick' || action.type === 'skip') {
            const best = bestLoad(id);
            const lease = picker.pick(id ? { exclude: new Set([id]) } : {});
            if (!lease) expect([...weights.keys()].filter((other) => other !== id)).toEqual([]);
            else {
              expect(((inFlight.get(lease.id) ?? 0) + 1) / weights.get(lease.id)!).toBe(best);
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

describe('slow start', () => {
  it.each([kinds[1]!, kinds[3]!])(
    '%s gives a host that comes later a tenth at first, and all after slowStartMs',
    async (_name, create) => {
      const clock = createVirtualClock();
      const random = createSeededRandom(1);
      const picker = create(hosts(1, 1), { slowStartMs: 1000, clock, random });
      const shareOf = async (): Promise<number> => {
        const ids: string[] = [];
        for (let k = 0; k < 2000; k++) {
          // Under the power of two choices a share shows only under load.
          const leases = hold(picker, 8);
          ids.push(...leases.map(({ id }) => id));
          for (const lease of leases) lease.release();
        }
        return countOf(ids)['c']! / ids.length;
      };
      picks(picker, 10);
      picker.add({ id: 'c' });
      const early = await shareOf();
      await clock.advance(1000);
      const late = await shareOf();
      expect(early).toBeLessThan(0.13);
      expect(late).toBeGreaterThan(0.25);
    },
  );

  it('is nothing for hosts that are there from the start', () => {
    const picker = createWeightedRoundRobin(hosts(1, 1), { slowStartMs: 1000, clock: createVirtualClock() });
    expect(countOf(picks(picker, 10))).toEqual({ a: 5, b: 5 });
  });

  it('lets least connections send the newcomer more as it warms', async () => {
    const clock = createVirtualClock();
    const picker = createLeastConnections(hosts(1), { slowStartMs: 1000, clock });
    picker.add({ id: 'b' });
    const early = hold(picker, 10);
    expect(picker.inFlight('b')).toBeLessThanOrEqual(1);
    for (const lease of early) lease.release();
    await clock.advance(1000);
    hold(picker, 10);
    expect([picker.inFlight('a'), picker.inFlight('b')]).toEqual([5, 5]);
  });
});

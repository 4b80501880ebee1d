import { describe, expect, it } from 'vitest';
import type { Picker, PickerOptions } from '../../src/balance/index.ts';
import {
  createLeastConnections,
  createOutlierDetector,
  createP2cEwma,
  createRoundRobin,
  createWeightedRoundRobin,
} from '../../src/balance/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { hold, hosts, picks } from './kit.ts';
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
    // Two of four are not fewer than half.
    picker.add({ id: 'd' });
    down.add('a').delete('b');
    down.add('d');
    expect(new Set(picks(picker, 60))).toEqual(new Set(['b', 'c']));
  });

  it('does not take a host for unusable because one pick excludes it', () => {
    const isUsable = ({ id }: Named): boolean => id !== 'a';
    const picker = create(hosts(1, 1, 1), { isUsable, panicThreshold: 0.5, clock: createVirtualClock() });
    // Two of three are usable; a retry that has tried one of them gets the other.
    expect(new Set(picks(picker, 20, { exclude: new Set(['b']) }))).toEqual(new Set(['c']));
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
    {
      using lease = picker.pick()!;
      expect(picker.inFlight(lease.id)).toBe(1);
    }
    expect(picker.inFlight('a')).toBe(0);
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

  it('tells the outlier detector which hosts there are: once at first, then whenever one comes or goes', () => {
    const told: string[][] = [];
    const outliers = { ...createOutlierDetector(), setHosts: (ids: Iterable<string>) => void told.push([...ids]) };
    const picker = create(hosts(1, 1), { outliers });
    picker.add({ id: 'c' });
    picker.add({ id: 'c', weight: 2 });
    picker.remove('a');
    picker.remove('a');
    expect(told).toEqual([
      ['a', 'b'],
      ['a', 'b', 'c'],
      ['b', 'c'],
    ]);
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
      [{}, {}, 'hosts must be a list, got object'],
      ['ab', {}, 'hosts must be a list, got "ab"'],
      [[{ id: 7 }], {}, 'host.id must be a text, got 7'],
      [[undefined], {}, 'host.id must be a text, got undefined'],
      [[{ id: 'a', weight: 0 }], {}, 'host.weight'],
      [[{ id: 'a', weight: NaN }], {}, 'host.weight'],
      [[{ id: 'a' }, { id: 'a' }], {}, 'hosts must be hosts with different ids, got "a"'],
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

it.each(kinds.slice(0, 3))('%s reads no clock where nothing depends on the time', (_name, create) => {
  const now = (): never => {
    throw new Error('read');
  };
  const picker = create(hosts(1, 1), { clock: { now } });
  picker.add({ id: 'c' });
  expect(new Set(picks(picker, 9))).toEqual(new Set(['a', 'b', 'c']));
});

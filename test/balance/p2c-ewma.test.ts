import { describe, expect, it } from 'vitest';
import type { HostLease } from '../../src/balance/index.ts';
import { createP2cEwma } from '../../src/balance/index.ts';
import { createSeededRandom, createVirtualClock } from '../../src/testing/index.ts';
import { countOf, hosts } from './kit.ts';
import type { Named } from './kit.ts';

const TEN = Array.from({ length: 10 }, () => 1);

interface Run {
  readonly ids: string[];
}

/** A caller every 2 ms for `seconds`; host a answers as told, the others in 20 ms. */
async function simulate(
  seconds: number,
  a: { readonly ms: number; readonly isOk: boolean },
  seed: number,
): Promise<Run> {
  const clock = createVirtualClock();
  const picker = createP2cEwma(hosts(...TEN), { clock, random: createSeededRandom(seed) });
  const ids: string[] = [];
  const end = (lease: HostLease<Named>, isOk: boolean): void => lease.release(isOk);
  for (let k = 0; k < seconds * 500; k++) {
    const lease = picker.pick()!;
    ids.push(lease.id);
    const how = lease.id === 'a' ? a : { ms: 20, isOk: true };
    clock.setTimeout(() => end(lease, how.isOk), how.ms);
    await clock.advance(2);
  }
  return { ids };
}

describe('createP2cEwma', () => {
  it('gives a host that is ten times slower less than 3 % of the picks', async () => {
    const { ids } = await simulate(20, { ms: 200, isOk: true }, 1);
    expect(countOf(ids)['a']! / ids.length).toBeLessThan(0.03);
  });

  it('gives a host that fails in a millisecond less than 3 % of the picks', async () => {
    const { ids } = await simulate(20, { ms: 1, isOk: false }, 2);
    expect(countOf(ids)['a']! / ids.length).toBeLessThan(0.03);
  });

  it('tries a host that was slow again when its past has faded', async () => {
    const clock = createVirtualClock();
    const picker = createP2cEwma(hosts(1, 1), { clock, random: createSeededRandom(3), decayMs: 1000 });
    const answer = async (id: string, ms: number): Promise<void> => {
      const lease = picker.pick({ exclude: new Set(id === 'a' ? ['b'] : ['a']) })!;
      await clock.advance(ms);
      lease.release();
    };
    await answer('a', 5000);
    await answer('b', 20);
    const early = Array.from({ length: 50 }, () => picker.pick()!);
    expect(countOf(early.map(({ id }) => id))['a'] ?? 0).toBe(0);
    for (const lease of early) lease.release();
    await clock.advance(20_000);
    // Answered lately by the other: 20 ms, against 5000 ms that have faded to nothing.
    await answer('b', 20);
    expect(picker.pick()!.id).toBe('a');
  });

  it('follows a slower answer at once, and a faster one slowly', async () => {
    const clock = createVirtualClock();
    const picker = createP2cEwma(hosts(1, 1), { clock, random: createSeededRandom(4), decayMs: 1e9 });
    const answer = async (id: string, ms: number): Promise<void> => {
      const lease = picker.pick({ exclude: new Set([id === 'a' ? 'b' : 'a']) })!;
      await clock.advance(ms);
      lease.release();
    };
    const next = (): string => {
      const lease = picker.pick()!;
      const { id } = lease;
      // Not released: a release would count as an answer in no time.
      return id;
    };
    await answer('b', 50);
    await answer('a', 10);
    await answer('a', 100);
    await answer('a', 10);
    expect(next()).toBe('b');
  });

  it('spreads the first calls over all hosts, though none has answered yet', () => {
    const picker = createP2cEwma(hosts(...TEN), { random: createSeededRandom(5) });
    const counts = countOf(Array.from({ length: 100 }, () => picker.pick()!.id));
    expect(Object.keys(counts)).toHaveLength(10);
    expect(Math.max(...Object.values(counts))).toBeLessThan(20);
  });

  it('takes shares in proportion to weights under load', () => {
    const picker = createP2cEwma(hosts(3, 1), { random: createSeededRandom(6) });
    const counts = countOf(Array.from({ length: 400 }, () => picker.pick()!.id));
    expect(counts['a']! / counts['b']!).toBeGreaterThan(2.5);
    expect(counts['a']! / counts['b']!).toBeLessThan(3.5);
  });

  it('draws at most so many numbers a pick, however many hosts there are', () => {
    let draws = 0;
    const random = createSeededRandom(7);
    const counting = (): number => {
      draws++;
      return random();
    };
    const picker = createP2cEwma(hosts(...Array.from({ length: 1000 }, () => 1)), { random: counting });
    for (let k = 0; k < 1000; k++) picker.pick()!.release();
    expect(draws / 1000).toBeLessThan(2.1);
  });

  it('finds the one usable host among many', () => {
    const picker = createP2cEwma(hosts(...TEN), { isUsable: ({ id }) => id === 'g', random: createSeededRandom(8) });
    expect(new Set(Array.from({ length: 50 }, () => picker.pick()!.id))).toEqual(new Set(['g']));
  });

  it('repeats its picks with the same seed', () => {
    const run = (): string[] => {
      const picker = createP2cEwma(hosts(...TEN), { random: createSeededRandom(9), clock: createVirtualClock() });
      return Array.from({ length: 50 }, () => picker.pick()!.id);
    };
    expect(run()).toEqual(run());
  });

  it('is not misled by a clock that was set back', async () => {
    const clock = createVirtualClock();
    const picker = createP2cEwma(hosts(1, 1), { clock, random: createSeededRandom(10) });
    const lease = picker.pick()!;
    clock.setNow(-1e6);
    lease.release();
    expect(new Set(Array.from({ length: 20 }, () => picker.pick()!.id))).toEqual(new Set(['a', 'b']));
  });

  it('refuses bad options by name', () => {
    for (const options of [{ decayMs: 0 }, { defaultRttMs: 0 }, { failurePenaltyMs: -1 }, { decayMs: NaN }])
      expect(() => createP2cEwma([], options)).toThrow(Object.keys(options)[0]);
  });
});

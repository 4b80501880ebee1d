import { describe, expect, it } from 'vitest';
import type { HostLease, Picker } from '../../src/balance/index.ts';
import { createP2cEwma } from '../../src/balance/index.ts';
import { createSeededRandom, createVirtualClock } from '../../src/testing/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { countOf, hosts } from './kit.ts';
import type { Named } from './kit.ts';

const TEN = Array.from({ length: 10 }, () => 1);

/** Chance that comes as told, then 0 for ever. */
function chance(...draws: number[]): () => number {
  return () => draws.shift() ?? 0;
}

/** Two hosts, and answers of theirs that take as long as told. */
function pair(decayMs: number): {
  readonly picker: Picker<Named>;
  readonly clock: VirtualClock;
  answer(id: 'a' | 'b', ms: number, isOk?: boolean): Promise<void>;
  /** Which of the two is better, with nothing in flight. */
  better(): string;
} {
  const clock = createVirtualClock();
  const picker = createP2cEwma(hosts(1, 1), { clock, random: createSeededRandom(4), decayMs });
  return {
    picker,
    clock,
    answer: async (id, ms, isOk) => {
      const lease = picker.pick({ exclude: new Set([id === 'a' ? 'b' : 'a']) })!;
      await clock.advance(ms);
      lease.release(isOk);
    },
    // Not released: a release would count as an answer in no time.
    better: () => picker.pick()!.id,
  };
}

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
    const { answer, better } = pair(1e9);
    await answer('b', 50);
    await answer('a', 10);
    await answer('a', 100);
    await answer('a', 10);
    expect(better()).toBe('b');
  });

  it.each([
    // After 693 ms, half of 100 is left: 50, or a slower answer, or 50 and half of a faster one.
    ['is worth what is left of it and the rest of a faster one', 10, 55],
    ['is replaced by an answer slower than what is left of it', 60, 60],
  ])('a past answer %s', async (_, nextMs, worthMs) => {
    for (const [otherMs, expected] of [
      [worthMs - 1, 'b'],
      [worthMs + 1, 'a'],
    ] as const) {
      const { clock, picker, answer, better } = pair(1000);
      await answer('a', 100);
      const leases: HostLease<Named>[] = [];
      const begin = (id: string, ms: number): void => {
        const exclude = new Set([id === 'a' ? 'b' : 'a']);
        clock.setTimeout(() => leases.push(picker.pick({ exclude })!), 1000 * Math.LN2 - ms);
      };
      begin('a', nextMs);
      begin('b', otherMs);
      await clock.advance(1000 * Math.LN2);
      for (const lease of leases) lease.release();
      expect(better(), `${otherMs} ms`).toBe(expected);
    }
  });

  it('takes a failed call for as slow as failurePenaltyMs, or as slow as it was', async () => {
    for (const [failedMs, otherMs, expected] of [
      [1, 999, 'b'],
      [1, 1001, 'a'],
      [5000, 4999, 'b'],
      [5000, 5001, 'a'],
    ] as const) {
      const { answer, better } = pair(1e12);
      await answer('a', failedMs, false);
      await answer('b', otherMs);
      expect(better(), `${failedMs} ms, against ${otherMs} ms`).toBe(expected);
    }
  });

  it('counts calls in flight where all that was measured has faded, or was too short to be measured', async () => {
    const { answer, clock, picker } = pair(1000);
    await answer('a', 10);
    await answer('b', 5000);
    await clock.advance(1e6);
    expect(new Set([picker.pick()!.id, picker.pick()!.id])).toEqual(new Set(['a', 'b']));
    const other = pair(1000);
    await other.answer('a', 0);
    await other.answer('b', 50);
    expect([other.better(), other.better(), other.better()]).toEqual(['a', 'a', 'a']);
  });

  it('compares two hosts that chance has drawn, and keeps the better one', () => {
    const list = hosts(...TEN);
    // Each draw is a position: 0 is a, 5 is f.
    const picker = createP2cEwma(list, { random: chance(0, 0.55, 0, 0.55, 0.55, 0, 0, 0.55) });
    expect(Array.from({ length: 4 }, () => picker.pick()!.id)).toEqual(['a', 'f', 'f', 'a']);
  });

  it('looks for the second host from a place that chance has drawn, when it has drawn none in eight times', () => {
    const eight = Array.from({ length: 8 }, () => 0);
    const picker = createP2cEwma(hosts(...TEN), { random: chance(...eight, 0.55, ...eight, 0.55) });
    expect([picker.pick()!.id, picker.pick()!.id]).toEqual(['a', 'f']);
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

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { integer } from '../../src/core/check.ts';
import { anyKey, anyOperation, anyThrown, badNumbers, clockJumpMs, hostileKeys, timeStepMs } from './arbitraries.ts';
import type { OperationKind } from './arbitraries.ts';

describe('keys', () => {
  it('are all different, and hold the traps', () => {
    expect(new Set(hostileKeys).size).toBe(hostileKeys.length);
    expect(hostileKeys).toEqual(expect.arrayContaining(['__proto__', '', 'constructor', '\ud800']));
    expect(hostileKeys.some((key) => key.length === 2 ** 20)).toBe(true);
  });

  it('break a plain object and not a map', () => {
    const wrong = fc.property(anyKey(), (key) => ({})[key] === undefined);
    expect(fc.check(wrong, { numRuns: 1000 }).failed).toBe(true);
    const right = fc.property(anyKey(), (key) => new Map([[key, 1]]).get(key) === 1);
    fc.assert(right);
  });
});

describe('operations', () => {
  it('settle as they say, in every kind', async () => {
    const seen = new Set<OperationKind>();
    await fc.assert(
      fc.asyncProperty(anyOperation(), async (operation) => {
        seen.add(operation.kind);
        const [outcome] = await Promise.allSettled([(async () => operation.run())()]);
        const got = outcome.status === 'fulfilled' ? outcome.value : outcome.reason;
        const wanted = operation.outcome.status === 'fulfilled' ? operation.outcome.value : operation.outcome.reason;
        expect(outcome.status).toBe(operation.outcome.status);
        expect(Object.is(got, wanted)).toBe(true);
      }),
      { numRuns: 300 },
    );
    expect(seen.size).toBe(6);
  });
});

it('anything that is thrown can be told apart from no error, and be printed when a property fails', () => {
  fc.assert(
    fc.property(anyThrown(), (thrown) => {
      expect(typeof fc.stringify(thrown)).toBe('string');
    }),
  );
  const kinds = new Set(fc.sample(anyThrown(), 500).map((thrown) => typeof thrown));
  expect([...kinds]).toEqual(expect.arrayContaining(['undefined', 'object', 'symbol', 'function', 'string']));
});

it('time steps go forward, and jumps either way', () => {
  fc.assert(fc.property(timeStepMs(), (ms) => ms >= 0 && Number.isFinite(ms)));
  const jumps = fc.sample(clockJumpMs(), 500);
  expect(jumps.some((ms) => ms < 0) && jumps.some((ms) => ms > 0)).toBe(true);
});

describe('badNumbers', () => {
  it.each(badNumbers({ min: 1, max: 10, isInteger: true }))('holds what a check refuses: %s', (_, value) => {
    expect(() => integer('size', value as number, 1, 10)).toThrow('size');
  });

  it('leaves out what the rule allows', () => {
    const values = badNumbers({ min: 0, isUnbounded: true }).map(([, value]) => value);
    expect(values).toEqual(expect.arrayContaining([Number.NaN, -1, '1', null]));
    for (const fair of [0, 1.5, Number.POSITIVE_INFINITY]) expect(values).not.toContain(fair);
  });

  it('holds the numbers just outside the bounds', () => {
    const values = badNumbers({ min: 5, max: 7 }).map(([, value]) => value);
    expect(values).toEqual(expect.arrayContaining([4, 8]));
  });
});

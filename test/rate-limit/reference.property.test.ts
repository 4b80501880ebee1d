import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RateLimitPolicy } from '../../src/rate-limit/index.ts';
import { anyPolicies, anyPolicyOf, anyStep, Pair } from './trace.ts';

/** Decisions of one run, at least, over all runs: `HOLDFAST_RUNS=4000` makes a million. */
const STEPS = 120;

function agrees(policies: fc.Arbitrary<readonly RateLimitPolicy[]>): number {
  let decisions = 0;
  fc.assert(
    fc.property(policies, fc.array(anyStep, { minLength: 1, maxLength: STEPS, size: 'max' }), (rules, steps) => {
      const pair = new Pair(rules);
      for (const step of steps) pair.run(step);
      decisions += pair.decisions;
    }),
  );
  return decisions;
}

describe('decisions', () => {
  it.each(Object.keys(anyPolicyOf) as RateLimitPolicy['kind'][])(
    'equal those of exact fractions in every field, whatever the clock does and however reservations end',
    (kind) => {
      expect(agrees(anyPolicyOf[kind].map((policy) => [policy]))).toBeGreaterThan(0);
    },
  );

  it('equal those of exact fractions for several policies on one key', () => {
    expect(agrees(anyPolicies)).toBeGreaterThan(0);
  });
});

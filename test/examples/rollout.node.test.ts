import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isEnabled, shareOf, variantOf } from '../../docs/examples/rollout/rollout.ts';
import { canRunTypeScript } from '../support/processes.ts';
import { runExample } from './run-example.ts';

describe('a rollout', () => {
  it('never takes from anybody what he had at a smaller share', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.string(), fc.string(), share, share, (feature, user, a, b) => {
        const [less, more] = [Math.min(a, b), Math.max(a, b)];
        if (isEnabled(feature, user, less)) expect(isEnabled(feature, user, more)).toBe(true);
        expect([isEnabled(feature, user, 0), isEnabled(feature, user, 1)]).toEqual([false, true]);
      }),
    );
  });

  it('tells features apart, whatever their names and those of users run together to', () => {
    expect(shareOf('a', 'bc')).not.toBe(shareOf('ab', 'c'));
  });

  it('gives each user the variant in whose share he is, and the same one always', () => {
    fc.assert(
      fc.property(fc.string(), (user) => {
        const at = shareOf('headline', user);
        const expected = at < 0.3 ? 'a' : at < 0.5 ? 'b' : undefined;
        const variants = [
          ['a', 0.3],
          ['b', 0.2],
        ] as const;
        // Within the rounding of a subtraction, either side is right.
        if (Math.abs(at - 0.3) > 1e-9 && Math.abs(at - 0.5) > 1e-9)
          expect(variantOf('headline', user, variants)).toBe(expected);
        expect(variantOf('headline', user, variants)).toBe(variantOf('headline', user, variants));
      }),
    );
  });

  it.skipIf(!canRunTypeScript)('keeps its promises as an example', { timeout: 60_000 }, async () => {
    expect(await runExample('rollout')).toEqual({ code: 0, broken: [], sum: '12 of 12 promises kept' });
  });
});

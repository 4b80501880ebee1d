import * as fc from 'fast-check';
import { parseList } from 'structured-headers';
import { describe, expect, it } from 'vitest';
import type { FetchFailedError } from '../../src/http/index.ts';
import { rateLimitHeaders, resilientFetch } from '../../src/http/index.ts';
import { retry } from '../../src/policy/index.ts';

/** The wait that `resilientFetch` reads out of an answer. */
async function hintOf(headers: Record<string, string>): Promise<number | undefined> {
  let hint: number | undefined;
  const isRetryable = (error: unknown): boolean => {
    hint = (error as FetchFailedError).retryAfterMs;
    return false;
  };
  const answer = async (): Promise<Response> => new Response('', { status: 429, headers });
  await resilientFetch(retry({ isRetryable }), answer)('https://example.org/');
  return hint;
}

/** The same by a parser of the whole format. */
function expectedOf(field: string): number | undefined {
  try {
    const waitsMs = parseList(field).flatMap(([, parameters]) => {
      const [r, t] = [parameters.get('r'), parameters.get('t')];
      return r === 0 && typeof t === 'number' && Number.isInteger(t) && t >= 0 ? [t * 1_000] : [];
    });
    return waitsMs.length > 0 ? Math.max(...waitsMs) : undefined;
  } catch {
    return undefined;
  }
}

const value = fc.constantFrom('0', '5', '00', '-1', '12', '"x;r=0"', ':cj0w:', 'tok', '"', '', 'A', '?1', '1-', '*a');
// Often enough those that matter, in either order and more than once.
const parameter = fc.oneof(
  fc.constantFrom('r=0', 't=5', 't=7', 'r=0', 't=00', 'r=1', 'r=05', 'r=10', 'r', 't', 'xr=0', 'xt=5', 't=5.5'),
  fc
    .tuple(fc.constantFrom('r', 't', 'pk', 'acme-x', 'R', 'tt'), fc.constantFrom('=', '=', '=', '', '=='), value)
    .map((parts) => parts.join('')),
);
const item = fc
  .tuple(
    fc.constantFrom('"a"', 'tok', String.raw`"a\",;\\"`, '7', '', ' "b"', '"é"'),
    fc.array(parameter, { maxLength: 4 }),
    fc.constantFrom(';', ';', '; ', ' ;'),
  )
  .map(([name, parameters, separator]) => [name, ...parameters].join(separator));
const field = fc
  .tuple(fc.array(item, { minLength: 1, maxLength: 3 }), fc.constantFrom(', ', ',', ' , ', ',,'))
  .map(([items, separator]) => items.join(separator));

describe('the hint of a RateLimit field', () => {
  it('a malformed RateLimit field is ignored, and any other read as a parser of the whole format reads it', async () => {
    await fc.assert(
      fc.asyncProperty(field, async (RateLimit) => {
        expect(await hintOf({ RateLimit }), RateLimit).toBe(expectedOf(RateLimit));
      }),
      { numRuns: 1_000 },
    );
  });

  it('reads integers with zeros in front, as the format allows them', async () => {
    expect(await hintOf({ RateLimit: '"a";r=00;t=007' })).toBe(7_000);
    expect(await hintOf({ RateLimit: '"a";r=01;t=007' })).toBeUndefined();
  });

  it('is the wait that rateLimitHeaders announced', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 1e9 }),
        fc.string({ unit: 'grapheme-ascii' }),
        async (retryAfterMs, name) => {
          const decision = { allowed: false, limit: 1, remaining: 0, retryAfterMs, resetAfterMs: 0 };
          const headers = rateLimitHeaders([{ name, decision, partitionKey: name }]);
          const { RateLimit = '' } = headers;
          expect(await hintOf({ RateLimit })).toBe(Math.ceil(retryAfterMs / 1_000) * 1_000);
          expect(await hintOf(headers)).toBe(Math.ceil(retryAfterMs / 1_000) * 1_000);
        },
      ),
    );
  });
});

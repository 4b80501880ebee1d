import * as fc from 'fast-check';
import { parseList } from 'structured-headers';
import { describe, expect, it } from 'vitest';
import type { RateLimitHeaderItem } from '../../src/http/index.ts';
import { rateLimitHeaders } from '../../src/http/index.ts';

/** Milliseconds as limiters give them, and as none should. */
const waitMs = fc.oneof(
  fc.integer({ min: 0, max: 100_000 }),
  fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
  fc.constant(Infinity),
);

const decision = fc.record({
  allowed: fc.boolean(),
  limit: fc.maxSafeNat(),
  remaining: fc.maxSafeNat(),
  retryAfterMs: waitMs,
  resetAfterMs: waitMs,
});

const printable = fc.string({ unit: fc.integer({ min: 32, max: 126 }).map((code) => String.fromCharCode(code)) });

const item: fc.Arbitrary<RateLimitHeaderItem> = fc.record(
  {
    name: printable,
    decision,
    quota: fc.maxSafeNat(),
    windowMs: fc.double({ min: 0.001, max: 1e12, noNaN: true }),
    partitionKey: fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array()),
  },
  { requiredKeys: ['name'] },
);

type Parameters = ReadonlyMap<string, unknown>;

function bytesOf(value: unknown): Uint8Array {
  return new Uint8Array(value as ArrayBuffer);
}

function secondsOf(ms: number): number {
  return Math.min(Math.max(1, Math.ceil(ms / 1_000)), 999_999_999_999_999);
}

function expectKey(parameters: Parameters, key: string | Uint8Array | undefined): void {
  const bytes = typeof key === 'string' ? new TextEncoder().encode(key) : key;
  if (bytes) expect(bytesOf(parameters.get('pk'))).toEqual(new Uint8Array(bytes));
  else expect(parameters.has('pk')).toBe(false);
}

describe('an independent parser of structured fields', () => {
  it('every policy, rest and key that the fields were made of is read back by an independent parser of structured fields', () => {
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 5 }), (items) => {
        const headers = rateLimitHeaders(items);
        const announced = items.filter(({ quota, decision: made }) => quota !== undefined || made);
        const policies = parseList(headers['RateLimit-Policy'] ?? '');
        expect(policies.map(([name]) => name)).toEqual(announced.map(({ name }) => name));
        for (const [k, [, parameters]] of policies.entries()) {
          const { quota, decision: made, windowMs, partitionKey } = announced[k]!;
          expect(parameters.get('q')).toBe(Math.min(quota ?? made!.limit, 999_999_999_999_999));
          expect(parameters.get('w')).toBe(windowMs === undefined ? undefined : secondsOf(windowMs));
          expectKey(parameters, partitionKey);
        }
        const told = items.filter(({ decision: made }) => made);
        const limits = parseList(headers['RateLimit'] ?? '');
        expect(limits.map(([name]) => name)).toEqual(told.map(({ name }) => name));
        for (const [k, [, parameters]] of limits.entries()) {
          const { decision: made, partitionKey } = told[k]!;
          const waits = made!.allowed ? made!.resetAfterMs : made!.retryAfterMs;
          expect(parameters.get('r')).toBe(Math.min(made!.remaining, 999_999_999_999_999));
          expect(parameters.get('t')).toBe(waits === Infinity ? undefined : secondsOf(waits));
          expectKey(parameters, partitionKey);
        }
      }),
    );
  });

  it('a name that is not printable ASCII is refused, and every other is taken', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const headers = (): unknown => rateLimitHeaders([{ name, quota: 1 }]);
        if (/^[\u0020-\u007E]*$/.test(name)) expect(headers).not.toThrow();
        else expect(headers).toThrow('name must be printable ASCII');
      }),
    );
  });

  it('no Retry-After is too early, or before the end of an effective window, whatever the jitter', () => {
    fc.assert(
      fc.property(
        fc.array(item, { minLength: 1, maxLength: 4 }),
        fc.double({ min: 0, max: 1e6, noNaN: true }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (items, jitterMs, chance) => {
          const plain = rateLimitHeaders(items);
          const headers = rateLimitHeaders(items, { jitterMs, random: () => chance });
          const refused = items.flatMap(({ decision: made }) => (made?.allowed === false ? [made] : []));
          const longestMs = Math.max(...refused.map(({ retryAfterMs }) => retryAfterMs));
          expect('Retry-After' in headers).toBe(refused.length > 0 && longestMs < Infinity);
          if (!headers['Retry-After']) return;
          const seconds = Number(headers['Retry-After']);
          expect(headers['Retry-After']).toMatch(/^[1-9]\d*$/);
          expect(seconds).toBeGreaterThanOrEqual(Math.min(longestMs / 1_000, 999_999_999_999_999));
          expect(seconds).toBeGreaterThanOrEqual(Number(plain['Retry-After']));
          expect(seconds).toBeLessThanOrEqual(secondsOf(longestMs + jitterMs));
          const windows = parseList(headers['RateLimit']!).map(([, parameters]) => Number(parameters.get('t') ?? 0));
          const ofRefused = windows.filter((_, k) => !items.filter(({ decision: d }) => d)[k]!.decision!.allowed);
          expect(seconds).toBeGreaterThanOrEqual(Math.max(...ofRefused));
        },
      ),
    );
  });
});

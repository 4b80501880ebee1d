import { amount, oneOf } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { shortClock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { systemRandom } from '../core/random.ts';
import type { RateLimitDecision } from '../rate-limit/rate-limit-policy.ts';
import { bytesField, integerField, secondsField, stringField } from './structured-field.ts';

/** One policy, and how a client stands with it. */
export interface RateLimitHeaderItem {
  /** Name of the policy; printable ASCII, for a header cannot carry anything else. */
  readonly name: string;
  /** What the limiter said. Left out, the policy is announced in `RateLimit-Policy` only. */
  readonly decision?:
    | Pick<RateLimitDecision, 'allowed' | 'limit' | 'remaining' | 'retryAfterMs' | 'resetAfterMs'>
    | undefined;
  /**
   * Units per window.
   *
   * @defaultValue `limit` of the decision
   */
  readonly quota?: number | undefined;
  /** Length of the window. Left out, none is announced. */
  readonly windowMs?: number | undefined;
  /** What the quota is counted per, if clients are to know: text is sent as its UTF-8 bytes. Not a secret. */
  readonly partitionKey?: string | Uint8Array | undefined;
}

/** Which header fields: the IETF's of draft-ietf-httpapi-ratelimit-headers-11, `X-RateLimit-*`, or both. */
export type RateLimitHeaderFormat = 'draft-11' | 'legacy' | 'both';

/** Options of {@link rateLimitHeaders}. */
export interface RateLimitHeaderOptions {
  /** @defaultValue 'draft-11' */
  readonly format?: RateLimitHeaderFormat | undefined;
  /**
   * The most that is added, by chance, to the wait that a refused client is told, so that those who are told the
   * same moment do not all return at it.
   *
   * @defaultValue 0
   */
  readonly jitterMs?: number | undefined;
  /** @defaultValue `Math.random` */
  readonly random?: Random | undefined;
  /**
   * Asked for the Unix time of `X-RateLimit-Reset`.
   *
   * @defaultValue the system's clock
   */
  readonly clock?: Pick<Clock, 'epochMs'> | undefined;
}

type HeaderDecision = NonNullable<RateLimitHeaderItem['decision']>;

/** Until when the announced rest is all there is: until a refused request passes, or until everything is back. */
function waitMsOf({ allowed, retryAfterMs, resetAfterMs }: HeaderDecision, jitterMs: number): number {
  return allowed ? resetAfterMs : retryAfterMs + jitterMs;
}

/** Checks {@link RateLimitHeaderOptions} before there is anything to announce. */
export function checkHeaderOptions({ format = 'draft-11', jitterMs = 0 }: RateLimitHeaderOptions): void {
  oneOf('format', format, ['draft-11', 'legacy', 'both']);
  amount('jitterMs', jitterMs, 0);
}

function draftFields(items: readonly RateLimitHeaderItem[], jitterMs: number): Record<string, string> {
  const policies: string[] = [];
  const limits: string[] = [];
  for (const { name, decision, quota = decision?.limit, windowMs, partitionKey } of items) {
    const label = stringField('name', name);
    const key = partitionKey === undefined ? '' : `;pk=${bytesField(partitionKey)}`;
    // A window of a broken number of seconds is announced as a longer one, which promises less.
    const window = windowMs === undefined ? '' : `;w=${secondsField(amount('windowMs', windowMs, 0))}`;
    if (quota !== undefined) policies.push(`${label};q=${integerField(amount('quota', quota, 0))}${window}${key}`);
    if (!decision) continue;
    const waitMs = waitMsOf(decision, jitterMs);
    const wait = waitMs < Infinity ? `;t=${secondsField(waitMs)}` : '';
    limits.push(`${label};r=${integerField(decision.remaining)}${wait}${key}`);
  }
  return {
    ...(policies.length ? { 'RateLimit-Policy': policies.join(', ') } : undefined),
    ...(limits.length ? { RateLimit: limits.join(', ') } : undefined),
  };
}

function legacyFields({ decision, quota = decision?.limit }: RateLimitHeaderItem, resetMs: number): object {
  return {
    'X-RateLimit-Limit': `${integerField(quota!)}`,
    'X-RateLimit-Remaining': `${integerField(decision!.remaining)}`,
    ...(resetMs < Infinity && { 'X-RateLimit-Reset': `${Math.ceil(resetMs / 1_000)}` }),
  };
}

/** The one that a client with room for one should be told: who refuses longest, else who leaves least. */
function isTighter(a: HeaderDecision, b: HeaderDecision): boolean {
  if (a.allowed !== b.allowed) return !a.allowed;
  return a.allowed ? a.remaining < b.remaining : a.retryAfterMs > b.retryAfterMs;
}

/**
 * The header fields that tell a client how it stands: `RateLimit-Policy`, `RateLimit`, and `Retry-After` when it
 * is refused. Set them on every answer, refused or not.
 *
 * Follows draft-ietf-httpapi-ratelimit-headers-11 (2026-05-23) and RFC 9651: quotas are rounded down, waits up
 * and at least a second. A request that can never pass gets no `Retry-After`. The legacy fields tell of one
 * policy, the tightest; their reset is Unix time in seconds. O(items).
 *
 * @example
 * ```ts
 * import { rateLimitHeaders } from 'holdfast/http';
 *
 * const decision = { allowed: false, limit: 10, remaining: 0, retryAfterMs: 1_200, resetAfterMs: 3_000 };
 * const headers = rateLimitHeaders([{ name: 'per-client', decision, windowMs: 1_000 }]);
 * // { 'RateLimit-Policy': '"per-client";q=10;w=1', RateLimit: '"per-client";r=0;t=2', 'Retry-After': '2' }
 * if (headers['Retry-After'] !== '2') throw new Error('unexpected');
 * ```
 *
 * @throws RangeError when a name is not printable ASCII, or an option out of its bounds.
 */
export function rateLimitHeaders(
  items: readonly RateLimitHeaderItem[],
  options: RateLimitHeaderOptions = {},
): Record<string, string> {
  checkHeaderOptions(options);
  const { format = 'draft-11', jitterMs = 0, random = systemRandom, clock = shortClock } = options;
  let tightest: RateLimitHeaderItem | undefined;
  for (const item of items) {
    if (item.decision && (!tightest || isTighter(item.decision, tightest.decision!))) tightest = item;
  }
  const decision = tightest?.decision;
  const isRefused = decision?.allowed === false;
  const addedMs = isRefused && jitterMs > 0 ? random() * jitterMs : 0;
  const waitMs = decision ? waitMsOf(decision, addedMs) : 0;
  return {
    ...(format !== 'legacy' && draftFields(items, addedMs)),
    ...(format !== 'draft-11' && tightest && legacyFields(tightest, clock.epochMs() + waitMs)),
    ...(isRefused && waitMs < Infinity && { 'Retry-After': `${secondsField(waitMs)}` }),
  };
}

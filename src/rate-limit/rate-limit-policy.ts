/** What the four rules have in common. */
export interface PolicyFields {
  /** Tells policies apart in {@link RateLimitDecision.violated}, in headers and in stored keys. */
  readonly name: string;
  /** Units per window. */
  readonly limit: number;
  /** The window, or the time in which `limit` units flow back. */
  readonly windowMs: number;
}

/** Made by `tokenBucket`: `burst` units at most, `limit` of them come back every `windowMs`, evenly. */
export interface TokenBucketPolicy extends PolicyFields {
  readonly kind: 'token-bucket';
  readonly burst: number;
  /**
   * What every key may take at once when the limiter makes its first decision; at most `burst`, which all keys then
   * fill up to, seen or not. A store has no such first moment: limits over one refuse a policy whose `initial` is less.
   */
  readonly initial: number;
}

/** Made by `fixedWindow`: `limit` units per window, that starts with the first unit or at a multiple of `windowMs`. */
export interface FixedWindowPolicy extends PolicyFields {
  readonly kind: 'fixed-window';
  readonly align: 'first' | 'epoch';
}

/** Made by `slidingWindow`: two counters, the previous one weighed by how much of it still counts. */
export interface SlidingWindowPolicy extends PolicyFields {
  readonly kind: 'sliding-window';
}

/** Made by `slidingLog`: at most `limit` units in every window, wherever it starts. */
export interface SlidingLogPolicy extends PolicyFields {
  readonly kind: 'sliding-log';
  /** Most entries kept per key. Where more are needed, neighbours are merged, which only makes the rule stricter. */
  readonly maxEntries: number;
}

/** A rule of how many units a key may take in which time: plain data, frozen. */
export type RateLimitPolicy = TokenBucketPolicy | FixedWindowPolicy | SlidingWindowPolicy | SlidingLogPolicy;

/** What a limiter says about one request. */
export interface RateLimitDecision {
  readonly allowed: boolean;
  /** Name of the policy that leaves least, or that refuses longest: the one that a client should be told of. */
  readonly policy: string;
  /** `limit` of that policy. */
  readonly limit: number;
  /** Whole units that the key could take now, by that policy. */
  readonly remaining: number;
  /**
   * Milliseconds until the same request is allowed, if nobody else takes units: not one less. 0 when it is
   * allowed; Infinity when it costs more than the policy ever gives at once.
   */
  readonly retryAfterMs: number;
  /** Milliseconds until the key is as good as new, if nobody takes units. */
  readonly resetAfterMs: number;
  /** Names of the policies that refuse. */
  readonly violated: readonly string[];
}

/** Units taken before their number is known. Ends once: later calls change nothing. */
export interface Reservation extends Disposable {
  /** What was taken. */
  readonly cost: number;
  /** How matters stood once it was. */
  readonly decision: RateLimitDecision;
  /** Replaces `cost` by what was used: gives the rest back, or books the excess as debt. */
  settle(actual: number): void;
  /** As if it had never been made. */
  cancel(): void;
}

/** Limits in this process. */
export interface RateLimiter {
  /** The rules, in the order given. */
  readonly policies: readonly RateLimitPolicy[];
  /** Takes `cost` units, or none. Allocates nothing. */
  tryAcquire(key?: string, cost?: number): boolean;
  /** Takes `cost` units, or none, and says how matters stand. */
  consume(key?: string, cost?: number): RateLimitDecision;
  /** What {@link RateLimiter.consume} would say now. Takes nothing. */
  peek(key?: string, cost?: number): RateLimitDecision;
  /** Takes `cost` units to be settled later; nothing when they are refused. */
  reserve(key?: string, cost?: number): Reservation | undefined;
  /** Makes `key` as good as new. */
  reset(key?: string): void;
  /** Keys that are not as good as new, as far as known. At most `maxKeys`. */
  readonly size: number;
}

/** What a limiter over a store says: a decision, and who made it. */
export interface StoredRateLimitDecision extends RateLimitDecision {
  readonly source: 'store' | 'lease' | 'deny-cache' | 'fallback';
}

/** Units taken from a store. */
export interface StoredReservation extends AsyncDisposable {
  readonly cost: number;
  readonly decision: StoredRateLimitDecision;
  settle(actual: number): Promise<void>;
  cancel(): Promise<void>;
}

/** Limits over a store that several processes share. */
export interface StoredRateLimiter extends AsyncDisposable {
  readonly policies: readonly RateLimitPolicy[];
  consume(key?: string, cost?: number): Promise<StoredRateLimitDecision>;
  peek(key?: string, cost?: number): Promise<StoredRateLimitDecision>;
  reserve(key?: string, cost?: number): Promise<StoredReservation | undefined>;
  reset(key?: string): Promise<void>;
  /** Gives leases back. Later calls reject. */
  close(): Promise<void>;
}

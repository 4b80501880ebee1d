import type * as RateLimitModule from '../../src/rate-limit/index.ts';

type Ours = typeof RateLimitModule;

/** Loaded by name, so that types and lint need no peer. */
export async function load<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}

export const ours = (): Promise<Ours> => load('holdfast/rate-limit');

/** Text in one piece, as it comes from a request; text put together is slower to read for everybody. */
export function makeKeys(count: number): string[] {
  const one = (k: number): string => `user:${String((k * 7919) % 100_000_007).padStart(11, '0')}`;
  return JSON.parse(JSON.stringify(Array.from({ length: count }, (_, k) => one(k)))) as string[];
}

/** So many per hour that none is refused. */
export const MANY = 1e9;
export const HOUR = 3_600_000;

export interface Flexible {
  readonly RateLimiterMemory: new (o: { points: number; duration: number; keyPrefix?: string }) => {
    consume(key: string, points?: number): Promise<unknown>;
  };
  readonly RateLimiterUnion: new (...limiters: readonly object[]) => { consume(key: string): Promise<unknown> };
}

export interface Limiter {
  readonly RateLimiter: new (o: { tokensPerInterval: number; interval: number }) => {
    tryRemoveTokens(count: number): boolean;
  };
}

interface Express {
  readonly MemoryStore: new () => {
    init(o: { windowMs: number }): void;
    increment(key: string): Promise<{ totalHits: number }>;
    shutdown(): void;
  };
}

export async function flexible(points: number, duration = HOUR / 1000): Promise<(key: string) => Promise<unknown>> {
  const { RateLimiterMemory } = await load<Flexible>('rate-limiter-flexible');
  const limiter = new RateLimiterMemory({ points, duration });
  return (key) => limiter.consume(key);
}

export async function express(): Promise<(key: string) => Promise<unknown>> {
  const { MemoryStore } = await load<Express>('express-rate-limit');
  const store = new MemoryStore();
  store.init({ windowMs: HOUR });
  return (key) => store.increment(key);
}

/** What any limiter does at least: finds the key, reads the clock, compares. */
export function bare(): (key: string) => boolean {
  const entries = new Map<string, { untilMs: number; count: number }>();
  return (key) => {
    const nowMs = performance.now();
    const entry = entries.get(key);
    if (entry === undefined || entry.untilMs < nowMs) entries.set(key, { untilMs: nowMs + HOUR, count: 1 });
    else entry.count++;
    return true;
  };
}

/** A bucket that nobody empties, of which little flows back: no key is as good as new, and given up, meanwhile. */
export async function bucket(keys: number): Promise<(key: string) => boolean> {
  const { createRateLimiter, tokenBucket } = await ours();
  const limiter = createRateLimiter(tokenBucket({ limit: 1, periodMs: HOUR, burst: MANY }), {
    maxKeys: Math.max(keys, 100_000),
  });
  return (key) => limiter.tryAcquire(key);
}

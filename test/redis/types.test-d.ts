/*
 * Compiled by `tsc`, never run: what must compile does, and each line under an expectation of an
 * error is one that must not.
 */
import type { GlideClient, GlideClusterClient } from '@valkey/valkey-glide';
import type { Cluster, Redis } from 'ioredis';
import type { createClient, createCluster } from 'redis';
import { asPolicy, createRateLimiter, slidingLog, tokenBucket } from '../../src/rate-limit/index.ts';
import type {
  RateLimiter,
  RateLimitPolicy,
  StoredRateLimitDecision,
  StoredRateLimiter,
  StoredReservation,
} from '../../src/rate-limit/index.ts';
import type { RedisRateLimiterOptions, RedisSend, StoredRateLimitEvent } from '../../src/redis/index.ts';
import { fromGlide, fromIoredis, fromNodeRedis, redisRateLimiter, redisSagaStore } from '../../src/redis/index.ts';
import { createSagaRunner, saga } from '../../src/saga/index.ts';

/** Compiles only where the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? A : never;
declare function expectType<T>(): { is<V>(value: Same<V, T>): void };

declare const ioredis: Redis;
declare const ioredisCluster: Cluster;
declare const nodeRedis: ReturnType<typeof createClient>;
declare const nodeRedisCluster: ReturnType<typeof createCluster>;
declare const glide: GlideClient;
declare const glideCluster: GlideClusterClient;
declare const send: RedisSend;
declare const policies: readonly RateLimitPolicy[];

const bucket = tokenBucket({ limit: 1, periodMs: 1 });
const local: RateLimiter = createRateLimiter(bucket);

// Each client as it is, with one policy, several of a kind, and several of any.
redisRateLimiter(fromIoredis(ioredis), bucket);
redisRateLimiter(fromIoredis(ioredisCluster), [bucket, slidingLog({ limit: 1, windowMs: 1 })]);
redisRateLimiter(fromNodeRedis(nodeRedis), [bucket, bucket] as const);
redisRateLimiter(fromNodeRedis(nodeRedisCluster, { isCluster: true }), policies);
redisRateLimiter(fromGlide(glide), bucket);
redisRateLimiter(fromGlide(glideCluster), bucket);
redisRateLimiter(async (command, key) => [...command, key], bucket);

const limiter = redisRateLimiter(send, bucket, {
  prefix: 'a:',
  timeoutMs: 1,
  onStoreError: 'deny',
  cooldownMs: 0,
  lease: { units: 1, ttlMs: 1, maxKeys: 1 },
  denyCache: { maxKeys: 1, maxMs: 1 },
  batch: false,
  clock: performance as never,
  onEvent: (event) => expectType<StoredRateLimitEvent>().is(event),
});
// Options that are passed through may be missing.
redisRateLimiter(send, bucket, {
  prefix: undefined,
  timeoutMs: undefined,
  onStoreError: undefined,
  cooldownMs: undefined,
  lease: undefined,
  denyCache: undefined,
  batch: undefined,
  clock: undefined,
  onEvent: undefined,
});
redisRateLimiter(send, bucket, { lease: false, denyCache: false, onStoreError: local });
redisRateLimiter(send, bucket, { lease: { units: 1, ttlMs: 1 }, denyCache: {} });
for (const onStoreError of ['throw', 'allow', 'deny'] as const) redisRateLimiter(send, bucket, { onStoreError });
export const options: RedisRateLimiterOptions = { onEvent: ({ type }) => type === 'store-error' };

expectType<StoredRateLimiter>().is(limiter);
expectType<Promise<StoredRateLimitDecision>>().is(limiter.consume());
expectType<Promise<StoredRateLimitDecision>>().is(limiter.peek('key', 2));
expectType<Promise<StoredReservation | undefined>>().is(limiter.reserve('key', 2));
expectType<Promise<void>>().is(limiter.reset('key'));
expectType<Promise<void>>().is(limiter.close());
expectType<readonly RateLimitPolicy[]>().is(limiter.policies);
asPolicy(limiter, { key: 'key' });

export async function using(): Promise<void> {
  await using own = redisRateLimiter(send, bucket);
  await using held = await own.reserve();
  expectType<'store' | 'lease' | 'deny-cache' | 'fallback' | undefined>().is(held?.decision.source);
  await held?.settle(1);
}

export function told(event: StoredRateLimitEvent): unknown {
  if (event.type === 'store-suspended') return expectType<number>().is(event.cooldownMs);
  if (event.type === 'store-error') return expectType<unknown>().is(event.error);
  expectType<'store-resumed'>().is(event.type);
  // @ts-expect-error A store that is back has no error.
  return event.error;
}

// @ts-expect-error A client is not a function that sends: an adapter makes it one.
redisRateLimiter(ioredis, bucket);
// @ts-expect-error A cluster takes its commands in another form.
fromNodeRedis(nodeRedisCluster);
// @ts-expect-error A client that answers at once speaks to no server.
redisRateLimiter(() => 1, bucket);
// @ts-expect-error A limiter has a policy.
redisRateLimiter(send);
// @ts-expect-error A policy is what a factory makes, not its options.
redisRateLimiter(send, { limit: 1, periodMs: 1 });
// @ts-expect-error A prefix is text.
redisRateLimiter(send, bucket, { prefix: 1 });
// @ts-expect-error Milliseconds are a number.
redisRateLimiter(send, bucket, { timeoutMs: '1s' });
// @ts-expect-error There is no such way out.
redisRateLimiter(send, bucket, { onStoreError: 'open' });
// @ts-expect-error Another store is no way out: it can fail as well.
redisRateLimiter(send, bucket, { onStoreError: limiter });
// @ts-expect-error How many units a lease has is not guessed, nor for how long.
redisRateLimiter(send, bucket, { lease: true });
// @ts-expect-error Nor how long it lives, where only its units are said.
redisRateLimiter(send, bucket, { lease: { units: 1 } });
// @ts-expect-error It is on by default, and otherwise has bounds.
redisRateLimiter(send, bucket, { denyCache: true });
// @ts-expect-error Sending together is on or off.
redisRateLimiter(send, bucket, { batch: 10 });
// @ts-expect-error PostgreSQL has tables.
redisRateLimiter(send, bucket, { table: 'a' });
// @ts-expect-error A listener is told more than a name.
redisRateLimiter(send, bucket, { onEvent: (event: 'store-error') => void event });
// @ts-expect-error A store is asked, and so never answers at once.
limiter.tryAcquire('key');
// @ts-expect-error Keys are text.
void limiter.consume(1);
// @ts-expect-error A decision comes later.
void limiter.consume('key').allowed;
// @ts-expect-error A reservation may have been refused.
void limiter.reserve('key').then((held) => held.cancel());
// @ts-expect-error Policies are not to be changed.
limiter.policies[0] = bucket;

const plain = saga('plain').step('a', { run: () => 1 });
const atomic = plain.step('b', { atomic: true, run: (_, tx: { write(): void }) => tx.write() });
createSagaRunner({ store: redisSagaStore(send), sagas: [plain] });
// @ts-expect-error Redis has no transactions for atomic steps.
createSagaRunner({ store: redisSagaStore(send), sagas: [plain, atomic] });

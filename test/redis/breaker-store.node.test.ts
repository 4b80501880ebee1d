import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redisBreakerStore } from '../../src/redis/index.ts';
import type { RedisSend } from '../../src/redis/index.ts';
import { breakerStoreContract } from '../circuit-breaker/shared-store-contract.ts';
import { redisAvailability, startRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';

const { available } = redisAvailability();

describe.skipIf(!available)('redisBreakerStore', () => {
  let server: RedisServer;
  let send: RedisSend;
  beforeAll(async () => {
    server = await startRedis();
    send = (command) => server.send(command);
  });
  afterAll(() => server?.stop());

  // Real time passes here: the server's clock is what it goes by.
  const flush = async (): Promise<unknown> => [await send(['FLUSHALL'], ''), await send(['SCRIPT', 'FLUSH'], '')];
  breakerStoreContract(() => ({ store: redisBreakerStore(send), pass: (ms) => delay(ms + 2), flush }));

  it('refuses bad options by name', () => {
    expect(() => redisBreakerStore({} as never)).toThrow('send must be a function');
    expect(() => redisBreakerStore(send, { prefix: 1 as never })).toThrow('prefix must be a text');
    expect(() => redisBreakerStore(send, { timeoutMs: 0 })).toThrow('timeoutMs must be');
  });
});

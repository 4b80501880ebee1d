import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { redisSagaStore } from '../../src/redis/index.ts';
import type { RedisSend } from '../../src/redis/index.ts';
import { crashRun } from '../saga/fixtures/crash-run.ts';
import { canRunTypeScript } from '../support/processes.ts';
import type { RedisServer } from '../support/redis.ts';
import { redisAvailability, startRedis } from '../support/redis.ts';

const { available } = redisAvailability();

const DEFINITION = { name: 'order', version: 1 };
const nothing = { ids: undefined, held: undefined, isStuck: false, suspectAfter: 3, suspects: 0 };

function sendTo(server: RedisServer): RedisSend {
  return (command) => server.send(command);
}

/** As a client does that sends again what got no reply. */
function twice(send: RedisSend): RedisSend {
  return async (command, key) => {
    await send(command, key);
    return send(command, key);
  };
}

describe.skipIf(!available)('redisSagaStore when things fail', () => {
  it.skipIf(!canRunTypeScript)(
    'brings sagas to their end while processes are killed and frozen, and the server is frozen, loses its scripts and restarts from its append-only file',
    { timeout: 120_000 },
    async () => {
      await using server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
      const { ids } = await crashRun(
        () => `redis ${server.port}`,
        async ([a, b], untilEffects) => {
          await untilEffects(15);
          await a!.kill();
          await server.send(['SCRIPT', 'FLUSH']);
          await untilEffects(60);
          server.freeze();
          await delay(700);
          server.thaw();
          await untilEffects(110);
          b!.freeze();
          // Longer than its lease, so that others take its sagas over.
          await delay(1500);
          b!.thaw();
          await untilEffects(140);
          await server.restart();
          await untilEffects(170);
        },
      );
      expect(ids.length).toBeGreaterThan(40);
    },
  );

  it('does what it is sent twice once', async () => {
    await using server = await startRedis();
    const store = redisSagaStore(twice(sendTo(server)));
    await store.init();
    const worker = await store.enlist(60_000);
    const [saga] = await store.create(worker, [{ ...DEFINITION, id: 'a', input: '1' }]);
    expect([saga!.worker, saga!.fence]).toEqual([worker, 1]);
    const entry = { type: 'completed', path: 'pay', attempt: 1, data: '1' } as const;
    const write = {
      id: 'a',
      fence: 1,
      seq: 0,
      entries: [entry],
      outbox: [{ id: 'e', sagaId: 'a', topic: 't', payload: '1' }],
      status: 'running',
      isCancellable: true,
      seenSignals: 0,
      releaseAfterMs: Infinity,
    } as const;
    expect(await store.write(worker, [write])).toEqual([true]);
    expect(await store.signal('a', { name: 'paid', payload: '1' })).toBe(true);
    expect(await store.cancel('a', 'why')).toBe(true);
    const { record, log, events } = (await store.load('a'))!;
    expect([record.signals, record.fence, log.length, events.length]).toEqual([2, 1, 1, 1]);
    expect((await store.outbox(10)).map(({ id }) => id)).toEqual(['e']);
    // Of a claim the first answer is lost: the saga is found again by what the worker says it holds.
    const query = { ...nothing, worker, definitions: [DEFINITION], limit: 9 };
    expect(await store.claim(query)).toEqual([]);
    const [found] = await redisSagaStore(sendTo(server)).claim({ ...query, held: [] });
    expect([found!.record.id, found!.record.fence, found!.record.recoveries]).toEqual(['a', 3, 0]);
    await store.published(['e']);
    expect(await store.purge(0, 10)).toBe(0);
  });

  it('settles within its deadline while the server is frozen, and goes on when it is thawed', async () => {
    await using server = await startRedis();
    const store = redisSagaStore(sendTo(server), { timeoutMs: 200, partitions: 3 });
    const worker = await store.enlist(60_000);
    server.freeze();
    const startMs = performance.now();
    const calls = [
      store.renew(worker, 1),
      store.load('a'),
      store.create(worker, [{ ...DEFINITION, id: 'a', input: '1' }]),
    ];
    for (const result of await Promise.allSettled(calls)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ERR_STORE_TIMEOUT' } });
    }
    expect(performance.now() - startMs).toBeLessThan(1500);
    server.thaw();
    const [record] = await store.create(worker, [{ ...DEFINITION, id: 'a', input: '1' }]);
    expect([record!.worker, record!.fence]).toEqual([worker, 1]);
  });

  it('leaves no key behind but the number of its workers when all sagas are purged and all workers gone', async () => {
    await using server = await startRedis();
    const store = redisSagaStore(sendTo(server), { partitions: 2 });
    const [worker, other] = [await store.enlist(60_000), await store.enlist(60_000)];
    const ids = Array.from({ length: 20 }, (_, k) => `saga ${k}`);
    await store.create(
      worker,
      ids.map((id) => ({ ...DEFINITION, id, input: '1' })),
    );
    for (const id of ids) await store.signal(id, { name: 'paid', payload: '1' });
    await store.retire(worker);
    const claimed = await store.claim({ ...nothing, worker: other, definitions: [DEFINITION], limit: 99 });
    expect(claimed.length).toBe(20);
    const done = { entries: [], outbox: [], status: 'completed', isCancellable: true, seenSignals: 0 } as const;
    const writes = claimed.map(({ record: { id, fence } }) => ({ ...done, id, fence, seq: 0, releaseAfterMs: 0 }));
    expect(new Set(await store.write(other, writes))).toEqual(new Set([true]));
    await store.retire(other);
    while ((await store.purge(Number.MAX_SAFE_INTEGER, 7)) > 0);
    await store.strangers([], 10);
    const keys = (await server.send(['KEYS', '*'])) as readonly string[];
    expect([...keys].sort()).toEqual(['holdfast:saga:{0}:n']);
  });

  it('buries a worker with more sagas than one script moves, and all of them are taken over', async () => {
    await using server = await startRedis();
    const store = redisSagaStore(sendTo(server));
    const [worker, heir] = [await store.enlist(60_000), await store.enlist(60_000)];
    const sagas = Array.from({ length: 1200 }, (_, k) => ({ ...DEFINITION, id: `saga ${k}`, input: '1' }));
    await store.create(worker, sagas);
    await store.retire(worker);
    const query = { ...nothing, worker: heir, definitions: [DEFINITION], limit: 500 };
    let taken = 0;
    for (let round = 0; round < 4; round++) taken += (await store.claim(query)).length;
    expect(taken).toBe(1200);
  });

  it('refuses a server that evicts keys of any kind', async () => {
    await using server = await startRedis({ args: ['--maxmemory-policy', 'allkeys-lru'] });
    await expect(redisSagaStore(sendTo(server)).init()).rejects.toThrow('maxmemory-policy must be noeviction');
    await server.send(['CONFIG', 'SET', 'maxmemory-policy', 'volatile-lru']);
    await redisSagaStore(sendTo(server)).init();
  });

  it('refuses bad options by name', () => {
    const send: RedisSend = async () => null;
    expect(() => redisSagaStore({} as never)).toThrow('send must be a function');
    expect(() => redisSagaStore(send, { prefix: 'a{b}' })).toThrow('prefix must be a text without braces');
    expect(() => redisSagaStore(send, { partitions: 0 })).toThrow('partitions must be');
    expect(() => redisSagaStore(send, { timeoutMs: 0 })).toThrow('timeoutMs must be');
    expect(() => redisSagaStore(send, { acknowledge: { replicas: -1 } })).toThrow('acknowledge.replicas must be');
    expect(() => redisSagaStore(send, { partitions: 2, acknowledge: { replicas: 1 } })).toThrow('partitions must be');
  });
});

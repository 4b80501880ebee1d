import { describe, expect, it } from 'vitest';
import { expectPromises, runOutage } from '../pool/outage-run.ts';
import type { Service } from '../pool/outage-run.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { connectRedis } from '../support/redis-client.ts';
import type { RedisClient } from '../support/redis-client.ts';
import { redisAvailability, startRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';

const { available } = redisAvailability();

/** Rejects when `answer` takes longer than 400 ms. */
async function inTime<R>(answer: Promise<R>): Promise<R> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer')), 400);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

function service(port: number, faults: Pick<Service<RedisClient>, 'fell' | 'raise'>): Service<RedisClient> {
  return {
    async connect({ signal }) {
      const client = connectRedis(port);
      const cut = (): void => client.close();
      signal.addEventListener('abort', cut);
      try {
        await client.send(['PING']);
      } catch (error) {
        client.close();
        throw error;
      }
      signal.removeEventListener('abort', cut);
      return client;
    },
    ask: (client) => inTime(client.send(['INCR', 'asked'])),
    end: (client) => client.close(),
    ...faults,
  };
}

/** Only the one who asks is connected, as soon as the server has seen the others go. */
async function expectNoClients(server: RedisServer): Promise<void> {
  const count = async (): Promise<number> =>
    String(await server.send(['CLIENT', 'LIST', 'TYPE', 'normal']))
      .trim()
      .split('\n').length;
  await expect.poll(count, { timeout: 2_000 }).toBe(1);
}

describe.skipIf(!available)('a pool of Redis connections under 100 borrowers', () => {
  it('keeps its promises while the server is killed and started again, and leaves no connection', async () => {
    await using server = await startRedis();
    const findings = await runOutage(
      service(server.port, { fell: () => server.kill(), raise: () => server.restart() }),
    );
    expectPromises(findings);
    await expectNoClients(server);
  }, 60_000);

  it('keeps its promises while the server is frozen and woken, and leaves no connection', async () => {
    await using server = await startRedis();
    const findings = await runOutage(service(server.port, { fell: () => server.freeze(), raise: () => server.thaw() }));
    expectPromises(findings);
    await expectNoClients(server);
  }, 60_000);

  it('keeps its promises while the network refuses and resets, and while it swallows all', async () => {
    await using server = await startRedis();
    for (const swallows of [false, true]) {
      await using proxy = await startFaultProxy({ target: { port: server.port } });
      const findings = await runOutage(
        service(proxy.port, {
          fell() {
            if (swallows) return proxy.set({ blackHole: 'both' });
            proxy.refuse();
            return proxy.resetAll();
          },
          raise: () => (swallows ? proxy.set() : proxy.accept()),
        }),
      );
      expectPromises(findings);
    }
    await expectNoClients(server);
  }, 60_000);
});

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createKeyedPool, createPool } from '../../src/pool/index.ts';
import { expectNoLeaks, heapGrowth } from '../support/leaks.ts';
import { canRunTypeScript, spawnScript } from '../support/processes.ts';

const FIXTURE = new URL('fixtures/exit.ts', import.meta.url);

async function run(what: string): Promise<{ readonly lines: readonly string[]; readonly tookMs: number }> {
  const startMs = performance.now();
  await using script = await spawnScript(FIXTURE, { args: [what] });
  await script.exit;
  return { lines: script.lines, tookMs: performance.now() - startMs };
}

describe.skipIf(!canRunTypeScript)('the process', () => {
  it.each(['idle', 'lent', 'down'])('is not held by a pool that is %s', async (what) => {
    const { tookMs, lines } = await run(what);
    expect(tookMs).toBeLessThan(20_000);
    expect(lines).toEqual(what === 'down' ? ['down'] : []);
  });

  it('is held by one who waits', async () => {
    expect((await run('waiting')).lines).toEqual(['waited']);
  });
});

describe('the event loop', () => {
  it('when it was blocked past a deadline, a resource that comes back in the next turn still serves', async () => {
    const server = createServer((socket) => void socket.on('data', () => socket.write('back'))).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await once(socket, 'connect');
    const pool = createPool({ create: () => ({}), max: 1 });
    const lease = await pool.acquire();
    socket.once('data', () => lease.release());
    socket.write('give it back');
    const waiting = pool.acquire({ timeoutMs: 60 });
    // The answer is under way when the loop stops, and the deadline passes meanwhile.
    await new Promise((resolve) => setTimeout(resolve, 0));
    for (const endMs = performance.now() + 250; performance.now() < endMs;);
    (await waiting).release();
    socket.destroy();
    server.close();
  });
});

describe('leaks', () => {
  it('a pool that is closed leaves no listener, timer, handle or unhandled rejection', async () => {
    await expectNoLeaks(async ({ signal }) => {
      const pool = createPool({
        create: async () => ({}),
        validate: async () => true,
        reset: async () => {},
        destroy: async () => {},
        max: 3,
        idleTimeoutMs: 50,
        keepaliveMs: 40,
        maxLifetimeMs: 60,
        leakThresholdMs: 1_000,
      });
      const work = async (): Promise<unknown> => pool.use(async () => {}, { signal, timeoutMs: 1_000 }).catch(() => {});
      await Promise.all(Array.from({ length: 200 }, work));
      await pool.close();
    });
  });

  it('loans, waits, aborts and failures leave nothing in memory', async () => {
    let isDown = false;
    const pool = createPool({
      create: () => {
        if (isDown) throw new Error('down');
        return {};
      },
      max: 1,
      onCreateFailure: 'fail',
      createBackoff: { baseMs: 1, maxMs: 1 },
    });
    const growth = await heapGrowth(
      async (k) => {
        isDown = k % 50 === 0;
        const caller = new AbortController();
        const waits = [pool.acquire(), pool.acquire({ signal: caller.signal }), pool.acquire({ timeoutMs: 5 })];
        caller.abort();
        for (const wait of waits) {
          await wait.then(
            (lease) => (k % 7 === 0 ? lease.destroy(new Error('x')) : lease.release()),
            () => {},
          );
        }
      },
      { operations: 5_000 },
    );
    expect(growth).toBeLessThan(100_000);
    await pool.close();
  });

  it('keys that are forgotten leave nothing in memory', async () => {
    const pool = createKeyedPool({ create: (key: number) => ({ key }), max: 3, maxUses: 2 });
    const growth = await heapGrowth(
      async (k) => {
        await pool.use(k, () => {});
        await pool.use(k, async () => {});
      },
      { operations: 3_000 },
    );
    expect(pool.stats()).toMatchObject({ keys: 0, size: 0 });
    expect(growth).toBeLessThan(60_000);
    await pool.close();
  });

  it('creates, tests and resets that took time, and waits under one signal and many, leave nothing in memory', async () => {
    const later = (): Promise<true> => new Promise((resolve) => void setImmediate(() => resolve(true)));
    const pool = createPool({
      create: () => later().then(() => ({})),
      validate: later,
      reset: () => later().then(() => {}),
      destroy: () => later().then(() => {}),
      validateAfterIdleMs: 0,
      max: 2,
      maxUses: 2,
    });
    const caller = new AbortController();
    const stuck = createPool({ create: () => ({}), max: 1 });
    const lease = await stuck.acquire();
    // Waits as long as the others come and go.
    const patient = stuck.acquire({ signal: caller.signal, timeoutMs: Infinity, priority: -1 });
    let held = lease;
    const growth = await heapGrowth(
      async () => {
        const own = new AbortController();
        await Promise.all([pool.use(() => {}), pool.use(() => {}, { signal: own.signal }), pool.use(() => {})]);
        const wait = stuck.acquire({ signal: caller.signal });
        held.release();
        held = await wait;
      },
      { operations: 1_500 },
    );
    expect(growth).toBeLessThan(60_000);
    held.release();
    (await patient).release();
    await pool.close();
  });
});

import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/policy/index.ts';
import { createBulkhead, hedge, pipeline, retry, timeout } from '../../src/policy/index.ts';
import { abortListeners, expectNoLeaks, watchTimers } from '../support/leaks.ts';
import { flush } from '../support/gate.ts';
import { canRunTypeScript, spawnScript } from '../support/processes.ts';

/** A turn of the event loop. */
const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

async function ask(socket: Socket): Promise<string> {
  socket.write('question');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return answer.toString();
}

describe.skipIf(!canRunTypeScript)('the event loop', () => {
  it('a blocked event loop causes no false timeout: an answer that has arrived wins', async () => {
    await using server = await spawnScript(new URL('./fixtures/slow-server.ts', import.meta.url));
    const port = Number((await server.waitForLine(/^port /)).slice(5));
    const sockets = await Promise.all(Array.from({ length: 20 }, () => connected(port)));
    await Promise.all(sockets.map(ask));
    const policy = timeout({ ms: 150, strategy: 'aggressive' });
    const calls = sockets.map((socket) => policy.runOutcome(() => ask(socket)));
    // Blocks the loop in the check phase: the timers come next, before the sockets are read.
    await turn();
    const untilMs = performance.now() + 400;
    while (performance.now() < untilMs);
    const outcomes: readonly Outcome<string>[] = await Promise.all(calls);
    for (const socket of sockets) socket.destroy();
    expect(outcomes.map((outcome) => outcome.ok && outcome.value)).toEqual(Array(20).fill('answer'));
  });
});

describe('on the timers of the runtime', () => {
  it('a retry, a queue and a hedge leave no timer, listener, handle or unhandled rejection behind', async () => {
    await expectNoLeaks(async ({ signal }) => {
      const policy = pipeline(
        retry({ maxAttempts: 3, backoff: () => 2 }),
        hedge({ delayMs: 3 }),
        createBulkhead({ maxConcurrent: 2, maxQueue: 100, queueTimeoutMs: 5000 }),
      );
      const work = ({ attempt }: { readonly attempt: number }): Promise<number> =>
        new Promise((resolve, reject) => {
          setTimeout(() => (attempt === 1 ? reject(new Error('first')) : resolve(attempt)), 4);
        });
      await Promise.allSettled(Array.from({ length: 30 }, () => policy.run(work, { signal })));
      await new Promise((resolve) => {
        setTimeout(resolve, 20);
      });
    });
  });

  it('a timeout keeps one timer for its calls, which goes by itself', async () => {
    const timers = watchTimers();
    try {
      const policy = timeout({ ms: 30 });
      await Promise.all(Array.from({ length: 100 }, () => policy.run(async () => flush())));
      expect(timers.count).toBe(1);
      const untilMs = performance.now() + 5000;
      while (timers.count > 0 && performance.now() < untilMs) {
        await turn();
      }
      expect(timers.count).toBe(0);
    } finally {
      timers.stop();
    }
  });

  it('a thousand calls with one signal leave no listener and print no warning', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    try {
      const caller = new AbortController();
      const policy = pipeline(
        timeout({ ms: 5000, strategy: 'aggressive' }),
        retry({ backoff: () => 1 }),
        createBulkhead({ maxConcurrent: 10, maxQueue: Infinity, queueTimeoutMs: 4000 }),
        timeout({ ms: 1000 }),
      );
      const work = async ({ signal }: { readonly signal: AbortSignal }): Promise<boolean> => {
        await flush();
        return signal.aborted;
      };
      const unsignalled = Array.from({ length: 50 }, () => policy.run(work));
      await Promise.all([
        ...unsignalled,
        ...Array.from({ length: 1000 }, () => policy.run(work, { signal: caller.signal })),
        createBulkhead({ maxConcurrent: 50 }).map(Array(200).keys(), (_, ctx) => work(ctx), { signal: caller.signal }),
      ]);
      await flush();
      expect([abortListeners(caller.signal), warnings]).toEqual([0, []]);
    } finally {
      process.off('warning', onWarning);
    }
  });
});

describe.skipIf(!canRunTypeScript)('the process', () => {
  const script = new URL('./fixtures/lifetime.ts', import.meta.url);

  it('a retry that waits keeps the process alive, an idle timeout does not', async () => {
    await using waiting = await spawnScript(script, { args: ['retry'] });
    await using idle = await spawnScript(script, { args: ['timeout'] });
    expect(await waiting.exit).toEqual({ code: 0, signal: null });
    expect(waiting.lines).toEqual(['second attempt after 200 ms or more']);
    expect(await idle.exit).toEqual({ code: 0, signal: null });
    expect(idle.lines).toEqual(['answer', 'left early']);
  });

  it('a timeout that somebody awaits, a queue and a hedge keep it alive too', async () => {
    for (const [name, line] of [
      ['pending-timeout', 'ERR_TIMEOUT'],
      ['timeout-again', 'answer, then ERR_TIMEOUT'],
      ['queue', 'ERR_BULKHEAD_REJECTED'],
      ['hedge', 'answer of attempt 2'],
    ]) {
      await using child = await spawnScript(script, { args: [name!] });
      expect(await child.exit).toEqual({ code: 0, signal: null });
      expect(child.lines).toEqual([line]);
    }
  });
});

import { createServer } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { abortListeners, expectNoLeaks, heapGrowth, watchRejections, watchTimers } from './leaks.ts';
import { flush, gate } from './gate.ts';

describe('expectNoLeaks', () => {
  it('passes what cleans up after itself', async () => {
    await expectNoLeaks(async ({ signal }) => {
      const listener = (): void => {};
      signal.addEventListener('abort', listener);
      const fired = gate();
      const timer = setTimeout(() => {}, 60_000);
      setTimeout(fired.open, 1);
      await fired.promise;
      clearTimeout(timer);
      signal.removeEventListener('abort', listener);
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      server.close();
      void Promise.reject(new Error('handled')).catch(() => {});
    });
  });

  it('finds an abort listener', async () => {
    const run = expectNoLeaks(({ signal }) => signal.addEventListener('abort', () => {}));
    await expect(run).rejects.toThrow('left behind: 1 abort listeners');
  });

  it('finds timers, repeated and unref’d ones too', async () => {
    const timers: NodeJS.Timeout[] = [];
    const run = expectNoLeaks(() => {
      timers.push(
        setTimeout(() => {}, 60_000).unref(),
        setInterval(() => {}, 60_000),
      );
    });
    await expect(run).rejects.toThrow('left behind: 2 timers');
    timers.forEach(clearTimeout);
  });

  it('finds an open handle', async () => {
    const server = createServer();
    const run = expectNoLeaks(() => once(server.listen(0, '127.0.0.1'), 'listening'));
    await expect(run).rejects.toThrow('left behind: 1 TCPServerWrap');
    server.close();
  });

  it('finds an unhandled rejection, and the run goes on', async () => {
    const run = expectNoLeaks(() => void Promise.reject(new Error('lost')));
    await expect(run).rejects.toThrow('unhandled rejection: Error: lost');
  });

  it('puts timers and rejection listeners back, also when the function throws', async () => {
    const before = [globalThis.setTimeout, process.listeners('unhandledRejection')];
    await expect(expectNoLeaks(() => Promise.reject(new Error('own')))).rejects.toThrow('own');
    expect([globalThis.setTimeout, process.listeners('unhandledRejection')]).toEqual(before);
  });
});

describe('single detectors', () => {
  it('count the abort listeners of any signal', () => {
    const { signal } = new AbortController();
    signal.addEventListener('abort', () => {});
    expect(abortListeners(signal)).toBe(1);
  });

  it('count timers until they fire or are cleared', async () => {
    const timers = watchTimers();
    const fired = gate();
    setTimeout(fired.open, 1);
    expect(timers.count).toBe(1);
    await fired.promise;
    expect(timers.count).toBe(0);
    timers.stop();
  });

  it('keep the reasons of unhandled rejections', async () => {
    const rejections = watchRejections();
    const reason = { why: 'test' };
    void Promise.reject(reason);
    await flush();
    expect(rejections.reasons).toEqual([reason]);
    rejections.stop();
  });
});

describe('heapGrowth', () => {
  it('is small for calls that keep nothing', async () => {
    const growth = await heapGrowth((k) => Promise.resolve([k]), { operations: 20_000 });
    expect(growth).toBeLessThan(100_000);
  });

  it('shows calls that keep something', async () => {
    const kept: unknown[] = [];
    const growth = await heapGrowth((k) => void kept.push({ k }), { operations: 20_000 });
    expect(growth).toBeGreaterThan(200_000);
  });
});

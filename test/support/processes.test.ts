import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { outcomeOf } from './gate.ts';
import { childrenOf, isAlive } from './pids.ts';
import { canRunTypeScript, spawnScript, startProcess } from './processes.ts';
import type { ScriptOptions, TestProcess } from './processes.ts';

const started: TestProcess[] = [];
const echo = new URL('fixtures/echo.ts', import.meta.url);

async function start(file: URL = echo, options: ScriptOptions = {}): Promise<TestProcess> {
  const child = await spawnScript(file, options);
  started.push(child);
  return child;
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((child) => child.kill()));
});

describe.skipIf(!canRunTypeScript)('spawnScript', () => {
  it('runs a TypeScript file with arguments and environment, and reads both its outputs', async () => {
    const child = await start(echo, { args: ['a', 'b'], env: { GREETING: 'hello' } });
    expect(await child.waitForLine(/^ready/)).toBe('ready a b hello');
    child.sendLine('one');
    expect(await child.waitForLine('heard')).toBe('heard one');
    expect(child.lines).toEqual(['ready a b hello', 'heard one']);
  });

  it('tells how a process ended', async () => {
    const child = await start();
    child.sendLine('exit');
    expect(await child.exit).toEqual({ code: 3, signal: null });
    expect(child.isRunning).toBe(false);
  });

  it('says what a process printed when it ends without the line that was waited for', async () => {
    const child = await start();
    const waiting = child.waitForLine('never printed');
    child.sendLine('exit');
    await expect(waiting).rejects.toThrow(/ended with 3 without a line like never printed.*\nready/s);
  });

  it('gives up waiting for a line in time', async () => {
    const child = await start();
    await expect(child.waitForLine('never printed', 1)).rejects.toThrow('ran 1 ms');
  });
});

describe.skipIf(!canRunTypeScript)('a started process', () => {
  it('is killed at once, and a second time is no error', async () => {
    const child = await start();
    expect(await child.kill()).toEqual({ code: null, signal: 'SIGKILL' });
    expect(await child.kill()).toEqual({ code: null, signal: 'SIGKILL' });
    child.freeze();
    expect(isAlive(child.pid)).toBe(false);
  });

  it('answers nothing while frozen and everything once thawed', async () => {
    const child = await start();
    await child.waitForLine('ready');
    child.freeze();
    child.sendLine('while frozen');
    const answer = child.waitForLine('heard');
    const other = await start();
    await other.waitForLine('ready');
    expect(await outcomeOf(answer)).toEqual({ state: 'pending' });
    child.thaw();
    expect(await answer).toBe('heard while frozen');
  });

  it('is killed while frozen, too', async () => {
    const child = await start();
    child.freeze();
    expect(await child.kill()).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('ends with its parent, even one that is killed, frozen or not, and leaves no folder', async () => {
    const parent = await start(new URL('fixtures/careless-parent.ts', import.meta.url));
    const [, first, second, third, folder] = (await parent.waitForLine('children')).split(' ');
    const [killed, frozen, running] = [first, second, third].map(Number) as [number, number, number];
    expect([killed, frozen, running].map(isAlive)).toEqual([false, true, true]);
    expect(childrenOf(parent.pid)).toEqual(expect.arrayContaining([frozen, running]));
    expect(existsSync(String(folder))).toBe(true);
    await parent.kill();
    await vi.waitFor(() => expect([frozen, running].map(isAlive)).toEqual([false, false]), 5000);
    await vi.waitFor(() => expect(existsSync(String(folder))).toBe(false), 5000);
  });
});

describe('startProcess', () => {
  it('rejects when there is no such program', async () => {
    await expect(startProcess('/no/such/program', [])).rejects.toThrow('ENOENT');
  });
});

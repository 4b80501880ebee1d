import { fork, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('./server-process.ts', import.meta.url));

/** The redis-server named by REDIS_SERVER, or the one on the PATH. */
export function findRedis(): string | undefined {
  const { REDIS_SERVER: named, PATH = '' } = process.env;
  const places = named ? [named] : PATH.split(delimiter).map((folder) => join(folder, 'redis-server'));
  return places.find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export interface Redis extends AsyncDisposable {
  /** The Unix socket that it listens at. */
  readonly path: string;
}

/** Starts a Redis server that keeps nothing, and ends with this process, however that ends. */
export async function startRedis(program: string): Promise<Redis> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-demo-'));
  const path = join(folder, 'redis.sock');
  const args = ['--port', '0', '--unixsocket', path, '--dir', folder, '--save', '', '--appendonly', 'no'];
  // The shell waits for the end of its input, which is the end of this process.
  const script = '"$@" </dev/null >/dev/null 2>&1 & pid=$!; read -r _; kill -9 $pid 2>/dev/null';
  const shell = spawn('/bin/sh', ['-c', script, 'sh', program, ...args], { stdio: ['pipe', 'ignore', 'ignore'] });
  const stop = async (): Promise<void> => {
    shell.stdin.end();
    if (shell.exitCode === null) await once(shell, 'exit');
    rmSync(folder, { recursive: true, force: true });
  };
  for (let left = 500; !existsSync(path); left--) {
    await sleep(10);
    if (left > 0) continue;
    await stop();
    throw new Error(`${program} does not listen after 5 s`);
  }
  return { path, [Symbol.asyncDispose]: stop };
}

export interface ServerProcess extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
}

/** Starts a process with a server whose limiter is over this Redis. */
export async function startServer(redisPath: string): Promise<ServerProcess> {
  const child: ChildProcess = fork(PROGRAM, [redisPath], { execArgv: [] });
  const url = await new Promise<string>((resolve, reject) => {
    child.once('message', (message) => resolve(String(message)));
    child.once('exit', (code) => reject(new Error(`a server ended with ${code} before it listened`)));
  });
  return {
    url,
    pid: child.pid!,
    async [Symbol.asyncDispose]() {
      child.disconnect();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface Price {
  readonly path: string;
  /** How many requests for prices the origin had had. */
  readonly version: number;
}

/** The price service, in a process that can be killed. */
export interface Origin {
  /** Fails when the service is away. */
  price(path: string, signal?: AbortSignal): Promise<Price>;
  /** Requests for prices since it was started. */
  requests(): Promise<number>;
  kill(): Promise<void>;
  restart(): Promise<void>;
}

export async function startOrigin(): Promise<Origin> {
  let { child, port } = await launch(0);
  const get = async (path: string, signal?: AbortSignal): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, signal ? { signal } : {});
    return response.text();
  };
  return {
    price: async (path, signal) => JSON.parse(await get(path, signal)) as Price,
    requests: async () => Number(await get('/requests')),
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
    async restart() {
      ({ child, port } = await launch(port));
    },
  };
}

async function launch(port: number): Promise<{ child: ChildProcess; port: number }> {
  const script = fileURLToPath(new URL('origin-process.ts', import.meta.url));
  const child = spawn(process.execPath, [script, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return { child, port: Number(line) };
}

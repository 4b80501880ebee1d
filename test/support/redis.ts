import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { watchFolder } from './guardian.ts';
import { startProcess } from './processes.ts';
import type { TestProcess } from './processes.ts';
import { connectRedis } from './redis-client.ts';
import type { RedisClient, RedisReply } from './redis-client.ts';
import { redisAvailability } from './redis-install.ts';

export { redisAvailability } from './redis-install.ts';

export interface RedisOptions {
  /** Further arguments of redis-server, for example `['--maxmemory', '2mb']`. */
  readonly args?: readonly string[];
}

/** A real Redis server of this test alone, on a loopback port, that keeps nothing on disk. */
export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  /** Of the process that runs now, or ran last. */
  readonly pid: number;
  readonly url: string;
  /** Sends a command over a connection of its own, past any proxy. */
  send(command: readonly string[]): Promise<RedisReply>;
  /** SIGKILL; resolves when the process has ended. Its data are gone. */
  kill(): Promise<void>;
  /** SIGSTOP: connections stay, nothing is answered. */
  freeze(): void;
  /** SIGCONT after {@link freeze}. */
  thaw(): void;
  /** Ends the process if it runs and starts an empty one on the same port. */
  restart(): Promise<void>;
  /** Ends the process and removes its folder. */
  stop(): Promise<void>;
}

/** Starts a {@link RedisServer}; about a tenth of a second. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const redis = redisAvailability();
  if (!redis.available) throw new Error(redis.reason);
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-redis-'));
  watchFolder(folder);
  for (let attempt = 1; ; attempt++) {
    const server = new LocalRedis(redis.path, await freePort(), folder, options.args ?? []);
    try {
      await server.start();
      return server;
    } catch (error) {
      if (attempt === 5 || !server.isPortTaken) {
        await server.stop();
        throw error;
      }
    }
  }
}

class LocalRedis implements RedisServer {
  readonly port: number;
  readonly #path: string;
  readonly #args: readonly string[];
  readonly #folder: string;
  #process: TestProcess | undefined;
  #client: RedisClient | undefined;

  constructor(path: string, port: number, folder: string, args: readonly string[]) {
    this.port = port;
    this.#path = path;
    this.#folder = folder;
    const address = ['--bind', '127.0.0.1', '--port', String(port), '--dir', folder];
    this.#args = [...address, '--save', '', '--appendonly', 'no', ...args];
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get isPortTaken(): boolean {
    return this.#process?.lines.some((line) => line.includes('Address already in use')) ?? false;
  }

  async start(): Promise<void> {
    this.#process = await startProcess(this.#path, this.#args, { cwd: this.#folder });
    await this.#process.waitForLine('Ready to accept connections');
  }

  send(command: readonly string[]): Promise<RedisReply> {
    if (!this.#client || this.#client.isClosed) this.#client = connectRedis(this.port);
    return this.#client.send(command);
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
    this.#client?.close();
  }

  freeze(): void {
    this.#process?.freeze();
  }

  thaw(): void {
    this.#process?.thaw();
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

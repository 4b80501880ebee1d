import { fork, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { FromService, ServiceSettings, ToService } from './service.ts';

const PROGRAM = fileURLToPath(new URL('./service.ts', import.meta.url));
const BIND_TRIES = 40;
/*
 * Below the ports that systems hand to outgoing connections. A client that keeps knocking on such a
 * port while nobody listens sooner or later gets it as its own source port and is connected to itself.
 */
const FIRST_PORT = 10_240;
const LAST_PORT = 32_767;

/** The service's process, and what the script of faults does to it. */
export class ServiceProcess {
  readonly #settings: Omit<ServiceSettings, 'port'>;
  readonly #onStall: (ms: number) => void;
  #child: ChildProcess | undefined;
  #guardian: ChildProcess | undefined;
  #frozenAtMs = 0;
  #frozenMs = 0;
  port = 0;

  constructor(settings: Omit<ServiceSettings, 'port'>, onStall: (ms: number) => void) {
    this.#settings = settings;
    this.#onStall = onStall;
    process.on('exit', this.#killNow);
  }

  /** Starts it, on the port it had before if it had one. Resolves when it listens. */
  async start(): Promise<void> {
    for (let tries = 1; ; tries++) {
      const port = this.port || randomInt(FIRST_PORT, LAST_PORT + 1);
      const code = await this.#startOn(port);
      if (code === undefined) {
        this.port = port;
        return;
      }
      await this.kill();
      if (tries === BIND_TRIES) throw new Error(`the service cannot listen on port ${port}: ${code}`);
      await sleep(25);
    }
  }

  /** Resolves with what hinders it, or with nothing when it listens. */
  async #startOn(port: number): Promise<string | undefined> {
    const settings: ServiceSettings = { ...this.#settings, port };
    const child = fork(PROGRAM, [JSON.stringify(settings)], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child = child;
    this.#guard(child);
    // A message to a process that has just been killed is no error of the demo.
    child.on('error', () => {});
    return new Promise((resolve) => {
      child.on('message', (message: FromService) => {
        if (message.type === 'stalled') this.#stalled(message.ms);
        else if (message.type !== 'slowed') resolve(message.type === 'failed' ? message.code : undefined);
      });
      child.once('exit', (exitCode, signal) => resolve(`ended with ${signal ?? exitCode}`));
    });
  }

  /*
   * Should this process be killed without a word, a frozen service would stay for ever. The shell
   * waits for the end of its input, which is this process's end.
   */
  #guard(child: ChildProcess): void {
    const guardian = spawn('/bin/sh', ['-c', 'read -r _; kill -9 "$0" 2>/dev/null', String(child.pid)], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    guardian.on('error', () => {});
    guardian.stdin.on('error', () => {});
    this.#guardian = guardian;
  }

  /** The time it was frozen is no stall. */
  #stalled(ms: number): void {
    const ownMs = ms - this.#frozenMs;
    this.#frozenMs = 0;
    if (ownMs > 0) this.#onStall(ownMs);
  }

  /** Resolves when every request that comes from now on is answered after `answerMs`. */
  async slowDown(answerMs: number): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const slowed = new Promise<void>((resolve) => {
      const listener = (message: FromService): void => {
        if (message.type !== 'slowed') return;
        child.off('message', listener);
        resolve();
      };
      child.on('message', listener);
      child.once('exit', () => resolve());
    });
    child.send({ answerMs } satisfies ToService);
    await slowed;
  }

  /** Ends {@link slowDown}, for requests that come from now on. */
  speedUp(): void {
    this.#child?.send({ answerMs: null } satisfies ToService);
  }

  /** SIGSTOP: connections are still accepted, by the system, and nothing is answered. */
  freeze(): void {
    this.#frozenAtMs = performance.now();
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#frozenMs = performance.now() - this.#frozenAtMs;
    this.#child?.kill('SIGCONT');
  }

  /** SIGKILL. Resolves when it has ended. */
  async kill(): Promise<void> {
    const child = this.#child;
    const guardian = this.#guardian;
    if (!child) return;
    this.#child = this.#guardian = undefined;
    await ended(guardian);
    await ended(child);
  }

  async close(): Promise<void> {
    await this.kill();
    process.off('exit', this.#killNow);
  }

  readonly #killNow = (): void => {
    this.#guardian?.kill('SIGKILL');
    this.#child?.kill('SIGKILL');
  };
}

async function ended(child: ChildProcess | undefined): Promise<void> {
  if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

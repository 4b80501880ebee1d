import { spawn } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { forgetPid, watchPid } from './guardian.ts';

export interface ProcessOptions {
  /** Added to the environment of this process; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
}

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A child process that is ended with this one, whatever happens to this one. */
export interface TestProcess extends AsyncDisposable {
  readonly pid: number;
  readonly isRunning: boolean;
  /** What it has printed so far, on standard output and standard error, in order of arrival. */
  readonly lines: readonly string[];
  /** Resolves when it has ended and everything it printed was read. Never rejects. */
  readonly exit: Promise<ProcessExit>;
  /**
   * Resolves with the first line that matches, one already printed included.
   *
   * Rejects when the process ends without it or has not printed it after `timeoutMs`.
   */
  waitForLine(pattern: RegExp | string, timeoutMs?: number): Promise<string>;
  /** Writes one line to its standard input. */
  sendLine(line: string): void;
  /** Sends a signal, unless it has ended. */
  signal(name: NodeJS.Signals): void;
  /** SIGKILL; resolves when it has ended. No error when it had ended before. */
  kill(): Promise<ProcessExit>;
  /** SIGSTOP: it keeps its connections and answers nothing. */
  freeze(): void;
  /** SIGCONT after {@link freeze}. */
  thaw(): void;
}

/** Starts a program. Rejects when it cannot be started. */
export async function startProcess(
  command: string,
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<TestProcess> {
  const { env, ...rest } = options;
  const spawnOptions: SpawnOptions = { ...rest, env: { ...process.env, ...env }, stdio: 'pipe' };
  const child = spawn(command, args, spawnOptions);
  await once(child, 'spawn');
  return new WatchedProcess(child, command);
}

export interface ScriptOptions extends ProcessOptions {
  readonly args?: readonly string[];
  readonly nodeArgs?: readonly string[];
}

/** Whether {@link spawnScript} can run TypeScript: Node does from 22.18 on. */
export const canRunTypeScript: boolean = Boolean(process.features.typescript);

/** Runs a JavaScript or TypeScript file with the Node that runs this process. */
export function spawnScript(file: string | URL, options: ScriptOptions = {}): Promise<TestProcess> {
  const { args = [], nodeArgs = [], ...rest } = options;
  const path = file instanceof URL ? fileURLToPath(file) : file;
  return startProcess(process.execPath, [...nodeArgs, path, ...args], rest);
}

interface LineWaiter {
  readonly pattern: RegExp | string;
  readonly resolve: (line: string) => void;
}

class WatchedProcess implements TestProcess {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #waiters = new Set<LineWaiter>();
  readonly lines: string[] = [];
  readonly pid: number;
  readonly exit: Promise<ProcessExit>;

  constructor(child: ChildProcess, name: string) {
    this.#child = child;
    this.#name = name;
    this.pid = child.pid as number;
    watchPid(this.pid);
    child.once('exit', () => forgetPid(this.pid));
    child.stdin?.on('error', () => {});
    for (const stream of [child.stdout, child.stderr]) this.#readLines(stream);
    this.exit = new Promise((resolve) => {
      child.once('close', (code: number | null, signal: NodeJS.Signals | null) => resolve({ code, signal }));
    });
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  waitForLine(pattern: RegExp | string, timeoutMs = 15_000): Promise<string> {
    const found = this.lines.find((line) => matches(line, pattern));
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((resolve, reject) => {
      const waiter: LineWaiter = {
        pattern,
        resolve: (line) => {
          clearTimeout(timer);
          resolve(line);
        },
      };
      const giveUp = (why: string): void => {
        clearTimeout(timer);
        if (this.#waiters.delete(waiter)) reject(new Error(this.#complaint(`${why} without a line like ${pattern}`)));
      };
      const timer = setTimeout(() => giveUp(`ran ${timeoutMs} ms`), timeoutMs);
      this.#waiters.add(waiter);
      void this.exit.then(({ code, signal }) => giveUp(`ended with ${signal ?? code}`));
    });
  }

  sendLine(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  signal(name: NodeJS.Signals): void {
    if (this.isRunning) this.#child.kill(name);
  }

  kill(): Promise<ProcessExit> {
    this.signal('SIGKILL');
    return this.exit;
  }

  freeze(): void {
    this.signal('SIGSTOP');
  }

  thaw(): void {
    this.signal('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #complaint(what: string): string {
    return `${this.#name} (pid ${this.pid}) ${what}; it printed:\n${this.lines.slice(-40).join('\n')}`;
  }

  #readLines(stream: NodeJS.ReadableStream | null): void {
    let rest = '';
    stream?.setEncoding('utf8');
    stream?.on('data', (text: string) => {
      const parts = (rest + text).split(/\r?\n/);
      rest = parts.pop() ?? '';
      for (const line of parts) this.#take(line);
    });
    stream?.on('end', () => {
      if (rest !== '') this.#take(rest);
    });
  }

  #take(line: string): void {
    this.lines.push(line);
    for (const waiter of this.#waiters) {
      if (!matches(line, waiter.pattern)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(line);
    }
  }
}

function matches(line: string, pattern: RegExp | string): boolean {
  return typeof pattern === 'string' ? line.includes(pattern) : line.search(pattern) >= 0;
}

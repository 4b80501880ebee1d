import { once } from 'node:events';
import { createServer } from 'node:net';
import { randomInt } from 'node:crypto';
import type { TestProcess } from '../../../test/support/processes.ts';
import { spawnScript } from '../../../test/support/processes.ts';
import type { Message } from './messages.ts';
import { messagesIn } from './messages.ts';

/*
 * Below the ports that systems hand to outgoing connections. A client that keeps knocking on such a
 * port while nobody listens sooner or later gets it as its own source port and is connected to itself.
 */
const FIRST_PORT = 10_240;
const LAST_PORT = 32_767;

/** A port that was free a moment ago. */
export async function choosePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1);
    const server = createServer();
    const isFree = new Promise<boolean>((resolve) => {
      server.once('listening', () => resolve(true));
      server.once('error', () => resolve(false));
    });
    server.listen(port, '127.0.0.1');
    if (!(await isFree)) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** One of our processes, over all its lives. It ends with this process, however that ends. */
export class Service {
  readonly name: string;
  readonly #script: URL;
  readonly #args: readonly string[];
  readonly #lives: TestProcess[] = [];
  readonly #killed = new Set<TestProcess>();

  constructor(name: string, script: string, ...args: readonly string[]) {
    this.name = name;
    this.#script = new URL(script, import.meta.url);
    this.#args = args;
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    const life = await spawnScript(this.#script, { args: this.#args });
    this.#lives.push(life);
    // Seconds; a minute and more where others want the machine too.
    await life.waitForLine('"listening"', 120_000);
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    const life = this.#lives.at(-1);
    if (!life) return;
    this.#killed.add(life);
    await life.kill();
  }

  /** SIGSTOP: connections are still accepted, by the system, and nothing is answered. */
  freeze(): void {
    this.#lives.at(-1)?.freeze();
  }

  thaw(): void {
    this.#lives.at(-1)?.thaw();
  }

  get messages(): readonly Message[] {
    return this.#lives.flatMap(({ lines }) => messagesIn(lines));
  }

  /** Lives that ended though nobody had killed them, with the last they said. */
  get crashes(): readonly string[] {
    return this.#lives
      .filter((life) => !life.isRunning && !this.#killed.has(life))
      .map(
        ({ lines }) =>
          `${this.name}: ${lines
            .filter((line) => !line.startsWith('{'))
            .slice(-6)
            .join(' | ')}`,
      );
  }
}

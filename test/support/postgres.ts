import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { forgetPid, watchFolder, watchPid } from './guardian.ts';
import { postgresAvailability, postgresUser, runnableBy } from './postgres-binaries.ts';
import { queryPostgres } from './postgres-client.ts';
import type { PostgresRow } from './postgres-client.ts';
import { childrenOf, signalPid, untilGone } from './pids.ts';
import { startProcess } from './processes.ts';
import type { ProcessOptions, TestProcess } from './processes.ts';

export { postgresAvailability } from './postgres-binaries.ts';

export interface PostgresOptions {
  /** Server settings, for example `{ max_connections: '10' }`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A real PostgreSQL server of this test alone, on a loopback port, in a temporary folder. */
export interface PostgresServer extends AsyncDisposable {
  readonly port: number;
  /** Of the postmaster that runs now, or ran last. */
  readonly pid: number;
  /** Superuser `postgres`, database `postgres`, no password. */
  readonly url: string;
  /** Runs SQL on a connection of its own, past any proxy; every value comes as text. */
  query(sql: string): Promise<readonly PostgresRow[]>;
  /** SIGKILL to the postmaster and its backends; resolves when the postmaster has ended. */
  kill(): Promise<void>;
  /** SIGSTOP to the postmaster and its backends: connections stay, nothing is answered. */
  freeze(): void;
  /** SIGCONT after {@link freeze}. */
  thaw(): void;
  /** Ends the server if it runs and starts it again with its data, on the same port. */
  restart(): Promise<void>;
  /** Ends the server and removes its folder. */
  stop(): Promise<void>;
}

/** Starts a {@link PostgresServer}; one to three seconds. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const found = postgresAvailability();
  if (!found.available) throw new Error(found.reason);
  const user = postgresUser();
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-postgres-'));
  watchFolder(folder);
  if (user.uid !== undefined && user.gid !== undefined) chownSync(folder, user.uid, user.gid);
  const place: Place = {
    bin: runnableBy(user, found.path),
    folder,
    data: join(folder, 'data'),
    // The server writes messages in the language of its environment, and we read them.
    run: { ...user, cwd: folder, env: { LC_ALL: 'C', LC_MESSAGES: 'C', LANG: 'C', TZ: 'UTC' } },
    settings: options.settings ?? {},
  };
  try {
    await createData(place);
    return await startOnFreePort(place);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

interface Place {
  readonly bin: string;
  readonly folder: string;
  readonly data: string;
  readonly run: ProcessOptions;
  readonly settings: Readonly<Record<string, string>>;
}

async function createData({ bin, data, run }: Place): Promise<void> {
  const args = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
  const initdb = await startProcess(join(bin, 'initdb'), args, run);
  const { code } = await initdb.exit;
  if (code !== 0) throw new Error(`initdb ended with ${code}; it printed:\n${initdb.lines.join('\n')}`);
}

async function startOnFreePort(place: Place): Promise<PostgresServer> {
  for (let attempt = 1; ; attempt++) {
    const server = new LocalPostgres(place, await freePort());
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.kill();
      if (attempt === 5 || !server.isPortTaken) throw error;
    }
  }
}

class LocalPostgres implements PostgresServer {
  readonly port: number;
  readonly #place: Place;
  #process: TestProcess | undefined;
  #frozen: readonly number[] = [];

  constructor(place: Place, port: number) {
    this.#place = place;
    this.port = port;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  get url(): string {
    return `postgresql://postgres@127.0.0.1:${this.port}/postgres`;
  }

  get isPortTaken(): boolean {
    return this.#process?.lines.some((line) => line.includes('Address already in use')) ?? false;
  }

  async start(): Promise<void> {
    const { bin, data, run, settings } = this.#place;
    const all = {
      port: String(this.port),
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      // Kept in the data folder, so that a killed server leaves nothing elsewhere.
      dynamic_shared_memory_type: 'mmap',
      ...settings,
    };
    const args = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    this.#process = await startProcess(join(bin, 'postgres'), ['-D', data, ...args], run);
    await this.#process.waitForLine('database system is ready to accept connections', 30_000);
  }

  query(sql: string): Promise<readonly PostgresRow[]> {
    return queryPostgres({ port: this.port, user: 'postgres', database: 'postgres' }, sql);
  }

  async kill(): Promise<void> {
    const backends = this.#signalAll('SIGKILL');
    this.#forgetFrozen();
    await this.#process?.kill();
    // A backend which outlives the postmaster by a moment keeps the data folder locked.
    await Promise.all(backends.map(untilGone));
  }

  freeze(): void {
    // Backends end by themselves when the postmaster does, but not while they are frozen.
    this.#frozen = this.#signalAll('SIGSTOP');
    this.#frozen.forEach(watchPid);
  }

  thaw(): void {
    this.#signalAll('SIGCONT');
    this.#forgetFrozen();
  }

  async restart(): Promise<void> {
    await this.#end();
    await this.start();
  }

  async stop(): Promise<void> {
    await this.#end();
    removeSharedMemory(this.#place.data);
    rmSync(this.#place.folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** An orderly end where possible, because it alone gives all shared memory back. */
  async #end(): Promise<void> {
    if (this.#process?.isRunning) this.thaw();
    this.#process?.signal('SIGINT');
    await this.#process?.exit;
  }

  /** The postmaster first, so that it starts no backend meanwhile. Returns the backends. */
  #signalAll(name: NodeJS.Signals): readonly number[] {
    if (!this.#process?.isRunning) return [];
    this.#process.signal('SIGSTOP');
    const backends = childrenOf(this.pid);
    for (const backend of backends) signalPid(backend, name);
    this.#process.signal(name);
    return backends;
  }

  #forgetFrozen(): void {
    this.#frozen.forEach(forgetPid);
    this.#frozen = [];
  }
}

/** A killed server leaves a few bytes of System V shared memory, named in the file it leaves as well. */
function removeSharedMemory(data: string): void {
  const file = join(data, 'postmaster.pid');
  if (!existsSync(file)) return;
  // Line 7 is "key id": https://www.postgresql.org/docs/current/storage-file-layout.html
  const id = readFileSync(file, 'utf8').split('\n')[6]?.trim().split(/\s+/)[1];
  if (id !== undefined) spawnSync('ipcrm', ['-m', id]);
}

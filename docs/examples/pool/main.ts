import { parseArgs } from 'node:util';
import type pg from 'pg';
import type { Pool, PoolLeak } from '../../../src/pool/index.ts';
import { postgresAvailability, startPostgres } from '../../../test/support/postgres.ts';
import type { PostgresServer } from '../../../test/support/postgres.ts';
import { APPLICATION, connections } from './connections.ts';
import type { Experience } from './users.ts';
import { pause, startUsers } from './users.ts';

const help = `npm run demo -- pool [options]
50 users over 10 connections to a real PostgreSQL, which is killed and started again.
  --forget-close   leaves the pool open, to see that the last promise can be broken`;

const TIMEOUT_MS = 3_000;
const OUTAGE_MS = 2_500;

/** Runs the story and judges it. Resolves with the exit code: 1 when a promise was broken. */
export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { 'forget-close': { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  const found = postgresAvailability();
  if (!found.available) {
    console.error(`there is no PostgreSQL to run this with: ${found.reason}`);
    return 2;
  }
  console.log('starting PostgreSQL');
  await using server = await startPostgres({ settings: { max_connections: '30' } });
  const story = new Story(server);
  await story.outage();
  await story.reaper();
  await story.leak();
  await story.end(values['forget-close']);
  return story.judge();
}

class Story {
  readonly #server: PostgresServer;
  readonly #pool: Pool<pg.Client>;
  readonly #attemptsMs: readonly number[];
  readonly #leaks: PoolLeak<pg.Client>[] = [];
  readonly #promises: (readonly [string, boolean, string])[] = [];
  readonly #startMs = performance.now();
  #most = 0;

  constructor(server: PostgresServer) {
    this.#server = server;
    const { pool, attemptsMs } = connections(server.url, (leak) => void this.#leaks.push(leak));
    this.#pool = pool;
    this.#attemptsMs = attemptsMs;
  }

  #promise(what: string, isKept: boolean, figure: string): void {
    this.#promises.push([what, isKept, figure]);
  }

  #row(seen: Experience | undefined, note: string): void {
    const { created, idle, inUse, creating, waiting, size } = this.#pool.stats();
    this.#most = Math.max(this.#most, size);
    const waits = seen?.waitsMs.splice(0) ?? [];
    const meanMs = waits.length === 0 ? '-' : (waits.reduce((sum, ms) => sum + ms, 0) / waits.length).toFixed(1);
    const seconds = ((performance.now() - this.#startMs) / 1_000).toFixed(1);
    const cells = [seconds, created, idle, inUse, creating, waiting, meanMs, seen?.answers ?? '', seen?.errors ?? ''];
    console.log(`${cells.map((cell) => String(cell).padStart(9)).join('')}  ${note}`);
  }

  async #watch(ms: number, seen: Experience | undefined, note: string): Promise<void> {
    for (const endMs = performance.now() + ms; performance.now() < endMs;) {
      await pause(Math.min(250, endMs - performance.now()));
      this.#row(seen, note);
    }
  }

  async outage(): Promise<void> {
    console.log('\n50 users, 10 connections; the wait is the mean of each quarter of a second');
    const columns = ['s', 'created', 'idle', 'in use', 'creating', 'waiting', 'wait/ms', 'answers', 'errors'];
    console.log(columns.map((name) => name.padStart(9)).join(''));
    const { seen, stop } = startUsers(50, this.#pool, TIMEOUT_MS, (client) => client.query('SELECT pg_sleep(0.01)'));
    await this.#watch(1_500, seen, '');
    const felledMs = performance.now();
    await this.#server.kill();
    this.#row(seen, '<- PostgreSQL is killed');
    await this.#watch(OUTAGE_MS, seen, 'down');
    const attempts = this.#attemptsMs.filter((atMs) => atMs > felledMs).length;
    await this.#server.restart();
    const raisedMs = performance.now();
    this.#row(seen, '<- it accepts connections again');
    await this.#watch(1_500, seen, '');
    await stop();
    const firstMs = seen.answeredMs.find((atMs) => atMs > felledMs + OUTAGE_MS) ?? Infinity;
    const recoveryMs = Math.max(0, firstMs - raisedMs);
    this.#promise(
      'users were answered before the outage',
      seen.answeredMs.some((atMs) => atMs < felledMs),
      '',
    );
    this.#promise(`at most 35 attempts to connect in ${OUTAGE_MS} ms of outage`, attempts <= 35, String(attempts));
    this.#promise('first answer within 500 ms of the return', recoveryMs <= 500, `${recoveryMs.toFixed(0)} ms`);
    const lateMs = `${seen.lateMs.toFixed(0)} ms`;
    this.#promise('no acquire late by more than 300 ms', seen.lateMs <= 300, lateMs);
    this.#promise('never more than 10 connections', this.#most <= 10, String(this.#most));
  }

  async reaper(): Promise<void> {
    console.log('\nnobody comes any more: what is idle for 700 ms goes, down to `min: 2`');
    await this.#watch(1_250, undefined, '');
    const { idle, size } = this.#pool.stats();
    this.#promise('the idle reaper leaves `min` connections', idle === 2 && size === 2, `${idle} idle`);
  }

  async leak(): Promise<void> {
    console.log('\nsomebody borrows and forgets; after 1500 ms the pool says who, and takes the connection back');
    await forgetfulReport(this.#pool);
    await this.#watch(1_750, undefined, '');
    for (const { heldMs, stack } of this.#leaks) {
      const frames = stack
        .split('\n')
        .filter((line) => line.includes('docs/examples'))
        .slice(0, 3);
      console.log(`\nleak: on loan for ${heldMs.toFixed(0)} ms, acquired\n${frames.join('\n')}`);
    }
    const [first, ...others] = this.#leaks;
    const isNamed = first?.stack.includes('forgetfulReport') === true && others.length === 0;
    this.#promise('the leak is reported once, with the name of the borrower', isNamed, `${this.#leaks.length} reports`);
    this.#promise('the leaked connection was taken back', this.#pool.stats().inUse === 0, '');
  }

  async end(isForgotten: boolean): Promise<void> {
    if (!isForgotten) await this.#pool.close();
    await pause(100);
    const sql = `SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = '${APPLICATION}'`;
    const left = (await this.#server.query(sql))[0]?.['n'] ?? 'unknown';
    this.#promise('after the close the server counts 0 connections', left === '0', left);
    if (isForgotten) await this.#pool.close({ graceMs: 0 });
  }

  judge(): number {
    console.log('\npromises');
    for (const [what, isKept, figure] of this.#promises)
      console.log(`  ${isKept ? 'kept  ' : 'BROKEN'} ${what}${figure === '' ? '' : ` (${figure})`}`);
    return this.#promises.every(([, isKept]) => isKept) ? 0 : 1;
  }
}

/** Borrows a connection, and has no `using`, no `finally` and no `use`. */
async function forgetfulReport(pool: Pool<pg.Client>): Promise<void> {
  const { resource } = await pool.acquire();
  await resource.query('SELECT 1');
}

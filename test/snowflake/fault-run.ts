import { setTimeout as delay } from 'node:timers/promises';
import { createSeededRandom } from '../../src/testing/index.ts';
import { spawnScript } from '../support/processes.ts';
import type { TestProcess } from '../support/processes.ts';

/** The engine, to be hurt. */
interface Server {
  readonly port: number;
  freeze(): void;
  thaw(): void;
}

/** What came of it. */
export interface FaultRunResult {
  readonly ids: number;
  readonly duplicates: number;
  /** How often a process began to issue under a worker id. */
  readonly terms: number;
}

export const TTL_MS = 400;

/** Two can issue at a time: more terms than that show that leases were lost and taken over. */
export const TERMS = 5;

/**
 * Runs three processes that share two worker ids for a while and does to them, and to the server, what happens in
 * production. Real time passes here: it is what leases are about.
 */
export async function runWithFaults(
  engine: 'redis' | 'postgres',
  server: Server,
  loseEverything: () => Promise<unknown>,
  rounds: number,
): Promise<FaultRunResult> {
  const random = createSeededRandom(7);
  const all: TestProcess[] = [];
  const start = async (): Promise<TestProcess> => {
    const process = await spawnScript(new URL('fixtures/holder.ts', import.meta.url), {
      args: [engine, String(server.port), String(TTL_MS)],
    });
    all.push(process);
    return process;
  };
  const running = await Promise.all([start(), start(), start()]);
  await Promise.any(running.map((process) => process.waitForLine('worker', 20_000)));
  const faults: readonly ((at: number) => Promise<unknown>)[] = [
    async (at) => {
      running[at]!.freeze();
      await delay(TTL_MS * 2.5);
      running[at]!.thaw();
    },
    async (at) => {
      await running[at]!.kill();
      running[at] = await start();
    },
    async (at) => {
      running[at]!.sendLine('close');
      await running[at]!.exit;
      running[at] = await start();
    },
    async (at) => running[at]!.sendLine(`step ${Math.round((random() - 0.5) * 4 * TTL_MS)}`),
    async () => {
      server.freeze();
      await delay(TTL_MS * 2);
      server.thaw();
    },
    loseEverything,
  ];
  // On a busy machine few worker ids change hands in a round: then there are more rounds.
  for (let round = 0; round < rounds || (countIds(all).terms < TERMS && round < 4 * rounds); round++) {
    await faults[round % faults.length]!(Math.floor(random() * 3));
    await delay(TTL_MS * (0.5 + random()));
  }
  await Promise.all(all.map((process) => process.kill()));
  return countIds(all);
}

function countIds(all: readonly TestProcess[]): FaultRunResult {
  const lines = all.flatMap((process) => process.lines);
  const seen = new Set<string>();
  let ids = 0;
  for (const line of lines.filter((text) => text.startsWith('ids '))) {
    for (const id of line.slice(4).split(' ')) {
      seen.add(id);
      ids++;
    }
  }
  const terms = lines.filter((line) => line.startsWith('worker ')).length;
  return { ids, duplicates: ids - seen.size, terms };
}

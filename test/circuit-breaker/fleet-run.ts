import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { spawnScript } from '../support/processes.ts';
import type { TestProcess } from '../support/processes.ts';

export const SYNC_MS = 100;
export const OPEN_MS = 600;
/** How long a hold of the trials stands: three intervals and a deadline of one. */
export const TTL_MS: number = 4 * SYNC_MS;

/** A trial that the dependency has not answered yet. */
interface HeldTrial {
  readonly node: string;
  answer(isGood: boolean): void;
}

/** What all processes call. It sees each call, and so how many trials there are at once. */
export interface Dependency extends AsyncDisposable {
  readonly port: number;
  /** `hold` keeps trials until they are answered by hand, and fails all else. */
  mode: 'up' | 'down' | 'hold';
  /** Fails for these nodes, whatever the mode. */
  badNodes: readonly string[];
  readonly held: readonly HeldTrial[];
  readonly trials: number;
  mostTrials: number;
}

export async function startDependency(): Promise<Dependency> {
  let running = 0;
  const held = new Set<HeldTrial>();
  const answer = (response: ServerResponse, isGood: boolean): void => void response.writeHead(isGood ? 200 : 503).end();
  const server = createServer(({ headers }, response) => {
    const node = String(headers['node']);
    const isGood = (): boolean => dependency.mode === 'up' && !dependency.badNodes.includes(node);
    if (headers['state'] !== 'half-open') return answer(response, isGood());
    dependency.trials++;
    dependency.mostTrials = Math.max(dependency.mostTrials, ++running);
    // Ends with the answer, or with the process that waits for it.
    response.on('close', () => {
      running--;
      held.delete(trial);
    });
    const trial = { node, answer: (isGoodNow: boolean) => answer(response, isGoodNow) };
    if (dependency.mode === 'hold') held.add(trial);
    // Long enough for a second trial to be seen beside it.
    else setTimeout(() => answer(response, isGood()), 20);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const dependency = {
    port: (server.address() as AddressInfo).port,
    mode: 'up' as Dependency['mode'],
    badNodes: [] as readonly string[],
    trials: 0,
    mostTrials: 0,
    get held() {
      return [...held];
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return dependency;
}

/** Starts processes that share a circuit. */
export async function startFleet(size: number, redisPort: number, dependency: Dependency): Promise<TestProcess[]> {
  const fleet = await Promise.all(
    Array.from({ length: size }, (_, k) =>
      spawnScript(new URL('fixtures/fleet-process.ts', import.meta.url), {
        args: [`node ${k}`, redisPort, dependency.port, SYNC_MS, OPEN_MS].map(String),
      }),
    ),
  );
  await Promise.all(fleet.map((process) => process.waitForLine('fleet connected', 30_000)));
  return fleet;
}

/** The state that a process printed last, and when. */
export function stateOf({ lines }: TestProcess): { readonly state: string; readonly atMs: number } {
  const [, state = 'closed', atMs = '0'] =
    lines
      .filter((line) => line.startsWith('state '))
      .at(-1)
      ?.split(' ') ?? [];
  return { state, atMs: Number(atMs) };
}

/** Waits for what processes tell nobody but by printing it. Answers how long it took, or throws after `withinMs`. */
export async function until(what: string, isSo: () => boolean, withinMs: number): Promise<number> {
  const startMs = performance.now();
  while (!isSo()) {
    if (performance.now() - startMs > withinMs) throw new Error(`${what}: not within ${withinMs} ms`);
    await delay(2);
  }
  return performance.now() - startMs;
}

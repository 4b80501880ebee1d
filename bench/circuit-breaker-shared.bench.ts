import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../src/core/clock.ts';
import { memoryBreakerStore } from '../test/circuit-breaker/memory-breaker-store.ts';
import type { Case, Loop, Subject } from './support/case.ts';
import { allocation, awaited, time } from './support/case.ts';
import { answer, ours, succeed } from './support/circuits.ts';
import { circuitBreaker, cockatiel } from './support/peers.ts';

const PROCESSES = 20;
const SYNC_MS = 100;
const OPEN_MS = 300;
const OUTAGE_MS = 2000;
const LATENCY_MS = 2;

function closed(name: string, isShared: boolean): Subject<Loop> {
  return {
    name,
    prepare: async () => {
      const circuit = await ours(({ consecutiveFailures }) => consecutiveFailures(5));
      const { shareCircuit } = await circuitBreaker();
      if (isShared) shareCircuit(circuit, { store: memoryBreakerStore(systemClock), node: 'a', name: 'bench' });
      return awaited(() => circuit.run(succeed));
    },
  };
}

const success: Case = {
  kind: 'loop',
  name: 'success, shared',
  about: 'a call that succeeds through a closed circuit of a fleet that syncs once a second',
  expected: answer,
  subjects: [closed('holdfast', true), closed('holdfast, unshared', false)],
  measures: [
    time({ ratio: 1.05, against: 'holdfast, unshared' }),
    allocation({ above: 1, against: 'holdfast, unshared' }),
  ],
};

/** A dependency that can be taken down, and sees who calls it as a trial. */
class Flaky {
  isDown = false;
  reached = 0;
  running = 0;
  most = 0;

  async call(isTrial: boolean): Promise<string> {
    if (this.isDown) this.reached++;
    if (isTrial) this.most = Math.max(this.most, ++this.running);
    try {
      await sleep(20);
      if (this.isDown) throw new Error('down');
      return 'answer';
    } finally {
      if (isTrial) this.running--;
    }
  }
}

type Process = (service: Flaky) => Promise<unknown>;

/** What a fleet does to a dependency in an outage, as that sees it. `commands` counts those of the store. */
function outage(
  name: string,
  start: (commands: () => void) => Promise<{ processes: Process[]; end(): Promise<unknown> }>,
): Subject<Readonly<Record<string, number>>> {
  return {
    name,
    prepare: async () => {
      let commands = 0;
      const { processes, end } = await start(() => void commands++);
      const service = new Flaky();
      let isOver = false;
      const answeredMs = processes.map(() => 0);
      const startMs = performance.now();
      const callers = processes.map(async (call, k) => {
        while (!isOver) {
          await call(service).then(
            () => void (answeredMs[k] = performance.now()),
            () => {},
          );
          await sleep(5);
        }
      });
      await sleep(500);
      service.isDown = true;
      await sleep(OUTAGE_MS);
      service.isDown = false;
      const backMs = performance.now();
      while (answeredMs.some((ms) => ms < backMs) && performance.now() < backMs + 10_000) await sleep(5);
      const recovery = performance.now() - backMs;
      const perInterval = commands / PROCESSES / ((performance.now() - startMs) / SYNC_MS);
      isOver = true;
      await Promise.all(callers);
      await end();
      return {
        'calls into the outage': service.reached,
        'trials at once': service.most,
        'recovery of all': recovery,
        'store commands per process and interval': perInterval,
      };
    },
  };
}

async function fleet(isShared: boolean, command: () => void): ReturnType<Parameters<typeof outage>[1]> {
  const { consecutiveFailures, createCircuitBreaker, shareCircuit } = await circuitBreaker();
  const memory = memoryBreakerStore(systemClock);
  memory.latencyMs = LATENCY_MS;
  const store: typeof memory = { ...memory, sync: (report) => (command(), memory.sync(report)) };
  const ends: (() => Promise<unknown>)[] = [];
  const processes = Array.from({ length: PROCESSES }, (_, k): Process => {
    const circuit = createCircuitBreaker({ name: 'bench', trip: consecutiveFailures(5), openDurationMs: OPEN_MS });
    if (isShared) {
      const shared = shareCircuit(circuit, { store, node: `node ${k}`, syncIntervalMs: SYNC_MS });
      ends.push(() => shared.close());
    }
    return (service) => circuit.run(() => service.call(circuit.state === 'half-open'));
  });
  return { processes, end: () => Promise.all(ends.map((close) => close())) };
}

const outages: Case = {
  kind: 'observed',
  name: 'outage of a fleet',
  about: `${PROCESSES} processes with a caller each, a dependency down for ${OUTAGE_MS} ms, circuits that open for ${OPEN_MS} ms after 5 failures in a row and sync every ${SYNC_MS} ms with a store ${LATENCY_MS} ms away`,
  rounds: 3,
  subjects: [
    outage('holdfast', (command) => fleet(true, command)),
    outage('holdfast, unshared', (command) => fleet(false, command)),
    outage('cockatiel', async () => {
      const peer = await cockatiel();
      const processes = Array.from({ length: PROCESSES }, (): Process => {
        const breaker = new peer.ConsecutiveBreaker(5);
        const circuit = peer.circuitBreaker(peer.handleAll, { halfOpenAfter: OPEN_MS, breaker }) as unknown as {
          execute(op: () => unknown): Promise<unknown>;
          readonly state: number;
        };
        // 2 is half-open.
        return (service) => circuit.execute(() => service.call(circuit.state === 2));
      });
      return { processes, end: () => Promise.resolve() };
    }),
  ],
  measures: [
    { name: 'calls into the outage', unit: 'calls', goals: [] },
    { name: 'trials at once', unit: 'calls', goals: [{ atMost: 1 }] },
    { name: 'recovery of all', unit: 'ms', goals: [{ atMost: OPEN_MS + 700 }] },
    { name: 'store commands per process and interval', unit: '', goals: [{ atMost: 4 }] },
  ],
};

export const cases: readonly Case[] = [success, outages];

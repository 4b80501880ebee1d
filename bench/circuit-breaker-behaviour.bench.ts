import { setTimeout as sleep } from 'node:timers/promises';
import type { Case, Subject } from './support/case.ts';
import { circuitBreaker, cockatiel, opossum } from './support/peers.ts';

const OPEN_MS = 300;
const OUTAGE_MS = 2000;
const CALLERS = 20;

/** A dependency that can be taken down, and counts the calls that reach it while it is. */
class Flaky {
  isDown = false;
  reached = 0;
  readonly op = async (): Promise<string> => {
    if (this.isDown) this.reached++;
    await sleep(2);
    if (this.isDown) throw new Error('down');
    return 'answer';
  };
}

type Call = () => Promise<unknown>;

/** Lets callers call in turn through an outage, and watches from outside, as the dependency and the callers see it. */
function outage(name: string, wrap: (op: Flaky['op']) => Promise<Call>): Subject<Readonly<Record<string, number>>> {
  return {
    name,
    prepare: async () => {
      let unhandled = 0;
      process.on('unhandledRejection', () => unhandled++);
      const service = new Flaky();
      const call = await wrap(service.op);
      let isOver = false;
      let restoredMs = Infinity;
      let recoveryMs = Infinity;
      const caller = async (): Promise<void> => {
        while (!isOver) {
          const isAnswered = await call().then(
            () => true,
            () => false,
          );
          if (isAnswered && restoredMs < Infinity) recoveryMs = Math.min(recoveryMs, performance.now() - restoredMs);
          await sleep(5);
        }
      };
      const callers = Promise.all(Array.from({ length: CALLERS }, caller));
      await sleep(200);
      service.isDown = true;
      await sleep(OUTAGE_MS);
      service.isDown = false;
      restoredMs = performance.now();
      while (recoveryMs === Infinity && performance.now() - restoredMs < 5000) await sleep(20);
      isOver = true;
      await callers;
      return { 'calls into the outage': service.reached, recovery: recoveryMs, 'unhandled rejections': unhandled };
    },
  };
}

/** Calls already under way when it opens, and one trial each time it half-opens, the first included. */
const MOST_CALLS = CALLERS + 5 + Math.ceil(OUTAGE_MS / OPEN_MS);

const flaky: Case = {
  kind: 'observed',
  name: 'outage',
  about: `${CALLERS} callers, a dependency down for ${OUTAGE_MS} ms, circuits that open after 5 failures in a row (opossum: at half) for ${OPEN_MS} ms`,
  rounds: 3,
  subjects: [
    outage('holdfast', async (op) => {
      const { consecutiveFailures, createCircuitBreaker } = await circuitBreaker();
      const circuit = createCircuitBreaker({ trip: consecutiveFailures(5), openDurationMs: OPEN_MS });
      return () => circuit.run(op);
    }),
    outage('cockatiel', async (op) => {
      const peer = await cockatiel();
      const breaker = new peer.ConsecutiveBreaker(5);
      const circuit = peer.circuitBreaker(peer.handleAll, { halfOpenAfter: OPEN_MS, breaker });
      return () => circuit.execute(op);
    }),
    outage('opossum', async (op) => {
      const Circuit = await opossum();
      const circuit = new Circuit(op, { timeout: false, resetTimeout: OPEN_MS, rollingCountTimeout: 1000 });
      return () => circuit.fire();
    }),
    outage('no circuit', async (op) => op),
  ],
  measures: [
    { name: 'calls into the outage', unit: 'calls', goals: [{ atMost: MOST_CALLS }] },
    { name: 'recovery', unit: 'ms', goals: [{ atMost: OPEN_MS + 700 }] },
    { name: 'unhandled rejections', unit: '', goals: [{ atMost: 0 }] },
  ],
};

export const cases: readonly Case[] = [flaky];

import { once } from 'node:events';
import { connect } from 'node:net';
import { Worker } from 'node:worker_threads';
import type { Case, Subject } from './support/case.ts';
import { cockatiel, opossum, policy, pRetry, pTimeout, testing } from './support/peers.ts';

type Observation = Readonly<Record<string, number>>;

/* A server in a thread of its own: it answers on time while the loop of the callers stands still. */
const serverSource = `
  const { createServer } = require('node:net');
  const { parentPort } = require('node:worker_threads');
  const server = createServer((socket) => socket.on('data', () => setTimeout(() => socket.write('answer'), 30)));
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;
const ANSWERS = 20;

/** Starts calls that are answered in 30 ms, stops the event loop for 400 ms, and counts those that time out. */
function lagging(
  name: string,
  wrap: () => Promise<(op: () => Promise<unknown>) => Promise<unknown>>,
): Subject<Observation> {
  return {
    name,
    prepare: async () => {
      const worker = new Worker(serverSource, { eval: true });
      const [port] = (await once(worker, 'message')) as [number];
      const sockets = Array.from({ length: ANSWERS }, () => connect(port, '127.0.0.1'));
      await Promise.all(sockets.map((socket) => once(socket, 'connect')));
      const bounded = await wrap();
      const calls = sockets.map((socket) =>
        bounded(async () => {
          socket.write('question');
          return once(socket, 'data');
        }),
      );
      const settled = Promise.allSettled(calls);
      setImmediate(() => {
        const untilMs = performance.now() + 400; // the questions have been sent
        while (performance.now() < untilMs);
      });
      const results = await settled; // the process ends next, with the sockets and the server's thread
      return { 'false timeouts': results.filter(({ status }) => status === 'rejected').length };
    },
  };
}

const LIMIT_MS = 150;

const lag: Case = {
  kind: 'observed',
  name: 'busy event loop',
  about: `${ANSWERS} answers that arrive after 30 ms, a limit of ${LIMIT_MS} ms, and 400 ms of synchronous work in between`,
  rounds: 3,
  subjects: [
    lagging('holdfast', async () => {
      const timeout = (await policy()).timeout({ ms: LIMIT_MS });
      return (op) => timeout.run(op);
    }),
    lagging('cockatiel', async () => {
      const peer = await cockatiel();
      const timeout = peer.timeout(LIMIT_MS, peer.TimeoutStrategy.Aggressive);
      return (op) => timeout.execute(op);
    }),
    lagging('p-timeout', async () => {
      const timeout = await pTimeout();
      return (op) => timeout(op(), { milliseconds: LIMIT_MS });
    }),
    lagging('opossum', async () => {
      const Circuit = await opossum();
      return (op) => new Circuit(op, { timeout: LIMIT_MS }).fire();
    }),
  ],
  measures: [{ name: 'false timeouts', unit: `of ${ANSWERS}`, goals: [{ atMost: 0 }] }],
};

const CALLS_PER_SECOND = 1000;
const SECONDS = 20;

/** Attempts per call of our retry in a full outage, on a virtual clock. */
function amplified(name: string, isBudgeted: boolean): Subject<Observation> {
  return {
    name,
    prepare: async () => {
      const { constantBackoff, createRetryBudget, retry } = await policy();
      const clock = (await testing()).createVirtualClock();
      const budget = isBudgeted ? { budget: createRetryBudget({ clock }) } : {};
      const calls = retry({ maxAttempts: 4, backoff: constantBackoff(10), clock, ...budget });
      let attempts = 0;
      const pending: Promise<unknown>[] = [];
      for (let k = 0; k < CALLS_PER_SECOND * SECONDS; k++) {
        const call = calls.run(() => {
          attempts++;
          throw new Error('down');
        });
        pending.push(call.catch(() => {}));
        if (k % 10 === 9) await clock.advance(10_000 / CALLS_PER_SECOND);
      }
      await clock.advance(1000);
      await Promise.all(pending);
      return { attempts: attempts / (CALLS_PER_SECOND * SECONDS) };
    },
  };
}

/** The same for retries without a budget, which need no clock: the number does not depend on the time. */
function repeated(name: string, wrap: () => Promise<(op: () => never) => Promise<unknown>>): Subject<Observation> {
  return {
    name,
    prepare: async () => {
      const call = await wrap();
      let attempts = 0;
      const op = (): never => {
        attempts++;
        throw new Error('down');
      };
      const calls = Array.from({ length: 1000 }, () => call(op).catch(() => {}));
      await Promise.all(calls);
      return { attempts: attempts / calls.length };
    },
  };
}

const amplification: Case = {
  kind: 'observed',
  name: 'retries in an outage',
  about: `attempts per call with up to four attempts each, all failing, at ${CALLS_PER_SECOND} calls a second for ${SECONDS} s`,
  subjects: [
    amplified('holdfast', true),
    amplified('holdfast, no budget', false),
    repeated('cockatiel', async () => {
      const peer = await cockatiel();
      const retry = peer.retry(peer.handleAll, { maxAttempts: 3, backoff: new peer.ConstantBackoff(1) });
      return (op) => retry.execute(op);
    }),
    repeated('p-retry', async () => {
      const retry = await pRetry();
      return (op) => retry(op, { retries: 3, minTimeout: 1 });
    }),
  ],
  measures: [{ name: 'attempts', unit: 'per call', goals: [{ atMost: 1.25 }] }],
};

const CALLS = 5000;

/** Latencies of calls with a slow tail, on a virtual clock, seeded. */
function tailed(name: string, isHedged: boolean): Subject<Observation> {
  return {
    name,
    prepare: async () => {
      const { hedge } = await policy();
      const { createSeededRandom, createVirtualClock } = await testing();
      const clock = createVirtualClock();
      const random = createSeededRandom(2013);
      let attempts = 0;
      const lookup = (): Promise<void> => {
        attempts++;
        const latencyMs = random() < 0.02 ? 1000 : 5 + 20 * random();
        return new Promise((resolve) => void clock.setTimeout(resolve, latencyMs));
      };
      const hedged = hedge({ delayMs: 30, clock });
      const latencies: number[] = [];
      for (let k = 0; k < CALLS; k++) {
        const startMs = clock.now();
        const call = isHedged ? hedged.run(lookup) : lookup();
        let isOver = false;
        void call.then(() => (isOver = true));
        while (!isOver) await clock.advance(clock.nextTimerMs ?? 0);
        latencies.push(clock.now() - startMs);
      }
      latencies.sort((a, b) => a - b);
      return { p99: latencies[Math.floor(CALLS * 0.99)]!, 'extra calls': (100 * attempts) / CALLS - 100 };
    },
  };
}

const hedging: Case = {
  kind: 'observed',
  name: 'hedging',
  about: `${CALLS} calls that take 5 to 25 ms, 2 % of them 1 s; hedged after 30 ms`,
  subjects: [tailed('holdfast', true), tailed('no hedge', false)],
  measures: [
    { name: 'p99', unit: 'ms', goals: [{ against: 'no hedge', ratio: 0.2 }] },
    { name: 'extra calls', unit: '%', goals: [{ atMost: 5 }] },
  ],
};

export const cases: readonly Case[] = [lag, amplification, hedging];

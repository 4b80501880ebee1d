import type { Case, Subject } from './support/case.ts';
import { ours, pools } from './pool-subjects.ts';

const OUTAGE_MS = 2_500;
const BORROWERS = 100;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** How a server behaves: connects take 5 ms, and are refused after 1 ms while it is down. */
function server(): { isUp: boolean; attempts: number; open: number; most: number; connect: () => Promise<object> } {
  const one = {
    isUp: true,
    attempts: 0,
    open: 0,
    most: 0,
    async connect() {
      one.attempts++;
      if (!one.isUp) {
        await pause(1);
        throw new Error('refused');
      }
      one.most = Math.max(one.most, ++one.open);
      await pause(5);
      return { epoch: one.isUp };
    },
  };
  return one;
}

function outage(name: string): Subject<Readonly<Record<string, number>>> {
  return {
    name,
    prepare: async () => {
      const host = server();
      const pool =
        name === 'holdfast'
          ? await ourPool(host.connect)
          : await pools[name]!({ max: 10, create: host.connect, acquireTimeoutMs: 1_000 });
      let isOver = false;
      let answers = 0;
      const borrower = async (): Promise<void> => {
        while (!isOver) {
          try {
            const lent = await pool.acquire();
            await pause(2);
            if (host.isUp) answers++;
            if (host.isUp) await pool.release(lent);
            else await pool.destroy(lent);
          } catch {
            // It waited in vain.
          }
          await pause(5);
        }
      };
      const borrowers = Array.from({ length: BORROWERS }, borrower);
      await pause(500);
      host.isUp = false;
      const before = host.attempts;
      const endMs = performance.now() + OUTAGE_MS;
      // A pool that starves the loop is given the time it takes.
      while (performance.now() < endMs) await pause(20);
      const attempts = host.attempts - before;
      host.isUp = true;
      const backMs = performance.now();
      const seen = answers;
      while (answers === seen && performance.now() < backMs + 10_000) await pause(1);
      const recovery = performance.now() - backMs;
      isOver = true;
      await Promise.race([Promise.all(borrowers), pause(3_000)]);
      return { 'connect attempts': attempts, recovery };
    },
  };
}

async function ourPool(create: () => Promise<object>): Promise<Awaited<ReturnType<(typeof pools)[string]>>> {
  const { createPool } = await ours();
  const pool = createPool({ create, max: 10, acquireTimeoutMs: 1_000, createBackoff: { baseMs: 50, maxMs: 400 } });
  type Lease = Awaited<ReturnType<typeof pool.acquire>>;
  return {
    acquire: () => pool.acquire(),
    release: (lease) => (lease as Lease).release(),
    destroy: (lease) => (lease as Lease).destroy(new Error('lost')),
    close: () => pool.close({ graceMs: 0 }),
  };
}

const down: Case = {
  kind: 'observed',
  name: 'outage',
  about: `${BORROWERS} borrowers over 10 connections to a server that refuses for ${OUTAGE_MS} ms`,
  rounds: 3,
  subjects: Object.keys(pools).map(outage),
  measures: [
    { name: 'connect attempts', unit: 'attempts', goals: [{ atMost: 35 }] },
    { name: 'recovery', unit: 'ms', goals: [{ atMost: 500 }] },
  ],
};

export const cases: readonly Case[] = [down];

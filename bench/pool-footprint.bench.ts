import type { Case, Subject } from './support/case.ts';
import { retained } from './support/heap.ts';
import { bundled } from './support/size.ts';
import { pools } from './pool-subjects.ts';

const MANY = 10_000;

const memory: Case = {
  kind: 'observed',
  name: 'memory',
  about: `of each of ${MANY} acquires that wait under a deadline, and of each of ${MANY} idle resources`,
  rounds: 3,
  subjects: Object.entries(pools).map(([name, make]): Subject<Readonly<Record<string, number>>> => ({
    name,
    prepare: async () => {
      const create = async (): Promise<object> => ({});
      const waits = async (): Promise<unknown> => {
        const pool = await make({ max: 1, create, acquireTimeoutMs: 3_600_000 });
        await pool.acquire();
        const all = Array.from({ length: MANY }, () => pool.acquire());
        for (const one of all) one.catch(() => {});
        return [pool, all];
      };
      const idles = async (): Promise<unknown> => {
        const pool = await make({ max: MANY, create });
        const lent = await Promise.all(Array.from({ length: MANY }, () => pool.acquire()));
        for (const one of lent) await pool.release(one);
        return pool;
      };
      return { waiter: (await retained(waits)) / MANY, 'idle resource': (await retained(idles)) / MANY };
    },
  })),
  measures: [
    { name: 'waiter', unit: 'B', goals: [{ atMost: 800 }] },
    { name: 'idle resource', unit: 'B', goals: [{ atMost: 180 }] },
  ],
};

const size: Case = {
  kind: 'observed',
  name: 'size of a pool',
  about: 'the import that makes one, minified and brotli-compressed',
  rounds: 1,
  subjects: [
    bundled('holdfast', "export { createPool } from 'holdfast/pool';"),
    bundled('holdfast, keyed', "export { createPool, createKeyedPool } from 'holdfast/pool';"),
    bundled('generic-pool', "export { createPool } from 'generic-pool';"),
    bundled('tarn', "export { Pool } from 'tarn';"),
    bundled('lightning-pool', "export { Pool } from 'lightning-pool';"),
    bundled('sequelize-pool', "export { Pool } from 'sequelize-pool';"),
  ],
  measures: [{ name: 'size', unit: 'B', goals: [{ atMost: 4200 }] }],
};

export const cases: readonly Case[] = [memory, size];

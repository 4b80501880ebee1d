import type { Goal, Case, Loop, Subject } from './support/case.ts';
import { allocation, awaited, time } from './support/case.ts';
import type { AnyPool, PoolSetup } from './pool-subjects.ts';
import { ours, PEERS, pools } from './pool-subjects.ts';

const create = async (): Promise<object> => ({});

/** The same loop over each pool. */
function subjects(setup: PoolSetup, loop: (pool: AnyPool) => Loop | Promise<Loop>): Subject<Loop>[] {
  return Object.entries(pools).map(([name, make]) => ({
    name,
    ...(name === 'holdfast' ? {} : { counting: 'none' as const }),
    prepare: async () => loop(await make(setup)),
  }));
}

/** A goal against the best peer is one against each of them. */
const against = (ratio: number): Goal[] => PEERS.map((peer) => ({ against: peer, ratio }));

function cycle(pool: AnyPool): Loop {
  const once = async (): Promise<string> => {
    pool.release(await pool.acquire());
    return 'done';
  };
  return {
    once,
    many: async (n) => {
      for (let k = 0; k < n; k++) pool.release(await pool.acquire());
    },
  };
}

/** What nothing can beat: an array of resources, and one promise. */
const limit: Subject<Loop> = {
  name: 'limit: pop, one promise, push',
  prepare: () => {
    const idle = Array.from({ length: 10 }, () => ({}));
    return {
      once: () => 'done',
      many: async (n) => {
        for (let k = 0; k < n; k++) idle.push((await Promise.resolve(idle.pop()))!);
      },
    };
  },
};

const uncontended: Case = {
  kind: 'loop',
  name: 'uncontended',
  about: 'acquire and release with an idle resource',
  isHot: true,
  expected: 'done',
  subjects: [...subjects({ max: 10, create }, cycle), limit],
  measures: [time(...against(0.25), { against: limit.name, ratio: 1.7 }), allocation({ atMost: 320 })],
};

const USERS = 50;

function crowd(pool: AnyPool): Loop {
  const user = async (rounds: number): Promise<void> => {
    for (let k = 0; k < rounds; k++) {
      const lent = await pool.acquire();
      await undefined;
      pool.release(lent);
    }
  };
  return {
    once: async () => {
      await user(1);
      return 'done';
    },
    batch: USERS,
    many: async (n) => void (await Promise.all(Array.from({ length: USERS }, () => user(n / USERS)))),
  };
}

const contended: Case = {
  kind: 'loop',
  name: 'contended',
  about: `${USERS} users at once over 10 resources, so that four of five wait; deadlines of 30 s`,
  isHot: true,
  expected: 'done',
  subjects: subjects({ max: 10, create, acquireTimeoutMs: 30_000 }, crowd),
  measures: [time(...against(0.6)), allocation({ atMost: 900 })],
};

/** A cycle while `count` resources are on loan. */
async function onLoan(pool: AnyPool, count: number): Promise<Loop> {
  const lent: unknown[] = [];
  for (let k = 0; k < count; k++) lent.push(await pool.acquire());
  (globalThis as { benchKept?: unknown }).benchKept = lent;
  return cycle(pool);
}

const loans: Case = {
  kind: 'loop',
  name: 'on loan',
  about: 'acquire and release while 10 000 other resources are on loan',
  expected: 'done',
  subjects: [
    ...subjects({ max: 10_010, create }, (pool) => onLoan(pool, 10_000)),
    {
      name: 'holdfast, 10 on loan',
      prepare: async () => onLoan(await pools['holdfast']!({ max: 20, create }), 10),
    },
  ],
  measures: [time({ against: 'holdfast, 10 on loan', ratio: 1.3 }, ...against(0.2))],
};

const churn: Case = {
  kind: 'loop',
  name: 'churn',
  about: 'acquire, and destroy instead of release, so that each resource is made and ended',
  expected: 'done',
  subjects: subjects({ max: 10, create }, (pool) => {
    const once = async (): Promise<string> => {
      await pool.destroy(await pool.acquire());
      return 'done';
    };
    return awaited(once);
  }),
  measures: [time(...against(1))],
};

const validated: Case = {
  kind: 'loop',
  name: 'validated',
  about: 'acquire and release, each acquire tested',
  expected: 'done',
  subjects: subjects({ max: 10, create, validate: () => true }, cycle),
  measures: [time(...against(0.6))],
};

const used: Case = {
  kind: 'loop',
  name: 'use',
  about: 'an async function with an idle resource',
  expected: 'done',
  subjects: [
    {
      name: 'holdfast',
      prepare: async () => {
        const { createPool } = await ours();
        const pool = createPool({ create });
        return awaited(() => pool.use(async () => 'done'));
      },
    },
    {
      name: 'generic-pool',
      prepare: async () => {
        const module = (await import('generic-pool' as string)) as {
          default: {
            createPool(factory: object, options: object): { use(fn: () => Promise<string>): Promise<string> };
          };
        };
        const pool = module.default.createPool({ create, destroy: create }, { max: 10 });
        return awaited(() => pool.use(async () => 'done'));
      },
    },
    {
      name: 'limit: pop, call, push in finally',
      prepare: () => {
        const idle = Array.from({ length: 10 }, () => ({}));
        const work = async (): Promise<string> => 'done';
        return awaited(async () => {
          const one = idle.pop()!;
          try {
            return await work();
          } finally {
            idle.push(one);
          }
        });
      },
    },
  ],
  measures: [
    time({ against: 'generic-pool', ratio: 0.6 }, { against: 'limit: pop, call, push in finally', ratio: 1.3 }),
    allocation({ atMost: 900 }),
  ],
};

export const cases: readonly Case[] = [uncontended, contended, loans, churn, validated, used];

import type { Lease, Pool } from '../../../src/pool/index.ts';

/** What the users of a pool saw. */
export interface Experience {
  answers: number;
  errors: number;
  /** Reading of the clock at each answer. */
  readonly answeredMs: number[];
  /** From acquire to loan, for those of the time since the last look. */
  waitsMs: number[];
  /** By how much an acquire outlasted its deadline at most. */
  lateMs: number;
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Lets `count` users come again and again, each with a short thought in between, until `stop` says so. */
export function startUsers<C>(
  count: number,
  pool: Pool<C>,
  timeoutMs: number,
  ask: (connection: C) => Promise<unknown>,
): { readonly seen: Experience; stop(): Promise<void> } {
  const seen: Experience = { answers: 0, errors: 0, answeredMs: [], waitsMs: [], lateMs: 0 };
  let isOver = false;
  const user = async (): Promise<void> => {
    while (!isOver) {
      const startMs = performance.now();
      let lease: Lease<C> | undefined;
      try {
        lease = await pool.acquire({ timeoutMs });
        seen.waitsMs.push(performance.now() - startMs);
        await ask(lease.resource);
        seen.answers++;
        seen.answeredMs.push(performance.now());
        lease.release();
      } catch (error) {
        seen.errors++;
        if (!lease) seen.lateMs = Math.max(seen.lateMs, performance.now() - startMs - timeoutMs);
        lease?.destroy(error);
      }
      await pause(5 + Math.random() * 10);
    }
  };
  const users = Array.from({ length: count }, user);
  return {
    seen,
    async stop() {
      isOver = true;
      await Promise.all(users);
    },
  };
}

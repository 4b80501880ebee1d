import type { SqlClient } from '../../src/postgres/index.ts';
import { saga, semanticLock } from '../../src/saga/index.ts';

/** Where a process can die: within the two transactions, before they commit, and right after. */
export const MOMENTS = ['acquired', 'committed', 'released', 'unlocked'] as const;
export type Moment = (typeof MOMENTS)[number];

/** A saga that locks a key, and releases it. */
export function reviseIn(db: SqlClient, at: (moment: Moment) => unknown) {
  return saga<string>('revise')
    .step('lock', {
      run: async ({ input, sagaId }) => {
        await db.transaction(async (query) => {
          await semanticLock(query).acquire(input, sagaId);
          await at('acquired');
        });
        await at('committed');
      },
      compensate: async ({ input, sagaId }) =>
        void (await db.transaction((query) => semanticLock(query).release(input, sagaId))),
    })
    .step('unlock', {
      kind: 'pivot',
      run: async ({ input, sagaId }) => {
        await db.transaction(async (query) => {
          await semanticLock(query).release(input, sagaId);
          await at('released');
        });
        await at('unlocked');
      },
      retry: { maxAttempts: 3 },
    });
}

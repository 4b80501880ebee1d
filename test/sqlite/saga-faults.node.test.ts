import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { crashRun } from '../saga/fixtures/crash-run.ts';
import { canRunTypeScript } from '../support/processes.ts';

describe.skipIf(!canRunTypeScript)('sagas of several processes in one file of SQLite', () => {
  it(
    'come to their end, with each atomic step done once, while processes are killed and frozen',
    { timeout: 60_000 },
    async () => {
      let path = '';
      let charges = new Map<string, string>();
      const run = await crashRun(
        (folder) => `sqlite ${(path = join(folder, 'sagas.db'))}`,
        async ([a, b], untilEffects) => {
          await untilEffects(20);
          await a!.kill();
          await untilEffects(40);
          b!.freeze();
          // Longer than its lease, so that others take its sagas over.
          await delay(1500);
          b!.thaw();
          await b!.waitForLine('started b-39', 20_000);
          await untilEffects(60);
          await b!.kill();
        },
        () => {
          const db = new DatabaseSync(path);
          const rows = db.prepare('SELECT id, group_concat(amount) AS amounts FROM charge GROUP BY id').all();
          charges = new Map(rows.map((row) => [String(row['id']), String(row['amounts'])]));
          db.close();
        },
      );
      const { ids, completed } = run;
      expect(ids.length).toBeGreaterThanOrEqual(40);
      const expected = ids.map((id) => [id, completed.includes(id) ? '1' : '1,-1'] as const);
      expect(new Map(ids.map((id) => [id, charges.get(id)]))).toEqual(new Map(expected));
    },
  );
});

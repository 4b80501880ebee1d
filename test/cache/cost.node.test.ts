import { describe, expect, it } from 'vitest';
import { canRunTypeScript, spawnScript } from '../support/processes.ts';

/** The script counts what is executed, not how long it takes, so that a busy machine changes nothing. */
const script = new URL('./fixtures/count-steps.ts', import.meta.url);

describe.skipIf(!canRunTypeScript)('cost', () => {
  it(
    'of the most expensive get or set of a full cache is the same whatever its size',
    { timeout: 60_000 },
    async () => {
      await using child = await spawnScript(script, { env: { NODE_V8_COVERAGE: undefined } });
      const { code } = await child.exit;
      expect([code, child.lines.length]).toEqual([0, 6]);
      for (const line of child.lines) {
        const [name, small, large] = line.split(' ');
        expect([name, Number(small) > 1]).toEqual([name, true]);
        // Bounded by the moves that one call may make, each of them by the looks at entries that were used.
        expect([line, Number(large) <= 1000]).toEqual([line, true]);
        expect([line, Number(large) <= 3 * Number(small) + 200]).toEqual([line, true]);
      }
    },
  );
});

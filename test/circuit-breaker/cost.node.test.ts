import { describe, expect, it } from 'vitest';
import { canRunTypeScript, spawnScript } from '../support/processes.ts';

/** The script counts what is executed, not how long it takes, so that a busy machine changes nothing. */
const script = new URL('./fixtures/count-steps.ts', import.meta.url);

describe('cost', () => {
  it.skipIf(!canRunTypeScript)('A call costs the same whatever the size of the window.', async () => {
    const child = await spawnScript(script, { env: { NODE_V8_COVERAGE: undefined } });
    const { code } = await child.exit;
    expect([code, child.lines.length]).toEqual([0, 5]);
    for (const line of child.lines) {
      const [name, small, large] = line.split(' ');
      expect([name, Number(small) > 1]).toEqual([name, true]);
      // A window of ten goes round more often than a larger one; nothing else may differ.
      expect([name, Number(large) <= 1.05 * Number(small)]).toEqual([name, true]);
    }
  });
});

import { describe, expect, it } from 'vitest';
import { canRunTypeScript, spawnScript } from '../support/processes.ts';

/** The script counts what is executed, not how long it takes, so that a busy machine changes nothing. */
const script = new URL('./fixtures/count-steps.ts', import.meta.url);

describe('cost', () => {
  it.skipIf(!canRunTypeScript)(
    'of a decision is the same however many keys there are, and none sweeps them',
    async () => {
      const child = await spawnScript(script, { env: { NODE_V8_COVERAGE: undefined } });
      const { code } = await child.exit;
      expect([code, child.lines.length]).toEqual([0, 4]);
      for (const line of child.lines) {
        const [kind, known, most, knownOfMany, mostOfMany] = line.split(' ');
        expect([kind, Number(known) > 1, Number(most) > 1]).toEqual([kind, true, true]);
        expect([kind, Number(knownOfMany) <= 1.05 * Number(known)]).toEqual([kind, true]);
        expect([kind, Number(mostOfMany) <= 1.3 * Number(most)]).toEqual([kind, true]);
      }
    },
  );
});

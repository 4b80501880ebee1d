import { describe, expect, it } from 'vitest';
import { canRunTypeScript, spawnScript } from '../support/processes.ts';

const script = new URL('./fixtures/http-dates.ts', import.meta.url);

describe.skipIf(!canRunTypeScript)('parseRetryAfter', () => {
  it('Retry-After is read in seconds and in all three date forms as GMT, in any time zone', async () => {
    const zones = [
      'UTC',
      'America/New_York',
      'Asia/Kolkata',
      'Pacific/Kiritimati',
      'Pacific/Pago_Pago',
      'Australia/Lord_Howe',
    ];
    const offsets = new Set<string>();
    for (const TZ of zones) {
      await using child = await spawnScript(script, { env: { TZ } });
      const line = await child.waitForLine(/^offset /);
      expect(line).toMatch(/^offset -?\d+ waits 37000 37000 37000 37000$/);
      offsets.add(line);
    }
    // Node took the zones over: otherwise this would have tested one zone six times.
    expect(offsets.size).toBe(zones.length);
  });
});

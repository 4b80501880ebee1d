import { describe, expect, it } from 'vitest';
import type { Host } from '../../src/balance/index.ts';
import { createOutlierDetector, createP2cEwma } from '../../src/balance/index.ts';
import { consecutiveFailures, createBreakerRegistry } from '../../src/circuit-breaker/index.ts';
import { createRing } from '../../src/ring/index.ts';
import { canRunTypeScript, spawnScript } from '../support/processes.ts';
import type { TestProcess } from '../support/processes.ts';
import { countOf } from './kit.ts';

interface Upstream extends Host {
  readonly url: string;
}

async function upstream(id: string, delayMs: number): Promise<{ host: Upstream; process: TestProcess }> {
  const process = await spawnScript(new URL('fixtures/upstream.ts', import.meta.url), { args: [String(delayMs)] });
  const port = (await process.waitForLine(/^port /)).slice(5);
  return { host: { id, url: `http://127.0.0.1:${port}/` }, process };
}

async function text(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
  return response.text();
}

describe.runIf(canRunTypeScript)('three real servers, one slow and one killed', () => {
  it('keep answering every call, and the good one gets most of them', async () => {
    const [good, slow, dying] = await Promise.all([upstream('good', 2), upstream('slow', 300), upstream('dying', 2)]);
    await using _good = good.process;
    await using _slow = slow.process;
    await using _dying = dying.process;
    const outliers = createOutlierDetector({ consecutiveFailures: 3, baseEjectionMs: 60_000 });
    const servers = createP2cEwma([good.host, slow.host, dying.host], { outliers });
    const picked: string[] = [];
    const call = async (tried: Set<string> = new Set()): Promise<string> => {
      const lease = servers.pick({ exclude: tried })!;
      picked.push(lease.id);
      try {
        const answer = await text(lease.host.url);
        lease.release();
        return answer;
      } catch (error) {
        lease.release(false);
        tried.add(lease.id);
        if (tried.size === 3) throw error;
        return call(tried);
      }
    };
    const caller = async (calls: number): Promise<void> => {
      for (let k = 0; k < calls; k++) expect(await call()).toBe('ok');
    };
    await Promise.all([caller(50), caller(50), caller(50)]);
    await dying.process.kill();
    picked.length = 0;
    await Promise.all([caller(60), caller(60), caller(60)]);
    const { good: toGood = 0, dying: toDead = 0 } = countOf(picked);
    // One that is down costs its failures in a row and no more: then it is out.
    expect(toDead).toBeLessThanOrEqual(3 + 3);
    expect(outliers.ejected.length === 0 || outliers.ejected.includes('dying')).toBe(true);
    expect(toGood / picked.length).toBeGreaterThan(0.6);
    expect(['good', 'slow', 'dying'].map((id) => servers.inFlight(id))).toEqual([0, 0, 0]);
  });

  it('are passed over by the circuit of each, and by their place on a ring', async () => {
    const [first, second] = await Promise.all([upstream('first', 1), upstream('second', 1)]);
    await using _first = first.process;
    await using _second = second.process;
    const circuits = createBreakerRegistry({
      create: () => ({ trip: consecutiveFailures(2), openDurationMs: 60_000 }),
      maxKeys: 10,
    });
    const isUsable = ({ id }: Upstream): boolean => circuits.get(id).state !== 'open';
    const servers = createP2cEwma([first.host, second.host], { isUsable });
    await first.process.kill();
    for (let k = 0; k < 20; k++) {
      const lease = servers.pick()!;
      const outcome = await circuits.get(lease.id).runOutcome(() => text(lease.host.url));
      lease.release(outcome.ok);
    }
    expect(circuits.get('second').state).toBe('closed');
    for (let k = 0; k < 4 && circuits.get('first').state !== 'open'; k++)
      await circuits.get('first').runOutcome(() => text(first.host.url));
    expect(servers.pick()!.id).toBe('second');

    const ring = createRing({ nodes: ['first', 'second'] });
    const byId = new Map([first.host, second.host].map((host) => [host.id, host]));
    const owner = ring.pick('user:7', (id) => isUsable(byId.get(id)!));
    expect(owner).toBe('second');
  });
});

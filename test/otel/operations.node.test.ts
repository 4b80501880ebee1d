import { readdirSync, readFileSync } from 'node:fs';
import client from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createCache } from '../../src/cache/index.ts';
import { consecutiveFailures, createCircuitBreaker } from '../../src/circuit-breaker/index.ts';
import {
  countDecisions,
  countEvents,
  observeBulkhead,
  observeCache,
  observeCircuitBreaker,
  observeConcurrencyLimiter,
  observePool,
  observeRateLimiter,
  observeRateQueue,
  observeSingleflight,
  observeThrottle,
  promMeter,
} from '../../src/otel/index.ts';
import type { Meter } from '../../src/otel/index.ts';
import { createBulkhead } from '../../src/policy/index.ts';
import { createKeyedPool, createPool } from '../../src/pool/index.ts';
import {
  createAdaptiveThrottle,
  createConcurrencyLimiter,
  createRateLimiter,
  createRateQueue,
  tokenBucket,
} from '../../src/rate-limit/index.ts';
import { createSingleflight } from '../../src/singleflight/index.ts';
import { fakeMeter } from './kit.ts';

const read = (path: string): string => readFileSync(new URL(`../../docs/${path}`, import.meta.url), 'utf8');

/** Shows one of everything, with every label that there is. */
async function showAll(meter: Meter): Promise<void> {
  const name = 'one';
  const policy = tokenBucket({ limit: 1, periodMs: 1_000 });
  const circuit = createCircuitBreaker({ name, trip: consecutiveFailures(1), openDurationMs: 1_000 });
  observeCircuitBreaker(meter, circuit);
  circuit.trip();
  const pool = createPool({ create: () => ({}), name });
  observePool(meter, pool);
  await pool.use(() => {});
  observePool(meter, createKeyedPool({ create: (key: string) => key }), { name });
  observeBulkhead(meter, createBulkhead({ maxConcurrent: 1 }), { name });
  observeCache(meter, createCache({ maxEntries: 1 }), { name });
  observeRateLimiter(meter, createRateLimiter(policy), { name });
  observeRateQueue(meter, createRateQueue(policy), { name });
  observeConcurrencyLimiter(meter, createConcurrencyLimiter({ limit: 1 }), { name });
  observeThrottle(meter, createAdaptiveThrottle(), { name });
  observeSingleflight(meter, createSingleflight(), { name });
  countDecisions(meter, { name })('key', { allowed: false, policy: 'day', source: 'store' });
  for (const kind of ['rate-limit-store', 'timeout', 'outbox', 'worker-lease', 'shared-circuit'] as const)
    countEvents(meter, kind, { name })({ type: 'happened' });
  for (const kind of ['retry', 'bulkhead'] as const)
    countEvents(meter, kind, { name })({ type: 'happened', reason: 'full' } as never);
  countEvents(meter, 'saga', { name })({ type: 'happened', name: 'order' } as never);
}

const rules = /```yaml\n([^]*?)```/.exec(read('operations/observability.md'))![1]!;

describe('the papers', () => {
  it('alert on metrics and labels that there are', async () => {
    const registry = new client.Registry();
    await showAll(promMeter(client, registry));
    const shown = await registry.metrics();
    const names = [...new Set(rules.match(/\b(?:holdfast|db_client)_\w+/g))];
    expect(names.length).toBeGreaterThan(30);
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(shown))).toEqual([]);
  });

  it('alert on events and reasons that there are', () => {
    const api = new URL('../../.ci/api/', import.meta.url);
    const reports = readdirSync(api).map((file) => readFileSync(new URL(file, api), 'utf8'));
    const words = [...rules.matchAll(/_(?:event|reason)=~?"([^"]+)"/g)].flatMap(([, value]) => value!.split('|'));
    expect(words.length).toBeGreaterThan(6);
    const isKnown = (word: string): boolean => reports.some((report) => report.includes(`'${word}'`));
    expect(words.filter((word) => !isKnown(word))).toEqual([]);
  });

  it('alert on the first event too, which makes a series and is no increase of one', () => {
    const alerts = rules.split('- alert: ').slice(1);
    const single = alerts.filter((rule) => /increase\(holdfast_\w+_events_total/.test(rule) && rule.includes('> 0'));
    expect(single.length).toBeGreaterThan(3);
    for (const rule of single) {
      const [, selector, window] = /increase\((\S+)\[(\w+)\]\)/.exec(rule)!;
      expect(rule).toContain(`(${selector} unless ${selector} offset ${window}) > 0`);
    }
  });

  it('list every metric, with its unit', async () => {
    const { meter, made } = fakeMeter();
    await showAll(meter);
    const rows = read('guides/otel.md')
      .split('\n')
      .filter((line) => /^\| `(?:holdfast|db)\.[a-z_.]+`/.test(line))
      .map((line) => line.split('|').slice(1, 4) as [string, string, string]);
    const listed = rows.flatMap(([metrics, , units]) => {
      const names = [...metrics.matchAll(/`([a-z_.]+)`/g)].map((match) => match[1]!);
      const first = names[0]!;
      const prefix = first.startsWith('db.') ? 'db.client.connection' : first.slice(0, first.lastIndexOf('.'));
      return names.map((name) => `${name.startsWith('.') ? prefix : ''}${name} ${units.trim().replaceAll('`', '')}`);
    });
    const there = [...made].map(([name, { unit }]) => `${name} ${unit}`).filter((line) => !line.includes('.events '));
    expect(listed.sort()).toEqual(there.sort());
  });
});

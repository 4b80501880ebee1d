import { afterEach, describe, expect, it, vi } from 'vitest';
import { consecutiveFailures, createCircuitBreaker } from '../../src/circuit-breaker/index.ts';
import type { CircuitBreaker } from '../../src/circuit-breaker/index.ts';
import {
  countDecisions,
  countEvents,
  observeBulkhead,
  observeCircuitBreaker,
  observePool,
  observeThrottle,
} from '../../src/otel/index.ts';
import type { Attributes, ObservableResult } from '../../src/otel/index.ts';
import { createPool } from '../../src/pool/index.ts';
import { flush } from '../support/gate.ts';
import { fakeMeter, only } from './kit.ts';

/** A bulkhead whose counts a test says. */
function bulkheadWith(stats: {
  inFlight?: number;
  queued?: number;
  rejected?: number;
}): Parameters<typeof observeBulkhead>[1] {
  return { stats: () => ({ inFlight: 0, queued: 0, rejected: 0, ...stats }) };
}

function circuit(name: string): CircuitBreaker {
  return createCircuitBreaker({ name, trip: consecutiveFailures(1), openDurationMs: 1_000 });
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('those of one name', () => {
  it('those of one name add up, and the highest of their shares is shown', () => {
    const { meter, collect } = fakeMeter();
    for (const inFlight of [1, 2, 4]) observeBulkhead(meter, bulkheadWith({ inFlight }), { name: 'reports' });
    for (const rejectProbability of [0.1, 0.7, 0.2]) observeThrottle(meter, { rejectProbability }, { name: 'search' });
    expect(collect()).toMatchObject({
      'holdfast.bulkhead.in_flight{reports}': 7,
      'holdfast.throttle.reject_probability{search}': 0.7,
    });
  });

  it.each([true, false])('a total never falls while one of its name is open', (endsSeries) => {
    const { meter, collect } = fakeMeter(endsSeries);
    const first = observeBulkhead(meter, bulkheadWith({ rejected: 5 }), { name: 'reports' });
    const second = observeBulkhead(meter, bulkheadWith({ rejected: 2 }), { name: 'reports' });
    const rejected = (): Record<string, number> => only(collect(), 'holdfast.bulkhead.rejected');
    expect(rejected()).toEqual({ reports: 7 });
    first.close();
    expect(rejected()).toEqual({ reports: 7 });
    second.close();
    expect(rejected()).toEqual(endsSeries ? {} : { reports: 7 });
    expect(rejected()).toEqual({});
    observeBulkhead(meter, bulkheadWith({ rejected: 1 }), { name: 'reports' });
    // Where the meter has kept the series it goes on; where it has ended, a new one begins.
    expect(rejected()).toEqual({ reports: endsSeries ? 1 : 8 });
  });

  it('those of one name are told apart from those of another', () => {
    const { meter, collect } = fakeMeter();
    observeBulkhead(meter, bulkheadWith({ queued: 1 }), { name: 'a' });
    observeBulkhead(meter, bulkheadWith({ queued: 2 }), { name: 'b' });
    expect(only(collect(), 'holdfast.bulkhead.queued')).toEqual({ a: 1, b: 2 });
  });
});

describe('the end', () => {
  it('closing an observation ends its series, with a last look at totals and a last 0 of levels where the meter keeps what it was shown', async () => {
    const { meter, collect, callbacks } = fakeMeter();
    const observation = observeBulkhead(meter, bulkheadWith({ inFlight: 3, rejected: 4 }), { name: 'reports' });
    expect(callbacks()).toBe(3);
    observation.close();
    observation.close();
    expect(collect()).toEqual({
      'holdfast.bulkhead.in_flight{reports}': 0,
      'holdfast.bulkhead.queued{reports}': 0,
      'holdfast.bulkhead.rejected{reports}': 4,
    });
    await flush();
    expect(callbacks()).toBe(0);
    expect(collect()).toEqual({});
  });

  it('closing an observation ends its series at once where the meter forgets them', () => {
    const { meter, collect, callbacks, records } = fakeMeter(true);
    {
      using _one = observeBulkhead(meter, bulkheadWith({ inFlight: 3 }), { name: 'reports' });
    }
    expect(collect()).toEqual({});
    expect(callbacks()).toBe(0);
    const pools = [1, 2].map(() => observePool(meter, createPool({ create: () => 1, name: 'orders' })));
    expect(only(collect(), 'db.client.connection.max')).toEqual({ orders: 20 });
    pools[0]!.close();
    pools[0]!.close();
    expect(records).toEqual([]);
    pools[1]!.close();
    expect(records.sort()).toEqual([
      'db.client.connection.create_time{orders} removed',
      'db.client.connection.use_time{orders} removed',
      'db.client.connection.wait_time{orders} removed',
    ]);
  });

  it('closing leaves no callback on the meter and no listener on the primitive', async () => {
    const { meter, collect, callbacks, records } = fakeMeter();
    const one = circuit('one');
    const pool = createPool({ create: () => 1 });
    const observations = [observeCircuitBreaker(meter, one), observePool(meter, pool)];
    one.trip();
    await pool.use(() => {});
    const { length } = records;
    for (const observation of observations) observation.close();
    one.reset();
    await pool.use(() => {});
    expect(records).toHaveLength(length);
    collect();
    await flush();
    expect(callbacks()).toBe(0);
    const listeners = new Set<unknown>();
    const watched = {
      name: 'watched',
      stats: () => one.stats(),
      onEvent(listener: unknown) {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    };
    const observation = observeCircuitBreaker(meter, watched);
    expect(listeners.size).toBe(1);
    observation.close();
    expect(listeners.size).toBe(0);
  });

  it('closing is taken back when one of the name comes before the meter has seen it', async () => {
    const { meter, collect, callbacks } = fakeMeter();
    observeBulkhead(meter, bulkheadWith({ inFlight: 3 }), { name: 'reports' }).close();
    observeBulkhead(meter, bulkheadWith({ inFlight: 1 }), { name: 'reports' });
    expect(only(collect(), 'holdfast.bulkhead.in_flight')).toEqual({ reports: 1 });
    await flush();
    expect(callbacks()).toBe(3);
    expect(only(collect(), 'holdfast.bulkhead.in_flight')).toEqual({ reports: 1 });
  });
});

describe('names', () => {
  it('the first 200 names of a kind are taken, and all further ones are called other and add up', () => {
    const { meter, collect } = fakeMeter();
    for (let k = 0; k < 210; k++) observeBulkhead(meter, bulkheadWith({ queued: 1 }), { name: `name ${k}` });
    const queued = only(collect(), 'holdfast.bulkhead.queued');
    expect(Object.keys(queued)).toHaveLength(201);
    expect(queued).toMatchObject({ 'name 0': 1, 'name 199': 1, other: 10 });
    observeThrottle(meter, { rejectProbability: 0.5 }, { name: 'name 300' });
    expect(only(collect(), 'holdfast.throttle.reject_probability')).toEqual({ 'name 300': 0.5 });
  });

  it('names stay taken where a meter keeps series, and are free again where it ends them', () => {
    for (const endsSeries of [false, true]) {
      const { meter, collect } = fakeMeter(endsSeries);
      for (let k = 0; k < 300; k++) observeBulkhead(meter, bulkheadWith({}), { name: `name ${k}` }).close();
      collect();
      observeBulkhead(meter, bulkheadWith({}), { name: 'late' });
      observeBulkhead(meter, bulkheadWith({}), { name: 'name 1' });
      expect(Object.keys(only(collect(), 'holdfast.bulkhead.queued'))).toEqual([
        endsSeries ? 'late' : 'other',
        'name 1',
      ]);
    }
  });

  it.each([true, false])('10 000 instances made and closed leave a bounded number of series', async (endsSeries) => {
    const { meter, collect, callbacks, made } = fakeMeter(endsSeries);
    const seen = new Set<string>();
    for (let k = 0; k < 10_000; k++) {
      const one = circuit(`circuit ${k}`);
      const observation = observeCircuitBreaker(meter, one);
      one.trip();
      if (k % 1_000 === 0) for (const key of Object.keys(collect())) seen.add(key);
      observation.close();
    }
    const rest = collect();
    await flush();
    expect(made.size).toBe(7);
    expect(callbacks()).toBe(0);
    expect(Object.keys(rest).length).toBeLessThanOrEqual(endsSeries ? 0 : 201 * 9);
    expect(collect()).toEqual({});
    expect(seen.size).toBeLessThanOrEqual(201 * 12);
  });
});

describe('labels', () => {
  it('labels are names and words of the library alone, never a key, an id or a message', () => {
    const { meter, made, collect } = fakeMeter();
    const decided = countDecisions(meter, { name: 'api' });
    const secret = 'secret-4711';
    for (let k = 0; k < 500; k++) decided(`${secret}-${k}`, { allowed: false, policy: 'burst' });
    const told = countEvents(meter, 'saga', { name: 'orders' });
    for (let k = 0; k < 500; k++) told({ type: 'stuck', id: `${secret}-${k}`, name: 'order', error: secret } as never);
    countEvents(meter, 'retry', { name: 'x' })({ type: 'retry', attempt: 1, error: new Error(secret) } as never);
    countEvents(meter, 'circuit-breaker', { name: 'x' })({ type: 'state-change', to: 'open', reason: secret } as never);
    const values = collect();
    expect(JSON.stringify(values)).not.toContain(secret);
    expect(JSON.stringify([...made])).not.toContain(secret);
    expect(values).toEqual({
      'holdfast.rate_limit.decisions{api,burst,refused}': 500,
      'holdfast.saga.events{orders,stuck,order}': 500,
      'holdfast.retry.events{x,retry}': 1,
      'holdfast.circuit_breaker.events{x,state-change,open}': 1,
    });
  });
});

describe('faults', () => {
  it('a meter that throws is reported and changes nothing of what is observed', async () => {
    const reports: unknown[] = [];
    vi.stubGlobal('reportError', (error: unknown) => void reports.push(error));
    const broken = (): never => {
      throw new Error('bad meter');
    };
    const half = { addCallback: broken, removeCallback: broken };
    const meters = [
      {
        createHistogram: broken,
        createObservableCounter: broken,
        createObservableGauge: broken,
        createObservableUpDownCounter: broken,
      },
      {
        createHistogram: () => ({ record: broken }),
        createObservableCounter: () => half,
        createObservableGauge: () => half,
        createObservableUpDownCounter: () => half,
      },
    ];
    for (const meter of meters) {
      const one = circuit('one');
      const pool = createPool({ create: () => 1 });
      const observations = [observeCircuitBreaker(meter, one), observePool(meter, pool)];
      const listener = countEvents(meter, 'retry', { name: 'one' });
      listener({ type: 'retry' });
      one.trip();
      expect(one.state).toBe('open');
      expect(await pool.use((value) => value)).toBe(1);
      for (const observation of observations) observation.close();
      listener[Symbol.dispose]();
      expect(pool.stats()).toMatchObject({ acquired: 1, released: 1 });
    }
    expect(reports.length).toBeGreaterThan(20);
    expect(new Set(reports.map(String))).toEqual(new Set(['Error: bad meter']));
  });

  it('a meter that refuses one series is shown the others', () => {
    const reports: unknown[] = [];
    vi.stubGlobal('reportError', (error: unknown) => void reports.push(error));
    const callbacks: ((result: ObservableResult) => void)[] = [];
    const observable = {
      addCallback: (callback: (result: ObservableResult) => void) => void callbacks.push(callback),
      removeCallback: () => {},
    };
    const create = (): typeof observable => observable;
    const meter = {
      createHistogram: () => ({ record: () => {} }),
      createObservableCounter: create,
      createObservableGauge: create,
      createObservableUpDownCounter: create,
    };
    for (const name of ['a', 'b']) observeThrottle(meter, { rejectProbability: 0.5 }, { name });
    const seen: string[] = [];
    const observe = (_: number, attributes: Attributes): void => {
      const [name] = Object.values(attributes);
      if (name === 'a') throw new Error('bad series');
      seen.push(name!);
    };
    for (const callback of callbacks) callback({ observe });
    expect(seen).toEqual(['b']);
    expect(reports).toEqual([new Error('bad series')]);
  });

  it('a primitive that throws when it is read hides nothing else', () => {
    const reports: unknown[] = [];
    vi.stubGlobal('reportError', (error: unknown) => void reports.push(error));
    const { meter, collect } = fakeMeter();
    const broken = {
      stats: (): never => {
        throw new Error('bad stats');
      },
    };
    observeBulkhead(meter, broken, { name: 'reports' }).close();
    observeBulkhead(meter, broken, { name: 'reports' });
    observeBulkhead(meter, bulkheadWith({ inFlight: 2, rejected: Number.NaN }), { name: 'reports' });
    observeBulkhead(meter, broken, { name: 'broken' });
    expect(collect()).toEqual({ 'holdfast.bulkhead.in_flight{reports}': 2, 'holdfast.bulkhead.queued{reports}': 0 });
    expect(reports.length).toBeGreaterThan(0);
  });
});

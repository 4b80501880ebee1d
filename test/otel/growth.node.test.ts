import { describe, expect, it } from 'vitest';
import { countEvents, observeBulkhead, observePool } from '../../src/otel/index.ts';
import type { Meter } from '../../src/otel/index.ts';
import { createBulkhead } from '../../src/policy/index.ts';
import { createPool } from '../../src/pool/index.ts';
import { heapGrowth } from '../support/leaks.ts';
import { fakeMeter } from './kit.ts';

describe('memory', () => {
  it.each([true, false])('memory does not grow with 10 000 instances made and closed', async (endsSeries) => {
    const { meter: noting, collect } = fakeMeter(endsSeries);
    // The fake notes what a histogram gets.
    const meter: Meter = { ...noting, createHistogram: () => ({ record: () => {}, remove: () => {} }) };
    const grown = await heapGrowth(
      (k) => {
        const bulkhead = observeBulkhead(meter, createBulkhead({ maxConcurrent: 1 }), { name: `bulkhead ${k}` });
        const pool = observePool(meter, createPool({ create: () => 1, name: `pool ${k}` }));
        pool.close();
        bulkhead.close();
        if (k % 500 === 0) collect();
      },
      { operations: 5_000, rounds: 3 },
    );
    expect(grown).toBeLessThan(200_000);
  });

  it('memory does not grow with values from outside', async () => {
    const { meter } = fakeMeter();
    const tell = countEvents(meter, 'saga', { name: 'orders' });
    const grown = await heapGrowth((k) => tell({ type: 'completed', name: `saga ${k}` } as never), {
      operations: 20_000,
      rounds: 3,
    });
    expect(grown).toBeLessThan(100_000);
  });
});

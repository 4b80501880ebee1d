import { describe, expect, it } from 'vitest';
import {
  NoWorkerIdError,
  SnowflakeExhaustedError,
  SnowflakeLeadError,
  WorkerLeaseLostError,
} from '../../src/snowflake/index.ts';

describe('errors', () => {
  it.each([
    [new SnowflakeLeadError(7), 'SnowflakeLeadError', 'ERR_SNOWFLAKE_LEAD', 'ids lead the clock too far, wait 7 ms'],
    [
      new SnowflakeExhaustedError(),
      'SnowflakeExhaustedError',
      'ERR_SNOWFLAKE_EXHAUSTED',
      'the bits of time are used up',
    ],
    [new NoWorkerIdError('p', 4), 'NoWorkerIdError', 'ERR_NO_WORKER_ID', 'all 4 worker ids of pool p are taken'],
    [
      new WorkerLeaseLostError(3, 'taken'),
      'WorkerLeaseLostError',
      'ERR_WORKER_LEASE_LOST',
      'the lease of worker id 3 is taken',
    ],
  ])('%s says what happened', (error, name, code, message) => {
    expect([error.name, error.code, error.message, String(error)]).toEqual([
      name,
      code,
      message,
      `${name}: ${message}`,
    ]);
  });

  it.skipIf(!('stackTraceLimit' in Error))('of calls that are refused again and again have no stack trace', () => {
    for (const error of [new SnowflakeLeadError(1), new WorkerLeaseLostError(1, 'expired')]) {
      expect(error.stack ?? '').not.toMatch(/errors\.test/);
    }
    expect(new SnowflakeExhaustedError().stack).toMatch(/errors\.test/);
  });
});

import { expect, it } from 'vitest';
import { createBulkhead, chaos, fallback, hedge, pipeline, retry, timeout } from '../../src/policy/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { flush } from '../support/gate.ts';
import { collectReports, failingWith, sleep } from './kit.ts';

const broken = (): never => {
  throw 'broken';
};

it('what a callback of yours throws is reported and changes no result', async () => {
  const reports = collectReports();
  const clock = createVirtualClock();
  const full = createBulkhead({ maxConcurrent: 1, onEvent: broken });
  void full.run(() => new Promise(() => {}));
  const outcomes = [
    retry({ isRetryable: broken }).runOutcome(failingWith(['failure'], 'value')),
    retry({ backoff: broken, retryAfterMs: broken, onEvent: broken }).runOutcome(failingWith(['failure'], 'value')),
    fallback(() => 'instead', { when: broken }).runOutcome(failingWith(['failure'], 'value')),
    fallback(() => 'instead', { onEvent: broken }).runOutcome(failingWith(['failure'], 'value')),
    full.runOutcome(() => 'value'),
    hedge({ delayMs: broken, isFatal: broken, clock }).runOutcome(failingWith(['failure'], 'value')),
    hedge({ delayMs: 5, onEvent: broken, clock }).runOutcome(() => sleep(clock, 10).then(() => 'value')),
    timeout({ ms: 5, onEvent: broken, strategy: 'aggressive', clock }).runOutcome(() => sleep(clock, 10)),
    chaos({ fault: { rate: 1, error: broken }, enabled: true, onEvent: broken }).runOutcome(() => 'value'),
  ];
  await clock.advance(100);
  expect(await Promise.all(outcomes)).toMatchObject([
    { ok: false, error: 'failure' },
    { ok: true, value: 'value' },
    { ok: false, error: 'failure' },
    { ok: true, value: 'instead' },
    { ok: false, error: { code: 'ERR_BULKHEAD_REJECTED' } },
    { ok: true, value: 'value' },
    { ok: true, value: 'value' },
    { ok: false, error: { code: 'ERR_TIMEOUT' } },
    { ok: false },
  ]);
  expect(reports.filter((report) => report !== 'broken')).toEqual([]);
  expect(reports.length).toBeGreaterThanOrEqual(12);
});

it('goes to console.error where there is no reportError', async () => {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'reportError');
  const { error } = console;
  const seen: unknown[] = [];
  Reflect.deleteProperty(globalThis, 'reportError');
  console.error = (...values: unknown[]) => seen.push(values);
  try {
    await fallback(() => 'instead', { onEvent: broken }).run(failingWith(['failure'], 'value'));
  } finally {
    console.error = error;
    if (before) Object.defineProperty(globalThis, 'reportError', before);
  }
  expect(seen).toEqual([['broken']]);
});

it('a callback that is an async function and rejects is reported and is no unhandled rejection', async () => {
  const reports = collectReports();
  const rejecting = async (): Promise<never> => {
    throw 'rejected';
  };
  const policy = pipeline(
    fallback(() => 'instead', { onEvent: rejecting, when: rejecting as never }),
    retry({ maxAttempts: 2, backoff: () => 0, onEvent: rejecting, isRetryable: rejecting as never }),
  );
  expect(await policy.run(failingWith([1, 2], 'value'))).toBe('instead');
  await flush();
  expect(reports).toEqual(Array(6).fill('rejected'));
});

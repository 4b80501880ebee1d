import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';

/** Resolves as the call does, which must be within 50 ms of its deadline, as a timer of this machine keeps it. */
export async function inTime<T>(call: Promise<T>, timeoutMs: number): Promise<T> {
  const timer = delay(timeoutMs).then(() => performance.now());
  const settled = await call.then((value) => ({ value, atMs: performance.now() }));
  expect(settled.atMs - (await timer)).toBeLessThan(50);
  return settled.value;
}

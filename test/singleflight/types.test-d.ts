/*
 * Compiled by `tsc`, never run: what must compile does, and each line under an expectation of an
 * error is one that must not.
 */
import type { SharedValue } from '../../src/singleflight/index.ts';
import { createSingleflight } from '../../src/singleflight/index.ts';

const flights = createSingleflight<string, number>();

export const value: Promise<number> = flights.run('k', () => 1);
export const fromPromise: Promise<number> = flights.run('k', async ({ signal }) => Number(signal.aborted));
export const shared: Promise<SharedValue<number>> = flights.runShared('k', () => 1, { signal: undefined });

// @ts-expect-error another type of key
void flights.run(1, () => 1);
// @ts-expect-error another type of value
void flights.run('k', () => 'text');
// @ts-expect-error the work is missing
void flights.run('k');
// @ts-expect-error no such option
void flights.run('k', () => 1, { timeoutMs: 5 });
// @ts-expect-error read only
flights.size = 1;

/*
 * Compiled by `tsc`, never run: what must compile does, and each line under an expectation of an
 * error is one that must not.
 */
import type { AddsOf, Bulkhead, Chaos, Operation, Outcome, Policy } from '../../src/policy/index.ts';
import {
  chaos,
  createBulkhead,
  createRetryBudget,
  exponentialBackoff,
  fallback,
  hedge,
  parseRetryAfter,
  pipeline,
  retry,
  timeout,
} from '../../src/policy/index.ts';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** Compiles for `true` only. */
declare function check<_T extends true>(): void;
declare function typeOf<T>(value: T): { readonly type: T };

const number = async (): Promise<number> => 1;

export const results = {
  plain: retry().run(() => 1),
  async: retry().run(number),
  outcome: retry().runOutcome(number),
  fallback: fallback(() => 'instead' as const).run(number),
  asyncFallback: fallback(async () => null).run(number),
  none: pipeline().run(number),
  without: pipeline(
    retry(),
    timeout({ ms: 1 }),
    createBulkhead({ maxConcurrent: 1 }),
    hedge({ delayMs: 1 }),
    chaos({}),
  ).run(number),
  one: pipeline(
    fallback(() => null),
    retry(),
  ).run(number),
  several: pipeline(
    fallback(() => null),
    chaos({ result: { rate: 0.1, value: () => 'chaos' as const } }),
    createBulkhead({ maxConcurrent: 1 }),
    fallback(async () => true as const),
  ).runOutcome(number),
  nested: pipeline(pipeline(fallback(() => null)), pipeline(retry())).run(number),
  mapped: createBulkhead({ maxConcurrent: 2 }).map(
    new Set(['a']),
    async (letter, { index, signal, attempt }) => [letter, index, signal.aborted, attempt] as const,
  ),
  mappedLater: createBulkhead({ maxConcurrent: 2 }).map(letters(), (letter) => letter.length),
};
declare function letters(): AsyncGenerator<string>;

type Results = typeof results;
check<Equal<Results['plain'], Promise<number>>>();
check<Equal<Results['async'], Promise<number>>>();
check<Equal<Results['outcome'], Promise<Outcome<number>>>>();
check<Equal<Awaited<Results['fallback']>, number | 'instead'>>();
check<Equal<Awaited<Results['asyncFallback']>, number | null>>();
check<Equal<Results['none'], Promise<number>>>();
check<Equal<Results['without'], Promise<number>>>();
check<Equal<Awaited<Results['one']>, number | null>>();
check<Equal<Awaited<Results['several']>, Outcome<number | null | 'chaos' | true>>>();
check<Equal<Awaited<Results['nested']>, number | null>>();
check<Equal<Awaited<Results['mapped']>, (readonly [string, number, boolean, number])[]>>();
check<Equal<Awaited<Results['mappedLater']>, number[]>>();
check<Equal<AddsOf<Policy<string>>, string>>();
check<Equal<AddsOf<Policy>, never>>();
check<Equal<AddsOf<Bulkhead>, never>>();
check<Equal<AddsOf<Chaos<5> | Policy<6>>, 5 | 6>>();

export async function narrowing(): Promise<number | null> {
  const outcome = await pipeline(fallback(() => null)).runOutcome(number);
  if (outcome.ok) return outcome.value;
  // @ts-expect-error -- there is no value to a failure
  void outcome.value;
  check<Equal<typeof outcome.error, unknown>>();
  return null;
}

/** A policy that adds nothing may stand where one that adds something may, and not the other way round. */
export const widened: Policy<string> = retry();
// @ts-expect-error -- this one may answer with a string
export const narrowed: Policy = fallback(() => 'instead');

typeOf(exponentialBackoff({ jitter: 'full' })(1, 0)).type satisfies number;
typeOf(parseRetryAfter(null)).type satisfies number | undefined;
export const passedThrough: Operation<number> = ({ signal, attempt }) => (signal.aborted ? attempt : 0);
void retry().run(passedThrough, { signal: undefined });

export function misuse(): void {
  // @ts-expect-error -- a limit is required
  timeout();
  // @ts-expect-error -- a limit is required
  timeout({});
  // @ts-expect-error -- not a number
  timeout({ ms: '5s' });
  // @ts-expect-error -- no such strategy
  timeout({ ms: 5, strategy: 'polite' });
  // @ts-expect-error -- no such option
  timeout({ ms: 5, timeoutMs: 5 });
  // @ts-expect-error -- retries are counted as attempts
  retry({ retries: 2 });
  // @ts-expect-error -- a backoff answers with a number
  retry({ backoff: () => '5' });
  // @ts-expect-error -- a predicate must not be async
  retry({ isRetryable: async () => true });
  // @ts-expect-error -- a budget is more than a number
  retry({ budget: 5 });
  // @ts-expect-error -- no such jitter
  exponentialBackoff({ jitter: 'half' });
  // @ts-expect-error -- slots are required
  createBulkhead({ maxQueue: 5 });
  // @ts-expect-error -- a delay is required
  hedge({ maxHedges: 2 });
  // @ts-expect-error -- a fatal error is told by a function
  hedge({ delayMs: 5, isFatal: Error });
  // @ts-expect-error -- a handler is required
  fallback();
  // @ts-expect-error -- a handler, not a value
  fallback('instead');
  // @ts-expect-error -- a result has a value
  chaos({ result: { rate: 1 } });
  // @ts-expect-error -- latency has a time
  chaos({ latency: { rate: 1 } });
  // @ts-expect-error -- a function is no policy
  pipeline(retry(), () => 1);
  // @ts-expect-error -- options are no policy
  pipeline({ maxAttempts: 3 });
  // @ts-expect-error -- a list is no policy
  pipeline([retry()]);
  // @ts-expect-error -- an operation, not its promise
  void retry().run(number());
  // @ts-expect-error -- an operation is required
  void retry().run();
  // @ts-expect-error -- the signal, not its controller
  void retry().run(number, { signal: new AbortController() });
  // @ts-expect-error -- counts are read-only
  createBulkhead({ maxConcurrent: 1 }).inFlight = 2;
  // @ts-expect-error -- the balance is read-only
  createRetryBudget().balance = 2;
  // @ts-expect-error -- nothing to iterate
  void createBulkhead({ maxConcurrent: 1 }).map(5, () => 1);
  // @ts-expect-error -- a switch, not a word
  chaos({}).isEnabled = 'on';
}

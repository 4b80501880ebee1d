import { reportError } from '../core/errors.ts';
import type { CallContext, Operation } from '../core/policy.ts';

/** Runs an operation once it has a slot, however long that takes. */
type RunInSlot = (op: Operation<void>, signal: AbortSignal) => Promise<unknown>;

/**
 * The loop behind `Bulkhead.map`: takes a slot, draws an item in it, runs `fn`, and does not take
 * the next slot before the item is drawn. So the source is read one item ahead of nobody.
 */
export async function mapThrough<I, O>(
  runInSlot: RunInSlot,
  items: Iterable<I> | AsyncIterable<I>,
  fn: (item: I, ctx: CallContext & { readonly index: number }) => O | PromiseLike<O>,
  signal: AbortSignal | undefined,
): Promise<O[]> {
  signal?.throwIfAborted();
  const source = (items as AsyncIterable<I>)[Symbol.asyncIterator]?.() ?? (items as Iterable<I>)[Symbol.iterator]();
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(signal?.reason);
  const results: O[] = [];
  const jobs = new Set<Promise<void>>();
  let drawn = 0;
  let isDry = false;
  let failure: { readonly error: unknown } | undefined;

  const next = async (ctx: CallContext, onDrawn: () => void): Promise<void> => {
    try {
      const { done, value } = await source.next();
      onDrawn();
      if (done) {
        isDry = true;
        return;
      }
      const index = drawn++;
      results[index] = await fn(value, { signal: ctx.signal, attempt: ctx.attempt, index });
    } catch (error) {
      // Before the slot is free, or the one who waits for it would draw another item.
      failure ??= { error };
      stop.abort(error);
      throw error;
    }
  };

  signal?.addEventListener('abort', onAbort);
  while (!isDry && !stop.signal.aborted) {
    await new Promise<void>((resolve) => {
      const job: Promise<void> = runInSlot((ctx) => next(ctx, resolve), stop.signal).then(
        () => void jobs.delete(job),
        (error: unknown) => {
          isDry = true;
          failure ??= { error };
          resolve();
        },
      );
      jobs.add(job);
    });
  }
  await Promise.all(jobs);
  signal?.removeEventListener('abort', onAbort);
  if (!failure && !stop.signal.aborted) return results;
  try {
    await source.return?.();
  } catch (error) {
    reportError(error);
  }
  signal?.throwIfAborted();
  throw failure?.error;
}

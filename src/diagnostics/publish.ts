import type { RemovalCause } from '../cache/cache-options.ts';
import { refuse } from '../core/check.ts';
import type { RateLimitDecision } from '../rate-limit/rate-limit-policy.ts';
import type { Channel } from './channel.ts';
import { channelModule } from './channel.ts';
import type { CacheEvent, DiagnosticEvents, DiagnosticKind, DiagnosticMessage } from './kinds.ts';
import { isKind } from './kinds.ts';

/** Options of {@link publishEvents}. */
export interface PublishOptions {
  /** Says in each message which of the primitives of its kind it was. */
  readonly name: string;
}

/** Checks a kind and answers the name of its channel. */
function channelName(kind: DiagnosticKind): string {
  return isKind(kind) ? `holdfast:${kind}` : refuse('kind', 'a kind of primitive that has events', kind);
}

/**
 * Finds the channel at the first event and keeps it, because the runtime forgets a channel that nobody holds.
 * Answers it only while somebody listens.
 */
function heard(kind: DiagnosticKind, name: string): () => Channel | undefined {
  const channel = channelName(kind);
  if (typeof name !== 'string') refuse('name', 'a text', name);
  let found: Channel | undefined;
  return () => {
    found ??= channelModule()?.channel(channel);
    return found?.hasSubscribers ? found : undefined;
  };
}

/**
 * Makes a listener that publishes events on the channel of their kind, `holdfast:` and the kind, of
 * `node:diagnostics_channel`: the option `onEvent` of a primitive.
 *
 * While nobody subscribes an event costs one look at the channel and makes nothing. Where the runtime has no such
 * module (browsers, Node before 20.16), nothing ever happens. Messages are `{ name, event }`. Subscribers run at once,
 * on the stack of the primitive, and Node raises what they throw as an uncaught exception; the primitive goes on.
 *
 * @example
 * ```ts
 * import { consecutiveFailures, createCircuitBreaker } from 'holdfast/circuit-breaker';
 * import { publishEvents, subscribeEvents } from 'holdfast/diagnostics';
 *
 * const circuit = createCircuitBreaker({
 *   trip: consecutiveFailures(5),
 *   openDurationMs: 10_000,
 *   onEvent: publishEvents('circuit-breaker', { name: 'payments' }),
 * });
 * const stop = subscribeEvents('circuit-breaker', ({ name, event }) => console.log(name, event.from, event.to));
 * circuit.trip(); // payments closed open
 * stop();
 * ```
 *
 * @throws RangeError or TypeError for a kind that there is not, and for a name that is no text.
 */
export function publishEvents<K extends DiagnosticKind>(
  kind: K,
  options: PublishOptions,
): (event: DiagnosticEvents[K]) => void {
  const { name } = options;
  const channel = heard(kind, name);
  return (event) => channel()?.publish({ name, event } satisfies DiagnosticMessage<K>);
}

/**
 * Makes the option `onDecision` of a rate limiter: publishes each decision, with its key, on `holdfast:rate-limit`.
 *
 * As {@link publishEvents} in all else. A limiter with `onDecision` makes an object per decision, `tryAcquire` too.
 *
 * @example
 * ```ts
 * import { publishDecisions } from 'holdfast/diagnostics';
 * import { createRateLimiter, tokenBucket } from 'holdfast/rate-limit';
 *
 * const limiter = createRateLimiter(tokenBucket({ limit: 10, periodMs: 1_000 }), {
 *   onDecision: publishDecisions({ name: 'api' }),
 * });
 * limiter.tryAcquire('user:42');
 * ```
 *
 * @throws TypeError or RangeError for a name that is no text.
 */
export function publishDecisions(options: PublishOptions): (key: string, decision: RateLimitDecision) => void {
  const { name } = options;
  const channel = heard('rate-limit', name);
  return (key, decision) =>
    channel()?.publish({
      name,
      event: { type: 'decision', key, decision },
    } satisfies DiagnosticMessage<'rate-limit'>);
}

/** The options of a cache that {@link publishCache} makes. */
export interface CacheListeners {
  readonly onRemoval: (key: unknown, value: unknown, cause: RemovalCause) => void;
  readonly onError: (error: unknown, key: unknown) => void;
}

/**
 * Makes the options `onRemoval` and `onError` of a cache: publishes on `holdfast:cache` what has left, without its
 * value, and which loads in the background have failed. As {@link publishEvents} in all else.
 *
 * @example
 * ```ts
 * import { createCache } from 'holdfast/cache';
 * import { publishCache } from 'holdfast/diagnostics';
 *
 * const users = createCache<string, number>({ maxEntries: 1_000, ...publishCache({ name: 'users' }) });
 * users.set('7', 1);
 * ```
 *
 * @throws TypeError or RangeError for a name that is no text.
 */
export function publishCache(options: PublishOptions): CacheListeners {
  const { name } = options;
  const channel = heard('cache', name);
  const message = (event: CacheEvent): DiagnosticMessage<'cache'> => ({ name, event });
  return {
    onRemoval: (key, _value, cause) => channel()?.publish(message({ type: 'removed', key, cause })),
    onError: (error, key) => channel()?.publish(message({ type: 'load-failed', key, error })),
  };
}

/**
 * Subscribes to the events of a kind, of all primitives whose events are published. The answer ends it, once.
 *
 * The same as `subscribe('holdfast:' + kind, listener)` of `node:diagnostics_channel`, with types. Does nothing where
 * the runtime has no such module.
 *
 * @example
 * ```ts
 * import { subscribeEvents } from 'holdfast/diagnostics';
 *
 * const stop = subscribeEvents('pool', ({ name, event }) => {
 *   if (event.type === 'create-failed') console.error(name, event.error);
 * });
 * stop();
 * ```
 *
 * @throws RangeError or TypeError for a kind that there is not, and for a listener that is no function.
 */
export function subscribeEvents<K extends DiagnosticKind>(
  kind: K,
  listener: (message: DiagnosticMessage<K>) => void,
): () => void {
  const channel = channelName(kind);
  if (typeof listener !== 'function') refuse('listener', 'a function', listener);
  const own = (message: unknown): void => listener(message as DiagnosticMessage<K>);
  channelModule()?.subscribe(channel, own);
  return () => void channelModule()?.unsubscribe(channel, own);
}

import { oneOf } from '../core/check.ts';
import type { RateLimitDecision } from '../rate-limit/rate-limit-policy.ts';
import type { Attributes, Meter } from './meter.ts';
import type { NamedOptions, Row } from './observation.ts';
import { Observed } from './observation.ts';

/** Kinds of primitives whose events {@link countEvents} counts. */
export type CountedKind =
  | 'bulkhead'
  | 'chaos'
  | 'circuit-breaker'
  | 'fallback'
  | 'hedge'
  | 'outbox'
  | 'outlier'
  | 'pool'
  | 'rate-limit-store'
  | 'retry'
  | 'saga'
  | 'shared-circuit'
  | 'timeout'
  | 'worker-lease';

/** What is counted of a decision of a rate limiter. */
export interface CountedDecision extends Pick<RateLimitDecision, 'allowed' | 'policy'> {
  readonly source?: string;
}

/** A listener that counts, until it is disposed. */
export type CountingListener<A extends readonly unknown[]> = ((...args: A) => void) & Disposable;

/**
 * The field of an event that is an attribute beside its type, by kind. Each is one of a few words, or the name of a
 * saga's definition; a reason of a circuit is a sentence and is none.
 */
function detailOf(kind: CountedKind): string {
  const details: Readonly<Record<CountedKind, string>> = {
    bulkhead: 'reason',
    chaos: '',
    'circuit-breaker': 'to',
    fallback: '',
    hedge: '',
    outbox: '',
    outlier: '',
    pool: 'reason',
    'rate-limit-store': '',
    retry: 'reason',
    saga: 'name',
    'shared-circuit': '',
    timeout: '',
    'worker-lease': '',
  };
  return details[oneOf('kind', kind, Object.keys(details) as CountedKind[])];
}

/** Words that tell counts apart, in the order of their attributes. */
type Words = readonly [first: string, second: string | undefined, third: string | undefined];

/** A count of its own for each combination of words that has come. */
export class Tally {
  readonly #observed: Observed;
  readonly #row: Omit<Row, 'read' | 'by'>;
  readonly #names: readonly string[];
  readonly #by: (...words: Words) => Attributes;
  readonly #counts = new Map<string, { count: number }>();
  /** The count that was used last, and its words: mostly the next is the same. */
  #last: { count: number } | undefined;
  #words: Words | undefined;

  /** `names` are those of all attributes that come; `by` says them for words that are new. */
  constructor(
    observed: Observed,
    row: Omit<Row, 'read' | 'by' | 'kind'>,
    names: readonly string[],
    by: (...words: Words) => Attributes,
  ) {
    this.#observed = observed;
    this.#row = { ...row, kind: 'total' };
    this.#names = names;
    this.#by = by;
  }

  add(first: string, second?: string, third?: string): void {
    if (this.#observed.isClosed) return;
    const last = this.#words;
    if (!last || last[0] !== first || last[1] !== second || last[2] !== third) {
      this.#words = [first, second, third];
      this.#last = this.#cellOf(this.#words);
    }
    this.#last!.count++;
  }

  /** Kept by what is shown, which is bounded, and not by what has come. */
  #cellOf(words: Words): { count: number } {
    const known = this.#counts.get(keyOf(words));
    if (known) return known;
    const by = this.#by(...words);
    const key = keyOf(Object.values(by));
    const cell = this.#counts.get(key) ?? { count: 0 };
    if (!this.#counts.has(key)) this.#observed.show({ ...this.#row, by, read: () => cell.count }, this.#names);
    this.#counts.set(key, cell);
    return cell;
  }
}

function keyOf(words: readonly (string | undefined)[]): string {
  return words.filter((word) => word !== undefined).join('\0');
}

function listening<A extends readonly unknown[]>(
  observed: Observed,
  listener: (...args: A) => void,
): CountingListener<A> {
  return Object.assign(listener, { [Symbol.dispose]: () => observed.close() });
}

/**
 * Makes a listener that counts events: the option `onEvent` of a primitive. Primitives may share one.
 *
 * The metric is `holdfast.<kind>.events`, with `_` for `-`, by the type of the event, and for some kinds by its
 * `reason` (bulkhead, retry, pool), by `to` (circuit breaker) or by the name of the saga's definition. An event costs a
 * look into a map; no text of an error and no id becomes an attribute.
 *
 * @example
 * ```ts
 * import { metrics } from '@opentelemetry/api';
 * import { countEvents } from 'holdfast/otel';
 * import { retry } from 'holdfast/policy';
 *
 * const meter = metrics.getMeter('shop');
 * const policy = retry({ onEvent: countEvents(meter, 'retry', { name: 'payments' }) });
 * await policy.run(() => 'paid');
 * ```
 *
 * @throws RangeError or TypeError for an unknown kind, a name that is empty, and a meter that is none.
 */
export function countEvents(
  meter: Meter,
  kind: CountedKind,
  options: NamedOptions,
): CountingListener<[event: { readonly type: string }]> {
  const detail = detailOf(kind);
  const prefix = `holdfast.${kind.replaceAll('-', '_')}`;
  const observed = new Observed(meter, prefix, options.name);
  // A definition of a saga is called by a name as well.
  const attribute = kind === 'saga' ? 'definition' : detail;
  const row = { metric: 'events', unit: '{event}', description: `Events of ${kind}, by type.` };
  const names = ['name', 'event', ...(detail ? [attribute] : [])];
  const tally = new Tally(observed, row, names, (type, value) => ({
    event: type,
    ...(value !== undefined && { [attribute]: observed.admit(attribute, value) }),
  }));
  return listening(observed, (event: { readonly type: string }) => {
    const { type, [detail]: value } = event as { readonly type: string } & Readonly<Record<string, unknown>>;
    tally.add(type, typeof value === 'string' ? value : undefined);
  });
}

/**
 * Makes the option `onDecision` of a rate limiter: counts decisions as `holdfast.rate_limit.decisions`, by the name of
 * the policy and by outcome, `allowed` or `refused`. Never by key.
 *
 * A limiter over a store has no `onDecision`: call the listener with what `consume` resolves with; it also counts by
 * `source`, as `fallback`. A limiter with `onDecision` makes an object per decision, `tryAcquire` too.
 *
 * @example
 * ```ts
 * import { metrics } from '@opentelemetry/api';
 * import { countDecisions } from 'holdfast/otel';
 * import { createRateLimiter, tokenBucket } from 'holdfast/rate-limit';
 *
 * const limiter = createRateLimiter(tokenBucket({ limit: 10, periodMs: 1_000, name: 'burst' }), {
 *   onDecision: countDecisions(metrics.getMeter('shop'), { name: 'api' }),
 * });
 * limiter.tryAcquire('user:42');
 * ```
 *
 * @throws RangeError or TypeError for a name that is empty and a meter that is none.
 */
export function countDecisions(
  meter: Meter,
  options: NamedOptions,
): CountingListener<[key: string, decision: CountedDecision]> {
  const prefix = 'holdfast.rate_limit';
  const observed = new Observed(meter, prefix, options.name);
  const row = { metric: 'decisions', unit: '{decision}', description: 'Decisions of a rate limiter.' };
  const names = ['name', 'policy', 'outcome', 'source'];
  const tally = new Tally(observed, row, names, (policy, outcome, source) => ({
    policy: observed.admit('policy', policy),
    outcome: outcome!,
    ...(source !== undefined && { source }),
  }));
  return listening(observed, (_key: string, { allowed, policy, source }: CountedDecision) => {
    tally.add(policy, allowed ? 'allowed' : 'refused', source);
  });
}

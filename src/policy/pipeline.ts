import { bindPolicy, StepPolicy } from '../core/call.ts';
import { refuse } from '../core/check.ts';
import type { Policy } from '../core/policy.ts';
import type { Step } from '../core/step.ts';

/** A policy of this library or of your own: anything with its `run`. */
export type PipelinePart<Adds = unknown> = Pick<Policy<Adds>, 'run'>;

/** The type of values that a list of policies may answer with on its own; unknown unless each is a `Policy`. */
export type AddsOf<P> = P extends { readonly '~adds'?: () => infer Adds } ? Adds : unknown;

/**
 * Composes policies, outermost first: `pipeline(a, b, c)` runs an operation as a(b(c(op))).
 *
 * The order that serves most calls: fallback, timeout of the whole call, retry, hedge, circuit
 * breaker, bulkhead, timeout of one attempt. A retry inside a circuit breaker hides failures from it,
 * a timeout outside a retry is the only one that bounds the whole call.
 *
 * Policies of this library are fused: a call costs one promise, not one for each layer, and one
 * listener on the caller's signal at most. The same policy may stand in many pipelines and shares
 * its state (slots, counts, budget) between them.
 *
 * @example
 * ```ts
 * import { createBulkhead, pipeline, retry, timeout } from 'holdfast/policy';
 *
 * const calls = pipeline(
 *   retry({ maxAttempts: 3 }),
 *   createBulkhead({ maxConcurrent: 20, maxQueue: 100 }),
 *   timeout({ ms: 2_000 }),
 * );
 * const answer = await calls.run(async ({ attempt }) => `answered at attempt ${attempt}`);
 * ```
 *
 * @throws TypeError when a part has no `run` method.
 */
export function pipeline<P extends readonly PipelinePart[]>(...policies: P): Policy<AddsOf<P[number]>> {
  for (const policy of policies) {
    if (typeof policy?.run !== 'function') refuse('policy', 'a policy (an object with a run method)', policy);
  }
  return new StepPolicy((inner) => policies.reduceRight<Step>((step, policy) => bindPolicy(policy, step), inner));
}

import type { Sink } from '../../src/core/call.ts';
import { start } from '../../src/core/call.ts';
import type { Operation } from '../../src/core/policy.ts';
import { BranchScope } from '../../src/core/scope.ts';
import type { Scope } from '../../src/core/scope.ts';

/** A call that stays open until the test settles it through `sink`. */
export interface OpenCall {
  readonly scope: Scope;
  readonly sink: Sink;
  readonly promise: Promise<unknown>;
}

/** Starts a call of `op` under a step that does nothing by itself. */
export function openCall(signal?: AbortSignal, op: Operation<unknown> = () => undefined): OpenCall {
  let entered: { scope: Scope; sink: Sink } | undefined;
  const promise = start({ enter: (scope, sink) => void (entered = { scope, sink }) }, op, signal);
  if (!entered) throw new Error('the call was not started');
  return { ...entered, promise };
}

/** A scope of an open call that the test aborts by itself. */
export function openBranch(): BranchScope {
  return new BranchScope(openCall().scope, 1);
}

import type { Done } from '../../src/core/step.ts';
import { start } from '../../src/core/call.ts';
import type { Operation } from '../../src/core/policy.ts';
import { Scope } from '../../src/core/scope.ts';

/** A call that stays open until the test settles it through `done`. */
export interface OpenCall {
  readonly scope: Scope;
  readonly done: Done;
  readonly promise: Promise<unknown>;
}

/** Starts a call of `op` under a step that does nothing by itself. */
export function openCall(signal?: AbortSignal, op: Operation<unknown> = () => undefined): OpenCall {
  let entered: { scope: Scope; done: Done } | undefined;
  const promise = start((_, scope, done) => void (entered = { scope, done }), op, signal);
  if (!entered) throw new Error('the call was not started');
  return { scope: entered.scope, done: entered.done, promise };
}

/** A scope of an open call that the test aborts by itself. */
export function openBranch(): Scope {
  return new Scope(openCall().scope, 1);
}

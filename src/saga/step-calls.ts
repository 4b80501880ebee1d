import { guarded } from '../core/errors.ts';
import type { Scope } from '../core/scope.ts';
import { isRefusal } from './ambiguity.ts';
import { attempt, delayOf, leavesOpen } from './attempt.ts';
import type { World } from './attempt.ts';
import { SerializationError } from './errors.ts';
import type { Journal } from './journal.ts';
import { Failure, UndoRun } from './step-run.ts';
import type { StepRun } from './step-run.ts';

/** What calling a step needs to know of the saga. */
export interface Caller {
  readonly world: World;
  readonly journal: Journal | undefined;
  /** Of what runs forwards, aborted by a cancellation; undefined where nothing can abort. */
  readonly scope: Scope | undefined;
  /** Of what runs backwards, which nothing but the loss of the lease aborts. */
  readonly undoScope: Scope | undefined;
  /** Whether there is no way back any more. */
  readonly isCommitted: boolean;
  /** How many groups run, whose members store what they did each for itself. */
  groups: number;
  pause(ms: number, scope: Scope | undefined): Promise<void>;
}

/** Calls a step, or its compensation, until it succeeds or its attempts are used up. */
export async function callStep(
  caller: Caller,
  whole: StepRun,
  scope: Scope | undefined,
  goal: 'completed' | 'compensated',
): Promise<void> {
  const { journal, world } = caller;
  const { spans } = world;
  const { def } = whole;
  const isUndo = goal === 'compensated';
  const bare = isUndo ? def.compensate! : def.run;
  const call = spans ? (c: StepRun, tx?: unknown) => spans.attempt(c, isUndo, () => bare(c, tx)) : bare;
  const timeoutMs = isUndo ? def.compensationTimeoutMs : def.timeoutMs;
  const policy = (isUndo ? def.compensationRetry : def.retry) ?? {};
  const fallback = isUndo || caller.isCommitted ? Infinity : def.retry ? 3 : 1;
  const isBare = !scope && timeoutMs === undefined;
  const base = journal?.resume(whole, isUndo) ?? 0;
  if (journal) whole.attempt++;
  for (let run = whole; ; run = run.next()) {
    journal?.throwIfLost();
    throwIfAborted(caller, run, scope);
    if (journal) {
      await journal.begin();
      // Storing what came before took its time.
      throwIfAborted(caller, run, scope);
    }
    try {
      if (journal && def.atomic) {
        await journal.atomic(run, goal, (tx) => attempt(world, run, scope, timeoutMs, (c) => call(c, tx)));
      } else {
        const value = isBare ? await call(run) : await attempt(world, run, scope, timeoutMs, call);
        if (journal) journal.complete(run, goal, value);
        else if (!isUndo) run.output = value;
      }
      spans?.attempted(run, goal);
      whole.output = run.output;
      return;
    } catch (error) {
      if (journal?.isLost(error)) {
        spans?.attempted(run, 'lost', error);
        journal.throwIfLost();
        throw error;
      }
      const isAmbiguous = !def.atomic && leavesOpen(run, error);
      if (!isUndo) whole.isUnknown ||= isAmbiguous;
      const type = isUndo ? 'compensation-failed' : isAmbiguous ? 'unknown' : 'failed';
      journal?.fail(run, type, error);
      spans?.attempted(run, type, error);
      const { maxAttempts = fallback, retryIf = () => true } = policy;
      const isLast = run.attempt - base >= maxAttempts || isRefusal(error) || error instanceof SerializationError;
      if (scope?.aborted) continue;
      if (isLast || !guarded(false, retryIf, error)) throw new Failure(run.step, error);
      await caller.pause(delayOf(policy, run.attempt - base, world.random), scope);
    }
  }
}

function throwIfAborted(caller: Caller, run: StepRun, scope: Scope | undefined): void {
  if (scope?.aborted) throw new Failure(caller.scope?.aborted ? '' : run.step, scope.reason);
}

/** Undoes what ran at the same time, at the same time; answers for each what went wrong for good. */
export async function undoAll(caller: Caller, runs: readonly StepRun[]): Promise<(Failure | undefined)[]> {
  caller.groups++;
  const ends = await Promise.allSettled(runs.map((run) => undo(caller, run)));
  caller.groups--;
  return ends.map((end) => {
    if (end.status === 'rejected') throw end.reason;
    return end.value;
  });
}

/** Answers what went wrong for good. */
export async function undo(caller: Caller, done: StepRun): Promise<Failure | undefined> {
  const { journal } = caller;
  if (journal?.past.get(done.step)?.isCompensated) return undefined;
  try {
    await callStep(caller, new UndoRun(done), caller.undoScope, 'compensated');
    if (caller.groups) await journal?.flush();
    return undefined;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

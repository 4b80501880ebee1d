import { Scope } from '../core/scope.ts';
import { checkWait, leavesOpen, rest } from './attempt.ts';
import type { World } from './attempt.ts';
import type { AnySaga, EachNode, ParallelNode, SagaNode, StepNode } from './definition.ts';
import { SagaCompensatedError, SagaStuckError } from './errors.ts';
import type { Journal } from './journal.ts';
import { randomId } from './random-id.ts';
import { callStep, undo, undoAll } from './step-calls.ts';
import type { Caller } from './step-calls.ts';
import { doneRun, Failure, runsOf, StepRun } from './step-run.ts';
import type { Frame, Owner } from './step-run.ts';

type OwnSaga = AnySaga & Pick<Frame, 'isAmbiguous'>;

/*
 * One saga on its way. Its log, where there is one, has been read: a step that is completed there is not called, its
 * stored output is taken. So recovery is the same walk, which calls nothing before the frontier.
 *
 * What has taken place is in `#done`, in order of the definition, whatever order branches ended in; the way back goes
 * through it from its end. Steps fail with a `Failure`. Whatever else is thrown, the loss of the lease or the
 * letting go of the saga, leaves the saga where it stands.
 */
export class Execution implements Owner, Caller {
  readonly #saga: OwnSaga;
  readonly world: World;
  readonly journal: Journal | undefined;
  readonly #frame: Frame;
  /** A step of the saga itself that is nothing but its node needs no more: its output is in the results. */
  readonly #done: (StepRun | StepNode | readonly StepRun[])[] = [];
  #id: string | undefined;
  scope: Scope | undefined;
  undoScope: Scope | undefined;
  isCommitted: boolean;
  #isBackwards = false;
  groups: number = 0;
  isStopped: boolean = false;
  cause: unknown = undefined;

  constructor(
    saga: AnySaga,
    input: unknown,
    id: string | undefined,
    world: World,
    mayAbort: boolean,
    journal?: Journal,
  ) {
    this.#saga = saga as OwnSaga;
    this.#frame = { input, results: {}, prefix: '', isAmbiguous: this.#saga.isAmbiguous };
    this.#id = id;
    this.world = world;
    this.journal = journal;
    this.isCommitted = journal !== undefined && !journal.isCancellable && !journal.turned;
    if (mayAbort) this.scope = new Scope(undefined, 1, true);
    if (journal) this.undoScope = new Scope(undefined, 1, true);
  }

  get sagaId(): string {
    return (this.#id ??= randomId(this.world.random));
  }

  get fence(): number {
    return this.journal?.fence ?? 0;
  }

  emit(run: StepRun, topic: string, payload: unknown): void {
    if (!this.journal) throw new TypeError('emit needs a store: start the saga with a runner');
    this.journal.emit(run, topic, payload);
  }

  /** Goes on to the end: answers the results, or rejects as `result` of a handle does. */
  async drive(): Promise<Record<string, unknown>> {
    const frame = this.#frame;
    const { results } = frame;
    const { nodes } = this.#saga;
    const isBare = !this.journal && !this.scope;
    let run: StepRun | undefined;
    let at = 0;
    /** Nodes from here on are plain steps that are done, and not kept yet. */
    let kept = 0;
    try {
      // By index: an iterator would be carried over each wait.
      for (; at < nodes.length; at++) {
        const node = nodes[at]!;
        // The way of most steps without a store, written out because it is what a saga costs.
        if (isBare && node.type === 'step' && node.def.isPlain) {
          run = new StepRun(this, frame, node.name, node.def);
          results[node.name] = await node.def.run(run);
        } else {
          run = undefined;
          this.#keepPlain(kept, at);
          kept = at + 1;
          await this.#node(node, frame);
        }
      }
      run = undefined;
      // Who asked for a cancellation before the end has been promised it.
      if (!isBare) await this.#finish();
      return results;
    } catch (error) {
      let thrown = error;
      if (run) {
        this.#keepPlain(kept, at);
        run.isUnknown = leavesOpen(run, error);
        this.#keep(run);
        thrown = new Failure(run.step, error);
      }
      if (!(thrown instanceof Failure)) throw thrown;
      return this.isCommitted ? this.#park(thrown) : this.#turnBack(thrown);
    }
  }

  async #finish(): Promise<void> {
    if (!this.isCommitted) this.#check();
    await this.journal?.finish('completed');
  }

  #keepPlain(from: number, to: number): void {
    for (const node of this.#saga.nodes.slice(from, to) as StepNode[]) if (node.def.compensate) this.#done.push(node);
  }

  /** Cancels it, unless it is past its pivot or on its way back; tells whether. */
  cancel(reason: unknown): boolean {
    const isLate = this.isCommitted || this.#isBackwards;
    if (!isLate) this.scope?.abort(reason);
    return !isLate;
  }

  /** Aborts whatever runs: this process may not go on with the saga. */
  stop(reason: unknown): void {
    this.isStopped = true;
    this.scope?.abort(reason);
    this.undoScope?.abort(reason);
  }

  async #node(node: SagaNode, frame: Frame): Promise<void> {
    const { name } = node;
    const path = frame.prefix + name;
    let result: unknown;
    if (node.type === 'step' || node.type === 'when') {
      const isLeftOut = node.type === 'when' && !(await this.#decide(path, () => node.test(frame) === true, true));
      if (node.kind === 'retriable') this.#commit(path);
      if (!isLeftOut) result = await this.#leaf(new StepRun(this, frame, name, node.def));
      if (node.kind === 'pivot') this.#commit();
      if (isLeftOut) return;
    } else if (node.type === 'parallel' || node.type === 'each') {
      result = await this.#group(node, path, frame);
    } else if (node.type === 'child') {
      const { saga, input } = node;
      const { isAmbiguous } = saga as OwnSaga;
      const inner: Frame = {
        input: await this.#decide(path, () => input(frame)),
        results: {},
        prefix: `${path}/`,
        isAmbiguous,
      };
      for (const each of saga.nodes) await this.#node(each, inner);
      result = inner.results;
    } else if (node.type === 'sleep') {
      const { ms } = node;
      return this.#sleep(path, () => (typeof ms === 'number' ? ms : checkWait(`${path}.ms`, ms(frame))));
    } else {
      result = this.journal?.event(path, node, () => this.#check());
    }
    frame.results[name] = result;
    // What a crash cut off was at the first node that had not completed, and nowhere else.
    if (this.journal?.hasBegun) this.journal.recoveries = 0;
  }

  /** Throws where the known part of the way ends, if the saga goes no further. */
  #check(): void {
    this.journal?.throwIfLost();
    if (this.journal?.turned) throw this.journal.turned;
    if (this.scope?.aborted) throw new Failure('', this.scope.reason);
  }

  #pure<T>(path: string, fn: () => T): T {
    try {
      return fn();
    } catch (error) {
      throw new Failure(path, error);
    }
  }

  /** What a function of the definition answered when it was first asked. */
  async #decide(path: string, fn: () => unknown, isTest: boolean = false): Promise<unknown> {
    const known = this.journal?.decided(path);
    if (known) return known.value;
    this.#check();
    return this.#pure(path, () => (this.journal ? this.journal.decide(path, fn(), isTest) : fn()));
  }

  async #sleep(path: string, ask: () => number): Promise<void> {
    const journal = this.journal;
    const waited = journal?.waited(path);
    if (!waited) this.#check();
    const ms = waited ? 0 : this.#pure(path, ask);
    const restMs = journal ? journal.waitFor(path, ms) : ms;
    if (!(restMs > 0)) return;
    this.#check();
    await this.pause(restMs, this.scope);
    this.#check();
  }

  async pause(ms: number, scope: Scope | undefined): Promise<void> {
    const journal = this.journal;
    if (!this.groups) journal?.letGo(ms);
    await journal?.flush();
    await rest(this.world.clock, ms, scope);
  }

  /** From here on there is no way back, and a cancellation that comes now comes too late. */
  #commit(before?: string): void {
    if (this.isCommitted) return;
    // A step that is about to begin may still be cancelled, a pivot that has completed may not.
    if (before !== undefined && !this.journal?.past.get(before)?.isCompleted) this.#check();
    this.isCommitted = true;
    if (this.scope?.aborted) this.scope = new Scope(undefined, 1, true);
    if (this.journal) this.journal.isCancellable = false;
  }

  async #leaf(run: StepRun): Promise<unknown> {
    try {
      return await this.#step(run, this.scope);
    } finally {
      this.#keep(run);
    }
  }

  #keep(run: StepRun): void {
    if (run.isUndoable) this.#done.push(run);
  }

  async #group(node: ParallelNode | EachNode, path: string, frame: Frame): Promise<unknown> {
    const isEach = node.type === 'each';
    const items = isEach ? ((await this.#decide(path, () => [...node.items(frame)])) as unknown[]) : [];
    const runs = this.#pure(path, () => runsOf(this, node, { ...frame, prefix: `${path}/` }, items));
    const kind = isEach ? node.kind : node.branches[0]?.kind;
    if (kind === 'retriable') this.#commit(path);
    const scope = new Scope(this.scope, 1, true);
    let failure: unknown;
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let run = runs[next++]; run; run = runs[next++]) {
        try {
          await this.#step(run, scope);
          await this.journal?.flush();
        } catch (error) {
          failure ??= error;
          if (error instanceof Failure) scope.abort(error.error);
        }
      }
    };
    const lanes = Math.min(runs.length, isEach ? node.concurrency : Infinity);
    this.groups++;
    await Promise.all(Array.from({ length: lanes }, lane));
    this.groups--;
    scope.end();
    const undoable = runs.filter((run) => run.isUndoable);
    if (node.compensation === 'parallel') this.#done.push(undoable);
    else this.#done.push(...undoable);
    if (failure !== undefined) throw failure;
    if (isEach) return runs.map(({ output }) => output);
    return Object.fromEntries(runs.map(({ name, output }) => [name, output]));
  }

  async #step(run: StepRun, scope: Scope | undefined): Promise<unknown> {
    const past = this.journal?.past.get(run.step);
    if (past?.isCompleted) {
      run.isDone = true;
      return (run.output = this.journal!.outputOf(past));
    }
    run.isUnknown = past?.isUnknown === true;
    if (this.journal?.turned) throw this.journal.turned;
    run.isUnknown ||= !run.def.atomic && (this.journal?.recoveries ?? 0) > 0;
    await callStep(this, run, scope, 'completed');
    run.isDone = true;
    return run.output;
  }

  async #turnBack(failure: Failure): Promise<never> {
    const journal = this.journal;
    this.#isBackwards = true;
    this.cause = failure.error;
    journal?.turn(failure);
    let broken: Failure | undefined;
    for (let item = this.#done.pop(); item; item = this.#done.pop()) {
      const runs = 'length' in item ? item : [item instanceof StepRun ? item : doneRun(this, this.#frame, item)];
      const ends = runs.length === 1 ? [await undo(this, runs[0]!)] : await undoAll(this, runs);
      broken ??= ends.find(Boolean);
      if (runs.some(({ def }, k) => ends[k] && def.onExhausted !== 'continue')) break;
    }
    await journal?.finish(broken ? 'stuck' : 'compensated', broken);
    if (broken) throw new SagaStuckError(this.sagaId, broken.path, broken.error);
    throw new SagaCompensatedError(this.sagaId, failure.path, failure.error);
  }

  async #park(failure: Failure): Promise<never> {
    await this.journal?.finish('stuck', failure);
    throw new SagaStuckError(this.sagaId, failure.path, failure.error);
  }
}

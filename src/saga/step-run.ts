import type { Scope } from '../core/scope.ts';
import type { OutboxEvent } from './saga-store.ts';
import type { AnyStepDef, CompensateContext, EachNode, ParallelNode, StepContext, StepNode } from './definition.ts';
import { checkText } from './text.ts';

/** Where a saga, or a child of it, keeps what its steps see. */
export interface Frame {
  readonly input: unknown;
  readonly results: Record<string, unknown>;
  /** Of the paths of its steps: empty, or ends with `/`. */
  readonly prefix: string;
  readonly isAmbiguous: ((error: unknown) => boolean) | undefined;
}

/** Why a saga goes no further forward. */
export class Failure {
  /** Of the step; empty for a cancellation. */
  readonly path: string;
  readonly error: unknown;

  constructor(path: string, error: unknown) {
    this.path = path;
    this.error = error;
  }
}

/** What a run tells about the saga it is part of. */
export interface Owner {
  readonly sagaId: string;
  readonly fence: number;
  readonly cause: unknown;
  /** Whether this process may not go on with the saga. */
  readonly isStopped: boolean;
  /** Takes an event that a step emits. */
  emit(run: StepRun, topic: string, payload: unknown): void;
}

/** Escapes what ends the id in a key. */
const escapeId = (id: string): string => id.replace(/[%/]/g, encodeURIComponent);

/** A step on its way: what it is told, and what became of it. Made for each step that runs, so nothing is computed early. */
export class StepRun implements StepContext<unknown, unknown> {
  readonly owner: Owner;
  readonly frame: Frame;
  readonly name: string;
  readonly def: AnyStepDef;
  attempt: number = 1;
  // Only declared, and so no part of it until they are set: most runs never need them, and they are made by the million.
  declare output: unknown;
  declare isDone?: boolean;
  declare isUnknown?: boolean;
  /** Of the attempt. */
  declare scope?: Scope;
  /** The item of a fan-out. */
  declare item?: unknown;
  /** What it has emitted, if anything. */
  declare emitted?: OutboxEvent[];
  /** Where nothing can abort. */
  declare own?: AbortSignal;

  constructor(owner: Owner, frame: Frame, name: string, def: AnyStepDef) {
    this.owner = owner;
    this.frame = frame;
    this.name = name;
    this.def = def;
  }

  get input(): unknown {
    return this.frame.input;
  }

  get results(): unknown {
    return this.frame.results;
  }

  get sagaId(): string {
    return this.owner.sagaId;
  }

  get step(): string {
    return this.frame.prefix + this.name;
  }

  get idempotencyKey(): string {
    return this.keyOf('run');
  }

  get attemptKey(): string {
    return `${this.idempotencyKey}/${this.fence}.${this.attempt}`;
  }

  get fence(): number {
    return this.owner.fence;
  }

  get signal(): AbortSignal {
    return this.scope ? this.scope.signal : (this.own ??= new AbortController().signal);
  }

  get isUndoable(): boolean {
    return this.def.compensate !== undefined && (this.isDone === true || this.isUnknown === true);
  }

  /** The same for the next attempt. What goes on of this one after it was left behind sees and emits nothing of that. */
  next(): this {
    const next = Object.assign(Object.create(Object.getPrototypeOf(this) as object) as this, this);
    next.attempt++;
    delete next.emitted;
    return next;
  }

  keyOf(direction: 'run' | 'undo'): string {
    return `${escapeId(this.sagaId)}/${this.step}/${direction}`;
  }

  /** A function of its own, so that a step can take it out of its context. */
  get emit(): (topic: string, payload: unknown) => void {
    return (topic, payload) => this.owner.emit(this, topic, payload);
  }
}

/** A compensation on its way. */
export class UndoRun extends StepRun {
  readonly outcome: CompensateContext<unknown, unknown, unknown>['outcome'];

  constructor(run: StepRun) {
    super(run.owner, run.frame, run.name, run.def);
    this.outcome = run.isDone ? 'completed' : 'unknown';
    this.output = run.output;
    if ('item' in run) this.item = run.item;
  }

  override get idempotencyKey(): string {
    return this.keyOf('undo');
  }

  get cause(): unknown {
    return this.owner.cause;
  }

  get runKey(): string {
    return this.keyOf('run');
  }
}

/** A step that needed no run of its own while it was all that ran. */
export function doneRun(owner: Owner, frame: Frame, { name, def }: StepNode): StepRun {
  const run = new StepRun(owner, frame, name, def);
  run.output = frame.results[name];
  run.isDone = true;
  return run;
}

/** The branches of a group, or its items. */
export function runsOf(
  owner: Owner,
  node: ParallelNode | EachNode,
  frame: Frame,
  items: readonly unknown[],
): StepRun[] {
  if (node.type === 'parallel') return node.branches.map(({ name, def }) => new StepRun(owner, frame, name, def));
  const runs = items.map((item, k) => {
    const key = checkText(`a key of ${node.name}`, String(node.key(item, k)));
    const run = new StepRun(owner, frame, key, node.def);
    run.item = item;
    return run;
  });
  if (new Set(runs.map(({ name }) => name)).size < runs.length) throw new RangeError('two items have the same key');
  return runs;
}

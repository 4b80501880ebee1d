import type { CallContext } from './policy.ts';

/** Told once when a scope it listens to is aborted. */
export interface AbortListener {
  onAbort(reason: unknown): void;
}

/** Set of listeners that tells each once. A listener may leave while the others are told. */
export type AbortListeners = Set<AbortListener>;

/**
 * A stretch of a call that ends together: the whole call, one attempt, what runs under one timeout.
 *
 * Scopes form a chain towards the call. An abort goes down the chain, to those that listen: a scope
 * that nobody reads costs nothing, and the caller's signal gets one listener per call at most.
 */
export interface Scope extends CallContext {
  /** The call's operation, run where the chain of policies ends. */
  readonly root: RootScope;
  readonly isAborted: boolean;
  readonly reason: unknown;
  /** Tells `listener` of an abort to come. One that has been is for the caller to check first. */
  listen(listener: AbortListener): void;
  unlisten(listener: AbortListener): void;
}

/** What the inner policies may know of the call itself. */
export interface RootScope extends Scope {
  readonly op: (ctx: CallContext) => unknown;
  /**
   * True while the promise of an operation may become the promise of the call: only while `run` is
   * on the stack, and not under a policy that answers before its operation has.
   */
  mayAdopt: boolean;
  /** Makes the promise of the operation the promise of the call; its handlers answer {@link outcome}. */
  adopt(promise: Promise<unknown>): void;
  /** The call's result, thrown where it failed, or a promise for it. */
  outcome(): unknown;
}

/** Another attempt inside the same scope. */
export class AttemptScope implements Scope {
  readonly attempt: number;
  readonly #parent: Scope;

  constructor(parent: Scope, attempt: number) {
    this.#parent = parent;
    this.attempt = attempt;
  }

  get root(): RootScope {
    return this.#parent.root;
  }

  get signal(): AbortSignal {
    return this.#parent.signal;
  }

  get isAborted(): boolean {
    return this.#parent.isAborted;
  }

  get reason(): unknown {
    return this.#parent.reason;
  }

  listen(listener: AbortListener): void {
    this.#parent.listen(listener);
  }

  unlisten(listener: AbortListener): void {
    this.#parent.unlisten(listener);
  }
}

/** A scope that can be aborted alone: what runs under a timeout, one of several hedges. */
export class BranchScope implements Scope, AbortListener {
  readonly attempt: number;
  readonly root: RootScope;
  readonly #parent: Scope;
  #controller: AbortController | undefined;
  #listeners: AbortListeners | undefined;
  #isLinked = false;
  #hasAborted = false;
  #reason: unknown;

  constructor(parent: Scope, attempt: number) {
    this.#parent = parent;
    this.root = parent.root;
    this.attempt = attempt;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.isAborted) this.#controller.abort(this.reason);
      else this.link();
    }
    return this.#controller.signal;
  }

  get isAborted(): boolean {
    return this.#hasAborted || this.#parent.isAborted;
  }

  get reason(): unknown {
    return this.#hasAborted ? this.#reason : this.#parent.reason;
  }

  listen(listener: AbortListener): void {
    (this.#listeners ??= new Set()).add(listener);
    this.link();
  }

  unlisten(listener: AbortListener): void {
    this.#listeners?.delete(listener);
  }

  onAbort(reason: unknown): void {
    this.abort(reason);
  }

  /** Aborts this scope and those inside it. */
  abort(reason: unknown): void {
    if (this.#hasAborted) return;
    this.#hasAborted = true;
    this.#reason = reason;
    this.end();
    this.#controller?.abort(reason);
    for (const listener of this.#listeners ?? []) listener.onAbort(reason);
  }

  /** Follows the scope outside from here on. */
  protected link(): void {
    if (this.#isLinked || this.#hasAborted) return;
    this.#isLinked = true;
    this.#parent.listen(this);
  }

  /** Stops following the scope outside: nothing inside needs to know any more. */
  end(): void {
    if (!this.#isLinked) return;
    this.#isLinked = false;
    this.#parent.unlisten(this);
  }
}

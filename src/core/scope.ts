import type { CallContext } from './policy.ts';

/** Told once when a scope it listens to is aborted. */
export interface AbortListener {
  onAbort(reason: unknown): void;
}

/** Where an abort can come from. */
export interface AbortSource {
  /** Tells `listener` of an abort to come. One that has been is for the caller to check first. */
  listen(listener: AbortListener): void;
  unlisten(listener: AbortListener): void;
}

/**
 * A stretch of a call that ends together: the whole call, one attempt, what runs under one timeout.
 *
 * Scopes form a chain: the outermost follows the caller's signal, each other the scope around it. An
 * abort goes down the chain to those that listen; a scope that nobody reads or listens to follows
 * nothing and costs nothing, and the caller's signal gets one listener per call at most.
 */
export class Scope implements CallContext, AbortListener, AbortSource {
  readonly attempt: number;
  readonly #outer: Scope | AbortSignal | undefined;
  readonly #isBranch: boolean;
  #controller: AbortController | undefined;
  #listeners: Set<AbortListener> | undefined;
  #isFollowing = false;
  #hasEnded = false;
  #hasAborted = false;
  #reason: unknown;

  /** A branch can be aborted alone, so its signal is its own; otherwise the signal is that of `outer`. */
  constructor(outer: Scope | AbortSignal | undefined, attempt: number, isBranch: boolean = outer instanceof Scope) {
    this.#outer = outer;
    this.#isBranch = isBranch;
    this.attempt = attempt;
  }

  get signal(): AbortSignal {
    const outer = this.#outer;
    if (outer && !this.#isBranch) return outer instanceof Scope ? outer.signal : outer;
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.aborted) this.#controller.abort(this.reason);
      else this.follow();
    }
    return this.#controller.signal;
  }

  get aborted(): boolean {
    return this.#hasAborted || (this.#outer !== undefined && this.#outer.aborted);
  }

  get reason(): unknown {
    return this.#hasAborted ? this.#reason : this.#outer?.reason;
  }

  listen(listener: AbortListener): void {
    if (!this.#outer && !this.#isBranch) return; // nothing can abort it
    (this.#listeners ??= new Set()).add(listener);
    this.follow();
  }

  unlisten(listener: AbortListener): void {
    this.#listeners?.delete(listener);
  }

  /** Follows what is outside from here on. */
  protected follow(): void {
    if (this.#isFollowing || this.#hasEnded || !this.#outer) return;
    this.#isFollowing = true;
    if (this.#outer instanceof Scope) this.#outer.listen(this);
    else this.#outer.addEventListener('abort', this);
  }

  /** Stops following for good: nothing inside needs to know any more. */
  end(): void {
    this.#hasEnded = true;
    if (!this.#isFollowing) return;
    this.#isFollowing = false;
    if (this.#outer instanceof Scope) this.#outer.unlisten(this);
    else this.#outer?.removeEventListener('abort', this);
  }

  handleEvent(): void {
    this.onAbort(this.#outer?.reason);
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
}

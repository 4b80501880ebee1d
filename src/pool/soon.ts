const nothing = (): void => {};

/** Has its `due` called a few rounds of promise callbacks from now: two at least. */
export interface Due {
  due(): void;
}

/**
 * Puts off what is seldom needed, as timers of what is as good as done, until promises that are settled
 * already have been heard. One chain of callbacks for all that comes meanwhile: what came before the last link of
 * it is due with this one.
 */
export class Soon {
  readonly #settled = Promise.resolve();
  #isRunning = false;
  #young: Due[] = [];
  #old: Due[] = [];

  add(one: Due): void {
    this.#young.push(one);
    if (!this.#isRunning) this.#start();
  }

  #start(): void {
    this.#isRunning = true;
    void this.#settled.then(nothing).then(this.#flush);
  }

  readonly #flush = (): void => {
    const due = this.#old;
    this.#old = this.#young;
    this.#young = [];
    for (const one of due) one.due();
    if (this.#old.length + this.#young.length > 0) this.#start();
    else this.#isRunning = false;
  };
}

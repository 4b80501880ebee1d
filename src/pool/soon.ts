const nothing = (): void => {};

/** Has its `due` called two rounds of promise callbacks from now. */
export interface Due {
  due(): void;
}

/**
 * Puts off what is seldom needed, as timers of what is as good as done, until promises that are settled
 * already have been heard. One chain of callbacks for all that comes meanwhile.
 */
export class Soon {
  readonly #settled = Promise.resolve();
  #all: Due[] = [];

  add(one: Due): void {
    if (this.#all.push(one) > 1) return;
    void this.#settled.then(nothing).then(this.#flush);
  }

  readonly #flush = (): void => {
    const all = this.#all;
    this.#all = [];
    for (const one of all) one.due();
  };
}

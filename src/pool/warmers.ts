import type { PoolError } from './errors.ts';

interface Pending {
  readonly count: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Those who wait until there are enough resources. */
export class Warmers {
  #all: readonly Pending[] = [];
  /** How many resources the most demanding of them wants. */
  target: number = 0;

  add(count: number): Promise<void> {
    return new Promise((resolve, reject) => this.#set([...this.#all, { count, resolve, reject }]));
  }

  /** There are `alive` resources, of `max` that there may be. */
  reached(alive: number, max: number): void {
    if (this.#all.length === 0) return;
    const done = this.#all.filter(({ count }) => Math.min(count, max) <= alive);
    this.#set(this.#all.filter((pending) => !done.includes(pending)));
    for (const { resolve } of done) resolve();
  }

  fail(error: PoolError): void {
    const all = this.#all;
    this.#set([]);
    for (const { reject } of all) reject(error);
  }

  #set(all: readonly Pending[]): void {
    this.#all = all;
    this.target = Math.max(0, ...all.map(({ count }) => count));
  }
}

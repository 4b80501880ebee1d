import { expect } from 'vitest';
import { createPool } from '../../src/pool/index.ts';
import type { Lease, Pool, PoolOptions } from '../../src/pool/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { countingSignal } from '../support/counting-signal.ts';
import type { CountingSignal } from '../support/counting-signal.ts';
import { gate } from '../support/gate.ts';
import type { Gate } from '../support/gate.ts';

/** How users' functions answer: at once, with a settled promise, or when the test says so. */
export type Manner = 'sync' | 'async' | 'held';

export interface WorldOptions {
  readonly create: Manner;
  readonly destroy: Manner;
  readonly validate: Manner | 'none';
  readonly reset: Manner | 'none';
  readonly pool: Partial<PoolOptions<Item>>;
}

/** A resource as the outside world sees it: is it there, and who holds it? */
export interface Item {
  readonly id: number;
  /** Which clear it was begun before: `begun` clears had been when its create began. */
  readonly begun: number;
  state: 'alive' | 'ending' | 'gone';
  holder: number | undefined;
}

export interface Borrower {
  readonly id: number;
  readonly priority: number;
  readonly deadlineMs: number;
  readonly signal: CountingSignal | undefined;
  state: 'waiting' | 'holding' | 'done' | 'failed';
  lease: Lease<Item> | undefined;
  reason: unknown;
}

/** Plays factory and borrowers of one pool, and checks what is seen from there. */
export class World {
  readonly clock: VirtualClock = createVirtualClock();
  readonly pool: Pool<Item>;
  readonly items: Item[] = [];
  readonly borrowers: Borrower[] = [];
  readonly held: { readonly what: string; readonly gate: Gate<boolean> }[] = [];
  /** Who was served, in order, and not looked at yet. */
  granted: Borrower[] = [];
  max: number;
  clears = 0;
  /** Creates that fail from now on. */
  isDown = false;
  isInvalid = false;
  creates = 0;
  isClosed = false;
  closing: Promise<void> | undefined;

  constructor(options: WorldOptions) {
    this.max = options.pool.max ?? 10;
    const { validate, reset } = options;
    this.pool = createPool<Item>({
      create: () => this.#answer('create', options.create, this.#begin()),
      destroy: (item) => this.#answer('destroy', options.destroy, this.#end(item)),
      ...(validate !== 'none' && { validate: (item) => this.#answer('validate', validate, this.#check(item)) }),
      ...(reset !== 'none' && { reset: (item) => this.#answer('reset', reset, () => void this.#mustBeFree(item)) }),
      clock: this.clock,
      random: () => 0.5,
      ...options.pool,
    });
  }

  #answer<R>(what: string, manner: Manner, act: () => R): R | Promise<R> {
    if (manner === 'sync') return act();
    if (manner === 'async') return Promise.resolve().then(act);
    const one = gate<boolean>();
    this.held.push({ what, gate: one });
    return one.promise.then((isFine) => {
      if (!isFine) throw new Error(`${what} fails`);
      return act();
    });
  }

  #begin(): () => Item {
    const begun = this.clears;
    this.creates++;
    return () => {
      if (this.isDown) throw new Error('down');
      const item: Item = { id: this.items.length, begun, state: 'alive', holder: undefined };
      this.items.push(item);
      return item;
    };
  }

  #end(item: Item): () => void {
    this.#mustBeFree(item);
    expect(item.state, 'destroyed once').toBe('alive');
    item.state = 'ending';
    return () => {
      item.state = 'gone';
    };
  }

  #check(item: Item): () => boolean {
    this.#mustBeFree(item);
    return () => !this.isInvalid;
  }

  #mustBeFree(item: Item): void {
    expect(item.holder, 'nobody holds it').toBeUndefined();
  }

  acquire(priority: number, timeoutMs: number, hasSignal: boolean): void {
    const signal = hasSignal ? countingSignal() : undefined;
    const borrower: Borrower = {
      id: this.borrowers.length,
      priority,
      deadlineMs: this.clock.now() + timeoutMs,
      signal,
      state: 'waiting',
      lease: undefined,
      reason: undefined,
    };
    this.borrowers.push(borrower);
    const options = signal ? { priority, timeoutMs, signal: signal.signal } : { priority, timeoutMs };
    this.pool.acquire(options).then(
      (lease) => this.#grant(borrower, lease),
      (reason: unknown) => {
        expect(borrower.state).toBe('waiting');
        borrower.state = 'failed';
        borrower.reason = reason;
      },
    );
  }

  tryAcquire(): void {
    const waiting = this.of('waiting').length;
    const lease = this.pool.tryAcquire();
    if (!lease) return;
    expect(waiting, 'nobody is passed').toBe(0);
    const borrower: Borrower = {
      id: this.borrowers.length,
      priority: 0,
      deadlineMs: Infinity,
      signal: undefined,
      state: 'waiting',
      lease: undefined,
      reason: undefined,
    };
    this.borrowers.push(borrower);
    this.#grant(borrower, lease);
  }

  #grant(borrower: Borrower, lease: Lease<Item>): void {
    const item = lease.resource;
    expect(borrower.state, 'served once, and not after it gave up').toBe('waiting');
    this.#mustBeFree(item);
    expect(item.state, 'what is lent is alive').toBe('alive');
    expect(item.begun, 'nothing older than the last clear is lent').toBe(this.clears);
    item.holder = borrower.id;
    borrower.state = 'holding';
    borrower.lease = lease;
    this.granted.push(borrower);
  }

  giveBack(borrower: Borrower, how: 'release' | 'destroy' | 'break'): void {
    const lease = borrower.lease!;
    lease.resource.holder = undefined;
    borrower.state = 'done';
    if (how === 'release') lease.release();
    else lease.destroy(how === 'break' ? new Error('broken') : undefined);
    lease.release();
  }

  of(state: Borrower['state']): Borrower[] {
    return this.borrowers.filter((borrower) => borrower.state === state);
  }

  /** The order in which those who wait are to be served. */
  line(borrowers: readonly Borrower[]): Borrower[] {
    return [...borrowers].sort((a, b) => b.priority - a.priority || a.id - b.id);
  }
}

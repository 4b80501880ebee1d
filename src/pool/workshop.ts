import { guarded } from '../core/errors.ts';
import { Entry } from './entry.ts';
import type { Keeper } from './entry.ts';
import { PoolError } from './errors.ts';
import type { Health } from './health.ts';
import type { Listeners } from './listeners.ts';
import { Operations } from './operations.ts';
import type { CreateContext } from './options.ts';
import type { DestroyReason } from './pool-types.ts';
import type { PoolSettings } from './settings.ts';

/** What `create` is given. */
class Creation implements CreateContext {
  #controller: AbortController | undefined;
  #abortion: { readonly reason: unknown } | undefined;

  get signal(): AbortSignal {
    const controller = (this.#controller ??= new AbortController());
    if (this.#abortion) controller.abort(this.#abortion.reason);
    return controller.signal;
  }

  abort(reason: unknown): void {
    this.#abortion ??= { reason };
    this.#controller?.abort(reason);
  }
}

/** Told what became of the work; each piece of it ends in one call, at once or later. */
export interface Customer<T> extends Keeper<T> {
  made(entry: Entry<T>, tookMs: number): void;
  notMade(error: unknown, round: number): void;
  /** A test or a reset has ended well. */
  proven(entry: Entry<T>, wasReset: boolean): void;
  /** A resource has been destroyed. */
  gone(): void;
}

/**
 * Makes, tests, resets and destroys resources, each in bounded time, and counts. What overruns its time
 * counts no more, and what comes of it later is destroyed at once.
 */
export class Workshop<T> {
  readonly #settings: PoolSettings<T>;
  readonly #health: Health;
  readonly #listeners: Listeners<T>;
  readonly #customer: Customer<T>;
  readonly #operations: Operations;
  readonly #creations = new Set<Creation>();
  creating: number = 0;
  testing: number = 0;
  destroying: number = 0;
  /** Resources that came too late and are being destroyed. */
  late: number = 0;
  created: number = 0;
  createFailed: number = 0;
  destroyed: number = 0;
  invalid: number = 0;

  constructor(settings: PoolSettings<T>, health: Health, listeners: Listeners<T>, customer: Customer<T>) {
    this.#settings = settings;
    this.#health = health;
    this.#listeners = listeners;
    this.#customer = customer;
    this.#operations = new Operations(settings.clock, settings.runInContext);
  }

  /** Begins to make a resource; `generation` and `round` come back with it, or with its failure. */
  create(generation: number, round: number): void {
    const { create, createTimeoutMs, clock } = this.#settings;
    const creation = new Creation();
    const startMs = clock.now();
    let isAsync = false;
    this.creating++;
    this.#creations.add(creation);
    this.#operations.run<T>(
      () => create(creation),
      createTimeoutMs,
      (isOk, result) => {
        this.#creations.delete(creation);
        if (isOk) return this.#made(result as T, generation, isAsync ? clock.now() - startMs : 0);
        this.creating--;
        this.createFailed++;
        this.#customer.notMade(result, round);
      },
      () => {
        const error = new PoolError('ERR_POOL_CREATE_TIMEOUT', `create took more than ${createTimeoutMs} ms`);
        creation.abort(error);
        return error;
      },
      (resource) => {
        this.created++;
        this.late++;
        this.#end(resource, 'late', () => {
          this.late--;
          this.#customer.gone();
        });
        this.destroyed++;
      },
    );
    isAsync = true;
  }

  #made(resource: T, generation: number, tookMs: number): void {
    const { maxLifetimeMs, keepaliveMs, random, clock } = this.#settings;
    const health = this.#health;
    const chance = Math.min(maxLifetimeMs, keepaliveMs) < Infinity ? guarded(0, random) : 0;
    const nowMs = health.isTimed ? clock.now() : 0;
    const expiresAtMs = health.expiryOf(nowMs, chance);
    const entry = new Entry<T>(this.#customer, resource, generation, expiresAtMs, health.keepaliveOf(chance));
    entry.sinceMs = entry.provenAtMs = nowMs;
    entry.trust = health.breakages;
    // Counted as being created while users' code runs, or that could make one too many.
    if (this.#listeners.hasAny) this.#listeners.tell({ type: 'created', resource, createMs: tookMs });
    this.creating--;
    this.created++;
    this.#customer.made(entry, tookMs);
  }

  /** Aborts the signals of creates in flight. */
  abortCreates(reason: unknown): void {
    for (const creation of this.#creations) creation.abort(reason);
  }

  /** Asks `validate`; destroys what is not valid. */
  test(entry: Entry<T>): void {
    const { validate, validateTimeoutMs } = this.#settings;
    this.#prove('validate', entry, (resource) => validate!(resource), validateTimeoutMs);
  }

  /** Lets `reset` clean a returned resource; destroys it when that fails. */
  reset(entry: Entry<T>): void {
    const { reset, resetTimeoutMs } = this.#settings;
    this.#prove('reset', entry, (resource) => reset!(resource), resetTimeoutMs);
  }

  #prove(hook: 'validate' | 'reset', entry: Entry<T>, fn: (resource: T) => unknown, ms: number): void {
    const { breakages } = this.#health;
    const isTest = hook === 'validate';
    this.testing++;
    this.#operations.run(
      () => fn(entry.resource),
      ms,
      (isOk, result) => {
        if (!isOk) this.#hookFailed(hook, result);
        this.testing--;
        if (isOk && (result || !isTest)) {
          entry.trust = breakages;
          if (this.#health.isTimed) entry.provenAtMs = this.#settings.clock.now();
          this.#customer.proven(entry, !isTest);
        } else {
          if (isTest) this.invalid++;
          // One that was suspected already is no news about the others.
          if (!this.#health.isSuspect(entry)) this.#health.breakages++;
          this.destroy(entry, isTest ? 'invalid' : 'reset');
        }
      },
      () => new PoolError('ERR_POOL_HOOK_TIMEOUT', `${hook} took more than ${ms} ms`),
    );
  }

  /** Ends a resource that counts, and that is in no list any more. */
  destroy({ resource }: Entry<T>, reason: DestroyReason): void {
    this.destroying++;
    this.#end(resource, reason, () => {
      this.destroying--;
      this.destroyed++;
      this.#customer.gone();
    });
  }

  #end(resource: T, reason: DestroyReason, done: () => void): void {
    const { destroy, destroyTimeoutMs } = this.#settings;
    const finish = (): void => {
      if (this.#listeners.hasAny) this.#listeners.tell({ type: 'destroyed', resource, reason });
      done();
    };
    if (!destroy) return finish();
    this.#operations.run(
      () => destroy(resource, reason),
      destroyTimeoutMs,
      (isOk, error) => {
        if (!isOk) this.#hookFailed('destroy', error);
        finish();
      },
      () => new PoolError('ERR_POOL_HOOK_TIMEOUT', `destroy took more than ${destroyTimeoutMs} ms`),
    );
  }

  #hookFailed(hook: 'validate' | 'reset' | 'destroy', error: unknown): void {
    if (this.#listeners.hasAny) this.#listeners.tell({ type: 'hook-failed', hook, error });
  }

  /** Calls a function of the user's in its context. */
  call<R>(fn: () => R): R {
    return this.#operations.call(fn);
  }

  /** Gives up all work that is under way. */
  expireAll(): void {
    this.#operations.expireAll();
  }
}

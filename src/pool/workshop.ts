import type { Clock } from '../core/clock.ts';
import { guarded } from '../core/errors.ts';
import type { Entry } from './entry.ts';
import type { Keeper } from './entry.ts';
import { PoolError } from './errors.ts';
import type { Health } from './health.ts';
import type { Listeners } from './listeners.ts';
import type { Crew } from './operations.ts';
import { Operation } from './operations.ts';
import type { CreateContext } from './options.ts';
import type { DestroyReason } from './pool-types.ts';
import type { PoolSettings } from './settings.ts';
import type { Soon } from './soon.ts';

/** Told what became of the work; each piece of it ends in one call, at once or later. */
export interface Customer<T> extends Keeper<T> {
  made(entry: Entry<T>, tookMs: number): void;
  notMade(error: unknown, round: number): void;
  /** A test or a reset has ended well. */
  proven(entry: Entry<T>, wasReset: boolean): void;
  /** A resource is being destroyed, or has been. */
  changed(): void;
}

/**
 * Makes, tests, resets and destroys resources, each in bounded time, and counts. What overruns its time
 * counts no more, and what comes of it later is destroyed at once.
 */
export class Workshop<T> implements Crew {
  readonly settings: PoolSettings<T>;
  readonly health: Health;
  readonly listeners: Listeners<T>;
  readonly customer: Customer<T>;
  readonly clock: Clock;
  readonly runInContext: (<R>(fn: () => R) => R) | undefined;
  readonly running: Operation[] = [];
  readonly soon: Soon;
  creating: number = 0;
  testing: number = 0;
  destroying: number = 0;
  /** Resources that came too late and are being destroyed. */
  late: number = 0;
  created: number = 0;
  createFailed: number = 0;
  destroyed: number = 0;
  invalid: number = 0;

  constructor(settings: PoolSettings<T>, health: Health, listeners: Listeners<T>, soon: Soon, customer: Customer<T>) {
    this.settings = settings;
    this.health = health;
    this.listeners = listeners;
    this.customer = customer;
    this.soon = soon;
    this.clock = settings.clock;
    this.runInContext = settings.runInContext;
  }

  /** Begins to make a resource; `generation` and `round` come back with it, or with its failure. */
  create(generation: number, round: number): void {
    new Creation(this, generation, round).run();
  }

  /** Aborts the signals of creates in flight. */
  abortCreates(reason: unknown): void {
    const running = [...this.running];
    for (const operation of running) if (operation instanceof Creation) operation.context.abort(reason);
  }

  /** Asks `validate`; destroys what is not valid. */
  test(entry: Entry<T>): void {
    new Proof(this, entry, true).run();
  }

  /** Lets `reset` clean a returned resource; destroys it when that fails. */
  reset(entry: Entry<T>): void {
    new Proof(this, entry, false).run();
  }

  /** Ends a resource that is in no list any more. */
  destroy({ resource }: Entry<T>, reason: DestroyReason): void {
    this.destroying++;
    this.end(resource, reason);
    // Whoever counted on it needs another, which there may be room for already.
    this.customer.changed();
  }

  end(resource: T, reason: DestroyReason): void {
    const ending = new Ending(this, resource, reason);
    if (this.settings.destroy) ending.run();
    else ending.done(true);
  }

  hookFailed(hook: 'validate' | 'reset' | 'destroy', error: unknown): void {
    if (this.listeners.hasAny) this.listeners.tell({ type: 'hook-failed', hook, error });
  }

  /** Gives up all work that is under way, and nothing that begins meanwhile. */
  expireAll(): void {
    const running = [...this.running];
    for (const operation of running) operation.expire();
  }
}

/** What `create` is given. */
class Context implements CreateContext {
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

class Creation<T> extends Operation {
  readonly context: Context = new Context();
  readonly #shop: Workshop<T>;
  readonly #generation: number;
  readonly #round: number;
  /** When it began; -1 while nobody knows, which costs no reading of the clock. */
  #startMs: number;

  constructor(shop: Workshop<T>, generation: number, round: number) {
    super(shop);
    this.#shop = shop;
    this.#generation = generation;
    this.#round = round;
    this.#startMs = shop.listeners.hasAny ? shop.clock.now() : -1;
    shop.creating++;
  }

  override due(): void {
    if (this.#startMs < 0) this.#startMs = this.#shop.clock.now();
    super.due();
  }

  override limitMs(): number {
    return this.#shop.settings.createTimeoutMs;
  }

  override call(): unknown {
    return this.#shop.settings.create(this.context);
  }

  override timedOut(): unknown {
    const error = new PoolError('ERR_POOL_CREATE_TIMEOUT', `create took more than ${this.limitMs()} ms`);
    this.context.abort(error);
    return error;
  }

  override late(resource: unknown): void {
    this.#shop.created++;
    this.#shop.destroyed++;
    this.#shop.late++;
    this.#shop.end(resource as T, 'late');
  }

  override done(isOk: boolean, result: unknown): void {
    const shop = this.#shop;
    if (isOk) return this.#made(result as T);
    shop.creating--;
    shop.createFailed++;
    shop.customer.notMade(result, this.#round);
  }

  #made(resource: T): void {
    const { settings, health, listeners, clock, customer } = this.#shop;
    const { maxLifetimeMs, keepaliveMs, random } = settings;
    const isClocked = this.#startMs >= 0;
    const nowMs = isClocked || health.isTimed ? clock.now() : 0;
    const tookMs = isClocked ? nowMs - this.#startMs : 0;
    const chance = Math.min(maxLifetimeMs, keepaliveMs) < Infinity ? guarded(0, random) : 0;
    const entry = new health.kind<T>(customer, resource, this.#generation, health.planOf(nowMs, chance));
    if (health.isTimed) entry.sinceMs = nowMs;
    health.prove(entry, nowMs, health.breakages);
    // Counted as being created while users' code runs, or that could make one too many.
    if (listeners.hasAny) listeners.tell({ type: 'created', resource, createMs: tookMs });
    this.#shop.creating--;
    this.#shop.created++;
    customer.made(entry, tookMs);
  }
}

/** A test or a reset. */
class Proof<T> extends Operation {
  readonly #shop: Workshop<T>;
  readonly #entry: Entry<T>;
  readonly #isTest: boolean;
  readonly #breakages: number;

  constructor(shop: Workshop<T>, entry: Entry<T>, isTest: boolean) {
    super(shop);
    this.#shop = shop;
    this.#entry = entry;
    this.#isTest = isTest;
    this.#breakages = shop.health.breakages;
    shop.testing++;
  }

  get #hook(): 'validate' | 'reset' {
    return this.#isTest ? 'validate' : 'reset';
  }

  override limitMs(): number {
    return this.#shop.settings[`${this.#hook}TimeoutMs`];
  }

  override call(): unknown {
    return this.#shop.settings[this.#hook]!(this.#entry.resource);
  }

  override timedOut(): unknown {
    return new PoolError('ERR_POOL_HOOK_TIMEOUT', `${this.#hook} took more than ${this.limitMs()} ms`);
  }

  override done(isOk: boolean, result: unknown): void {
    const shop = this.#shop;
    const entry = this.#entry;
    const { health } = shop;
    if (!isOk) shop.hookFailed(this.#hook, result);
    shop.testing--;
    if (isOk && (result || !this.#isTest)) {
      health.prove(entry, health.isTimed ? shop.clock.now() : 0, this.#breakages);
      shop.customer.proven(entry, !this.#isTest);
      return;
    }
    if (this.#isTest) shop.invalid++;
    // One that was suspected already is no news about the others.
    if (!health.isSuspect(entry)) health.breakages++;
    shop.destroy(entry, this.#isTest ? 'invalid' : 'reset');
  }
}

class Ending<T> extends Operation {
  readonly #shop: Workshop<T>;
  readonly #resource: T;
  readonly #reason: DestroyReason;

  constructor(shop: Workshop<T>, resource: T, reason: DestroyReason) {
    super(shop);
    this.#shop = shop;
    this.#resource = resource;
    this.#reason = reason;
  }

  override limitMs(): number {
    return this.#shop.settings.destroyTimeoutMs;
  }

  override call(): unknown {
    return this.#shop.settings.destroy!(this.#resource, this.#reason);
  }

  override timedOut(): unknown {
    return new PoolError('ERR_POOL_HOOK_TIMEOUT', `destroy took more than ${this.limitMs()} ms`);
  }

  override done(isOk: boolean, error?: unknown): void {
    const shop = this.#shop;
    const { listeners } = shop;
    if (!isOk) shop.hookFailed('destroy', error);
    if (listeners.hasAny) listeners.tell({ type: 'destroyed', resource: this.#resource, reason: this.#reason });
    if (this.#reason === 'late') {
      shop.late--;
    } else {
      shop.destroying--;
      shop.destroyed++;
    }
    shop.customer.changed();
  }
}

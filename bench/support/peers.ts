/*
 * The parts of the packages that the benchmarks call. They are loaded by name at run time, from next
 * to the bundle of the child process (see workspace.ts), so that types and lint need none of them.
 */
import type * as CircuitBreakerModule from '../../src/circuit-breaker/index.ts';
import type * as PolicyModule from '../../src/policy/index.ts';
import type * as TestingModule from '../../src/testing/index.ts';

type Op = (ctx: { readonly signal: AbortSignal }) => unknown;

interface CockatielPolicy {
  execute(op: Op, signal?: AbortSignal): Promise<unknown>;
}

export interface Cockatiel {
  readonly handleAll: object;
  readonly TimeoutStrategy: { readonly Cooperative: string; readonly Aggressive: string };
  readonly ConsecutiveBreaker: new (n: number) => object;
  readonly CountBreaker: new (o: { threshold: number; size: number }) => object;
  readonly SamplingBreaker: new (o: { threshold: number; duration: number; minimumRps?: number }) => object;
  readonly ConstantBackoff: new (ms: number) => object;
  circuitBreaker(policy: object, o: { halfOpenAfter: number; breaker: object }): CockatielPolicy;
  retry(policy: object, o: { maxAttempts: number; backoff?: object }): CockatielPolicy;
  timeout(ms: number, strategy: string): CockatielPolicy;
  bulkhead(limit: number, queue?: number): CockatielPolicy;
  wrap(...policies: readonly CockatielPolicy[]): CockatielPolicy;
}

export interface OpossumOptions {
  readonly timeout: number | false;
  readonly resetTimeout?: number;
  readonly errorThresholdPercentage?: number;
  readonly volumeThreshold?: number;
  readonly rollingCountTimeout?: number;
}

type Opossum = new (
  action: () => unknown,
  options: OpossumOptions,
) => { fire(): Promise<unknown>; open(): void; readonly opened: boolean };

interface Mollitia {
  readonly SlidingCountBreaker: new (o: object) => object;
  readonly Circuit: new (o: object) => { execute(): Promise<unknown> };
}

/** effect's values are opaque here: they are only made and handed on. */
interface Effect {
  readonly Effect: {
    promise(op: () => PromiseLike<unknown>): object;
    retry(effect: object, o: { times: number }): object;
    timeout(effect: object, ms: number): object;
    runPromise(effect: object): Promise<unknown>;
  };
  readonly Semaphore: {
    makeUnsafe(permits: number): object;
    withPermits(semaphore: object, permits: number): (effect: object) => object;
  };
}

type PRetry = (
  op: () => unknown,
  o: { retries: number; minTimeout?: number; signal?: AbortSignal },
) => Promise<unknown>;
type PTimeout = (promise: PromiseLike<unknown>, o: { milliseconds: number; signal?: AbortSignal }) => Promise<unknown>;
type PLimit = (concurrency: number) => (op: () => unknown) => Promise<unknown>;

async function load<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}

async function loadDefault<T>(name: string): Promise<T> {
  return (await load<{ default: T }>(name)).default;
}

export const circuitBreaker = (): Promise<typeof CircuitBreakerModule> => load('holdfast/circuit-breaker');
export const policy = (): Promise<typeof PolicyModule> => load('holdfast/policy');
export const testing = (): Promise<typeof TestingModule> => load('holdfast/testing');
export const cockatiel = (): Promise<Cockatiel> => load('cockatiel');
export const opossum = (): Promise<Opossum> => loadDefault('opossum');
export const mollitia = (): Promise<Mollitia> => load('mollitia');
export const effect = (): Promise<Effect> => load('effect');
export const pRetry = (): Promise<PRetry> => loadDefault('p-retry');
export const pTimeout = (): Promise<PTimeout> => loadDefault('p-timeout');
export const pLimit = (): Promise<PLimit> => loadDefault('p-limit');

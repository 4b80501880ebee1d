import type { CircuitBreaker, TripRule } from '../../src/circuit-breaker/index.ts';
import type { OpossumOptions } from './peers.ts';
import { circuitBreaker, cockatiel, opossum } from './peers.ts';

type Module = Awaited<ReturnType<typeof circuitBreaker>>;

export const answer = { ok: true };
const failure = new Error('the dependency failed');
export const succeed = async (): Promise<typeof answer> => answer;
export const fail = async (): Promise<never> => {
  throw failure;
};

/** A circuit breaker of ours under one rule, with what the rule must have seen before. */
export async function ours(
  rule: (module: Module) => TripRule,
  fill?: (circuit: CircuitBreaker) => void,
): Promise<CircuitBreaker> {
  const module = await circuitBreaker();
  const circuit = module.createCircuitBreaker({ trip: rule(module), openDurationMs: 1e9 });
  fill?.(circuit);
  return circuit;
}

/** Fills a window with successes, without the calls. */
export function successes(count: number): (circuit: CircuitBreaker) => void {
  return (circuit) => {
    for (let k = 0; k < count; k++) circuit.tryAcquire()!.success();
  };
}

/** The same of cockatiel. The sampling rule looks at 10 s, and opens at no volume that can be reached. */
export async function theirs(
  breaker: 'consecutive' | 'sampling',
): Promise<{ execute(op: () => unknown): Promise<unknown> }> {
  const { circuitBreaker: create, ConsecutiveBreaker, SamplingBreaker, handleAll } = await cockatiel();
  const rule =
    breaker === 'consecutive'
      ? new ConsecutiveBreaker(5)
      : new SamplingBreaker({ threshold: 0.5, duration: 10_000, minimumRps: 1e9 });
  return create(handleAll, { halfOpenAfter: 1e9, breaker: rule });
}

/** The same of opossum, without its timeout. */
export async function fired(
  op: () => unknown,
  options: Partial<OpossumOptions> = {},
): Promise<{ fire(): Promise<unknown>; open(): void }> {
  const Circuit = await opossum();
  return new Circuit(op, { timeout: false, resetTimeout: 2 ** 31 - 1, ...options });
}

import type * as Holdfast from '../../src/index.ts';
import type * as Testing from '../../src/testing/index.ts';

type Library = typeof Holdfast & typeof Testing;

function assert(truth: boolean, what: string): void {
  if (!truth) throw new Error(`not so: ${what}`);
}

/**
 * A few calls through everything, with the runtime's own clock and timers: what a runtime must have
 * for the library to work at all. It imports nothing at run time, so that it runs wherever its text is put.
 */
export const smoke: Readonly<Record<string, (lib: Library) => Promise<void>>> = {
  async 'a circuit opens, refuses and closes again'(lib) {
    const circuit = lib.createCircuitBreaker({ trip: lib.consecutiveFailures(2), openDurationMs: 30 });
    const fail = async (): Promise<never> => Promise.reject(new Error('down'));
    for (let k = 0; k < 2; k++) await circuit.runOutcome(fail);
    const refused = await circuit.runOutcome(async () => 'not called');
    assert(!refused.ok && lib.isHoldfastError(refused.error, 'ERR_CIRCUIT_OPEN'), 'an open circuit refuses');
    await new Promise<void>((resolve) => setTimeout(resolve, 60));
    assert((await circuit.run(async () => 'back')) === 'back', 'a trial is let through when the open time is over');
    assert(circuit.state === 'closed', 'a good trial closes the circuit');
  },

  async 'a timeout ends a call that would never end'(lib) {
    const outcome = await lib
      .timeout({ ms: 20, strategy: 'aggressive' })
      .runOutcome(() => new Promise<never>(() => {}));
    assert(!outcome.ok && lib.isHoldfastError(outcome.error, 'ERR_TIMEOUT'), 'it rejects with TimeoutError');
  },

  async 'a pipeline retries, and falls back when that is not enough'(lib) {
    let calls = 0;
    const policy = lib.pipeline(
      lib.fallback(() => 'fallback'),
      lib.retry({ maxAttempts: 3, backoff: lib.exponentialBackoff({ baseMs: 1 }) }),
      lib.createBulkhead({ maxConcurrent: 1 }),
      lib.timeout({ ms: 1_000 }),
    );
    const flaky = (): string => {
      if (++calls % 3 !== 0) throw new Error('down');
      return 'third';
    };
    assert((await policy.run(flaky)) === 'third', 'the third attempt answers');
    assert((await policy.run(() => Promise.reject<string>(new Error('down')))) === 'fallback', 'the fallback answers');
  },

  async 'an abort rejects with the reason of the signal'(lib) {
    const controller = new AbortController();
    const reason = new Error('enough');
    const waiting = lib
      .hedge({ delayMs: 5 })
      .runOutcome(() => new Promise<never>(() => {}), { signal: controller.signal });
    controller.abort(reason);
    const outcome = await waiting;
    assert(!outcome.ok && outcome.error === reason, 'the same object comes back');
  },

  async 'a virtual clock moves nothing but what it is told to'(lib) {
    const clock = lib.createVirtualClock();
    const waiting = lib
      .timeout({ ms: 60_000, strategy: 'aggressive', clock })
      .runOutcome(() => new Promise<never>(() => {}));
    await clock.advance(60_000);
    assert(!(await waiting).ok, 'a minute has passed at once');
  },
};

/** Runs all of it and returns how many parts passed; throws at the first that does not. */
export async function runSmoke(lib: Library): Promise<number> {
  for (const [name, part] of Object.entries(smoke)) {
    await part(lib).catch((error: unknown) => {
      throw new Error(`${name}: ${String(error)}`);
    });
  }
  return Object.keys(smoke).length;
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isRejection, pipeline, retry, timeout } from '../../src/policy/index.ts';
import { consecutiveFailures, createCircuitBreaker } from '../../src/circuit-breaker/index.ts';
import type { RateLimiter, StoredRateLimitDecision, StoredRateLimiter } from '../../src/rate-limit/index.ts';
import {
  asPolicy,
  createAdaptiveThrottle,
  createRateLimiter,
  RateLimitError,
  tokenBucket,
} from '../../src/rate-limit/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { collectReports } from '../policy/kit.ts';
import { countingSignal } from '../support/counting-signal.ts';
import { flush, gate, outcomeOf } from '../support/gate.ts';
import type { Gate } from '../support/gate.ts';

const bucket = tokenBucket({ limit: 10, periodMs: 1000, burst: 2, name: 'orders' });

function bench() {
  const clock = createVirtualClock();
  return { clock, limiter: createRateLimiter(bucket, { clock }) };
}

/** A limiter over a store that a test answers by hand. */
function stored(limiter: RateLimiter): StoredRateLimiter & { readonly asked: Gate<StoredRateLimitDecision>[] } {
  const asked: Gate<StoredRateLimitDecision>[] = [];
  const no = (): never => {
    throw new Error('not asked for');
  };
  const consume = (): Promise<StoredRateLimitDecision> => {
    const answer = gate<StoredRateLimitDecision>();
    asked.push(answer);
    return answer.promise;
  };
  const { policies } = limiter;
  return { asked, policies, consume, peek: no, reserve: no, reset: no, close: no, [Symbol.asyncDispose]: no };
}

async function refusal(call: Promise<unknown>): Promise<RateLimitError> {
  const { reason } = (await outcomeOf(call)) as { reason: RateLimitError };
  expect(reason).toBeInstanceOf(RateLimitError);
  return reason;
}

describe('of a limiter', () => {
  it('a call that is refused is not started, and rejects with the exact time to wait', async () => {
    const { clock, limiter } = bench();
    const policy = asPolicy(limiter);
    let calls = 0;
    const op = (): number => ++calls;
    expect([await policy.run(op), await policy.run(op)]).toEqual([1, 2]);
    clock.stall(30);
    const error = await refusal(policy.run(op));
    expect([error.code, error.retryAfterMs, isRejection(error), calls]).toEqual(['ERR_RATE_LIMITED', 70, true, 2]);
    expect(error.message).toContain('orders');
    clock.stall(70);
    expect(await policy.run(op)).toBe(3);
    expect(await policy.runOutcome(op)).toMatchObject({ ok: false, error: { retryAfterMs: 100 } });
  });

  it('a unit that comes back while a refusal is made out is taken, by a clock that moves all the time', async () => {
    const clock = createVirtualClock();
    const now = (): number => (clock.stall(1), clock.now());
    const limiter = createRateLimiter(tokenBucket({ limit: 1, periodMs: 8, burst: 1 }), { clock: { ...clock, now } });
    const policy = asPolicy(limiter);
    let calls = 0;
    for (let k = 0; k < 100; k++) await policy.runOutcome(() => ++calls);
    expect(calls).toBeLessThanOrEqual(1 + Math.floor(clock.now() / 8));
  });

  it('key and cost are values or functions asked for each call', async () => {
    const { limiter } = bench();
    let key = 'a';
    const costly = asPolicy(limiter, { key: () => key, cost: () => 2 });
    await costly.run(() => 1);
    expect((await refusal(costly.run(() => 1))).retryAfterMs).toBe(200);
    key = 'b';
    await costly.run(() => 1);
    expect([limiter.tryAcquire('a'), limiter.tryAcquire('b'), limiter.tryAcquire('c', 2)]).toEqual([
      false,
      false,
      true,
    ]);
    const named = asPolicy(limiter, { key: 'c', cost: 1 });
    await refusal(named.run(() => 1));
  });

  it('a cost that no wait helps is another error, with an infinite wait', async () => {
    const policy = asPolicy(bench().limiter, { cost: 3 });
    const { code, retryAfterMs } = await refusal(policy.run(() => 1));
    expect([code, retryAfterMs]).toEqual(['ERR_RATE_LIMIT_COST', Infinity]);
  });

  it('a key or cost function that throws fails the call, which is not started', async () => {
    const fail = (): never => {
      throw new Error('no key');
    };
    for (const options of [{ key: fail }, { cost: fail }, { cost: () => -1 }]) {
      const outcome = await asPolicy(bench().limiter, options).runOutcome(() => 'started');
      expect(outcome.ok).toBe(false);
    }
  });

  it('a call that is let through keeps no listener while it runs, and one of another policy inside it works', async () => {
    const { limiter } = bench();
    const caller = countingSignal();
    const work = gate<string>();
    const call = asPolicy(limiter).run(() => work.promise, { signal: caller.signal });
    expect([caller.added, caller.listeners]).toEqual([0, 0]);
    caller.abort('aborted');
    work.open('late');
    await expect(call).rejects.toBe('aborted');
    const twice = pipeline(asPolicy(limiter), asPolicy(createRateLimiter(bucket)));
    expect(await twice.run(async () => 'through both')).toBe('through both');
  });

  it('a limiter in shadow mode lets all through', async () => {
    const limiter = createRateLimiter(bucket, { shadow: true, clock: createVirtualClock() });
    const policy = asPolicy(limiter);
    for (let k = 0; k < 5; k++) expect(await policy.run(() => k)).toBe(k);
  });

  it('in a pipeline, a retry told to obeys the time to wait, and a circuit breaker does not count it', async () => {
    const { clock, limiter } = bench();
    const breaker = createCircuitBreaker({ name: 'orders', trip: consecutiveFailures(1), openDurationMs: 1e6, clock });
    const patient = retry({ maxAttempts: 3, isRetryable: () => true, clock });
    const policy = pipeline(patient, breaker, asPolicy(limiter, { cost: 2 }));
    await policy.run(() => 'first');
    const second = policy.run(({ attempt }) => `attempt ${attempt} at ${clock.now()}`);
    await clock.advance(199);
    expect((await outcomeOf(second)).state).toBe('pending');
    await clock.advance(1);
    expect(await second).toBe('attempt 2 at 200');
    expect(breaker.state).toBe('closed');
    // Left to itself, a retry does not repeat what was turned away.
    const plain = pipeline(retry({ clock }), asPolicy(limiter));
    await refusal(plain.run(() => 1));
  });

  it('gives up at once where no wait helps, and backs off where nobody can tell how long', async () => {
    const { clock, limiter } = bench();
    const waits: number[] = [];
    const patient = retry({
      maxAttempts: 2,
      isRetryable: () => true,
      backoff: () => 33,
      clock,
      onEvent: (event) => void waits.push(event.type === 'retry' ? event.delayMs : -1),
    });
    await refusal(pipeline(patient, asPolicy(limiter, { cost: 3 })).run(() => 1));
    const throttle = createAdaptiveThrottle({ clock, random: () => 0 });
    throttle.tryStart();
    const held = outcomeOf(pipeline(patient, asPolicy(throttle)).run(() => 1));
    await clock.advance(33);
    await held;
    expect(waits).toEqual([-1, 33, -1]);
  });
});

describe('of a limiter over a store', () => {
  const allowed = { allowed: true, retryAfterMs: 0, policy: 'orders', source: 'store' } as StoredRateLimitDecision;
  const refused = { ...allowed, allowed: false, retryAfterMs: 40 };

  it('the call starts when the store has allowed it', async () => {
    const limiter = stored(bench().limiter);
    let calls = 0;
    const call = asPolicy(limiter).run(async () => ++calls);
    await flush();
    expect([calls, limiter.asked.length]).toEqual([0, 1]);
    limiter.asked[0]!.open(allowed);
    expect([await call, calls]).toEqual([1, 1]);
  });

  it('a refusal and an error of the store reject, and nothing is started', async () => {
    const limiter = stored(bench().limiter);
    const calls = [0, 1].map(() => asPolicy(limiter).run(() => 'started'));
    const outcomes = calls.map((call) => outcomeOf(call));
    limiter.asked[0]!.open(refused);
    limiter.asked[1]!.fail('store down');
    expect(await outcomes[0]).toMatchObject({ reason: { code: 'ERR_RATE_LIMITED', retryAfterMs: 40 } });
    expect(await outcomes[1]).toMatchObject({ reason: 'store down' });
  });

  it('an abort while the store is asked ends the call at once; its answer starts nothing', async () => {
    const limiter = stored(bench().limiter);
    const caller = countingSignal();
    let calls = 0;
    const call = asPolicy(limiter).run(() => ++calls, { signal: caller.signal });
    const reason = { why: 'test' };
    caller.abort(reason);
    await expect(call).rejects.toBe(reason);
    limiter.asked[0]!.open(allowed);
    await flush();
    expect([calls, caller.listeners]).toEqual([0, 0]);
    const late = asPolicy(limiter).run(() => ++calls, { signal: caller.signal });
    await expect(late).rejects.toBe(reason);
    expect(limiter.asked.length).toBe(1);
  });

  it('once the store has answered, an abort is left to the operation, as under every policy', async () => {
    const limiter = stored(bench().limiter);
    const caller = countingSignal();
    const work = gate();
    const call = asPolicy(limiter).run(() => work.promise, { signal: caller.signal });
    limiter.asked[0]!.open(allowed);
    await flush();
    caller.abort('aborted');
    expect((await outcomeOf(call)).state).toBe('pending');
    work.open();
    await expect(call).rejects.toBe('aborted');
  });

  it('a timeout around it ends the wait for the store', async () => {
    const { clock, limiter } = bench();
    const policy = pipeline(timeout({ ms: 50, clock }), asPolicy(stored(limiter)));
    const call = outcomeOf(policy.run(() => 'started'));
    await clock.advance(50);
    await call;
    expect(clock.pendingTimers).toBe(0);
  });

  it('whatever comes first, the call settles once and leaves no listener', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.boolean(), fc.boolean(), async (s, isAllowed, isAborted) => {
        const limiter = stored(bench().limiter);
        const caller = countingSignal();
        const call = asPolicy(limiter).run(
          s.scheduleFunction(async () => 'done'),
          { signal: caller.signal },
        );
        const settled = Promise.allSettled([call]);
        if (isAborted) void s.schedule(Promise.resolve()).then(() => caller.abort('aborted'));
        void s.schedule(Promise.resolve()).then(() => limiter.asked[0]!.open(isAllowed ? allowed : refused));
        await s.waitFor(settled);
        await s.waitAll();
        const [outcome] = await settled;
        if (outcome.status === 'fulfilled') expect([outcome.value, isAllowed]).toEqual(['done', true]);
        else expect(isAborted || !isAllowed).toBe(true);
        expect(caller.listeners).toBe(0);
      }),
    );
  });
});

describe('of a throttle', () => {
  it('counts each call, and those that succeed or are said to be accepted as accepted', async () => {
    const clock = createVirtualClock();
    const throttle = createAdaptiveThrottle({ clock, k: 1, random: () => 0.999 });
    const policy = asPolicy(throttle, { isAccepted: (error) => error === 'not found' });
    const fail = (error: string) => (): never => {
      throw error;
    };
    await policy.run(() => 'fine');
    await policy.runOutcome(fail('not found'));
    expect(throttle.rejectProbability).toBe(0);
    await policy.runOutcome(fail('overloaded'));
    expect(throttle.rejectProbability).toBe(0.25);
    await asPolicy(throttle).runOutcome(fail('not found'));
    expect(throttle.rejectProbability).toBe(0.4);
  });

  it('an isAccepted that throws is reported, and the call not accepted', async () => {
    const reports = collectReports();
    const throttle = createAdaptiveThrottle({ clock: createVirtualClock() });
    const isAccepted = (): never => {
      throw new Error('faulty');
    };
    await asPolicy(throttle, { isAccepted }).runOutcome(() => Promise.reject(new Error('failure')));
    expect([reports, throttle.rejectProbability]).toEqual([[new Error('faulty')], 0.5]);
  });

  it('a call that it holds back is not started, and is an error without a time to wait', async () => {
    const throttle = createAdaptiveThrottle({ clock: createVirtualClock(), random: () => 0 });
    throttle.tryStart();
    let calls = 0;
    const error = await refusal(asPolicy(throttle).run(() => ++calls));
    expect([error.code, error.retryAfterMs, calls]).toEqual(['ERR_RATE_LIMITED', Number.NaN, 0]);
  });
});

it.each([undefined, null, 1, 'limiter', {}, () => {}])('refuses what is neither: %s', (limiter) => {
  expect(() => asPolicy(limiter as never)).toThrow(/^limiter must be/);
});

it('refuses an option of the wrong kind by its name', () => {
  expect(() => asPolicy(createAdaptiveThrottle(), { isAccepted: true } as never)).toThrow('isAccepted must be');
  for (const key of [null, 1, {}]) expect(() => asPolicy(bench().limiter, { key } as never)).toThrow('key must be');
  for (const cost of [null, 1.5, -1, '1']) {
    expect(() => asPolicy(bench().limiter, { cost } as never)).toThrow('cost must be an integer of at least 0');
  }
});

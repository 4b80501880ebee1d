import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { CircuitOpenError, consecutiveFailures, countWindow } from '../../src/circuit-breaker/index.ts';
import { createBulkhead, isRejection, pipeline, timeout } from '../../src/policy/index.ts';
import { anyOperation } from '../support/arbitraries.ts';
import { gate } from '../support/gate.ts';
import { admitted, answer, down, errorOf, fail, setup, toHalfOpen, ways } from './kit.ts';

describe('admission', () => {
  it('While open it lets nothing through until `openDurationMs` have passed to the millisecond, and then it is half-open.', async () => {
    const { circuit, clock, events } = setup({ name: 'db', openDurationMs: 500 }, 10_000);
    await expect(circuit.run(fail)).rejects.toBe(down);
    expect([circuit.state, circuit.retryAfterMs, circuit.tryAcquire()]).toEqual(['open', 500, null]);
    clock.stall(499.5);
    expect([circuit.state, circuit.retryAfterMs, circuit.tryAcquire()]).toEqual(['open', 0.5, null]);
    clock.stall(0.5);
    expect([circuit.state, circuit.retryAfterMs]).toEqual(['half-open', 0]);
    expect(await circuit.run(answer)).toBe('answer');
    expect([circuit.state, circuit.retryAfterMs]).toEqual(['closed', 0]);
    expect(events).toEqual([
      { type: 'state-change', name: 'db', from: 'closed', to: 'open', atMs: 10_000, reason: '1 failures in a row' },
      { type: 'state-change', name: 'db', from: 'open', to: 'half-open', atMs: 10_500, reason: 'open duration over' },
      { type: 'state-change', name: 'db', from: 'half-open', to: 'closed', atMs: 10_500, reason: 'trials succeeded' },
    ]);
  });

  it('A call that is turned away never starts its operation, and its error says when to come back.', async () => {
    for (const [, run] of ways) {
      const { circuit, clock } = setup({ name: 'db' });
      circuit.trip();
      clock.stall(400);
      let starts = 0;
      const error = await errorOf(run(circuit, () => starts++));
      expect(error).toBeInstanceOf(CircuitOpenError);
      expect(error).toMatchObject({
        name: 'CircuitOpenError',
        code: 'ERR_CIRCUIT_OPEN',
        message: 'circuit db is open',
        state: 'open',
        retryAfterMs: 600,
      });
      expect([starts, circuit.stats().notPermitted, circuit.stats().inFlight]).toEqual([0, 1, 0]);
    }
  });

  it('says so when a forced-open, a half-open or a nameless circuit turns a call away', async () => {
    const { circuit } = setup();
    circuit.setMode('forced-open');
    expect(await errorOf(circuit.run(answer))).toMatchObject({
      message: 'circuit is open',
      state: 'forced-open',
      retryAfterMs: Infinity,
    });
    const other = setup();
    toHalfOpen(other);
    admitted(other.circuit);
    expect(await errorOf(other.circuit.run(answer))).toMatchObject({ state: 'half-open', retryAfterMs: 0 });
  });

  it('gives its rejections a stack trace only where `captureStack` is set', async () => {
    const stacks: number[] = [];
    for (const captureStack of [false, true]) {
      const { circuit } = setup({ captureStack });
      circuit.trip();
      const error = (await errorOf(circuit.run(answer))) as Error;
      stacks.push((error.stack ?? '').split('\n').filter((line) => /^\s+at |@/.test(line)).length);
      expect(isRejection(error)).toBe(true);
    }
    expect([stacks[0], stacks[1]! > 0]).toEqual([0, true]);
  });

  it('lets every call through at once while closed, and counts those in flight', async () => {
    const { circuit } = setup();
    const work = gate<string>();
    const calls = ways.map(([, run]) => run(circuit, () => work.promise));
    const permit = admitted(circuit);
    expect(circuit.stats().inFlight).toBe(ways.length + 1);
    work.open('done');
    permit.success();
    expect(await Promise.all(calls)).toEqual(ways.map(() => 'done'));
    expect(circuit.stats()).toMatchObject({ inFlight: 0, calls: ways.length + 1, failures: 0, notPermitted: 0 });
  });
});

describe('run', () => {
  it('Values, thenables, rejections and thrown errors of every kind come through unchanged.', async () => {
    await fc.assert(
      fc.asyncProperty(anyOperation(), fc.constantFrom(...ways), async (operation, [, run]) => {
        const { circuit } = setup();
        const settled = await run(circuit, () => operation.run()).then(
          (value) => ({ status: 'fulfilled', value }),
          (reason: unknown) => ({ status: 'rejected', reason }),
        );
        const { outcome } = operation;
        expect(settled.status).toBe(outcome.status);
        if (outcome.status === 'fulfilled') expect((settled as { value: unknown }).value).toBe(outcome.value);
        else expect((settled as { reason: unknown }).reason).toBe(outcome.reason);
        expect(circuit.state).toBe(outcome.status === 'fulfilled' ? 'closed' : 'open');
        expect(circuit.stats().inFlight).toBe(0);
      }),
    );
  });

  it('takes an operation that returns undefined at once as a success', async () => {
    for (const [, run] of ways) {
      const { circuit } = setup();
      expect(await run(circuit, () => undefined)).toBeUndefined();
      expect(circuit.stats()).toMatchObject({ state: 'closed', calls: 1, failures: 0 });
    }
  });

  it('starts the operation before it returns, and tells it a signal and the first attempt', () => {
    for (const [, run] of ways) {
      const { circuit } = setup();
      const seen: unknown[] = [];
      void run(circuit, (ctx) => void seen.push(ctx.attempt, ctx.signal.aborted, ctx.signal === ctx.signal));
      expect(seen).toEqual([1, false, true]);
    }
  });

  it('rejects what is no operation and counts nothing', async () => {
    const { circuit } = setup();
    for (const op of [undefined, null, 1, {}]) {
      // @ts-expect-error an operation is a function
      await expect(circuit.run(op)).rejects.toThrow(TypeError);
    }
    expect(circuit.stats()).toMatchObject({ calls: 0, inFlight: 0, state: 'closed' });
  });

  it('answers by an outcome where that is asked for', async () => {
    const { circuit } = setup();
    expect(await circuit.runOutcome(answer)).toEqual({ ok: true, value: 'answer' });
    expect(await circuit.runOutcome(fail)).toEqual({ ok: false, error: down });
    expect(await circuit.runOutcome(answer)).toMatchObject({ ok: false, error: { code: 'ERR_CIRCUIT_OPEN' } });
  });

  it('counts a call once, by whatever way it is made', async () => {
    for (const [, run] of ways) {
      const { circuit } = setup({ trip: countWindow({ size: 10, failureThreshold: 10 }) });
      await run(circuit, answer);
      await errorOf(run(circuit, fail));
      await errorOf(
        run(circuit, () => {
          throw down;
        }),
      );
      expect(circuit.stats()).toEqual({
        state: 'closed',
        calls: 3,
        failures: 2,
        slowCalls: 0,
        failureRate: 2 / 3,
        slowCallRate: 0,
        inFlight: 0,
        notPermitted: 0,
        late: 0,
      });
    }
  });
});

describe('verdicts', () => {
  it('A call that its caller aborted rejects with the reason of the signal, even if the operation answers, and counts nowhere.', async () => {
    for (const settle of ['answers', 'fails', 'throws the reason']) {
      const { circuit } = setup();
      const controller = new AbortController();
      const reason = { why: settle };
      const work = gate<string>();
      const call = circuit.run(() => work.promise, { signal: controller.signal });
      controller.abort(reason);
      expect(circuit.stats().inFlight).toBe(1);
      if (settle === 'answers') work.open('answer');
      else work.fail(settle === 'fails' ? down : reason);
      expect(await errorOf(call)).toBe(reason);
      expect(circuit.stats()).toMatchObject({ state: 'closed', calls: 0, failures: 0, inFlight: 0, late: 0 });
    }
  });

  it('does not start a call whose signal has aborted, and takes no trial for it', async () => {
    const parts = setup();
    toHalfOpen(parts);
    const reason = new Error('gave up');
    let starts = 0;
    expect(await errorOf(parts.circuit.run(() => starts++, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect([starts, parts.circuit.stats().inFlight, parts.circuit.stats().notPermitted]).toEqual([0, 0, 0]);
    expect(await parts.circuit.run(answer)).toBe('answer');
  });

  it('gives the slot of an aborted trial back without a verdict', async () => {
    const parts = setup();
    toHalfOpen(parts);
    const controller = new AbortController();
    const work = gate<string>();
    const trial = parts.circuit.run(() => work.promise, { signal: controller.signal });
    controller.abort('enough');
    work.open('answer');
    expect(await errorOf(trial)).toBe('enough');
    expect(parts.circuit.state).toBe('half-open');
    expect(await parts.circuit.run(answer)).toBe('answer');
    expect(parts.circuit.state).toBe('closed');
  });

  it('A call that a `timeout` around the circuit has aborted counts as a failure.', async () => {
    for (const strategy of ['cooperative', 'aggressive'] as const) {
      const { circuit, clock, moves } = setup();
      const calls = pipeline(timeout({ ms: 50, strategy, clock }), circuit);
      const work = gate<string>();
      const error = errorOf(calls.run(() => work.promise));
      await clock.advance(50);
      work.open('too late');
      expect(await error).toMatchObject({ code: 'ERR_TIMEOUT', ms: 50 });
      await clock.advance(0);
      expect(moves()).toEqual(['closed > open']);
    }
  });

  it('counts a call whose signal a timeout elsewhere has aborted as a failure, unless told otherwise', async () => {
    const states: string[] = [];
    for (const options of [{}, { isIgnored: () => true }, { isFailure: () => false }]) {
      const { circuit, clock } = setup(options);
      const inner = errorOf(
        timeout({ ms: 50, clock }).run(({ signal }) =>
          circuit.run(() => new Promise((_, reject) => signal.addEventListener('abort', () => reject(down))), {
            signal,
          }),
        ),
      );
      await clock.advance(50);
      expect(await inner).toMatchObject({ code: 'ERR_TIMEOUT' });
      states.push(`${circuit.state} ${circuit.stats().calls}`);
    }
    expect(states).toEqual(['open 1', 'closed 0', 'closed 1']);
  });

  it('counts a timeout inside the circuit as a failure', async () => {
    const { circuit, clock } = setup();
    const call = errorOf(pipeline(circuit, timeout({ ms: 50, clock })).run(({ signal }) => aborted(signal)));
    await clock.advance(50);
    expect(await call).toMatchObject({ code: 'ERR_TIMEOUT' });
    expect(circuit.state).toBe('open');
  });

  it('Rejections by this library count nowhere unless `isIgnored` says so.', async () => {
    for (const [, run] of ways) {
      const rejections = await libraryRejections();
      const { circuit } = setup({ trip: consecutiveFailures(2) });
      const strict = setup({ trip: consecutiveFailures(2), isIgnored: () => false }).circuit;
      for (const rejection of rejections) {
        const op = (): Promise<never> => Promise.reject(rejection);
        expect(await errorOf(run(circuit, op))).toBe(rejection);
        expect(await errorOf(run(strict, op))).toBe(rejection);
      }
      expect(circuit.stats()).toMatchObject({ calls: 0, failures: 0, inFlight: 0, state: 'closed' });
      expect(strict.stats()).toMatchObject({ calls: 2, failures: 2, inFlight: 0, state: 'open' });
    }
  });

  it('asks `isIgnored` first, then `isFailure`, and counts what is no failure as a success', async () => {
    for (const [, run] of ways) {
      const asked: string[] = [];
      const { circuit } = setup({
        trip: consecutiveFailures(2),
        isIgnored: (error) => asked.push(`ignored? ${String(error)}`) > 0 && error === 'ignore',
        isFailure: (error) => asked.push(`failure? ${String(error)}`) > 0 && error === 'fail',
      });
      const recorded: unknown[] = [];
      for (const error of ['fail', 'ignore', 'input', 'fail']) {
        await errorOf(run(circuit, () => Promise.reject(error)));
        const { calls, failures } = circuit.stats();
        recorded.push(`${calls} ${failures}`);
      }
      expect(recorded).toEqual(['1 1', '1 1', '2 0', '3 1']);
      expect(asked.slice(0, 4)).toEqual(['ignored? fail', 'failure? fail', 'ignored? ignore', 'ignored? input']);
    }
  });

  it('counts a result that `isFailureResult` names as a failure, and still returns it', async () => {
    for (const [, run] of ways) {
      const { circuit } = setup({ isFailureResult: (value) => value === 503 });
      expect(await run(circuit, () => 200)).toBe(200);
      expect(circuit.state).toBe('closed');
      expect(await run(circuit, () => Promise.resolve(503))).toBe(503);
      expect(circuit.state).toBe('open');
    }
  });
});

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
}

async function libraryRejections(): Promise<readonly unknown[]> {
  const { circuit } = setup();
  circuit.trip();
  const bulkhead = createBulkhead({ maxConcurrent: 1 });
  const work = gate();
  const busy = bulkhead.run(() => work.promise);
  const rejections = [await errorOf(circuit.run(answer)), await errorOf(bulkhead.run(answer))];
  work.open();
  await busy;
  return rejections;
}

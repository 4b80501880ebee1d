import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { CircuitOpenError, countWindow } from '../../src/circuit-breaker/index.ts';
import { isRejection } from '../../src/policy/index.ts';
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

import { describe, expect, it } from 'vitest';
import { consecutiveFailures } from '../../src/circuit-breaker/index.ts';
import { createBulkhead, pipeline, timeout } from '../../src/policy/index.ts';
import { gate } from '../support/gate.ts';
import { answer, down, errorOf, setup, toHalfOpen, ways } from './kit.ts';

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

  it('hands the operation the signal of its caller, and one of its own where there is none', async () => {
    const { signal } = new AbortController();
    const { circuit } = setup();
    expect(await circuit.run((ctx) => [ctx.signal === signal, ctx.attempt], { signal })).toEqual([true, 1]);
    expect(await circuit.run((ctx) => [ctx.signal === ctx.signal, ctx.signal.aborted, ctx.attempt])).toEqual([
      true,
      false,
      1,
    ]);
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

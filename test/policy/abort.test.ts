import { describe, expect, it } from 'vitest';
import { countingSignal } from '../support/counting-signal.ts';
import type { CountingSignal } from '../support/counting-signal.ts';
import { flush } from '../support/gate.ts';
import { microturns } from './kit.ts';
import { logged, operations, scenarios } from './scenarios.ts';
import type { OperationKind, OperationLog, Scenario, Scene } from './scenarios.ts';

/** Rounds of promise callbacks between two timers; each of them may be an await point. */
const TURNS = 12;
/** A call whose promise is already settled or adopted is beyond the abort: this many rounds at most. */
const DECIDED_TURNS = 4;
/** More steps than any scenario takes. */
const MOST_STEPS = 2000;

interface Settlement {
  readonly ok: boolean;
  readonly result: unknown;
}

interface Run {
  readonly scene: Scene;
  readonly caller: CountingSignal;
  readonly log: OperationLog;
  settlement: Settlement | undefined;
}

function begin({ build }: Scenario, kind: OperationKind): Run {
  const scene = build();
  const caller = countingSignal();
  const log: OperationLog = { starts: 0, running: 0 };
  const run: Run = { scene, caller, log, settlement: undefined };
  const call = scene.policy.run(logged(kind, scene.clock, log), { signal: caller.signal });
  call.then(
    (result: unknown) => void (run.settlement = { ok: true, result }),
    (result: unknown) => void (run.settlement = { ok: false, result }),
  );
  return run;
}

/** One step: a round of promise callbacks, or the next timer after enough of them. False at the end. */
async function step({ scene }: Run, at: number): Promise<boolean> {
  if (at % TURNS !== TURNS - 1) await undefined;
  else return scene.clock.fireNext();
  return true;
}

/** Goes on until nothing is left to happen. */
async function finish(run: Run): Promise<void> {
  for (let at = 0; at < MOST_STEPS; at++) {
    await flush();
    if (!run.scene.clock.fireNext()) return;
  }
  throw new Error('timers without an end');
}

/** The step after which the call of an undisturbed run was settled. */
async function stepsOf(
  scenario: Scenario,
  kind: OperationKind,
): Promise<{ readonly steps: number; readonly settlement: Settlement }> {
  const run = begin(scenario, kind);
  let steps = 0;
  while (!run.settlement && steps < MOST_STEPS) await step(run, steps++);
  return { steps, settlement: run.settlement! };
}

function expectClean({ scene, caller, log }: Run): void {
  expect([log.running, caller.listeners, scene.taken(), scene.clock.pending]).toEqual([0, 0, 0, 0]);
}

describe.each(scenarios)('$name', (scenario) => {
  it.each(operations)('aborted at every await point, with an operation that is $name', async (kind) => {
    const undisturbed = await stepsOf(scenario, kind);
    expect(undisturbed.steps).toBeLessThan(MOST_STEPS);
    for (let point = 0; point < undisturbed.steps; point++) {
      const run = begin(scenario, kind);
      for (let at = 0; at < point; at++) await step(run, at);
      const reason = new Error(`aborted after step ${point}`);
      run.caller.abort(reason);
      const startsAtAbort = run.log.starts;
      const isWorking = (run.log.running > 0 && !kind.isCooperative) || run.scene.answering() > 0;
      await microturns(TURNS);
      if (scenario.isAtOnce || !isWorking)
        expect(run.settlement, `pending after an abort at step ${point}`).toBeDefined();
      if (run.settlement) expect(run.caller.listeners).toBe(0);
      await finish(run);
      const { ok, result } = run.settlement!;
      const isBeyond = point >= undisturbed.steps - DECIDED_TURNS && result !== reason;
      if (isBeyond) expect(run.settlement).toEqual(undisturbed.settlement);
      else expect([ok, result === reason]).toEqual([false, true]);
      expect(run.log.starts, `started after an abort at step ${point}`).toBe(startsAtAbort);
      expectClean(run);
    }
  });

  it.each(operations)(
    'keeps at most the idle timers of its timeouts after a call, with an operation that is $name',
    async (kind) => {
      const run = begin(scenario, kind);
      for (let at = 0; !run.settlement || run.log.running > 0; at++) await step(run, at);
      await flush();
      // A foreign policy is handed the signal and starts a call of its own inside; an operation may listen too.
      const others = (scenario.name.startsWith('foreign') ? 1 : 0) + (kind.isCooperative ? 1 : 0);
      expect([run.caller.listeners, run.caller.peak <= 1 + others]).toEqual([0, true]);
      while (run.scene.taken() > 0 && run.scene.clock.fireNext()) await flush();
      expect(run.scene.clock.pending).toBeLessThanOrEqual(run.scene.timeouts);
      await finish(run);
      expectClean(run);
    },
  );

  it('starts nothing when the signal has aborted before the call', async () => {
    const scene = scenario.build();
    const taken = scene.taken();
    const pending = scene.clock.pending;
    const caller = countingSignal();
    const reason = { why: 'before' };
    caller.abort(reason);
    const log: OperationLog = { starts: 0, running: 0 };
    const call = scene.policy.run(logged(operations[0]!, scene.clock, log), { signal: caller.signal });
    const error: unknown = await call.catch((caught: unknown) => caught);
    expect(error).toBe(reason);
    expect([log.starts, caller.added, scene.taken(), scene.clock.pending]).toEqual([0, 0, taken, pending]);
  });
});

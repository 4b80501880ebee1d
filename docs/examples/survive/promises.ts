import type { FaultFigures, RunFigures } from './figures.ts';
import type { Plan } from './plan.ts';

export interface Judgement {
  readonly id: string;
  readonly promise: string;
  readonly verdict: 'kept' | 'broken' | 'not judged';
  /** What was seen. */
  readonly detail: string;
}

const CLOSE_SLACK_MS = 700;
/** Above its timeout: what a busy machine may add to a call. */
export const LATENCY_SLACK_MS = 250;
const MOST_AMPLIFICATION = 1.25;
const LONG_STALL_MS = 1_000;

/** Holds the figures of a run against what the guides promise. */
export function judge(run: RunFigures, plan: Plan): readonly Judgement[] {
  return [...judgeCallers(run, plan), ...judgeService(run, plan), ...judgeCircuit(run, plan), ...judgeLeaks(run)];
}

function judgeCallers(run: RunFigures, plan: Plan): readonly Judgement[] {
  const mostMs = plan.timeoutMs + LATENCY_SLACK_MS;
  return [
    judged(
      'no-errors',
      'no caller saw an error',
      run.errors === 0,
      `${count(run.errors)} errors in ${count(run.calls)} calls`,
    ),
    timed(
      'bounded-wait',
      `no caller waited longer than the ${plan.timeoutMs} ms timeout + ${LATENCY_SLACK_MS} ms`,
      run.latencyMs.worst - mostMs,
      `the longest took ${Math.round(run.latencyMs.worst)} ms`,
      run.stallMs,
    ),
  ];
}

function judgeService(run: RunFigures, plan: Plan): readonly Judgement[] {
  const seen = run.faults.map((fault) => `${fault.fault} ${count(fault.attempts)}/${count(mostAttempts(fault, plan))}`);
  const worst = Math.max(0, ...run.faults.map(({ amplification }) => amplification ?? 0));
  return [
    judged(
      'spared',
      'a failing service is sent no more than the limits allow',
      run.faults.every((fault) => fault.attempts <= mostAttempts(fault, plan)),
      `sent/allowed: ${seen.join(', ')}`,
    ),
    judged(
      'amplification',
      `retries add at most ${Math.round((MOST_AMPLIFICATION - 1) * 100)} % to the load in an outage`,
      worst <= MOST_AMPLIFICATION,
      `at most ${worst.toFixed(2)} attempts per call that reached it`,
    ),
  ];
}

/*
 * Until the circuit opens: what the bulkhead lets in at once, and the failures in a row that open it.
 * Then, per opening, the trials at once and those that follow a failed one before the circuit reopens.
 */
function mostAttempts({ durationMs }: FaultFigures, plan: Plan): number {
  const openings = Math.floor(durationMs / plan.openMs) + 1;
  return plan.maxConcurrent + plan.failuresInARow + openings * (plan.trials + plan.trialFailures - 1);
}

function judgeCircuit(run: RunFigures, plan: Plan): readonly Judgement[] {
  const { circuit, faults } = run;
  const mostMs = plan.openMs + CLOSE_SLACK_MS;
  const promises = {
    'nothing-while-open': 'no attempt starts while the circuit is open',
    'few-trials': `at most ${plan.trials} trials at once while it is half-open`,
    'closes-again': `closed again within ${plan.openMs} + ${CLOSE_SLACK_MS} ms of the service's return`,
  };
  if (!circuit) {
    return Object.entries(promises).map(([id, promise]) => ({
      id,
      promise,
      verdict: 'not judged',
      detail: 'no circuit',
    }));
  }
  const slowest = faults.reduce((worst, fault) => (closedAfter(fault) > closedAfter(worst) ? fault : worst));
  const seen = faults.map(
    ({ fault, closedAfterMs }) => `${fault} ${closedAfterMs === null ? 'never' : `${closedAfterMs} ms`}`,
  );
  return [
    judged(
      'nothing-while-open',
      promises['nothing-while-open'],
      circuit.attemptsWhileOpen === 0,
      `${count(circuit.attemptsWhileOpen)} of ${count(run.attempts)} attempts; it opened ${count(circuit.openings)} times`,
    ),
    judged(
      'few-trials',
      promises['few-trials'],
      circuit.mostTrials <= plan.trials,
      `at most ${circuit.mostTrials} at once`,
    ),
    timed(
      'closes-again',
      promises['closes-again'],
      closedAfter(slowest) - mostMs,
      `after ${seen.join(', ')}`,
      slowest.stallMs,
    ),
  ];
}

function closedAfter({ closedAfterMs }: FaultFigures): number {
  return closedAfterMs ?? Infinity;
}

function judgeLeaks({ leaks }: RunFigures): readonly Judgement[] {
  const { handles, listeners, sockets, unhandledRejections } = leaks;
  const left = handles.length + listeners + sockets;
  return [
    judged('no-rejections', 'no unhandled rejection', unhandledRejections === 0, `${count(unhandledRejections)} seen`),
    judged(
      'nothing-left',
      'nothing is left behind',
      left === 0,
      `${count(handles.length)} handles${handles.length ? ` (${handles.join(', ')})` : ''}, ${count(listeners)} listeners, ${count(sockets)} sockets in use`,
    ),
  ];
}

function judged(id: string, promise: string, isKept: boolean, detail: string): Judgement {
  return { id, promise, verdict: isKept ? 'kept' : 'broken', detail };
}

/** A promise about time says nothing about holdfast where the machine itself stood still for that long. */
function timed(id: string, promise: string, overMs: number, detail: string, stallMs: number): Judgement {
  const isExcused = stallMs > 0 && stallMs >= Math.min(LONG_STALL_MS, overMs / 2);
  if (overMs <= 0 || !isExcused) return judged(id, promise, overMs <= 0, detail);
  return { id, promise, verdict: 'not judged', detail: `event loop stalled ${stallMs} ms; ${detail}` };
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

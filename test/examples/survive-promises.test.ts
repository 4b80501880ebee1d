import { describe, expect, it } from 'vitest';
import { CircuitWatch } from '../../docs/examples/survive/circuit-watch.ts';
import type { FaultFigures, RunFigures } from '../../docs/examples/survive/figures.ts';
import { planOf } from '../../docs/examples/survive/plan.ts';
import type { Judgement } from '../../docs/examples/survive/promises.ts';
import { judge } from '../../docs/examples/survive/promises.ts';

const plan = planOf(false);

const fault: FaultFigures = {
  fault: 'killed',
  durationMs: 3_500,
  attempts: 50,
  amplification: 1,
  errors: 0,
  stored: 3_000,
  openedAfterMs: 20,
  closedAfterMs: 400,
  firstFreshMs: 400,
  fullRateMs: 450,
  stallMs: 0,
};

const kept: RunFigures = {
  durationMs: 10_000,
  calls: 9_000,
  fresh: 6_000,
  stored: 3_000,
  errors: 0,
  errorsWhileHealthy: 0,
  attempts: 6_050,
  retries: 20,
  latencyMs: { p50: 15, p99: 500, worst: 510 },
  faults: [fault],
  circuit: { attemptsWhileOpen: 0, mostTrials: 3, openings: 1 },
  leaks: { handles: [], listeners: 0, sockets: 0, unhandledRejections: 0 },
  stallMs: 0,
};

function unkept(run: RunFigures): readonly Pick<Judgement, 'id' | 'verdict'>[] {
  const list = judge(run, plan).filter(({ verdict }) => verdict !== 'kept');
  return list.map(({ id, verdict }) => ({ id, verdict }));
}

const slow = (worst: number, stallMs: number): RunFigures => ({
  ...kept,
  latencyMs: { ...kept.latencyMs, worst },
  stallMs,
});
const back = (closedAfterMs: number | null, stallMs: number): RunFigures => ({
  ...kept,
  faults: [fault, { ...fault, closedAfterMs, stallMs }],
});

describe('judge', () => {
  it('finds every promise kept in a run without a fault in holdfast', () => {
    expect(unkept(kept)).toEqual([]);
  });

  it.for<[id: string, run: RunFigures]>([
    ['no-errors', { ...kept, errors: 1 }],
    ['bounded-wait', slow(751, 0)],
    ['spared', { ...kept, faults: [{ ...fault, attempts: 143 }] }],
    ['amplification', { ...kept, faults: [fault, { ...fault, amplification: 1.26 }] }],
    ['nothing-while-open', { ...kept, circuit: { ...kept.circuit!, attemptsWhileOpen: 1 } }],
    ['few-trials', { ...kept, circuit: { ...kept.circuit!, mostTrials: 4 } }],
    ['closes-again', back(1_201, 0)],
    ['closes-again', back(null, 0)],
    ['no-rejections', { ...kept, leaks: { ...kept.leaks, unhandledRejections: 1 } }],
    ['nothing-left', { ...kept, leaks: { ...kept.leaks, listeners: 1 } }],
    ['nothing-left', { ...kept, leaks: { ...kept.leaks, handles: ['TCPSocketWrap'] } }],
    ['nothing-left', { ...kept, leaks: { ...kept.leaks, sockets: 1 } }],
  ])('finds %s broken, and nothing else, by one too many', ([id, run]) => {
    expect(unkept(run)).toEqual([{ id, verdict: 'broken' }]);
  });

  it('does not judge a promise about time where a stall may be the cause', () => {
    expect(unkept(slow(950, 100))).toEqual([{ id: 'bounded-wait', verdict: 'not judged' }]);
    expect(unkept(back(1_400, 100))).toEqual([{ id: 'closes-again', verdict: 'not judged' }]);
    expect(unkept(back(null, 1_000))).toEqual([{ id: 'closes-again', verdict: 'not judged' }]);
  });

  it('judges it where the stall was too short to be the cause', () => {
    expect(unkept(slow(5_000, 200))).toEqual([{ id: 'bounded-wait', verdict: 'broken' }]);
    expect(unkept(back(null, 900))).toEqual([{ id: 'closes-again', verdict: 'broken' }]);
  });

  it('judges no promise about a circuit where there is none', () => {
    const verdicts = judge({ ...kept, circuit: null }, plan).filter(({ verdict }) => verdict === 'not judged');
    expect(verdicts.map(({ id }) => id)).toEqual(['nothing-while-open', 'few-trials', 'closes-again']);
  });
});

describe('CircuitWatch', () => {
  const moved = (from: 'closed' | 'open' | 'half-open', to: 'closed' | 'open' | 'half-open', atMs: number) =>
    ({ type: 'state-change', name: 'prices', from, to, atMs, reason: 'test' }) as const;

  it('counts an attempt that starts within the open time, whatever the circuit says of itself', () => {
    const watch = new CircuitWatch(60_000);
    watch.attempt();
    watch.onEvent(moved('closed', 'open', performance.now()));
    watch.onEvent(moved('open', 'half-open', performance.now()));
    watch.attempt();
    expect(watch.attemptsWhileOpen).toBe(1);
  });

  it('counts the most trials at once of any half-open state, each state for itself', () => {
    const watch = new CircuitWatch(1);
    watch.onEvent(moved('open', 'half-open', 0));
    const ended = [watch.attempt(), watch.attempt()];
    ended[0]!();
    watch.attempt();
    expect(watch.mostTrials).toBe(2);
    watch.onEvent(moved('open', 'half-open', 0));
    ended[1]!();
    watch.attempt();
    watch.attempt();
    watch.attempt();
    expect(watch.mostTrials).toBe(3);
  });
});

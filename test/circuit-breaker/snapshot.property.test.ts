import { expect, it } from 'vitest';
import fc from 'fast-check';
import type { BreakerSnapshot, CircuitBreakerOptions, Permit } from '../../src/circuit-breaker/index.ts';
import { consecutiveFailures, countWindow, timeWindow } from '../../src/circuit-breaker/index.ts';
import { setup } from './kit.ts';

type Step =
  | { readonly do: 'start' }
  | { readonly do: 'end'; readonly pick: number; readonly verdict: 'success' | 'failure' }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'by hand'; readonly act: 'trip' | 'reset' | 'metrics-only' | 'auto' };

const anyScript: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.constant<Step>({ do: 'start' }) },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('end' as const),
        pick: fc.nat({ max: 4 }),
        verdict: fc.constantFrom('success' as const, 'failure' as const),
      }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: 90 }) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('by hand' as const),
        act: fc.constantFrom('trip' as const, 'reset' as const, 'metrics-only' as const, 'auto' as const),
      }),
    },
  ),
  { maxLength: 60, size: '+1' },
);

const rule = {
  failureRateThreshold: 0.5,
  slowCallRateThreshold: 0.6,
  slowCallDurationMs: 40,
  countInFlightSlowCalls: true,
};
const anyOptions: fc.Arbitrary<Partial<CircuitBreakerOptions>> = fc.record(
  {
    trip: fc.constantFrom(
      consecutiveFailures(3),
      countWindow({ size: 6, ...rule, minimumThroughput: 4 }),
      timeWindow({ durationMs: 200, buckets: 5, ...rule, minimumThroughput: 4 }),
      [timeWindow({ durationMs: 90, buckets: 3, ...rule, minimumThroughput: 3 }), consecutiveFailures(4)],
    ),
    openDurationMs: fc.constantFrom<CircuitBreakerOptions['openDurationMs']>(
      120,
      (k, previousMs) => 40 * k + previousMs,
    ),
    halfOpen: fc.constantFrom({}, { maxConcurrent: 2, successThreshold: 3, failureThreshold: 2, trialTimeoutMs: 100 }),
    rampUp: fc.constantFrom({ durationMs: 200 }, { durationMs: 100, initialRatio: 0.5 }),
  },
  { requiredKeys: ['trip', 'openDurationMs'] },
);

/** Plays a script, and answers what could be seen after each step, times as distances from its start. */
function play(
  { circuit, clock, events }: ReturnType<typeof setup>,
  script: readonly Step[],
  open: Permit[],
): unknown[] {
  const startMs = clock.now();
  events.length = 0;
  return script.map((step) => {
    let isAdmitted = false;
    if (step.do === 'wait') clock.stall(step.ms);
    else if (step.do === 'by hand') byHand(circuit, step.act);
    else if (step.do === 'end') open.splice(step.pick % Math.max(1, open.length), 1)[0]?.[step.verdict]();
    else {
      const permit = circuit.tryAcquire();
      isAdmitted = permit !== null;
      if (permit) open.push(permit);
    }
    const { state, calls, failures, slowCalls, inFlight } = circuit.stats();
    const told = events.splice(0).map((event) => ({ ...event, atMs: event.atMs - startMs }));
    return {
      isAdmitted,
      state,
      calls,
      failures,
      slowCalls,
      inFlight,
      told,
      mode: circuit.mode,
      left: circuit.retryAfterMs,
    };
  });
}

function byHand(circuit: ReturnType<typeof setup>['circuit'], act: 'trip' | 'reset' | 'metrics-only' | 'auto'): void {
  if (act === 'trip') circuit.trip();
  else if (act === 'reset') circuit.reset();
  else circuit.setMode(act);
}

it('A circuit built from a snapshot, on whatever clock, decides from then on as the original does.', () => {
  fc.assert(
    fc.property(
      anyOptions,
      anyScript,
      anyScript,
      fc.integer({ min: -1_000_000, max: 1_000_000 }),
      (options, before, after, originMs) => {
        const original = setup(options);
        const open: Permit[] = [];
        play(original, before, open);
        for (const permit of open) permit.ignore();
        const snapshot = JSON.parse(JSON.stringify(original.circuit.snapshot())) as BreakerSnapshot;
        const copy = setup({ ...options, snapshot }, originMs);
        expect(copy.circuit.snapshot()).toEqual(snapshot);
        expect(play(copy, after, [])).toEqual(play(original, after, []));
      },
    ),
  );
});

import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import type { Permit } from '../../src/circuit-breaker/index.ts';
import { countWindow, timeWindow } from '../../src/circuit-breaker/index.ts';
import { admitted, setup } from './kit.ts';

interface Recorded {
  readonly endMs: number;
  readonly isFailure: boolean;
  readonly isSlow: boolean;
}

interface Row {
  /** Time since the row before; idle gaps of hours included. */
  readonly gapMs: number;
  /** How far the clock is set back after that; no time passes by it. */
  readonly backMs: number;
  readonly isFailure: boolean;
  readonly lastsMs: number;
}

const anyRow: fc.Arbitrary<Row> = fc.record({
  gapMs: fc.oneof(
    { weight: 6, arbitrary: fc.nat({ max: 40 }) },
    fc.nat({ max: 500 }),
    fc.constantFrom(0, 1e6, 2 ** 40),
  ),
  backMs: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.nat({ max: 10_000 })),
  isFailure: fc.boolean(),
  lastsMs: fc.nat({ max: 12 }),
});
const anyRows = fc.array(anyRow, { maxLength: 80, size: '+1' });

/** Rates are fractions of the two counts, so that both sides compute them alike. */
const rate = (part: number, all: number): number => part / (all || 1);

function expectCounts(circuit: ReturnType<typeof setup>['circuit'], recorded: readonly Recorded[]): void {
  const failures = recorded.filter(({ isFailure }) => isFailure).length;
  const slowCalls = recorded.filter(({ isSlow }) => isSlow).length;
  expect(circuit.stats()).toMatchObject({
    calls: recorded.length,
    failures,
    slowCalls,
    failureRate: rate(failures, recorded.length),
    slowCallRate: rate(slowCalls, recorded.length),
  });
}

/** Plays rows on a circuit, and gives each recorded call and the time to `look`; ends when the circuit opens. */
function playRows(
  parts: ReturnType<typeof setup>,
  rows: readonly Row[],
  look: (call: Recorded, nowMs: number) => void,
): void {
  let nowMs = parts.clock.now();
  for (const { gapMs, backMs, isFailure, lastsMs } of rows) {
    if (parts.circuit.state !== 'closed') return;
    parts.clock.stall(gapMs);
    const permit = admitted(parts.circuit);
    if (backMs > 0) {
      parts.clock.setNow(parts.clock.now() - backMs);
      void parts.circuit.state;
    }
    parts.clock.stall(lastsMs);
    nowMs += gapMs + lastsMs;
    if (isFailure) permit.failure();
    else permit.success();
    look({ endMs: nowMs, isFailure, isSlow: lastsMs >= 8 }, nowMs);
  }
}

const anyRule = fc.record({
  failureRateThreshold: fc.constantFrom(0.25, 0.5, 0.55, 1),
  minimumThroughput: fc.integer({ min: 1, max: 6 }),
  slowCallRateThreshold: fc.constantFrom(0.5, 0.6, 1),
});

/** Whether the last of the recorded calls must have opened the circuit, by counting from scratch. */
function mustOpen(
  recorded: readonly Recorded[],
  rule: { failureRateThreshold: number; minimumThroughput: number; slowCallRateThreshold: number },
): boolean {
  const last = recorded.at(-1)!;
  if (recorded.length < rule.minimumThroughput) return false;
  const share = (is: (call: Recorded) => boolean): number => recorded.filter(is).length / recorded.length;
  const isFailing = last.isFailure && share(({ isFailure }) => isFailure) >= rule.failureRateThreshold;
  return isFailing || (last.isSlow && share(({ isSlow }) => isSlow) >= rule.slowCallRateThreshold);
}

describe('windows', () => {
  it('of a number of calls count and open as a recount of the last calls does', () => {
    fc.assert(
      fc.property(anyRows, anyRule, fc.integer({ min: 6, max: 20 }), (rows, rule, size) => {
        const parts = setup({ trip: countWindow({ size, slowCallDurationMs: 8, ...rule }) });
        const all: Recorded[] = [];
        playRows(parts, rows, (call) => {
          all.push(call);
          expectCounts(parts.circuit, all.slice(-size));
          expect(parts.circuit.state).toBe(mustOpen(all.slice(-size), rule) ? 'open' : 'closed');
        });
      }),
    );
  });

  it('of a stretch of time count and open as a recount of its buckets does, over idle gaps and clock steps', () => {
    fc.assert(
      fc.property(
        anyRows,
        anyRule,
        fc.integer({ min: 1, max: 12 }),
        fc.constantFrom(1, 7, 10, 12.5, 100 / 3),
        fc.integer({ min: -5000, max: 5000 }),
        (rows, rule, buckets, bucketMs, startMs) => {
          const durationMs = buckets * bucketMs;
          const trip = timeWindow({ durationMs, buckets, slowCallDurationMs: 8, ...rule });
          const parts = setup({ trip, openDurationMs: Infinity }, startMs);
          const bucketOf = (ms: number): number => Math.floor(ms / (durationMs / buckets));
          const all: Recorded[] = [];
          playRows(parts, rows, (call, nowMs) => {
            all.push(call);
            const inside = all.filter(({ endMs }) => bucketOf(endMs) > bucketOf(nowMs) - buckets);
            expectCounts(parts.circuit, inside);
            expect(parts.circuit.state).toBe(mustOpen(inside, rule) ? 'open' : 'closed');
          });
        },
      ),
    );
  });
});

type Move =
  | { readonly do: 'start' }
  | { readonly do: 'end'; readonly pick: number; readonly verdict: 'success' | 'failure' | 'ignore' }
  | { readonly do: 'wait'; readonly ms: number };

const anyMoves: fc.Arbitrary<Move[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.constant<Move>({ do: 'start' }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('end' as const),
        pick: fc.nat({ max: 7 }),
        verdict: fc.constantFrom('success' as const, 'failure' as const, 'ignore' as const),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: 60 }) }) },
  ),
  { maxLength: 80, size: '+1' },
);

describe('slow calls in flight', () => {
  it('open the circuit exactly when a recount of the window and of the calls in flight says so', () => {
    fc.assert(
      fc.property(
        anyMoves,
        fc.constantFrom(0.5, 0.75, 1),
        fc.integer({ min: 1, max: 5 }),
        fc.boolean(),
        (moves, slowCallRateThreshold, minimumThroughput, byTime) => {
          const rule = {
            slowCallRateThreshold,
            minimumThroughput,
            slowCallDurationMs: 50,
            countInFlightSlowCalls: true,
          };
          const trip = byTime
            ? timeWindow({ durationMs: 200, buckets: 4, ...rule })
            : countWindow({ size: 5, ...rule });
          const { circuit, clock } = setup({ trip, openDurationMs: Infinity });
          const open: { readonly permit: Permit; readonly startMs: number }[] = [];
          const recorded: { readonly endMs: number; readonly isSlow: boolean }[] = [];
          const isExceeded = (): boolean => {
            const bucketOf = (ms: number): number => Math.floor(ms / 50);
            const now = clock.now();
            const inWindow = byTime
              ? recorded.filter(({ endMs }) => bucketOf(endMs) > bucketOf(now) - 4)
              : recorded.slice(-5);
            const inFlight = open.filter(({ startMs }) => now - startMs >= 50).length;
            const slow = inFlight + inWindow.filter(({ isSlow }) => isSlow).length;
            const calls = inFlight + inWindow.length;
            const isAsked = inFlight > 0 || recorded.at(-1)?.isSlow === true;
            return isAsked && calls >= minimumThroughput && slow / calls >= slowCallRateThreshold;
          };
          for (const move of moves) {
            let mustOpen = false;
            if (move.do === 'wait') clock.stall(move.ms);
            else if (move.do === 'start') {
              mustOpen = open.some(({ startMs }) => clock.now() - startMs >= 50) && isExceeded();
              const permit = circuit.tryAcquire();
              expect(permit === null).toBe(mustOpen);
              if (permit) open.push({ permit, startMs: clock.now() });
            } else if (open.length > 0) {
              const [{ permit, startMs }] = open.splice(move.pick % open.length, 1) as [(typeof open)[number]];
              permit[move.verdict]();
              if (move.verdict !== 'ignore') {
                recorded.push({ endMs: clock.now(), isSlow: clock.now() - startMs >= 50 });
                mustOpen = isExceeded();
              }
            }
            expect(circuit.state).toBe(mustOpen ? 'open' : 'closed');
            if (mustOpen) return;
          }
        },
      ),
    );
  });
});

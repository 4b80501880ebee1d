import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import type { Permit } from '../../src/circuit-breaker/index.ts';
import { consecutiveFailures, countWindow } from '../../src/circuit-breaker/index.ts';
import { exponentialBackoff } from '../../src/policy/index.ts';
import { createSeededRandom } from '../../src/testing/index.ts';
import { down, setup, ways } from './kit.ts';

type Step =
  | { readonly do: 'start' }
  | { readonly do: 'end'; readonly pick: number; readonly verdict: '+' | '-' | '?' }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'set clock back'; readonly ms: number };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Step>({ do: 'start' }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      pick: fc.nat({ max: 9 }),
      verdict: fc.constantFrom('+' as const, '-' as const, '-' as const, '?' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: 120 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('set clock back' as const), ms: fc.nat({ max: 5000 }) }) },
);
const anyScript = fc.array(anyStep, { maxLength: 80, size: '+1' });

interface OpenPermit {
  readonly permit: Permit;
  /** Moves before it was given. */
  readonly moves: number;
}

/** Runs a script with permits, and lets `look` see every step and the permits that are open after it. */
function play(
  { circuit, clock, events }: ReturnType<typeof setup>,
  script: readonly Step[],
  look: (step: Step, isAdmitted: boolean, open: readonly OpenPermit[]) => void,
): void {
  const open: OpenPermit[] = [];
  for (const step of script) {
    let permit: Permit | null = null;
    if (step.do === 'wait') clock.stall(step.ms);
    else if (step.do === 'set clock back') clock.setNow(clock.now() - step.ms);
    else if (step.do === 'start') permit = circuit.tryAcquire();
    else if (open.length > 0) settle(open.splice(step.pick % open.length, 1)[0]!.permit, step.verdict);
    if (permit) open.push({ permit, moves: events.length });
    look(step, permit !== null, open);
  }
}

function settle(permit: Permit, verdict: '+' | '-' | '?'): void {
  if (verdict === '+') permit.success();
  else if (verdict === '-') permit.failure();
  else permit.ignore();
}

const ALLOWED = ['closed > open', 'open > half-open', 'half-open > open', 'half-open > closed'];

describe('admission', () => {
  it('By itself it only moves from closed to open, open to half-open, half-open to open and half-open to closed.', () => {
    fc.assert(
      fc.property(anyScript, fc.integer({ min: 1, max: 3 }), (script, limit) => {
        const parts = setup({
          trip: [consecutiveFailures(limit + 1), countWindow({ size: 6, failureRateThreshold: 0.7 })],
          openDurationMs: 100,
          halfOpen: { maxConcurrent: limit, successThreshold: limit, failureThreshold: limit, trialTimeoutMs: 70 },
        });
        play(parts, script, () => {});
        expect(parts.moves().filter((move) => !ALLOWED.includes(move))).toEqual([]);
        const from = parts.events.map((event) => event.from);
        expect(from).toEqual(['closed', ...parts.events.map((event) => event.to)].slice(0, from.length));
      }),
    );
  });

  it('lets nothing through while open, and at most `maxConcurrent` trials while half-open, whatever the clock does', () => {
    fc.assert(
      fc.property(anyScript, fc.integer({ min: 1, max: 3 }), (script, maxConcurrent) => {
        const halfOpen = { maxConcurrent, successThreshold: 4, failureThreshold: 3, trialTimeoutMs: Infinity };
        const parts = setup({ openDurationMs: 100, halfOpen });
        let [nowMs, openedAtMs] = [0, -Infinity];
        play(parts, script, (step, isAdmitted, open) => {
          // Only steps forward are time.
          if (step.do === 'wait') nowMs += step.ms;
          const { state, retryAfterMs } = parts.circuit;
          if (nowMs - openedAtMs < 100)
            expect([isAdmitted, state, retryAfterMs]).toEqual([false, 'open', openedAtMs + 100 - nowMs]);
          else if (state === 'open') openedAtMs = nowMs;
          const trials = open.filter(({ moves }) => moves === parts.events.length);
          if (state === 'half-open') expect(trials.length).toBeLessThanOrEqual(maxConcurrent);
        });
      }),
    );
  });

  it('starts no operation while open and at most `maxConcurrent` while half-open, in any order of results', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.constantFrom(...ways),
        fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 60 })), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 3 }),
        async (s, [, run], plan, maxConcurrent) => {
          const halfOpen = { maxConcurrent, successThreshold: 2, failureThreshold: 2 };
          const { circuit, clock, moves } = setup({ trip: consecutiveFailures(2), openDurationMs: 100, halfOpen });
          const running = new Set<{ readonly moves: number }>();
          const call = async (k: number): Promise<void> => {
            const [isGood, ms] = plan[k % plan.length]!;
            const op = async (): Promise<void> => {
              expect(['closed', 'half-open']).toContain(circuit.state);
              const self = { moves: moves().length };
              running.add(self);
              const trials = [...running].filter((other) => other.moves === self.moves).length;
              if (circuit.state === 'half-open') expect(trials).toBeLessThanOrEqual(maxConcurrent);
              await s.schedule(Promise.resolve(), `call ${k}`);
              running.delete(self);
              clock.stall(ms);
              if (!isGood) throw down;
            };
            await run(circuit, op).catch((error: unknown) => {
              if (error !== down) expect(error).toMatchObject({ code: 'ERR_CIRCUIT_OPEN' });
            });
          };
          const worker = async (first: number): Promise<void> => {
            for (let k = 0; k < 6; k++) await call(first + 7 * k);
          };
          await s.waitFor(Promise.all([0, 1, 2, 3].map(worker)));
          expect(circuit.stats().inFlight).toBe(0);
        },
      ),
    );
  });
});

describe('results', () => {
  it('count one by one in the order in which they come in, whatever order they began in', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.constantFrom(...ways),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }),
        async (s, [, run], plan) => {
          const trip = countWindow({ size: 5, minimumThroughput: 3, failureRateThreshold: 0.6 });
          const { circuit } = setup({ trip });
          const ended: boolean[] = [];
          const calls = plan.map((isGood, k) =>
            run(circuit, async () => {
              await s.schedule(Promise.resolve(), `call ${k}`);
              ended.push(isGood);
              if (!isGood) throw down;
            }).catch(() => {}),
          );
          await s.waitFor(Promise.all(calls));
          const replay = setup({ trip }).circuit;
          const permits = plan.map(() => replay.tryAcquire()!);
          ended.forEach((isGood, k) => settle(permits[k]!, isGood ? '+' : '-'));
          expect(circuit.stats()).toEqual(replay.stats());
        },
      ),
    );
  });

  it('open the circuit at the first n failures in a row, never before and never later', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 60 }), fc.integer({ min: 1, max: 6 }), (results, n) => {
        const { circuit } = setup({ trip: consecutiveFailures(n) });
        const text = results.map((isGood) => (isGood ? '+' : '-')).join('');
        const end = text.indexOf('-'.repeat(n));
        const used = end < 0 ? text : text.slice(0, end + n);
        const admitted = used.split('').map((verdict) => {
          const permit = circuit.tryAcquire();
          if (permit) settle(permit, verdict as '+' | '-');
          return permit !== null;
        });
        expect(admitted).not.toContain(false);
        expect(circuit.state).toBe(end < 0 ? 'closed' : 'open');
      }),
    );
  });

  it('are the same for the same seed and the same script', () => {
    fc.assert(
      fc.property(anyScript, fc.nat(), (script, seed) => {
        const [one, two] = [1, 2].map(() => {
          const openDurationMs = exponentialBackoff({ baseMs: 50, maxMs: 400, random: createSeededRandom(seed) });
          const parts = setup({ openDurationMs, rampUp: { durationMs: 100 } });
          const admitted: boolean[] = [];
          play(parts, script, (_, isAdmitted) => void admitted.push(isAdmitted));
          return [admitted, parts.events, parts.circuit.stats(), parts.circuit.snapshot()];
        });
        expect(one).toEqual(two);
      }),
    );
  });
});

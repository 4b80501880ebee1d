import { expect, it } from 'vitest';
import fc from 'fast-check';
import type { CircuitMode, CircuitState, Isolation, Permit } from '../../src/circuit-breaker/index.ts';
import { consecutiveFailures } from '../../src/circuit-breaker/index.ts';
import { setup } from './kit.ts';

type Verdict = 'success' | 'failure' | 'ignore';

/** Opens for 100 ms at 2 failures in a row; 2 trials at once, of 50 ms; 2 good ones close, 2 bad ones open. */
class Model {
  nowMs = 0;
  state: CircuitState = 'closed';
  mode: CircuitMode = 'auto';
  openedAtMs = 0;
  generation = 0;
  counts = { good: 0, bad: 0, row: 0 };
  handles: boolean[] = [];
  calls: { generation: number; startMs: number; isSettled: boolean }[] = [];
  stats = { late: 0, notPermitted: 0 };

  move(state: CircuitState): void {
    Object.assign(this, { state, openedAtMs: this.nowMs, counts: { good: 0, bad: 0, row: 0 } });
    this.generation++;
  }
  settleMode(): void {
    if (!this.handles.includes(true)) this.move(this.mode === 'auto' ? 'closed' : this.mode);
  }
  trials(): Model['calls'] {
    if (this.state !== 'half-open') return [];
    return this.calls.filter(({ isSettled, generation }) => !isSettled && generation === this.generation);
  }
  look(): void {
    if (this.state === 'open' && this.nowMs - this.openedAtMs >= 100) this.move('half-open');
    const old = this.trials().filter(({ startMs }) => this.nowMs - startMs >= 50);
    for (const trial of old) {
      if (!this.trials().includes(trial)) continue;
      trial.generation = -1;
      this.count('failure');
    }
  }
  count(verdict: Verdict): void {
    const { counts } = this;
    counts.row = verdict === 'success' ? 0 : counts.row + 1;
    const total = verdict === 'success' ? ++counts.good : ++counts.bad;
    if (this.state === 'half-open' && total === 2) this.move(verdict === 'success' ? 'closed' : 'open');
    else if (this.state === 'closed' && counts.row === 2) this.move('open');
  }
}

interface Real extends ReturnType<typeof setup> {
  readonly permits: Permit[];
  readonly handles: Isolation[];
}

/** A step: what it does to the model, and to the circuit. The state is compared after each. */
class Step implements fc.Command<Model, Real> {
  readonly #name: string;
  readonly #act: (model: Model, real: Real) => void;

  constructor(name: string, act: (model: Model, real: Real) => void) {
    this.#name = name;
    this.#act = act;
  }
  check(): boolean {
    return true;
  }
  run(model: Model, real: Real): void {
    this.#act(model, real);
    model.look();
    const { state, inFlight, late, notPermitted } = real.circuit.stats();
    const open = model.calls.filter(({ isSettled }) => !isSettled).length;
    expect({ state, inFlight, late, notPermitted }).toEqual({ state: model.state, inFlight: open, ...model.stats });
    expect(real.circuit.mode).toBe(model.mode);
    const leftMs = model.state === 'forced-open' ? Infinity : model.openedAtMs + 100 - model.nowMs;
    expect(real.circuit.retryAfterMs).toBe(model.state === 'open' || leftMs === Infinity ? leftMs : 0);
  }
  toString(): string {
    return this.#name;
  }
}

const acquire = new Step('acquire', (model, { circuit, permits }) => {
  model.look();
  const isAdmitted =
    model.state === 'half-open' ? model.trials().length < 2 : !['open', 'forced-open'].includes(model.state);
  const permit = circuit.tryAcquire();
  expect(permit !== null).toBe(isAdmitted);
  if (permit) permits.push(permit);
  if (permit) model.calls.push({ generation: model.generation, startMs: model.nowMs, isSettled: false });
  else model.stats.notPermitted++;
});

const settle = (pick: number, verdict: Verdict): Step =>
  new Step(`settle ${pick} ${verdict}`, (model, { permits }) => {
    if (permits.length === 0) return;
    const k = permits.length - 1 - (pick % permits.length);
    const call = model.calls[k]!;
    model.look();
    permits[k]![verdict]();
    if (call.isSettled) return;
    call.isSettled = true;
    if (verdict === 'ignore') return;
    if (call.generation !== model.generation) model.stats.late++;
    else if (model.state !== 'disabled') model.count(verdict);
  });

const wait = (ms: number): Step =>
  new Step(`wait ${ms}`, (model, { clock }) => {
    model.nowMs += ms;
    clock.stall(ms);
  });

const setMode = (mode: CircuitMode): Step =>
  new Step(`setMode ${mode}`, (model, { circuit }) => {
    model.look();
    model.mode = mode;
    model.settleMode();
    circuit.setMode(mode);
  });

const trip = new Step('trip', (model, { circuit }) => {
  model.look();
  if (model.mode === 'auto' && model.state !== 'forced-open') model.move('open');
  circuit.trip();
});

const isolate = new Step('isolate', (model, { circuit, handles }) => {
  model.look();
  if (!model.handles.includes(true)) model.move('forced-open');
  model.handles.push(true);
  handles.push(circuit.isolate());
});

const letGo = (pick: number): Step =>
  new Step(`let go ${pick}`, (model, { handles }) => {
    if (handles.length === 0) return;
    const k = pick % handles.length;
    const wasHeld = model.handles[k];
    model.handles[k] = false;
    if (wasHeld) model.settleMode();
    handles[k]!.dispose();
  });

const steps: fc.Arbitrary<Step>[] = [
  fc.constant(acquire),
  fc.constant(acquire),
  fc
    .tuple(fc.nat({ max: 5 }), fc.constantFrom<Verdict>('success', 'failure', 'failure', 'ignore'))
    .map((x) => settle(...x)),
  fc.tuple(fc.nat({ max: 5 }), fc.constantFrom<Verdict>('success', 'failure')).map((x) => settle(...x)),
  fc.constantFrom(1, 10, 49, 50, 99, 100, 1000).map(wait),
  fc.constantFrom<CircuitMode>('auto', 'auto', 'forced-open', 'disabled', 'metrics-only').map(setMode),
  fc.constant(trip),
  fc.constant(isolate),
  fc.nat({ max: 3 }).map(letGo),
  fc.nat({ max: 3 }).map(letGo),
];

it('moves as its model does, whatever is called in whatever order, with permits kept open across moves', () => {
  fc.assert(
    fc.property(fc.commands(steps, { maxCommands: 60, size: '+1' }), (commands) => {
      const halfOpen = { maxConcurrent: 2, successThreshold: 2, failureThreshold: 2, trialTimeoutMs: 50 };
      const parts = setup({ trip: consecutiveFailures(2), openDurationMs: 100, halfOpen });
      fc.modelRun(() => ({ model: new Model(), real: { ...parts, permits: [], handles: [] } }), commands);
      const chain = parts.events.map(({ from }, k) => [from, parts.events[k - 1]?.to ?? 'closed']);
      for (const [from, before] of chain) expect(from).toBe(before);
    }),
  );
});

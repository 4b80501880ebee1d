import type { CircuitReport, FleetView, SharedBreakerStore } from '../../src/circuit-breaker/index.ts';
import type { Clock } from '../../src/core/clock.ts';

interface Report {
  readonly untilMs: number;
  readonly openedAtMs: number;
  readonly freshUntilMs: number;
}

/** What one fleet has told: the store's whole knowledge of it. */
class Fleet {
  readonly #nextToken: () => number;
  readonly reports: Map<string, Report> = new Map();
  brokenAtMs: number | undefined;
  recoveredAtMs = -Infinity;
  holder: string | undefined;
  heldUntilMs = -Infinity;
  fencingToken = 0;
  awaitedUntilMs = -Infinity;
  coldUntilMs: number | undefined;

  constructor(nextToken: () => number) {
    this.#nextToken = nextToken;
  }

  sync(report: CircuitReport, nowMs: number): FleetView {
    this.#recover(report, nowMs);
    const untils = this.#count(report, nowMs);
    const last = untils[report.quorum - 1];
    const openForMs = last === undefined ? 0 : last - nowMs;
    if (openForMs > 0) this.brokenAtMs ??= nowMs;
    this.#decide(report, openForMs, nowMs);
    return {
      isOpen: this.brokenAtMs !== undefined,
      openNodes: untils.length,
      openForMs,
      recoveredAgoMs: nowMs - this.recoveredAtMs,
      trialsForMs: this.holder === report.holder ? this.heldUntilMs - nowMs : 0,
      fencingToken: this.fencingToken,
    };
  }

  #recover({ recoveredAgoMs, fencingToken }: CircuitReport, nowMs: number): void {
    if (recoveredAgoMs === undefined || (fencingToken && fencingToken !== this.fencingToken)) return;
    const atMs = nowMs - recoveredAgoMs;
    if (this.brokenAtMs === undefined || this.brokenAtMs > atMs) return;
    this.brokenAtMs = undefined;
    this.recoveredAtMs = Math.max(this.recoveredAtMs, atMs);
  }

  #count({ node, openForMs, openedAgoMs, ttlMs }: CircuitReport, nowMs: number): number[] {
    this.reports.delete(node);
    if (openForMs > 0) {
      this.coldUntilMs ??= nowMs + ttlMs;
      const own = { untilMs: nowMs + openForMs, openedAtMs: nowMs - openedAgoMs, freshUntilMs: nowMs + ttlMs };
      this.reports.set(node, own);
    }
    for (const [other, { untilMs, openedAtMs, freshUntilMs }] of this.reports) {
      if (untilMs <= nowMs || freshUntilMs <= nowMs || openedAtMs < this.recoveredAtMs) this.reports.delete(other);
    }
    return [...this.reports.values()].map(({ untilMs }) => untilMs).sort((a, b) => b - a);
  }

  #decide({ trial, holder, ttlMs }: CircuitReport, openForMs: number, nowMs: number): void {
    if (trial !== 'none') this.coldUntilMs ??= nowMs + ttlMs;
    if (this.heldUntilMs <= nowMs) this.holder = undefined;
    const isOurs = this.holder === holder;
    if (trial === 'none') this.holder = isOurs ? undefined : this.holder;
    else if (this.holder !== undefined && !isOurs) {
      if (trial === 'urgent') this.awaitedUntilMs = nowMs + ttlMs;
    } else if (trial === 'running' || (openForMs === 0 && this.coldUntilMs! <= nowMs)) {
      const isAwaited = this.awaitedUntilMs > nowMs && trial !== 'running';
      if (isAwaited && (isOurs || trial !== 'urgent')) return;
      if (!isOurs) {
        this.fencingToken = this.#nextToken();
        this.awaitedUntilMs = -Infinity;
      }
      this.holder = holder;
      this.heldUntilMs = nowMs + ttlMs;
    }
  }
}

/** A store in memory, with what can go wrong with one. */
export interface MemoryBreakerStore extends SharedBreakerStore {
  /** What was asked, in order. */
  readonly reports: readonly CircuitReport[];
  /** Of each answer, there and back together. */
  latencyMs: number;
  /** `hang` answers nothing, `refuse` rejects, `throw` throws at once; for those nodes, or for all. */
  fault: 'hang' | 'refuse' | 'throw' | undefined;
  /** Only these nodes meet the fault. */
  cut: ReadonlySet<string> | undefined;
  /** Forgets everything. */
  flush(): void;
}

/** Creates a {@link MemoryBreakerStore}: the rules of every store, in plain words. */
export function memoryBreakerStore(clock: Pick<Clock, 'now' | 'setTimeout'>): MemoryBreakerStore {
  const fleets = new Map<string, Fleet>();
  const reports: CircuitReport[] = [];
  let tokens = 0;
  const pause = (ms: number): Promise<void> | undefined =>
    ms > 0 ? new Promise((resolve) => void clock.setTimeout(resolve, ms)) : undefined;
  const store: MemoryBreakerStore = {
    reports,
    latencyMs: 0,
    fault: undefined,
    cut: undefined,
    flush: () => fleets.clear(),
    sync(report) {
      reports.push(report);
      const fault = !store.cut || store.cut.has(report.node) ? store.fault : undefined;
      if (fault === 'throw') throw new Error('store threw');
      return (async () => {
        if (fault === 'hang') await new Promise(() => {});
        if (fault === 'refuse') throw new Error('store refused');
        await pause(store.latencyMs / 2);
        const fleet = fleets.get(report.name) ?? new Fleet(() => ++tokens);
        fleets.set(report.name, fleet);
        const view = fleet.sync(report, clock.now());
        await pause(store.latencyMs / 2);
        return view;
      })();
    },
  };
  return store;
}

import { acquireWorkerLease } from '../../src/snowflake/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { START_MS } from './kit.ts';
import type {
  LeaseGrant,
  LeaseRelease,
  LeaseRenewal,
  LeaseRequest,
  WorkerLease,
  WorkerLeaseEvent,
  WorkerLeaseOptions,
  WorkerLeaseStore,
} from '../../src/snowflake/index.ts';

interface Slot {
  untilMs: number;
  token: number;
  isHeld: boolean;
}

/** A store in this process, with a clock of its own, that can lose its data, be down, and lose replies. */
export class MemoryStore implements WorkerLeaseStore {
  readonly calls: string[] = [];
  /** Thrown by every call while it is set. */
  down: Error | undefined;
  /** Every granted window, for the tests to check against each other. */
  readonly windows: { workerId: number; fromMs: number; token: number }[] = [];
  #slots = new Map<string, Slot>();
  #token = 0;
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  loseEverything(): void {
    this.#slots.clear();
  }

  async acquire({ pool, workerIds, ttlMs, coldStart }: LeaseRequest): Promise<LeaseGrant | null> {
    this.#called('acquire');
    const nowMs = this.#now();
    let best: number | undefined;
    for (let id = 0; id < workerIds; id++) {
      const key = `${pool}/${id}`;
      const slot = this.#slots.get(key) ?? {
        untilMs: coldStart === 'wait' ? nowMs + ttlMs : 0,
        token: 0,
        isHeld: false,
      };
      this.#slots.set(key, slot);
      const isFree = !slot.isHeld || slot.untilMs <= nowMs;
      if (isFree && (best === undefined || slot.untilMs < this.#slots.get(`${pool}/${best}`)!.untilMs)) best = id;
    }
    if (best === undefined) return null;
    const slot = this.#slots.get(`${pool}/${best}`)!;
    const fromMs = slot.untilMs;
    Object.assign(slot, { untilMs: Math.max(fromMs, nowMs + ttlMs), token: ++this.#token, isHeld: true });
    this.windows.push({ workerId: best, fromMs, token: slot.token });
    return { workerId: best, fencingToken: slot.token, fromMs, untilMs: slot.untilMs, nowMs };
  }

  async renew({ pool, workerId, fencingToken, ttlMs }: LeaseRenewal): Promise<number | null> {
    this.#called('renew');
    const slot = this.#held(pool, workerId, fencingToken);
    if (!slot) return null;
    slot.untilMs = Math.max(slot.untilMs, this.#now() + ttlMs);
    return slot.untilMs;
  }

  async release({ pool, workerId, fencingToken, untilMs }: LeaseRelease): Promise<void> {
    this.#called(`release ${untilMs}`);
    const slot = this.#held(pool, workerId, fencingToken);
    if (slot) Object.assign(slot, { untilMs: Math.min(slot.untilMs, untilMs), isHeld: false });
  }

  #held(pool: string, workerId: number, token: number): Slot | undefined {
    const slot = this.#slots.get(`${pool}/${workerId}`);
    return slot?.isHeld && slot.token === token ? slot : undefined;
  }

  #called(name: string): void {
    this.calls.push(name);
    if (this.down) throw this.down;
  }
}

/** A lease from a store that was never empty, so that it begins at once. */
export function warmLease(options: Omit<WorkerLeaseOptions, 'coldStart'>): Promise<WorkerLease> {
  return acquireWorkerLease({ coldStart: 'immediate', ...options });
}

/** A clock, a store that goes by its time but knows no step of it, and what a pool of two worker ids is leased with. */
export function setup() {
  const clock = createVirtualClock({ epochMs: START_MS });
  // The store has a clock of its own, which no step of the holder's reaches.
  const store = new MemoryStore(() => START_MS + clock.now());
  const events: WorkerLeaseEvent[] = [];
  const options = {
    store,
    clock,
    workerIds: 2,
    ttlMs: 3000,
    onEvent: (event: WorkerLeaseEvent) => void events.push(event),
  };
  return { clock, store, events, options };
}

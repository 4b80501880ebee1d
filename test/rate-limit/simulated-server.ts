import type { ConcurrencyLimiter, Permit } from '../../src/rate-limit/index.ts';
import { createSeededRandom } from '../../src/testing/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';

/** A server with some cores and an endless queue, and the calls that come to it through a limiter. */
export interface Simulation {
  readonly cores: number;
  /** Mean time that a call takes on a core, in milliseconds. */
  readonly serviceMs: number;
  /** How service times are spread: 0.5 to 1.5 times the mean, or exponentially. */
  readonly spread?: 'uniform' | 'exponential';
  /** Calls offered, as a share of what the cores can serve; may change over time. */
  readonly load: (nowMs: number) => number;
  /** Multiplies service times; may change over time. */
  readonly slowness?: (nowMs: number) => number;
  readonly durationMs: number;
  /** What comes before is not counted. */
  readonly warmUpMs: number;
  readonly seed: number;
}

/** What came of it. */
export interface SimulationResult {
  /** Calls served, as a share of those that could have been: of all, or of what the cores can do. */
  readonly goodput: number;
  /** Latency that 99 % of the calls kept to, in mean service times. */
  readonly p99: number;
  /** Limits seen every second, from the beginning. */
  readonly limits: readonly number[];
}

interface Job {
  readonly startMs: number;
  readonly permit: Permit;
}

/** Completions by time. */
class Agenda {
  readonly #heap: { readonly atMs: number; readonly job: Job }[] = [];

  get nextMs(): number {
    return this.#heap[0]?.atMs ?? Infinity;
  }

  add(atMs: number, job: Job): void {
    const heap = this.#heap;
    let at = heap.push({ atMs, job }) - 1;
    for (let up = (at - 1) >> 1; at > 0 && heap[up]!.atMs > atMs; up = (at - 1) >> 1) {
      [heap[at], heap[up]] = [heap[up]!, heap[at]!];
      at = up;
    }
  }

  take(): Job {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) heap[0] = last;
    for (let at = 0, down = 1; down < heap.length; at = down, down = 2 * at + 1) {
      if (down + 1 < heap.length && heap[down + 1]!.atMs < heap[down]!.atMs) down++;
      if (heap[at]!.atMs <= heap[down]!.atMs) break;
      [heap[at], heap[down]] = [heap[down]!, heap[at]!];
    }
    return first.job;
  }
}

/** Runs `options` on `clock`, which nothing else moves. */
export function simulate(limiter: ConcurrencyLimiter, clock: VirtualClock, options: Simulation): SimulationResult {
  const { cores, serviceMs, spread = 'uniform', load, slowness = () => 1, durationMs, warmUpMs, seed } = options;
  const random = createSeededRandom(seed);
  const exponential = (): number => -Math.log(1 - random());
  const service = (nowMs: number): number =>
    serviceMs * slowness(nowMs) * (spread === 'uniform' ? 0.5 + random() : exponential());
  const agenda = new Agenda();
  const queue: Job[] = [];
  let head = 0;
  let busy = 0;
  let offered = 0;
  let capacity = 0;
  let lastMs = warmUpMs;
  const latencies: number[] = [];
  const limits: number[] = [];
  const next = (nowMs: number): number => nowMs + (exponential() * serviceMs * slowness(nowMs)) / (cores * load(nowMs));
  let arrivalMs = next(0);
  for (let nowMs = 0; nowMs < durationMs;) {
    nowMs = Math.min(arrivalMs, agenda.nextMs);
    clock.setNow(nowMs);
    while (limits.length < nowMs / 1000) limits.push(limiter.limit);
    if (nowMs >= warmUpMs) {
      capacity += ((nowMs - lastMs) * cores) / (serviceMs * slowness(nowMs));
      lastMs = nowMs;
    }
    if (agenda.nextMs <= arrivalMs) {
      const { startMs, permit } = agenda.take();
      permit.release();
      if (nowMs >= warmUpMs) latencies.push(nowMs - startMs);
      if (head < queue.length) agenda.add(nowMs + service(nowMs), queue[head++]!);
      else busy--;
    } else {
      if (nowMs >= warmUpMs) offered++;
      const permit = limiter.tryAcquire();
      if (permit) {
        if (busy < cores) {
          busy++;
          agenda.add(nowMs + service(nowMs), { startMs: nowMs, permit });
        } else queue.push({ startMs: nowMs, permit });
      }
      arrivalMs = next(nowMs);
    }
  }
  latencies.sort((a, b) => a - b);
  return {
    goodput: latencies.length / Math.min(offered, capacity),
    p99: latencies[Math.floor(latencies.length * 0.99)]! / serviceMs,
    limits,
  };
}

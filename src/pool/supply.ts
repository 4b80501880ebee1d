import { keepAlive } from '../core/clock.ts';
import type { Clock, TimerHandle } from '../core/clock.ts';
import { Growth } from './growth.ts';
import { Outage } from './outage.ts';
import type { PoolSettings } from './settings.ts';

/** One timer that is set or not. It holds the process while somebody waits for it. */
class Alarm {
  readonly #clock: Clock;
  readonly #onRing: () => void;
  #timer: TimerHandle;
  isSet: boolean = false;

  constructor(clock: Clock, onRing: () => void) {
    this.#clock = clock;
    this.#onRing = onRing;
  }

  /** To be called while it is not set. */
  set(ms: number): void {
    this.isSet = true;
    this.#timer = this.#clock.setTimeout(() => {
      this.isSet = false;
      this.#onRing();
    }, ms);
  }

  holdProcess(isAwaited: boolean): void {
    if (this.isSet) keepAlive(this.#timer, isAwaited);
  }

  clear(): void {
    if (this.isSet) this.#clock.clearTimeout(this.#timer);
    this.isSet = false;
  }
}

type Rules = Pick<PoolSettings<never>, 'clock' | 'growth' | 'baseMs' | 'maxMs' | 'random' | 'maxConcurrentCreates'>;

/** When resources are created: as many as are wanted, as few as an outage allows. */
export class Supply {
  readonly #maxConcurrentCreates: number;
  readonly #growth: Growth;
  readonly #outage: Outage;
  readonly #tick: Alarm;
  readonly #rest: Alarm;

  /** `onDue` is called when the verdict may have changed with time. */
  constructor(settings: Rules, onDue: () => void) {
    const { clock, growth, baseMs, maxMs, random, maxConcurrentCreates } = settings;
    this.#maxConcurrentCreates = maxConcurrentCreates;
    this.#growth = new Growth(growth === 'eager');
    this.#outage = new Outage(baseMs, maxMs, random);
    this.#tick = new Alarm(clock, () => {
      this.#growth.tick();
      onDue();
    });
    this.#rest = new Alarm(clock, () => {
      this.#outage.isResting = false;
      onDue();
    });
  }

  /** To be handed back with the result of a create that begins now. */
  get round(): number {
    return this.#outage.round;
  }

  /** The last error, until a create succeeds. */
  get error(): unknown {
    return this.#outage.error;
  }

  /** Whether creates have failed and the next one is not due. */
  get isResting(): boolean {
    return this.#outage.isResting;
  }

  /** A create took `ms`. */
  succeeded(ms: number): void {
    this.#growth.connected(ms);
    this.#outage.succeed();
    this.#rest.clear();
  }

  /** A create failed. Answers for how long creates pause; 0 when they do so already because of its like. */
  failed(error: unknown, round: number): number {
    const ms = this.#outage.fail(round, error);
    if (ms > 0) this.#rest.set(ms);
    return ms;
  }

  /** A returned resource went to one who waited. */
  handedOff(): void {
    this.#growth.handedOff();
  }

  /** Whether an outage and the limit of creates allow another. */
  mayCreate(creating: number): boolean {
    const { isResting, limit } = this.#outage;
    return !isResting && creating < Math.min(limit, this.#maxConcurrentCreates);
  }

  /** Whether a create is due for `uncovered` who wait and for whom nothing is under way. */
  wants(uncovered: number, creating: number, alive: number): boolean {
    return this.#growth.wants(uncovered, creating, alive);
  }

  /** Sets the timers for those who wait now; `hasRoom` is whether a create could help them. */
  attend(waiting: number, uncovered: number, hasRoom: boolean): void {
    this.#rest.holdProcess(waiting > 0);
    if (waiting === 0) this.#growth.rest();
    const { tickMs } = this.#growth;
    if (uncovered <= 0 || !hasRoom || tickMs === Infinity) this.#tick.clear();
    else if (!this.#tick.isSet) this.#tick.set(tickMs);
  }

  /** Nothing is created any more, and nobody waits. */
  stop(): void {
    this.#rest.clear();
  }
}

import type { Clock, TimerHandle } from '../core/clock.ts';
import { keepAlive } from '../core/clock.ts';

/** What lies between looks that are asked for at least, so that many wake-ups cost few of them. */
const APART_MS = 10;

function ignore(): void {}

/** Looks for something again and again: every `pollMs`, and sooner where it is woken. One look at a time. */
export class Ticker<T> {
  readonly #clock: Clock;
  readonly #pollMs: number;
  readonly #look: (limit: number) => Promise<T>;
  /** Whether somebody waits for what is looked for: then the process is to live until the next look. */
  readonly #isAwaited: () => boolean;
  #timer: TimerHandle;
  #dueMs = Infinity;
  #beganMs = -Infinity;
  #looking: Promise<T> | undefined;
  #isWoken = false;
  #hasEnded = false;

  constructor(clock: Clock, pollMs: number, look: (limit: number) => Promise<T>, isAwaited: () => boolean) {
    this.#clock = clock;
    this.#pollMs = pollMs;
    this.#look = look;
    this.#isAwaited = isAwaited;
  }

  /** Looks `ms` from now at the latest; whoever asks for later than is due puts off nothing. */
  schedule(ms: number = this.#pollMs): void {
    if (this.#hasEnded || this.#looking) return;
    const dueMs = this.#clock.now() + ms;
    if (dueMs < this.#dueMs) {
      this.#clock.clearTimeout(this.#timer);
      this.#dueMs = dueMs;
      this.#timer = this.#clock.setTimeout(() => void this.#begin(Infinity).catch(ignore), ms);
    }
    keepAlive(this.#timer, this.#isAwaited());
  }

  /** Something may have become due: looks soon, and once more where a look under way may have come too early. */
  wake(): void {
    if (this.#looking) this.#isWoken = true;
    else this.schedule(Math.max(0, this.#beganMs + APART_MS - this.#clock.now()));
  }

  /** Looks as soon as nobody else does. */
  async look(limit: number): Promise<T> {
    while (this.#looking) await this.#looking.catch(ignore);
    return this.#begin(limit);
  }

  /** No further look begins by itself; waits for the one that is under way. */
  async end(): Promise<void> {
    this.#hasEnded = true;
    this.#clock.clearTimeout(this.#timer);
    await this.#looking?.catch(ignore);
  }

  #begin(limit: number): Promise<T> {
    this.#clock.clearTimeout(this.#timer);
    this.#dueMs = Infinity;
    this.#beganMs = this.#clock.now();
    this.#looking = this.#look(limit).finally(() => {
      this.#looking = undefined;
      const isWoken = this.#isWoken;
      this.#isWoken = false;
      if (isWoken) this.wake();
      else this.schedule();
    });
    return this.#looking;
  }
}

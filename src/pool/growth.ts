/** Share of a new observation in a running mean. */
const ALPHA = 0.3;

/** The longest time without a hand-off after which more creates start. */
const MOST_TICK_MS = 25;

/*
 * When to create although resources exist. A connect takes long beside a short loan, so those who wait
 * are mostly served sooner by returns, and connections opened for one spike stay idle afterwards. One
 * create is always under way for those who wait; more start when, by the hand-offs of the last tick, the
 * queue would take longer than a connect. HikariCP's one adder, without its stall when connects are slow.
 */
export class Growth {
  readonly #isEager: boolean;
  /** Mean time of a create; 0 until one has taken any, which makes growth eager. */
  #connectMs = 0;
  /** Mean time between hand-offs; Infinity after a tick without any, 0 before the first tick. */
  #handOffMs = 0;
  #handOffs = 0;

  constructor(isEager: boolean) {
    this.#isEager = isEager;
  }

  /** How long to watch hand-offs before the next verdict. Infinity when there is none to come. */
  get tickMs(): number {
    return this.#isEager || this.#connectMs === 0 ? Infinity : Math.min(MOST_TICK_MS, Math.max(1, this.#connectMs / 8));
  }

  /** A create took `ms`. */
  connected(ms: number): void {
    this.#connectMs = this.#connectMs ? this.#connectMs + ALPHA * (ms - this.#connectMs) : ms;
  }

  /** A returned resource went to one who waited. */
  handedOff(): void {
    this.#handOffs++;
  }

  /** A tick has passed while some waited. */
  tick(): void {
    const ms = this.tickMs / this.#handOffs;
    const isSteady = this.#handOffMs > 0 && this.#handOffMs < Infinity && ms < Infinity;
    this.#handOffMs = isSteady ? this.#handOffMs + ALPHA * (ms - this.#handOffMs) : ms;
    this.#handOffs = 0;
  }

  /** Nobody waits any more. */
  rest(): void {
    this.#handOffMs = this.#handOffs = 0;
  }

  /** Whether a create is due for `uncovered` who wait and for whom none is under way. */
  wants(uncovered: number, creating: number, alive: number): boolean {
    if (uncovered <= 0) return false;
    if (this.#isEager || creating === 0 || alive === 0 || this.#connectMs === 0) return true;
    return uncovered * this.#handOffMs > this.#connectMs;
  }
}

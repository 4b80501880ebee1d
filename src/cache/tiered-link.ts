import type { Clock, TimerHandle } from '../core/clock.ts';
import { keepAlive } from '../core/clock.ts';
import type { Deadline } from '../core/deadline.ts';
import { withDeadline } from '../core/deadline.ts';
import type {
  TierCaller,
  TierChange,
  TierMessage,
  TierNews,
  TierPartition,
  TierReceipt,
  TierState,
} from './tiered-store.ts';

/** By how much clocks of two machines may differ in speed. */
const DRIFT = 1.02;
/** Those who have not heard of a change are asked for again after this, then twice as long each time, up to the other. */
const FIRST_ASK_MS = 1;
const LAST_ASK_MS = 100;

/** What links of one cache have in common. */
export interface LinkSettings {
  readonly clock: Clock;
  readonly l1MaxStaleMs: number;
  readonly tierRetryMs: number;
  readonly limits: Deadline;
  /** Who calls, with a token that was never used. */
  readonly caller: () => TierCaller;
  /** Drops from the first level what was changed; `null` for everything. */
  readonly drop: (change: TierChange) => void;
  readonly report: (error: unknown) => void;
}

/** Waits; an abort ends the wait. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clock.clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = clock.setTimeout(end, ms);
    signal?.addEventListener('abort', end);
  });
}

/*
 * What this process knows of one partition of the tier.
 *
 * The first level may be used while a lease of validity runs. It begins when a sync is sent and ends `l1MaxStaleMs`
 * later, and is valid only once all that the sync's answer tells of has been dropped. So whoever changes something
 * needs to wait for nobody longer than that, by a clock of its own: a lease given before the change has run out by then,
 * and one given after it was given together with the change. Both clocks of the process have to agree, as the monotonic
 * one stands still while some machines sleep.
 *
 * `state` never runs ahead of what was dropped. What comes over the bus only makes that sooner; a message that is lost
 * leaves a gap in the marks, or is in the answer to the next sync.
 */
export class Link {
  readonly part: TierPartition;
  state: TierState = { epoch: '', mark: 0 };
  /** The last change that is known to have happened before now, dropped here or not. */
  known: TierState = this.state;
  /** Raised with whatever is dropped. */
  drops: number = 0;
  failures: number = 0;
  /** Why the tier has failed, until it has given word again. */
  error: unknown;
  /** Changes that nobody waited for and that are not carried out yet. */
  readonly pending: Set<Promise<unknown>> = new Set();
  readonly #settings: LinkSettings;
  #untilMs = -Infinity;
  #untilEpochMs = -Infinity;
  #downUntilMs = -Infinity;
  #syncing: Promise<void> | undefined;
  #isBehind = false;
  /** Whether the last answer told of no changes, as that of a tier does which has lost everything. */
  #wasLost = false;
  #isClosed = false;
  #timer: TimerHandle;
  #unsubscribe: Promise<(() => unknown) | undefined> | undefined;

  constructor(part: TierPartition, settings: LinkSettings) {
    this.part = part;
    this.#settings = settings;
  }

  /** Whether the first level may be used. */
  isValid(): boolean {
    const { clock } = this.#settings;
    return clock.now() < this.#untilMs && clock.epochMs() < this.#untilEpochMs;
  }

  /** Whether the tier is worth asking. */
  isUp(): boolean {
    return this.#settings.clock.now() >= this.#downUntilMs;
  }

  fail(error: unknown): void {
    const { clock, tierRetryMs, report } = this.#settings;
    this.failures++;
    this.error = error;
    this.#downUntilMs = clock.now() + tierRetryMs;
    report(error);
  }

  /** Asks for news and, with it, for a new lease of validity. One at a time; never rejects. */
  sync(): Promise<void> {
    return (this.#syncing ??= this.#sync());
  }

  async #sync(): Promise<void> {
    const { clock, l1MaxStaleMs, tierRetryMs, limits, caller } = this.#settings;
    const [sentMs, sentEpochMs] = [clock.now(), clock.epochMs()];
    let nextMs = l1MaxStaleMs / 3;
    this.#isBehind = false;
    this.#listen();
    try {
      const news = await this.part.sync(caller(), this.state, limits);
      if (this.#isClosed) return;
      this.#take(news);
      this.#untilMs = sentMs + l1MaxStaleMs;
      this.#untilEpochMs = sentEpochMs + l1MaxStaleMs;
      this.#downUntilMs = -Infinity;
      this.error = undefined;
    } catch (error) {
      this.#isBehind = false;
      nextMs = tierRetryMs;
      this.fail(error);
    }
    this.#syncing = undefined;
    clock.clearTimeout(this.#timer);
    if (this.#isClosed) return;
    // What was heard is told to those who wait for that.
    if (this.#isBehind) void this.sync();
    else keepAlive((this.#timer = clock.setTimeout(() => void this.sync(), nextMs)), false);
  }

  #take({ epoch, mark, changes }: TierNews): void {
    const since = this.state;
    // A tier that loses everything again and again, or talks nonsense, is asked no more often than others.
    this.#isBehind ||= changes ? changes.length > 0 : !this.#wasLost;
    this.#wasLost = !changes;
    if (!changes) this.#drop(null);
    // What is known since then is of the same life.
    else if (mark <= since.mark) return;
    else for (const change of changes) this.#drop(change);
    this.state = { epoch, mark };
    this.#learn(this.state);
  }

  #learn(state: TierState): void {
    const { epoch, mark } = this.known;
    if (state.epoch !== epoch || state.mark > mark) this.known = state;
  }

  #drop(change: TierChange): void {
    this.drops++;
    this.#settings.drop(change);
  }

  #listen(): void {
    this.#unsubscribe ??= this.part
      .subscribe?.((message) => this.#hear(message))
      .then(
        (end) => end,
        (error: unknown) => {
          this.#unsubscribe = undefined;
          this.#settings.report(error);
          return undefined;
        },
      ) as Promise<() => unknown>;
  }

  #hear({ epoch, mark, change, isAwaited }: TierMessage): void {
    const { state } = this;
    const isSame = epoch === state.epoch;
    if (this.#isClosed || (isSame && mark <= state.mark)) return;
    const isNext = isSame && mark === state.mark + 1;
    this.#learn({ epoch, mark });
    if (isNext) {
      this.#drop(change);
      this.state = { epoch, mark };
    }
    if (!isNext || isAwaited) this.#hasten();
  }

  /** Syncs at once, or again when the sync that runs is over, as that may have been sent too early. */
  #hasten(): void {
    if (this.#syncing) this.#isBehind = true;
    else void this.sync();
  }

  /** Takes note of a change of this process that the tier has carried out. */
  settle(change: TierChange, { epoch, mark }: TierState): void {
    const { state } = this;
    this.#drop(change);
    this.#learn({ epoch, mark });
    if (epoch === state.epoch && mark === state.mark + 1) this.state = { epoch, mark };
    else if (epoch !== state.epoch && state.epoch !== '' && !this.#isClosed) this.#hasten();
  }

  /** Waits until every other process has dropped what was changed, or its lease of validity has run out. */
  async acknowledged({ mark, lagging }: TierReceipt, isOver: () => boolean): Promise<void> {
    const { clock, l1MaxStaleMs, limits, caller, report } = this.#settings;
    const untilMs = clock.now() + Math.ceil(l1MaxStaleMs * DRIFT);
    const late = lagging;
    let isLate = late.length > 0;
    for (let askMs = FIRST_ASK_MS; isLate && !isOver(); askMs = Math.min(2 * askMs, LAST_ASK_MS)) {
      const leftMs = untilMs - clock.now();
      const gone = leftMs > 0 ? [] : late;
      if (leftMs > 0) await sleep(clock, Math.min(askMs, leftMs));
      // Those who have said nothing since are gone, and nobody has to wait for them again.
      const asked = Promise.resolve(this.part.lagging(caller(), mark, gone, limits));
      if (leftMs <= 0) return void asked.catch(report);
      isLate = await asked.then(
        (rest) => rest.length > 0,
        () => true,
      );
    }
  }

  async close(): Promise<void> {
    const { clock, limits, caller, report } = this.#settings;
    this.#isClosed = true;
    this.#untilMs = -Infinity;
    clock.clearTimeout(this.#timer);
    const isKnown = this.state.epoch !== '' || this.#syncing;
    // Whatever hangs or fails, the rest is done.
    await Promise.all([
      withDeadline('the tier', limits, async (isOver) => {
        await this.#syncing;
        if (isKnown && !isOver()) await this.part.leave(caller(), limits);
      }).catch(report),
      withDeadline('the bus', limits, async () => (await this.#unsubscribe)?.()).catch(report),
    ]);
  }
}

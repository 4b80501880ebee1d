import { refuse, texts } from '../core/check.ts';
import { keepAlive } from '../core/clock.ts';
import type { LoadContext, Loader } from './cache-options.ts';
import type { Link } from './tiered-link.ts';
import { sleep } from './tiered-link.ts';
import type { TieredSetOptions } from './tiered-options.ts';
import type { TieredSettings } from './tiered-settings.ts';
import { timeToLive } from './tiered-settings.ts';
import type { TierCaller, TierEntry, TierState } from './tiered-store.ts';

/** A key that somebody else loads is asked for again after this, then twice as long each time, up to the other. */
const FIRST_POLL_MS = 4;
const LAST_POLL_MS = 100;

/** The right to load a key, and to keep what comes of it unless it is voided meanwhile. */
interface Lease {
  readonly caller: TierCaller;
  readonly since: TierState;
}

/*
 * What happens when the first level has nothing: the tier is asked, which has the value or grants the lease of the key
 * to one process, while the others ask again. Whether a lease still holds is for the tier to say when it is used.
 * Where the tier fails the value is loaded, and kept by the first level only.
 */
export class TieredLoads<V> {
  tierHits: number = 0;
  loads: number = 0;
  fills: number = 0;
  refusedFills: number = 0;
  /** What still is to be kept. */
  readonly filling: Set<Promise<unknown>> = new Set();
  readonly settings: TieredSettings<V>;

  constructor(settings: TieredSettings<V>) {
    this.settings = settings;
  }

  encode(value: V): string {
    const { head, serializer } = this.settings;
    const text: unknown = serializer.serialize(value);
    // JSON has none for functions and symbols.
    return typeof text === 'string' ? head + text : refuse('value', 'one that can be serialized', value);
  }

  /** The value of a payload, if it can be read. */
  decode(payload: string): V | undefined {
    const { head, serializer, report } = this.settings;
    if (!payload.startsWith(head)) return undefined;
    try {
      return serializer.deserialize(payload.slice(head.length));
    } catch (error) {
      report(error);
      return undefined;
    }
  }

  /** How long a value is kept, and under which tags. */
  terms(key: string, value: V, { ttlMs, tags }: TieredSetOptions): Omit<TierEntry, 'payload'> {
    const { settings } = this;
    return {
      ttlMs: Math.ceil(timeToLive(ttlMs ?? settings.ttlMs)),
      tags: [...texts('tags', tags ?? []), ...texts('tags', settings.tags?.(key, value) ?? [])],
    };
  }

  async load(
    link: Link,
    key: string,
    loader: Loader<string, V>,
    ctx: LoadContext<V>,
    isForced: boolean | undefined,
  ): Promise<V | undefined> {
    const found = await this.#ask(link, key, ctx, isForced === true);
    if (found && 'value' in found) return found.value;
    // Nobody waits any more.
    if (ctx.signal.aborted) return undefined;
    this.loads++;
    const handOver = found && this.#hold(link, key, found, ctx.signal);
    let entry: TierEntry | undefined;
    try {
      const value = await loader(key, ctx);
      if (value !== undefined) entry = this.#accept(key, value, ctx, found !== undefined);
      return value;
    } finally {
      handOver?.(entry);
    }
  }

  /** Tells the first level on what terms it keeps a value, and makes of it what the tier keeps, if it `isShared`. */
  #accept(key: string, value: V, ctx: LoadContext<V>, isShared: boolean): TierEntry | undefined {
    const { l1TtlMs, report } = this.settings;
    try {
      const { ttlMs, tags } = this.terms(key, value, ctx);
      ctx.ttlMs = Math.min(ttlMs, l1TtlMs);
      ctx.tags = tags;
      return isShared && ttlMs > 0 ? { payload: this.encode(value), ttlMs, tags } : undefined;
    } catch (error) {
      // The caller's own functions failed; the value is none the worse for that.
      report(error);
      return undefined;
    }
  }

  /** The value, the lease to load it, or neither where the tier cannot be asked. */
  async #ask(
    link: Link,
    key: string,
    ctx: LoadContext<V>,
    isForced: boolean,
  ): Promise<{ readonly value: V } | Lease | undefined> {
    const { leaseMs, limits, distributedSingleflight, clock, caller, l1TtlMs } = this.settings;
    const own = caller();
    let isRefused = isForced;
    if (link.pending.size > 0) await Promise.allSettled(link.pending);
    try {
      for (let pollMs = FIRST_POLL_MS; link.isUp(); pollMs = Math.min(2 * pollMs, LAST_POLL_MS)) {
        const { epoch, mark, entry, isLeased, waitMs = 0 } = await link.part.read(own, key, leaseMs, isRefused, limits);
        const value = entry && this.decode(entry.payload);
        if (value !== undefined) {
          this.tierHits++;
          ctx.ttlMs = Math.min(entry!.ttlMs, l1TtlMs);
          ctx.tags = entry!.tags;
          return { value };
        }
        if (isLeased) return { caller: own, since: { epoch, mark } };
        // What cannot be read is loaded; what comes while another loads may be read again.
        isRefused = entry !== undefined;
        if (!isRefused && !distributedSingleflight) return undefined;
        if (isRefused) continue;
        await sleep(clock, Math.min(pollMs, waitMs + 1), ctx.signal);
        if (ctx.signal.aborted) return undefined;
      }
    } catch (error) {
      link.fail(error);
    }
    return undefined;
  }

  /**
   * Extends a lease until it is told what came of it. An abort gives it back: nobody waits for the load any more, which
   * may be deaf to its signal and run for ever.
   */
  #hold(link: Link, key: string, lease: Lease, signal: AbortSignal): (entry?: TierEntry) => void {
    const { clock, leaseMs, limits, report } = this.settings;
    const beat = (): unknown => {
      const timer = clock.setTimeout(() => {
        current = beat();
        Promise.resolve(link.part.extend(lease.caller, key, leaseMs, limits)).catch(report);
      }, leaseMs / 3);
      keepAlive(timer, false);
      return timer;
    };
    let current = beat();
    const onAbort = (): void => handOver();
    let isHeld = true;
    const handOver = (entry?: TierEntry): void => {
      if (!isHeld) return;
      isHeld = false;
      clock.clearTimeout(current);
      signal.removeEventListener('abort', onAbort);
      this.#hand(link, key, lease, entry);
    };
    signal.addEventListener('abort', onAbort);
    return handOver;
  }

  /** Hands what was loaded to the tier, or gives the lease back. Nobody waits for that. */
  #hand(link: Link, key: string, { caller, since }: Lease, entry: TierEntry | undefined): void {
    const { limits } = this.settings;
    const work = async (): Promise<void> => {
      try {
        if (!entry) return void (await link.part.extend(caller, key, 0, limits));
        if (await link.part.fill(caller, key, entry, since, limits)) this.fills++;
        else this.refusedFills++;
      } catch (error) {
        link.fail(error);
      } finally {
        this.filling.delete(done);
      }
    };
    const done = work();
    this.filling.add(done);
  }
}

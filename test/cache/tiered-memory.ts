import type {
  TierAnswer,
  TierCaller,
  TierChange,
  TierEntry,
  TierMessage,
  TierNews,
  TierReceipt,
  TierState,
} from '../../src/cache/index.ts';

type Time = { now(): number };

interface Kept extends TierEntry {
  readonly since: TierState;
  readonly untilMs: number;
}

/** As many invalidations as are remembered. */
const LOG = 50;

/**
 * One partition in memory, as plainly as can be: the rules that `redisTier` has to follow as well. Time is that of
 * its own machine.
 */
export class MemoryPartition {
  readonly #time: Time;
  readonly listeners = new Set<(message: TierMessage) => void>();
  epoch = '';
  mark = 0;
  #log: TierChange[] = [];
  readonly #stamps = new Map<string | null, number>();
  readonly members = new Map<string, string>();
  readonly entries = new Map<string, Kept>();
  readonly leases = new Map<string, { readonly token: string; untilMs: number }>();

  constructor(time: Time) {
    this.#time = time;
  }

  /** Loses everything, as FLUSHALL does. */
  flush(): void {
    this.#begin('', 0);
    this.entries.clear();
    this.leases.clear();
    this.members.clear();
  }

  /** What there is now, to come back to later, as a server does that restarts from an old file. */
  snapshot(): () => void {
    const { epoch, mark } = this;
    const [log, stamps, members] = [[...this.#log], [...this.#stamps], [...this.members]];
    const entries = [...this.entries];
    return () => {
      this.flush();
      Object.assign(this, { epoch, mark });
      this.#log = log;
      for (const [tag, at] of stamps) this.#stamps.set(tag, at);
      for (const [member, said] of members) this.members.set(member, said);
      for (const [key, entry] of entries) this.entries.set(key, entry);
    };
  }

  #begin(epoch: string, mark: number): void {
    this.epoch = epoch;
    this.mark = mark;
    this.#log = [];
    this.#stamps.clear();
    this.members.set('', `-1 ${epoch}`);
  }

  #wake({ token }: TierCaller): void {
    if (this.epoch === '') this.#begin(token, 0);
  }

  #note(change: TierChange, isAwaited: boolean): void {
    this.mark++;
    this.#log = [...this.#log, change].slice(-LOG);
    const message = { epoch: this.epoch, mark: this.mark, change, isAwaited };
    for (const listener of this.listeners) listener(message);
  }

  #lease(key: string): { readonly token: string; untilMs: number } | undefined {
    const lease = this.leases.get(key);
    return lease && lease.untilMs > this.#time.now() ? lease : undefined;
  }

  #fresh(key: string): Kept | undefined {
    const kept = this.entries.get(key);
    if (!kept || kept.untilMs <= this.#time.now() || kept.since.epoch !== this.epoch) return undefined;
    const stamps = [null, ...kept.tags].map((tag) => this.#stamps.get(tag) ?? -1);
    return Math.max(...stamps) > kept.since.mark ? undefined : kept;
  }

  #late(member: string, mark: number): string[] {
    return [...this.members].filter(([name, said]) => name !== member && Number(said.split(' ')[0]) < mark).flat();
  }

  read(caller: TierCaller, key: string, leaseMs: number, isForced: boolean): TierAnswer {
    this.#wake(caller);
    const state = { epoch: this.epoch, mark: this.mark };
    const nowMs = this.#time.now();
    const kept = isForced ? undefined : this.#fresh(key);
    if (kept) {
      const { payload, tags, untilMs } = kept;
      return { ...state, isLeased: false, entry: { payload, tags, ttlMs: untilMs - nowMs } };
    }
    const lease = this.#lease(key);
    if (leaseMs === 0) return { ...state, isLeased: false };
    if (lease && lease.token !== caller.token) return { ...state, isLeased: false, waitMs: lease.untilMs - nowMs };
    if (!lease) this.leases.set(key, { token: caller.token, untilMs: nowMs + leaseMs });
    return { ...state, isLeased: true };
  }

  extend({ token }: TierCaller, key: string, leaseMs: number): void {
    const lease = this.#lease(key);
    if (lease?.token === token) lease.untilMs = this.#time.now() + leaseMs;
  }

  fill({ token }: TierCaller, key: string, entry: TierEntry, since: TierState): boolean {
    if (this.#lease(key)?.token !== token) return false;
    this.leases.delete(key);
    this.#keep(key, entry, since);
    return true;
  }

  #keep(key: string, entry: TierEntry, since: TierState): void {
    this.entries.set(key, { ...entry, since, untilMs: this.#time.now() + entry.ttlMs });
  }

  write(
    caller: TierCaller,
    key: string,
    isAwaited: boolean,
    entry: TierEntry | undefined,
    since: TierState,
  ): TierReceipt {
    this.#wake(caller);
    const unheard = this.mark - since.mark;
    const isKnown = since.epoch === this.epoch && unheard >= 0 && unheard <= this.#log.length;
    const isFit = isKnown && (unheard === 0 || !this.#log.slice(-unheard).includes(key));
    this.entries.delete(key);
    this.leases.delete(key);
    this.#note(key, isAwaited);
    if (entry && isFit) this.#keep(key, entry, since);
    return { epoch: this.epoch, mark: this.mark, lagging: this.#late(caller.member, this.mark) };
  }

  invalidate(caller: TierCaller, tags: readonly string[] | null, isAwaited: boolean): TierReceipt {
    this.#wake(caller);
    this.#note(tags, isAwaited);
    for (const tag of tags ?? [null]) this.#stamps.set(tag, this.mark);
    return { epoch: this.epoch, mark: this.mark, lagging: this.#late(caller.member, this.mark) };
  }

  sync(caller: TierCaller, since: TierState): TierNews {
    this.#wake(caller);
    if (since.epoch === this.epoch && since.mark > this.mark) this.#begin(caller.token, since.mark);
    const unheard = this.mark - since.mark;
    const isKnown = since.epoch === this.epoch && unheard <= this.#log.length;
    this.members.set(caller.member, `${isKnown ? since.mark : -1} ${caller.token}`);
    const changes = unheard === 0 ? [] : this.#log.slice(-unheard);
    return { epoch: this.epoch, mark: this.mark, changes: isKnown ? changes : undefined };
  }

  lagging(caller: TierCaller, mark: number, gone: readonly string[]): readonly string[] {
    this.#wake(caller);
    for (let at = 0; at < gone.length; at += 2)
      if (this.members.get(gone[at]!) === gone[at + 1]) this.members.delete(gone[at]!);
    return this.#late(caller.member, mark);
  }

  leave({ member }: TierCaller): void {
    this.members.delete(member);
  }
}

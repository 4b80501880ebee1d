/**
 * Where a saga stands: `running` forwards, `compensating` backwards, at rest in `stuck` until an operator acts, or
 * ended: `completed` or `compensated`.
 */
export type SagaStatus = 'running' | 'compensating' | 'stuck' | 'completed' | 'compensated';

/** A definition, as stores know it. */
export interface SagaVersion {
  readonly name: string;
  readonly version: number;
}

/** A saga as it is stored. Every text (`input`, `data`, `payload`) is opaque to stores: well-formed, without U+0000. */
export interface SagaRecord extends SagaVersion {
  readonly id: string;
  readonly status: SagaStatus;
  /** Serialized. */
  readonly input: string;
  /** The worker that drives it; `null` while nobody does. */
  readonly worker: string | null;
  /** Grows by one each time the saga changes hands. Whoever writes must name it. */
  readonly fence: number;
  /** Takeovers from workers that died, since the last write that carried an entry. */
  readonly recoveries: number;
  /** How many events and cancellations have been sent to it. */
  readonly signals: number;
  /** Why it is to be cancelled; `null` when nobody asked. */
  readonly cancelReason: string | null;
  /** False from the completed pivot, or from the begin of compensation on. */
  readonly isCancellable: boolean;
  /** When an unowned saga is due, in Unix milliseconds of the store's clock; `null`: when a signal comes. */
  readonly wakeAtMs: number | null;
  /** Unix milliseconds of the store's clock. */
  readonly createdAtMs: number;
  /** Unix milliseconds of the store's clock; `null` until `completed` or `compensated`. */
  readonly finishedAtMs: number | null;
}

/**
 * What a log entry says of the step at its path.
 *
 * `completed`, `skipped`: ran, or was not to run. `failed`: an attempt refused; `unknown`: an attempt ended with no
 * telling what it did. `decided`: the items of a fan-out, the input of a child, that a condition held. `waiting`: a
 * sleep or a wait for an event began. `compensating`: why compensation began. `compensated`, `compensation-failed`:
 * the same backwards. `stuck`, `retried`, `resolved`: it was parked, and what an operator did about it.
 */
export type LogEntryType =
  | 'completed'
  | 'skipped'
  | 'failed'
  | 'unknown'
  | 'decided'
  | 'waiting'
  | 'compensating'
  | 'compensated'
  | 'compensation-failed'
  | 'stuck'
  | 'retried'
  | 'resolved';

/** What is to be logged. */
export interface NewLogEntry {
  readonly type: LogEntryType;
  /** Names from the outermost definition inwards, joined by `/`; empty for the saga itself. */
  readonly path: string;
  /** Which attempt this was, from 1; 0 where there are no attempts. */
  readonly attempt: number;
  /** Serialized output, decision or error. */
  readonly data: string | null;
}

/** What was logged. */
export interface LogEntry extends NewLogEntry {
  /** 0 for the first entry of a saga, and so on without gaps. */
  readonly seq: number;
  /** Of the write that brought it. */
  readonly fence: number;
  /** Unix milliseconds of the store's clock. */
  readonly atMs: number;
}

/** An event that somebody has sent to a saga. */
export interface SagaSignal {
  readonly name: string;
  /** Serialized. */
  readonly payload: string;
}

/** All that is stored about a saga. */
export interface SagaSnapshot {
  readonly record: SagaRecord;
  /** In order of `seq`. */
  readonly log: readonly LogEntry[];
  /** One for each name: the first that came. */
  readonly events: readonly SagaSignal[];
  /** The store's clock when it was read, in Unix milliseconds. */
  readonly nowMs: number;
}

/** A saga to be stored. */
export interface NewSaga extends SagaVersion {
  readonly id: string;
  readonly input: string;
}

/** An event for the outside, which a step has emitted. */
export interface OutboxEvent {
  /** The same each time it is read: consumers tell repeats by it. */
  readonly id: string;
  readonly sagaId: string;
  readonly topic: string;
  /** Serialized. */
  readonly payload: string;
}

/** What is done to a saga in one step. */
export interface SagaWrite {
  readonly id: string;
  /** As `create` (1) or `claim` answered it. */
  readonly fence: number;
  /** The `seq` of the first of `entries`. */
  readonly seq: number;
  readonly entries: readonly NewLogEntry[];
  /** Kept for the relay if and only if the entries are. */
  readonly outbox: readonly OutboxEvent[];
  readonly status: SagaStatus;
  readonly isCancellable: boolean;
  /** `signals` of the record, as far as the writer knows of them. */
  readonly seenSignals: number;
  /**
   * Given when the writer lets go of the saga, which is due `releaseAfterMs` later by the store's clock; Infinity: when
   * a signal comes. Due at once if `signals` of the record exceeds `seenSignals`: nobody misses a signal that came
   * before the release. With a status of `stuck`, `completed` or `compensated` it is always given, and never due.
   */
  readonly releaseAfterMs: number | undefined;
}

/** Asks for sagas to drive. */
export interface ClaimQuery {
  readonly worker: string;
  /** Only sagas of these definitions. */
  readonly definitions: readonly SagaVersion[];
  /** At most so many that died fewer than `suspectAfter` times. */
  readonly limit: number;
  /** At most so many more with `recoveries` of at least `suspectAfter`: fewest recoveries first. */
  readonly suspects: number;
  readonly suspectAfter: number;
  /** Only these; undefined: any. */
  readonly ids: readonly string[] | undefined;
  /**
   * Given after a `claim` or `create` whose answer was lost: also takes what belongs to `worker` already, but for
   * these, whether due or not; with `isStuck`, what is stuck. That raises fences, but no `recoveries`.
   */
  readonly held: readonly string[] | undefined;
  /** True: only those that are `stuck`, due or not, instead of those that are due. Sets their `recoveries` to 0. */
  readonly isStuck: boolean;
}

/** What the owner of a saga has not seen yet. */
export interface SagaNews {
  readonly id: string;
  readonly signals: number;
  readonly cancelReason: string | null;
}

/** Asks for a page of sagas, in order of their ids as the store sorts them. */
export interface SagaQuery {
  readonly status?: SagaStatus | undefined;
  readonly name?: string | undefined;
  /** Only ids after this one. */
  readonly after?: string | undefined;
  /** @defaultValue 100 */
  readonly limit?: number | undefined;
}

/**
 * Where sagas are kept. One conformance suite serves all implementations (test/saga/store-conformance.ts).
 *
 * Each verb is one atomic step, or as many as it has sagas, and settles in bounded time. It rejects only for a fault
 * of the store, and may then have been done or not: the caller repeats it with the same arguments, and every verb
 * says how it takes a repetition. The store's clock alone judges leases, due times and times of entries.
 *
 * Who owns what: a *worker* is one life of one process, with a lease that heartbeats extend. A saga belongs to a
 * worker; it is free when it belongs to none, or to one whose lease has ended. Its fence grows whenever it is claimed,
 * so a write of an owner before is refused, however late it comes.
 *
 * `Tx` is what an atomic step is given to write with.
 */
export interface SagaStore<out Tx = unknown> {
  /** Prepares the store: tables, scripts. Called once before anything else; concurrent calls of many processes are fine. */
  init(): PromiseLike<void>;

  /** Begins a lease of `leaseMs` and answers the name of the worker, which no other has or had. Repeated: another worker. */
  enlist(leaseMs: number): PromiseLike<string>;

  /**
   * Extends the lease to `leaseMs` from now and answers what the worker's own sagas have to hear: those with more
   * `signals` than the greatest `seenSignals` that was written for them. `null`: the lease has ended, for good. The cost does not
   * grow with the sagas that the worker owns.
   */
  renew(worker: string, leaseMs: number): PromiseLike<readonly SagaNews[] | null>;

  /** Ends the lease at once: what the worker still owns is free. Repeated: nothing. */
  retire(worker: string): PromiseLike<void>;

  /**
   * Stores sagas, `running`, cancellable, owned by `worker` with fence 1, each unless its id is taken. Answers the
   * record of each as it is now: the caller tells from its worker and fence whether it is its own. Repeated: the
   * records of the first time. Ids within a call differ.
   */
  create(worker: string, sagas: readonly NewSaga[]): PromiseLike<readonly SagaRecord[]>;

  /**
   * Does each write, in order, if the saga has its fence and belongs to `worker` or to nobody, and answers for each whether it
   * stands. A write with entries sets `recoveries` to 0. Repeated: true, if an entry with that `seq` and fence is there,
   * and nothing is changed. One that is refused changes nothing of its saga and nothing of the others. Ids within a
   * call differ.
   */
  write(worker: string, writes: readonly SagaWrite[]): PromiseLike<readonly boolean[]>;

  /**
   * Gives free sagas that are `running` or `compensating` and due to `worker`: fence and, where they
   * belonged to a worker that died, `recoveries` grow by one. A saga goes to one of many that ask at the same moment.
   * Repeated: others; with `held`, those of the first time too. Nothing is answered for a worker whose lease has ended.
   */
  claim(query: ClaimQuery): PromiseLike<readonly SagaSnapshot[]>;

  /** Due and free sagas of definitions other than these: someone must deploy them. */
  strangers(definitions: readonly SagaVersion[], limit: number): PromiseLike<readonly SagaRecord[]>;

  /** Everything about a saga. */
  load(id: string): PromiseLike<SagaSnapshot | undefined>;

  /** The records of those of these ids that exist, in any order. */
  get(ids: readonly string[]): PromiseLike<readonly SagaRecord[]>;

  list(query: SagaQuery): PromiseLike<readonly SagaRecord[]>;

  /**
   * Keeps an event for a saga that has not ended, counts it in `signals` and makes the saga due, unless an event of that
   * name is there. Answers whether the saga has an event of that name and has not ended. Repeated: the same.
   */
  signal(id: string, event: SagaSignal): PromiseLike<boolean>;

  /**
   * Asks for a cancellation, of which the first reason counts: sets it, counts it in `signals` and makes the saga due
   * unless it is `stuck`. False where the saga is unknown, has ended or is not cancellable. Repeated: the same.
   */
  cancel(id: string, reason: string): PromiseLike<boolean>;

  /** Deletes up to `limit` sagas that ended before, with all that belongs to them, and answers how many. What the relay has not published stays. */
  purge(finishedBeforeMs: number, limit: number): PromiseLike<number>;

  /**
   * Runs `fn` in a transaction of the store together with the write that it answers. First, it takes the saga: `stale`
   * without calling `fn` if a write would be refused, `present` without calling `fn` if the entry `seq` of this fence
   * is there (a repetition, after a commit whose answer was lost, waits here for that commit). When `fn` rejects, all
   * is rolled back and the same error comes through. Absent where the store has no transactions for its users.
   */
  atomic?(
    worker: string,
    saga: Pick<SagaWrite, 'id' | 'fence' | 'seq'>,
    fn: (tx: Tx) => PromiseLike<SagaWrite>,
  ): PromiseLike<'written' | 'present' | 'stale'>;

  /**
   * Up to `limit` events of the outbox, those of one saga in the order they were emitted, and none that an event still
   * uncommitted could come before. They stay until `published`.
   */
  outbox?(limit: number): PromiseLike<readonly OutboxEvent[]>;

  /** Forgets events of the outbox. Repeated: nothing. */
  published?(ids: readonly string[]): PromiseLike<void>;

  /**
   * Calls `wake` with the name of a worker whose sagas have something to hear, or without one when something may have
   * become due: a hint, which saves waiting for the next heartbeat or poll. Everything is right without it, so it may
   * come late, twice or not at all. Answers how to end it.
   */
  subscribe?(wake: (worker?: string) => void): PromiseLike<() => PromiseLike<void>>;

  /** Lets go of what the store itself has opened. Called by nobody but its user. */
  close?(): PromiseLike<void>;
}

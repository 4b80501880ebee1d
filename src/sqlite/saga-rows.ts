import type { SagaSnapshot, SagaWrite } from '../saga/saga-store.ts';
import type { Connection, Params } from './connection.ts';

/** What a write may do: it is done, has been done before, or comes from somebody who no longer owns the saga. */
export type Verdict = 'written' | 'present' | 'stale';

/** What is stored of a saga, as far as writers have to know. */
export interface Held {
  readonly no: number;
  readonly status: string;
  readonly worker: string | null;
  readonly fence: number;
  readonly signals: number;
  readonly seen: number;
  readonly reason: string | null;
  readonly isCancellable: number;
  readonly hasEnded: number;
}

const HELD = `SELECT json_object('no', no, 'status', status, 'worker', worker, 'fence', fence, 'signals', signals,
'seen', seen_signals, 'reason', cancel_reason, 'isCancellable', is_cancellable, 'hasEnded', finished_at_ms IS NOT NULL)
FROM @saga WHERE id = :id`;

/** The rows that a statement answers, each as one JSON text. */
export function jsonRows<T>(file: Connection, sql: string, params: Params): readonly T[] {
  return file.all(sql, params).map((text) => JSON.parse(text as string) as T);
}

/** What is stored under an id. */
export function held(file: Connection, id: string): Held | undefined {
  return jsonRows<Held>(file, HELD, { id })[0];
}

/** Gives a saga to a worker. */
export function take(file: Connection, worker: string, no: number, isStuck: boolean, nowMs: number): SagaSnapshot {
  file.run(
    `UPDATE @saga SET fence = fence + 1, worker = :worker,
recoveries = iif(:isStuck, 0, recoveries + iif(worker <> :worker, 1, 0)) WHERE no = :no`,
    { no, worker, isStuck: Number(isStuck) },
  );
  return { ...jsonRows<SagaSnapshot>(file, 'SELECT {snapshot} FROM @saga WHERE no = :no', { no })[0]!, nowMs };
}

/** What a write would do. */
export function verdictOn(
  file: Connection,
  worker: string,
  { fence, seq }: Pick<SagaWrite, 'fence' | 'seq'>,
  hasEntries: boolean,
  saga: Held | undefined,
): Verdict {
  if (!saga) return 'stale';
  const { no } = saga;
  if (hasEntries && file.all('SELECT fence FROM @log WHERE saga = :no AND seq = :seq', { no, seq })[0] === fence)
    return 'present';
  const isOwn = saga.fence === fence && (saga.worker === worker || saga.worker === null);
  if (!isOwn) return 'stale';
  if (hasEntries) {
    const length = file.all('SELECT ifnull(max(seq) + 1, 0) FROM @log WHERE saga = :no', { no })[0];
    return length === seq ? 'written' : 'stale';
  }
  // What a later write of the same owner has changed stays as it is when an earlier one is sent again.
  const sql = 'SELECT seq FROM @log WHERE saga = :no AND seq >= :seq AND fence >= :fence LIMIT 1';
  return saga.hasEnded || file.all(sql, { no, seq, fence }).length > 0 ? 'present' : 'written';
}

/** Does a write, unless that would be wrong. */
export function writeSaga(file: Connection, worker: string, write: SagaWrite, now: number): Verdict {
  const saga = held(file, write.id);
  const verdict = verdictOn(file, worker, write, write.entries.length > 0, saga);
  if (verdict !== 'written' || !saga) return verdict;
  const { no } = saga;
  const { fence, seq, status } = write;
  for (const [k, { type, path, attempt, data }] of write.entries.entries()) {
    file.run(
      `INSERT INTO @log (saga, seq, fence, at_ms, attempt, type, path, data)
VALUES (:no, :seq, :fence, :now, :attempt, :type, :path, :data)`,
      { no, seq: seq + k, fence, now, attempt, type, path, data },
    );
  }
  for (const { id, sagaId, topic, payload } of write.outbox) {
    const sql = 'INSERT INTO @outbox (id, saga_id, topic, payload) VALUES (:id, :sagaId, :topic, :payload)';
    file.run(sql, { id, sagaId, topic, payload });
  }
  const seen = Math.max(saga.seen, write.seenSignals);
  file.run(
    `UPDATE @saga SET status = :status, is_cancellable = :isCancellable, seen_signals = :seen,
recoveries = iif(:entries, 0, recoveries),
finished_at_ms = iif(:status IN ('completed', 'compensated'), :now, NULL) WHERE no = :no`,
    { no, status, isCancellable: Number(write.isCancellable), seen, now, entries: write.entries.length },
  );
  release(file, write, no, saga.signals > seen, now);
  return verdict;
}

function release(file: Connection, write: SagaWrite, no: number, hasNews: boolean, now: number): void {
  const { status, releaseAfterMs } = write;
  if (releaseAfterMs === undefined) return;
  const isAtRest = status !== 'running' && status !== 'compensating';
  const waitMs = hasNews ? 0 : Math.ceil(releaseAfterMs);
  const wake = isAtRest || waitMs === Infinity ? null : now + waitMs;
  file.run('UPDATE @saga SET worker = NULL, wake_at_ms = :wake WHERE no = :no', { no, wake });
}

/** Counts what a saga is told, and makes it due where it waits. */
export function poke(file: Connection, no: number, reason: string | null, now: number): void {
  file.run(
    `UPDATE @saga SET signals = signals + 1, cancel_reason = ifnull(cancel_reason, :reason),
wake_at_ms = iif(worker IS NULL AND status <> 'stuck', :now, wake_at_ms) WHERE no = :no`,
    { no, reason, now },
  );
}

/*
 * Times are Unix milliseconds. `no` is a key of this file alone, narrow for the log's sake, and never used twice. A
 * worker whose lease has ended, or was given back, has an `until_ms` of 0: it is buried, and stays so.
 */

/** The statements that make the tables, where `@` stands before their names. */
export const SAGA_TABLES = `
CREATE TABLE IF NOT EXISTS @worker (name TEXT PRIMARY KEY, until_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS @saga (
  no INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, version INTEGER NOT NULL,
  status TEXT NOT NULL DEFAULT 'running', worker TEXT, fence INTEGER NOT NULL DEFAULT 1,
  recoveries INTEGER NOT NULL DEFAULT 0, signals INTEGER NOT NULL DEFAULT 0, seen_signals INTEGER NOT NULL DEFAULT 0,
  is_cancellable INTEGER NOT NULL DEFAULT 1, cancel_reason TEXT, wake_at_ms INTEGER, created_at_ms INTEGER NOT NULL,
  finished_at_ms INTEGER, input TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS @saga_due ON @saga (wake_at_ms) WHERE worker IS NULL AND wake_at_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS @saga_owned ON @saga (worker) WHERE worker IS NOT NULL;
CREATE INDEX IF NOT EXISTS @saga_unseen ON @saga (worker) WHERE signals > seen_signals;
CREATE INDEX IF NOT EXISTS @saga_stuck ON @saga (id) WHERE status = 'stuck';
CREATE INDEX IF NOT EXISTS @saga_ended ON @saga (finished_at_ms) WHERE finished_at_ms IS NOT NULL;
CREATE TABLE IF NOT EXISTS @log (
  saga INTEGER, seq INTEGER, fence INTEGER NOT NULL, at_ms INTEGER NOT NULL, attempt INTEGER NOT NULL,
  type TEXT NOT NULL, path TEXT NOT NULL, data TEXT, PRIMARY KEY (saga, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS @event (
  saga INTEGER, name TEXT, payload TEXT NOT NULL, PRIMARY KEY (saga, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS @outbox (
  no INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, saga_id TEXT NOT NULL, topic TEXT NOT NULL,
  payload TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS @outbox_id ON @outbox (id);
CREATE TABLE IF NOT EXISTS @schema (version INTEGER PRIMARY KEY);
INSERT OR IGNORE INTO @schema VALUES (1);
`;

/** A row of sagas as a record. */
const RECORD = `json_object('id', id, 'name', name, 'version', version, 'status', status, 'input', input,
'worker', worker, 'fence', fence, 'recoveries', recoveries, 'signals', signals, 'cancelReason', cancel_reason,
'isCancellable', json(iif(is_cancellable, 'true', 'false')), 'wakeAtMs', wake_at_ms, 'createdAtMs', created_at_ms,
'finishedAtMs', finished_at_ms)`;

/** A row of sagas as a snapshot, without its time. */
const SNAPSHOT = `json_object('record', {record}, 'log', (SELECT json_group_array(json_object('type', type,
'path', path, 'attempt', attempt, 'data', data, 'seq', seq, 'fence', fence, 'atMs', at_ms)) FROM (SELECT * FROM @log
WHERE saga = no ORDER BY seq)), 'events', (SELECT json_group_array(json_object('name', name, 'payload', payload))
FROM @event WHERE saga = no))`;

/** Those of `:definitions`, a JSON text. */
const KNOWN = `(name, version) IN (SELECT value ->> 'name', value ->> 'version' FROM json_each(:definitions))`;

/** Those of dead workers, and those that wake. */
const DUE = `(worker IS NULL AND wake_at_ms <= :now OR worker IN (SELECT name FROM @worker WHERE until_ms <= :now))`;

/** Those of `:ids`, a JSON text; all where it is null. */
const NAMED = `(:ids IS NULL OR id IN (SELECT value FROM json_each(:ids)))`;

/** Those of `:worker` that it does not hold, where it says what it holds. */
const LOST = `:held IS NOT NULL AND worker = :worker AND id NOT IN (SELECT value FROM json_each(:held))`;

const CLAIMABLE = `{known} AND status <> 'stuck' AND {named} AND ({due} OR {lost})`;

/** Keys of sagas that may be claimed. */
export const INNOCENT = `SELECT no FROM @saga WHERE {claimable} AND recoveries < :suspectAfter LIMIT :limit`;
export const SUSPECT = `SELECT no FROM @saga WHERE {claimable} AND recoveries >= :suspectAfter
ORDER BY recoveries LIMIT :suspects`;
export const STUCK = `SELECT no FROM @saga WHERE status = 'stuck' AND {known} AND {named} AND (worker IS NULL
OR {lost} OR worker NOT IN (SELECT name FROM @worker WHERE until_ms > :now)) LIMIT :limit + :suspects`;

/** Due sagas of other definitions. */
export const STRANGERS = `SELECT {record} FROM @saga WHERE {due} AND status <> 'stuck' AND NOT {known} LIMIT :limit`;

/** A statement with the parts that it names in braces. Here and not in the texts, which are then plain constants. */
export function withParts(sql: string): string {
  return sql
    .replaceAll('{claimable}', CLAIMABLE)
    .replaceAll('{lost}', LOST)
    .replaceAll('{known}', KNOWN)
    .replaceAll('{named}', NAMED)
    .replaceAll('{due}', DUE)
    .replaceAll('{snapshot}', SNAPSHOT)
    .replaceAll('{record}', RECORD);
}

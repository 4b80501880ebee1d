/*
 * Tables and functions of `postgresSagaStore`; `@` stands for the schema. Each verb of the store is one call of one
 * function: PostgreSQL keeps the plans of what is in a function, so a call costs a round trip and no planning, with
 * every client and every pooler.
 *
 * Times are Unix milliseconds of the server. `no` is a saga's key within the database, narrow for the log's sake.
 * A write locks the row of its saga, so that no takeover comes between the check of the fence and the commit, and
 * changes the row only where there is something to change: most steps leave it as it is.
 */
const TABLES = [
  `CREATE TABLE @saga_worker (name text PRIMARY KEY DEFAULT gen_random_uuid()::text, until_ms bigint NOT NULL, listens bool NOT NULL) WITH (fillfactor = 50)`,
  `CREATE TABLE @saga (no bigint GENERATED ALWAYS AS IDENTITY, id text COLLATE "C" PRIMARY KEY, name text NOT NULL, version int NOT NULL, status text NOT NULL DEFAULT 'running', worker text, fence int NOT NULL DEFAULT 1, recoveries int NOT NULL DEFAULT 0, signals int NOT NULL DEFAULT 0, seen_signals int NOT NULL DEFAULT 0, is_cancellable bool NOT NULL DEFAULT true, cancel_reason text, wake_at_ms bigint, created_at_ms bigint NOT NULL, finished_at_ms bigint, input text NOT NULL) WITH (fillfactor = 90)`,
  `CREATE INDEX ON @saga (wake_at_ms) WHERE worker IS NULL AND wake_at_ms IS NOT NULL`,
  `CREATE INDEX ON @saga (worker) WHERE worker IS NOT NULL`,
  `CREATE INDEX ON @saga (worker) WHERE signals > seen_signals`,
  `CREATE INDEX ON @saga (id) WHERE status = 'stuck'`,
  `CREATE INDEX ON @saga (finished_at_ms) WHERE finished_at_ms IS NOT NULL`,
  `CREATE TABLE @saga_log (saga bigint, seq int, fence int NOT NULL, attempt int NOT NULL, at_ms bigint NOT NULL, type text NOT NULL, path text NOT NULL, data text, PRIMARY KEY (saga, seq))`,
  `CREATE TABLE @saga_signal (saga bigint, name text, payload text NOT NULL, PRIMARY KEY (saga, name))`,
  `CREATE TABLE @saga_outbox (no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, xid xid8 NOT NULL DEFAULT pg_current_xact_id(), id text NOT NULL, saga_id text NOT NULL, topic text NOT NULL, payload text NOT NULL)`,
  `CREATE INDEX ON @saga_outbox (id)`,
];

/** What is free and due at the time `t`, to whom asks with `q`. */
const DUE = `(worker IS NULL AND wake_at_ms <= t OR worker = ANY (dead) OR worker = $1 AND id <> ALL (q.held)) AND status <> 'stuck' AND (q.ids IS NULL OR id = ANY (q.ids)) AND (name, version) IN (SELECT * FROM json_to_recordset($3::json) AS d(name text, version int))`;

/** What a write `f` changes in the row `s` of its saga, at the time `t`. */
const CHANGE = `UPDATE @saga s SET status = f.status, is_cancellable = f.is_cancellable, seen_signals = greatest(s.seen_signals, seen), recoveries = CASE WHEN has_entries THEN 0 ELSE s.recoveries END, finished_at_ms = CASE WHEN f.status IN ('completed', 'compensated') THEN coalesce(s.finished_at_ms, t) END, worker = CASE WHEN release IS NULL THEN worker END, wake_at_ms = CASE WHEN release IS NULL THEN wake_at_ms WHEN f.status NOT IN ('running', 'compensating') THEN NULL WHEN signals > greatest(s.seen_signals, seen) THEN t WHEN release < 1e15 THEN t + ceil(release) END`;

/** Name, arguments, result, then the body. Put together when asked for, so that nobody else carries it. */
const functionsOf = (): readonly (readonly [string, string, string, string])[] => [
  ['saga_now', '', 'bigint', `SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint`],
  [
    'saga_record',
    '@saga',
    'json',
    `SELECT json_build_object('id', $1.id, 'name', $1.name, 'version', $1.version, 'status', $1.status, 'input', $1.input, 'worker', $1.worker, 'fence', $1.fence, 'recoveries', $1.recoveries, 'signals', $1.signals, 'cancelReason', $1.cancel_reason, 'isCancellable', $1.is_cancellable, 'wakeAtMs', $1.wake_at_ms, 'createdAtMs', $1.created_at_ms, 'finishedAtMs', $1.finished_at_ms)`,
  ],
  [
    'saga_snapshot',
    '@saga',
    'json',
    `SELECT json_build_object('record', @saga_record($1), 'log', (SELECT coalesce(json_agg(json_build_object('type', type, 'path', path, 'attempt', attempt, 'data', data, 'seq', seq, 'fence', fence, 'atMs', at_ms) ORDER BY seq), '[]') FROM @saga_log WHERE saga = $1.no), 'events', (SELECT coalesce(json_agg(json_build_object('name', name, 'payload', payload)), '[]') FROM @saga_signal WHERE saga = $1.no), 'nowMs', @saga_now())`,
  ],
  // Workers that died a week ago and own nothing are forgotten.
  [
    'saga_enlist',
    'bigint, bool',
    'text',
    `DELETE FROM @saga_worker w WHERE until_ms < 0 AND until_ms > 604800000 - @saga_now() AND NOT EXISTS (SELECT FROM @saga WHERE worker = w.name);
INSERT INTO @saga_worker (until_ms, listens) VALUES (@saga_now() + $1, $2) RETURNING name`,
  ],
  [
    'saga_renew',
    'text, bigint',
    'json plpgsql',
    `BEGIN
UPDATE @saga_worker SET until_ms = @saga_now() + $2 WHERE name = $1 AND until_ms > @saga_now();
IF NOT FOUND THEN RETURN NULL; END IF;
RETURN (SELECT coalesce(json_agg(json_build_object('id', id, 'signals', signals, 'cancelReason', cancel_reason)), '[]') FROM @saga WHERE worker = $1 AND signals > seen_signals);
END`,
  ],
  /*
   * Wakes the worker $1, or with an empty text whoever looks for sagas. Commits that notify go one after the other in
   * the whole cluster, so nobody does where nobody listens, and no step does in any case.
   */
  [
    'saga_notify',
    'text',
    'void',
    `SELECT pg_notify('@channel', $1) WHERE EXISTS (SELECT FROM @saga_worker WHERE listens AND until_ms > 0)`,
  ],
  [
    'saga_retire',
    'text',
    'void',
    `UPDATE @saga_worker SET until_ms = -@saga_now() WHERE name = $1 AND until_ms > 0;
SELECT @saga_notify('') WHERE EXISTS (SELECT FROM @saga WHERE worker = $1)`,
  ],
  // The moment, when all were stored; else the records of all.
  [
    'saga_create',
    'text, text, text, text, text',
    'json plpgsql',
    `DECLARE t bigint := @saga_now(); n int;
BEGIN
INSERT INTO @saga (id, name, version, input, worker, created_at_ms) SELECT id, name, version, input, $1, t FROM unnest($2::text[], $3::text[], $4::int[], $5::text[]) AS n(id, name, version, input) ORDER BY id COLLATE "C" ON CONFLICT DO NOTHING;
GET DIAGNOSTICS n = ROW_COUNT;
RETURN CASE WHEN n = cardinality($2::text[]) THEN to_json(t) ELSE @saga_get($2) END;
END`,
  ],
  // The same for one.
  [
    'saga_start',
    'text, text, text, int, text',
    'json plpgsql',
    `DECLARE t bigint := @saga_now();
BEGIN
INSERT INTO @saga (id, name, version, input, worker, created_at_ms) VALUES ($2, $3, $4, $5, $1, t) ON CONFLICT DO NOTHING;
IF FOUND THEN RETURN to_json(t); END IF;
RETURN @saga_get(ARRAY[$2]::text);
END`,
  ],
  // 'p': the entry is there; 'w': it may be written; 's': neither, for ever.
  [
    'saga_verdict',
    'text, text, int, int',
    'text plpgsql',
    `BEGIN
RETURN (SELECT CASE WHEN EXISTS (SELECT FROM @saga_log WHERE saga = no AND seq = $4 AND fence = $3) THEN 'p' WHEN fence = $3 AND coalesce(worker, $1) = $1 AND finished_at_ms IS NULL AND $4 = (SELECT coalesce(max(seq) + 1, 0) FROM @saga_log WHERE saga = no) THEN 'w' ELSE 's' END FROM @saga WHERE id = $2);
END`,
  ],
  // A write of one entry that changes nothing else, or ends its saga ($12): most writes are, at a third of the cost.
  // Whatever differs is `saga_write`'s.
  [
    'saga_step',
    'text, text, int, int, text, bool, int, text, text, int, text, bool',
    'text plpgsql',
    `DECLARE t bigint := @saga_now(); n bigint;
BEGIN
SELECT no INTO n FROM @saga WHERE id = $2 AND fence = $3 AND (worker = $1 OR worker IS NULL) AND finished_at_ms IS NULL AND ($12 OR status = $5 AND is_cancellable = $6 AND seen_signals >= $7 AND recoveries = 0) FOR NO KEY UPDATE;
IF FOUND THEN
  INSERT INTO @saga_log SELECT n, $4, $3, $10, t, $8, $9, $11 WHERE $4 = 0 OR EXISTS (SELECT FROM @saga_log WHERE saga = n AND seq = $4 - 1) ON CONFLICT DO NOTHING;
  IF FOUND THEN
    IF $12 THEN UPDATE @saga SET status = $5, is_cancellable = $6, seen_signals = greatest(seen_signals, $7), recoveries = 0, finished_at_ms = t, worker = NULL, wake_at_ms = NULL WHERE id = $2; END IF;
    RETURN 'w';
  END IF;
END IF;
RETURN @saga_write($1, ARRAY[$2]::text, ARRAY[$3]::text, ARRAY[$4]::text, ARRAY[$5]::text, ARRAY[$6]::text, ARRAY[$7]::text, CASE WHEN $12 THEN '{1e15}' ELSE '{null}' END, ARRAY[$8]::text, ARRAY[$9]::text, ARRAY[$10]::text, ARRAY[$11]::text, '{}', '{}', '{}', '{}', '{}', '{}', '[]');
END`,
  ],
  /*
   * Any writes: a verdict for each, or 'w' when all are done. The rows are locked, then all entries go in at once, the
   * first ones with their writes, so that nothing has to be joined; an entry in the way is what this very write
   * brought before. What is sent again late finds such an entry too, so it cannot undo what came since.
   */
  [
    'saga_write',
    'text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text',
    'text plpgsql',
    `DECLARE t bigint := @saga_now(); done bigint[]; is_due bool;
BEGIN
WITH w AS MATERIALIZED (SELECT w.*, no, g.status AS old_status, g.is_cancellable AS old_cancellable, signals AS all_signals, seen_signals, recoveries, finished_at_ms FROM unnest($2::text[], $3::int[], $4::int[], $5::text[], $6::bool[], $7::int[], $8::float8[], $9::text[], $10::text[], $11::int[], $12::text[]) WITH ORDINALITY AS w(id, fence, seq, status, is_cancellable, seen, release, type, path, attempt, data, i) JOIN @saga g ON g.id = w.id AND g.fence = w.fence AND (worker = $1 OR worker IS NULL) ORDER BY g.id FOR NO KEY UPDATE OF g),
v AS MATERIALIZED (SELECT * FROM w WHERE seq = 0 OR type IS NULL OR EXISTS (SELECT FROM @saga_log WHERE saga = no AND seq = w.seq - 1)),
l AS (INSERT INTO @saga_log SELECT no, seq, fence, attempt, t, type, path, data FROM v WHERE type IS NOT NULL UNION ALL SELECT no, e.seq, fence, e.attempt, t, e.type, e.path, e.data FROM unnest($13::int[], $14::int[], $15::text[], $16::text[], $17::int[], $18::text[]) AS e(i, seq, type, path, attempt, data) JOIN v USING (i) ON CONFLICT DO NOTHING RETURNING saga),
f AS MATERIALIZED (SELECT *, type IS NOT NULL AS has_entries FROM v WHERE no IN (SELECT saga FROM l) OR type IS NULL AND (finished_at_ms IS NULL OR status = old_status) AND NOT EXISTS (SELECT FROM @saga_log WHERE saga = no AND seq >= v.seq)),
u AS (@change FROM f WHERE s.id = f.id AND (release IS NOT NULL OR f.status <> old_status OR f.is_cancellable <> old_cancellable OR seen > f.seen_signals OR has_entries AND f.recoveries > 0)),
o AS (INSERT INTO @saga_outbox (id, saga_id, topic, payload) SELECT o.id, f.id, topic, payload FROM json_to_recordset($19::json) AS o(id text, "sagaId" text, topic text, payload text) JOIN f ON f.id = "sagaId")
SELECT array_agg(i), bool_or(status IN ('running', 'compensating') AND (release <= 0 OR release > 0 AND all_signals > greatest(seen, seen_signals))) INTO done, is_due FROM f;
IF is_due THEN PERFORM @saga_notify(''); END IF;
IF cardinality(done) = cardinality($2::text[]) THEN RETURN 'w'; END IF;
RETURN (SELECT string_agg(CASE WHEN i = ANY (done) THEN 'w' ELSE coalesce(@saga_verdict($1, id, fence, seq), 's') END, '' ORDER BY i) FROM unnest($2::text[], $3::int[], $4::int[]) WITH ORDINALITY AS w(id, fence, seq, i));
END`,
  ],
  // The first statement of an atomic step. A holder that has stalled keeps the row no longer than $5.
  [
    'saga_take',
    'text, text, int, int, text',
    'text plpgsql',
    `BEGIN
PERFORM set_config('idle_in_transaction_session_timeout', $5, true), no FROM @saga WHERE id = $2 FOR NO KEY UPDATE;
RETURN coalesce(@saga_verdict($1, $2, $3, $4), 's');
END`,
  ],
  /*
   * A lease that has ended is buried before anybody inherits: the row of the worker is locked, so a renewal under way
   * comes first or finds it ended.
   */
  [
    'saga_claim',
    'text, text, text',
    'json plpgsql',
    `DECLARE t bigint := @saga_now(); q record; dead text[]; taken text[]; more text[];
BEGIN
UPDATE @saga_worker SET until_ms = -t WHERE until_ms BETWEEN 1 AND t;
IF NOT EXISTS (SELECT FROM @saga_worker WHERE name = $1 AND until_ms > t) THEN RETURN '[]'; END IF;
dead := ARRAY(SELECT name FROM @saga_worker WHERE until_ms < 0);
SELECT * INTO q FROM json_to_record($2::json) AS q("limit" int, suspects int, "suspectAfter" int, ids text[], held text[], "isStuck" bool);
IF q."isStuck" THEN
  taken := ARRAY(SELECT id FROM @saga WHERE status = 'stuck' AND (worker IS NULL OR worker = ANY (dead) OR worker = $1 AND id <> ALL (q.held)) AND (q.ids IS NULL OR id = ANY (q.ids)) AND (name, version) IN (SELECT * FROM json_to_recordset($3::json) AS d(name text, version int)) LIMIT q."limit" + q.suspects FOR NO KEY UPDATE SKIP LOCKED);
ELSE
  taken := ARRAY(SELECT id FROM @saga WHERE @due AND recoveries < q."suspectAfter" LIMIT q."limit" FOR NO KEY UPDATE SKIP LOCKED);
  IF q.suspects > 0 THEN
    more := ARRAY(SELECT id FROM @saga WHERE @due AND recoveries >= q."suspectAfter" ORDER BY recoveries LIMIT q.suspects FOR NO KEY UPDATE SKIP LOCKED);
    taken := taken || more;
  END IF;
END IF;
UPDATE @saga SET recoveries = CASE WHEN q."isStuck" THEN 0 WHEN worker <> $1 THEN recoveries + 1 ELSE recoveries END, worker = $1, fence = fence + 1 WHERE id = ANY (taken);
RETURN (SELECT coalesce(json_agg(@saga_snapshot(s)), '[]') FROM @saga s WHERE id = ANY (taken));
END`,
  ],
  [
    'saga_strangers',
    'text, int',
    'json',
    `SELECT coalesce(json_agg(@saga_record(s)), '[]') FROM (SELECT * FROM @saga WHERE (worker IS NULL AND wake_at_ms <= @saga_now() OR worker = ANY (ARRAY(SELECT name FROM @saga_worker WHERE until_ms <= @saga_now()))) AND status <> 'stuck' AND (name, version) NOT IN (SELECT * FROM json_to_recordset($1::json) AS d(name text, version int)) LIMIT $2) s`,
  ],
  ['saga_load', 'text', 'json', `SELECT @saga_snapshot(s) FROM @saga s WHERE id = $1`],
  [
    'saga_get',
    'text',
    'json',
    `SELECT coalesce(json_agg(@saga_record(s)), '[]') FROM @saga s WHERE id = ANY ($1::text[])`,
  ],
  [
    'saga_list',
    'text, text, text, int',
    'json',
    `SELECT coalesce(json_agg(@saga_record(s)), '[]') FROM (SELECT * FROM @saga WHERE ($1 IS NULL OR status = $1) AND ($2 IS NULL OR name = $2) AND ($3 IS NULL OR id > $3) ORDER BY id LIMIT $4) s`,
  ],
  [
    'saga_signal',
    'text, text, text',
    'bool plpgsql',
    `DECLARE g record;
BEGIN
SELECT no, finished_at_ms INTO g FROM @saga WHERE id = $1 FOR NO KEY UPDATE;
IF NOT FOUND OR g.finished_at_ms IS NOT NULL THEN RETURN false; END IF;
INSERT INTO @saga_signal VALUES (g.no, $2, $3) ON CONFLICT DO NOTHING;
IF FOUND THEN PERFORM @saga_poke($1, NULL); END IF;
RETURN true;
END`,
  ],
  [
    'saga_poke',
    'text, text',
    'void',
    `WITH p AS (UPDATE @saga SET signals = signals + 1, cancel_reason = coalesce(cancel_reason, $2), wake_at_ms = CASE WHEN worker IS NULL AND status <> 'stuck' THEN @saga_now() ELSE wake_at_ms END WHERE id = $1 RETURNING worker, status) SELECT @saga_notify(coalesce(worker, '')) FROM p WHERE status <> 'stuck'`,
  ],
  [
    'saga_cancel',
    'text, text',
    'bool plpgsql',
    `DECLARE g record;
BEGIN
SELECT cancel_reason INTO g FROM @saga WHERE id = $1 AND is_cancellable AND finished_at_ms IS NULL FOR NO KEY UPDATE;
IF NOT FOUND THEN RETURN false; END IF;
IF g.cancel_reason IS NULL THEN PERFORM @saga_poke($1, $2); END IF;
RETURN true;
END`,
  ],
  [
    'saga_purge',
    'bigint, int',
    'bigint',
    `WITH gone AS (DELETE FROM @saga WHERE id IN (SELECT id FROM @saga WHERE finished_at_ms < $1 LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING no), log AS (DELETE FROM @saga_log USING gone WHERE saga = no), signal AS (DELETE FROM @saga_signal USING gone WHERE saga = no) SELECT count(*) FROM gone`,
  ],
  // What is below the oldest transaction that still runs is all there will ever be.
  [
    'saga_outbox',
    'int',
    'json',
    `SELECT coalesce(json_agg(json_build_object('id', id, 'sagaId', saga_id, 'topic', topic, 'payload', payload) ORDER BY no), '[]') FROM (SELECT * FROM @saga_outbox WHERE xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY no LIMIT $1) o`,
  ],
  ['saga_published', 'text', 'void', `DELETE FROM @saga_outbox WHERE id = ANY ($1::text[])`],
];

/** Where workers that listen are woken. */
export const sagaChannel = (schema: string): string => `${schema}_saga`;

/** Of the tables and functions below. Grows by one with each migration. */
export const SAGA_SCHEMA_VERSION = 1;

/** The statements of migration 1, in order, for a schema that is there. */
export function sagaStatements(schema: string): readonly string[] {
  const functions = functionsOf().map(([name, args, result, body]) => {
    const [type, language = 'sql'] = result.split(' ');
    // Plans are kept while tables grow from nothing: they must not read whole tables because these were small once.
    // Before PostgreSQL 18 that puts costs up to where it would compile each plan, for longer than these run.
    const setting = language === 'sql' ? '' : ' SET enable_seqscan = off SET jit = off';
    return `CREATE FUNCTION @${name}(${args}) RETURNS ${type} LANGUAGE ${language}${setting} AS $f$${body}$f$`;
  });
  return [...TABLES, ...functions, `CREATE TABLE @saga_schema AS SELECT ${SAGA_SCHEMA_VERSION} AS version`].map(
    (text) =>
      text
        .replaceAll('@due', DUE)
        .replaceAll('@change', CHANGE)
        .replaceAll('@channel', sagaChannel(schema))
        .replaceAll('@', `${schema}.`),
  );
}

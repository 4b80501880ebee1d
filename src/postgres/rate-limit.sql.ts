/*
 * The same decisions as in Redis, and the same state: see redis/rate-limit.lua.ts for what the numbers mean. `x` and
 * `y` hold those of each policy, `log` number of the policy, time and units of each entry, `held` the reservations.
 *
 * The first try reads without a lock, so that who is refused waits for nobody and writes nothing. What is found to be
 * changed meanwhile is read again, locked. Numbers are numeric: no product of them overflows, and div() is exact.
 */

/** The statements that make what is missing. The table is not logged: a crash empties it, and nothing waits for a disk. */
export function rateLimitTable(table: string): readonly string[] {
  return [
    `CREATE UNLOGGED TABLE IF NOT EXISTS ${table} (
      id bytea PRIMARY KEY, version bigint NOT NULL, at_ms numeric NOT NULL, x numeric[] NOT NULL, y numeric[] NOT NULL,
      log numeric[] NOT NULL, held numeric[] NOT NULL, expires_ms numeric NOT NULL)`,
    `CREATE INDEX IF NOT EXISTS ${table.replace(/^.*\./, '')}_expires ON ${table} (expires_ms)`,
    rateLimitFunction(table),
  ];
}

const MOST = '9007199254740991';

/** Rows outlive their use by this at the most, so that their index seldom changes. */
const EXPIRES = 'ceil((now + ttl) / 30000) * 30000';

/** Sets `reset` to the time until policy `i` is as good as new, were `units` more taken now. */
function full(units: string): string {
  return `more := ${units};
    newest := 0;
    IF kinds[i] = 'log' THEN
      FOR e IN 0..cardinality(log) / 3 - 1 LOOP
        IF log[3 * e + 1] = i THEN newest := log[3 * e + 2]; END IF;
      END LOOP;
    END IF;
    reset := CASE
      WHEN kinds[i] = 'bucket' THEN div(x[i] + more * b[i] + c[i] - 1, c[i])
      WHEN kinds[i] = 'first' AND x[i] > 0 THEN y[i] + b[i] - now
      WHEN kinds[i] = 'log' AND more = 0 AND x[i] > 0 THEN newest + b[i] - now
      WHEN kinds[i] = 'sliding' AND x[i] + more = 0 AND y[i] > 0 THEN b[i] - start
      WHEN x[i] + more = 0 THEN 0
      WHEN kinds[i] = 'epoch' THEN b[i] - start
      WHEN kinds[i] = 'sliding' THEN 2 * b[i] - start
      ELSE b[i] END;`;
}

function rateLimitFunction(table: string): string {
  return `CREATE FUNCTION ${table}_v1(key text, kinds text[], a numeric[], b numeric[], c numeric[], ops numeric[])
RETURNS numeric[] LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  row_id bytea := sha256(convert_to(key, 'UTF8'));
  count int := cardinality(kinds);
  us numeric; now numeric; ago numeric; step numeric; start numeric; started numeric;
  r record; is_found boolean; dirty boolean;
  x numeric[]; y numeric[]; log numeric[]; held numeric[]; kept numeric[]; answer numeric[]; lefts numeric[];
  op numeric; cost numeric; n numeric; took numeric; id numeric; last_id numeric; room numeric; free numeric[];
  wait numeric; reset numeric; ttl numeric; back numeric; more numeric; over numeric; newest numeric; at int; j int; k int;
BEGIN
  FOR try IN 1..1000 LOOP
    IF try = 1 THEN
      SELECT * INTO r FROM ${table} AS t WHERE t.id = row_id;
    ELSE
      SELECT * INTO r FROM ${table} AS t WHERE t.id = row_id FOR UPDATE;
    END IF;
    is_found := FOUND;
    us := floor(extract(epoch FROM clock_timestamp()) * 1000000);
    now := div(us, 1000);
    x := '{}'; y := '{}'; log := '{}'; held := '{}'; answer := '{}'; last_id := 0;
    ago := CASE WHEN is_found THEN greatest(0, now - r.at_ms) ELSE 0 END;
    step := CASE WHEN is_found THEN greatest(0, r.at_ms - now) ELSE 0 END;
    dirty := step > 0;
    FOR i IN 1..count LOOP
      IF NOT is_found THEN
        x[i] := 0; y[i] := now;
        CONTINUE;
      END IF;
      x[i] := r.x[i]; y[i] := r.y[i];
      start := now - mod(now, b[i]);
      CASE kinds[i]
        WHEN 'bucket' THEN x[i] := greatest(0, x[i] - ago * c[i]);
        WHEN 'epoch' THEN IF start > r.at_ms THEN x[i] := 0; END IF;
        WHEN 'first' THEN
          y[i] := y[i] - step;
          IF now - y[i] >= b[i] THEN x[i] := 0; y[i] := now; END IF;
        WHEN 'sliding' THEN
          IF start > r.at_ms THEN
            y[i] := CASE WHEN start - b[i] <= r.at_ms THEN x[i] ELSE 0 END;
            x[i] := 0;
          END IF;
        ELSE
          x[i] := 0;
          FOR e IN 0..cardinality(r.log) / 3 - 1 LOOP
            IF r.log[3 * e + 1] = i AND now - (r.log[3 * e + 2] - step) < b[i] THEN
              log := log || ARRAY[i, r.log[3 * e + 2] - step, r.log[3 * e + 3]];
              x[i] := x[i] + r.log[3 * e + 3];
            END IF;
          END LOOP;
      END CASE;
    END LOOP;
    FOR i IN 1..count LOOP
      IF kinds[i] = 'sliding' AND NOT is_found THEN y[i] := 0; END IF;
    END LOOP;
    IF is_found AND step = 0 THEN
      FOR e IN 0..cardinality(r.held) / (count + 1) - 1 LOOP
        at := e * (count + 1) + 1;
        started := div(r.held[at], 2000);
        lefts := '{}';
        over := 0;
        FOR i IN 1..count LOOP
          start := now - mod(now, b[i]);
          lefts[i] := CASE
            WHEN kinds[i] = 'bucket' THEN least(r.held[at + i], x[i])
            WHEN kinds[i] = 'epoch' AND started >= start OR kinds[i] = 'first' AND started >= y[i]
              OR kinds[i] = 'sliding' AND started >= start - b[i] OR kinds[i] = 'log' AND now - started < b[i]
              THEN r.held[at + i]
            ELSE 0 END;
          over := over + lefts[i];
        END LOOP;
        IF over > 0 THEN held := held || r.held[at] || lefts; END IF;
        last_id := r.held[at];
      END LOOP;
    END IF;
    FOR o IN 0..cardinality(ops) / 3 - 1 LOOP
      op := ops[3 * o + 1]; cost := ops[3 * o + 2]; id := 0; took := -1; n := 0;
      IF op = 3 THEN
        j := 0;
        FOR e IN 0..cardinality(held) / (count + 1) - 1 LOOP
          IF held[e * (count + 1) + 1] = ops[3 * o + 3] THEN j := e * (count + 1) + 1; END IF;
        END LOOP;
        IF j > 0 THEN
          dirty := true;
          started := div(held[j], 2000);
          lefts := held[j + 1:j + count];
          held := held[1:j - 1] || held[j + count + 1:];
          FOR i IN 1..count LOOP
            back := least(lefts[i], cost * CASE WHEN kinds[i] = 'bucket' THEN b[i] ELSE 1 END);
            IF kinds[i] = 'sliding' AND started < now - mod(now, b[i]) THEN
              y[i] := greatest(0, y[i] - back);
            ELSE
              x[i] := greatest(0, x[i] - back);
            END IF;
            IF kinds[i] = 'bucket' THEN
              FOR e IN 0..cardinality(held) / (count + 1) - 1 LOOP
                k := e * (count + 1) + 1;
                held[k + i] := CASE WHEN k < j THEN least(held[k + i], lefts[i] - back) ELSE held[k + i] - back END;
              END LOOP;
            ELSIF kinds[i] = 'log' THEN
              FOR e IN 0..cardinality(log) / 3 - 1 LOOP
                IF log[3 * e + 1] = i AND log[3 * e + 2] >= started THEN
                  log[3 * e + 3] := log[3 * e + 3] - back;
                  IF log[3 * e + 3] <= 0 THEN log := log[1:3 * e] || log[3 * e + 4:]; END IF;
                  EXIT;
                END IF;
              END LOOP;
            END IF;
          END LOOP;
        END IF;
      ELSIF op = 4 THEN
        FOR i IN 1..count LOOP x[i] := 0; y[i] := 0; END LOOP;
        log := '{}'; held := '{}'; dirty := true;
      ELSIF op = 5 THEN
        n := cost;
      ELSE
        room := greatest(cost, ops[3 * o + 3]);
      END IF;
      FOR i IN 1..count LOOP
        free[i] := CASE kinds[i] WHEN 'bucket' THEN div(a[i] - x[i], b[i])
          WHEN 'sliding' THEN a[i] - x[i] - div(y[i] * (b[i] - mod(now, b[i])) + b[i] - 1, b[i])
          ELSE a[i] - x[i] END;
        room := least(room, free[i]);
      END LOOP;
      IF op < 3 AND (cost = 0 OR cost <= room) THEN
        took := greatest(cost, room);
        n := took;
      END IF;
      IF n > 0 AND op > 0 THEN
        dirty := true;
        FOR i IN 1..count LOOP
          IF kinds[i] = 'first' AND x[i] = 0 THEN y[i] := now; END IF;
          x[i] := least(${MOST}, x[i] + n * CASE WHEN kinds[i] = 'bucket' THEN b[i] ELSE 1 END);
          IF kinds[i] = 'log' THEN
            j := 0;
            FOR e IN 0..cardinality(log) / 3 - 1 LOOP
              IF log[3 * e + 1] = i THEN j := 3 * e + 2; END IF;
            END LOOP;
            IF j > 0 AND div(coalesce(log[j], 0), c[i]) = div(now, c[i]) THEN
              log[j] := now; log[j + 1] := log[j + 1] + n;
            ELSE
              log := log || ARRAY[i, now, n];
            END IF;
          END IF;
        END LOOP;
        IF op = 2 THEN
          id := greatest(now * 2000 + mod(us, 1000), last_id + 1);
          last_id := id;
          IF div(id, 2000) > now THEN
            id := 0;
          ELSE
            held := held || id;
            FOR i IN 1..count LOOP held := held || CASE WHEN kinds[i] = 'bucket' THEN x[i] ELSE n END; END LOOP;
            IF cardinality(held) > 1000 * (count + 1) THEN held := held[count + 2:]; END IF;
          END IF;
        END IF;
      END IF;
      IF op < 3 THEN
        answer := answer || took || id;
        FOR i IN 1..count LOOP
          free[i] := free[i] - n;
          wait := 0;
          start := mod(now, b[i]);
          IF took < 0 AND cost > free[i] AND cost <= a[i] THEN
            CASE kinds[i]
              WHEN 'bucket' THEN wait := div(cost * b[i] - a[i] + x[i] + c[i] - 1, c[i]);
              WHEN 'epoch' THEN wait := b[i] - start;
              WHEN 'first' THEN wait := y[i] + b[i] - now;
              WHEN 'sliding' THEN
                wait := b[i] - start + CASE WHEN x[i] > a[i] - cost THEN b[i] - div((a[i] - cost) * b[i], x[i])
                  ELSE -div((a[i] - cost - x[i]) * b[i], y[i]) END;
              ELSE
                over := x[i] + cost - a[i];
                FOR e IN 0..cardinality(log) / 3 - 1 LOOP
                  IF log[3 * e + 1] = i AND over > 0 THEN
                    over := over - log[3 * e + 3];
                    wait := log[3 * e + 2] + b[i] - now;
                  END IF;
                END LOOP;
            END CASE;
          END IF;
          ${full('CASE WHEN op = 0 THEN n ELSE 0 END')}
          answer := answer || free[i] || wait || reset;
        END LOOP;
      END IF;
    END LOOP;
    IF NOT dirty THEN RETURN answer; END IF;
    ttl := 0;
    FOR i IN 1..count LOOP
      start := mod(now, b[i]);
      ${full('0')}
      ttl := greatest(ttl, reset);
    END LOOP;
    IF NOT is_found THEN
      IF ttl = 0 THEN RETURN answer; END IF;
      INSERT INTO ${table} AS t VALUES (row_id, 1, now, x, y, log, held, ${EXPIRES}) ON CONFLICT DO NOTHING;
      IF FOUND THEN
        DELETE FROM ${table} AS t USING (
          SELECT o.id FROM ${table} AS o WHERE o.expires_ms < now ORDER BY o.expires_ms LIMIT 3 FOR UPDATE SKIP LOCKED
        ) AS old WHERE t.id = old.id;
        RETURN answer;
      END IF;
    ELSE
      UPDATE ${table} AS t SET version = r.version + 1, at_ms = now, x = x, y = y, log = log, held = held,
        expires_ms = ${EXPIRES}
      WHERE t.id = row_id AND t.version = r.version;
      IF FOUND THEN RETURN answer; END IF;
    END IF;
  END LOOP;
  RAISE EXCEPTION 'too many decisions on one key at once';
END $$`;
}

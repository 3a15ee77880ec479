-- Document D's design: plain tables, the indexes that a good engineer would add, SQL functions.
-- Filled by COPY with the very events of the log (see postgres.py). Functions are single SELECTs,
-- so that PostgreSQL inlines them and EXPLAIN shows what they really do.

CREATE TABLE connections (
    source  integer PRIMARY KEY,
    user_id integer NOT NULL
);
CREATE INDEX connections_user ON connections (user_id);

CREATE TABLE sync_events (
    id          bigint NOT NULL,
    user_id     integer NOT NULL,
    source      integer NOT NULL,
    at          timestamptz NOT NULL,
    kind        text NOT NULL,
    stream      text,
    cause       text,
    duration_ms integer,
    records     integer,
    added       integer,
    refreshes   integer,
    bytes       bigint,
    attempt     integer,
    due         timestamptz
);

CREATE TABLE sync_health (
    user_id              integer NOT NULL,
    source               integer NOT NULL,
    total_syncs          integer NOT NULL,
    successful_syncs     integer NOT NULL,
    failed_syncs         integer NOT NULL,
    consecutive_failures integer NOT NULL,
    duration_ms          bigint NOT NULL,
    last_success_at      timestamptz,
    last_failure_at      timestamptz,
    PRIMARY KEY (user_id, source)
);

CREATE TABLE sync_queue (
    user_id       integer NOT NULL,
    source        integer NOT NULL,
    sync_type     text NOT NULL,
    scheduled_for timestamptz NOT NULL,
    PRIMARY KEY (user_id, source, sync_type)
);

CREATE FUNCTION get_sync_health_status(p_user_id integer)
RETURNS TABLE (
    source integer, total_syncs integer, successful_syncs integer, failed_syncs integer,
    consecutive_failures integer, duration_ms bigint,
    last_success_at timestamptz, last_failure_at timestamptz
) LANGUAGE sql STABLE AS $$
    SELECT h.source, h.total_syncs, h.successful_syncs, h.failed_syncs, h.consecutive_failures,
           h.duration_ms, h.last_success_at, h.last_failure_at
    FROM sync_health h WHERE h.user_id = p_user_id ORDER BY h.source
$$;

CREATE FUNCTION get_sync_health_history(p_user_id integer, p_since timestamptz)
RETURNS TABLE (
    day timestamptz, successful bigint, failed bigint, records bigint, duration_ms bigint,
    refreshes bigint
) LANGUAGE sql STABLE AS $$
    SELECT date_trunc('day', e.at, 'UTC') AS day,
           count(*) FILTER (WHERE e.kind = 'sync-succeeded'),
           count(*) FILTER (WHERE e.kind = 'sync-failed'),
           coalesce(sum(e.records), 0), sum(e.duration_ms), sum(e.refreshes)
    FROM sync_events e
    WHERE e.user_id = p_user_id AND e.at >= p_since
      AND e.kind IN ('sync-succeeded', 'sync-failed')
    GROUP BY 1 ORDER BY 1
$$;

CREATE FUNCTION get_sync_failures_by_cause(p_user_id integer, p_since timestamptz)
RETURNS TABLE (day timestamptz, cause text, failed bigint) LANGUAGE sql STABLE AS $$
    SELECT date_trunc('day', e.at, 'UTC') AS day, e.cause, count(*)
    FROM sync_events e
    WHERE e.user_id = p_user_id AND e.at >= p_since AND e.kind = 'sync-failed'
    GROUP BY 1, 2 ORDER BY 1, 2
$$;

CREATE FUNCTION detect_sync_issues(
    p_user_id integer, p_hours integer, p_since timestamptz, p_now timestamptz
)
RETURNS TABLE (source integer, kind text, since timestamptz) LANGUAGE sql STABLE AS $$
    SELECT h.source, 'stale', h.last_success_at FROM sync_health h
    WHERE h.user_id = p_user_id AND p_now - h.last_success_at > make_interval(hours => p_hours)
    UNION ALL
    SELECT h.source, 'failing', h.last_failure_at FROM sync_health h
    WHERE h.user_id = p_user_id AND h.consecutive_failures >= 3
    UNION ALL
    SELECT g.source, 'gap', g.before + interval '1 day'
    FROM (
        SELECT d.source, d.day, lag(d.day) OVER (PARTITION BY d.source ORDER BY d.day) AS before
        FROM (
            SELECT DISTINCT e.source, date_trunc('day', e.at, 'UTC') AS day
            FROM sync_events e
            WHERE e.user_id = p_user_id AND e.at >= p_since AND e.kind = 'sync-succeeded'
        ) d
    ) g
    WHERE g.day > g.before + interval '1 day'
$$;

CREATE FUNCTION calculate_data_drift(
    p_user_id integer, p_source integer, p_stream text, p_last timestamptz
)
RETURNS TABLE (source integer, actual bigint, expected double precision)
LANGUAGE sql STABLE AS $$
    WITH volume AS MATERIALIZED (
        SELECT date_trunc('day', e.at, 'UTC') AS day, sum(e.added) AS added
        FROM sync_events e
        WHERE e.user_id = p_user_id AND e.source = p_source
          AND e.kind = 'records-captured' AND e.stream = p_stream
          AND e.at >= p_last - interval '56 days' AND e.at < p_last + interval '1 day'
        GROUP BY 1
    )
    SELECT p_source,
           coalesce((SELECT v.added FROM volume v WHERE v.day = p_last), 0),
           coalesce((
               SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY v.added) FROM volume v
               WHERE v.day < p_last AND extract(dow FROM v.day AT TIME ZONE 'UTC')
                   = extract(dow FROM p_last AT TIME ZONE 'UTC')
           ), 0)
$$;

CREATE FUNCTION get_queue_health_metrics(p_user_id integer)
RETURNS TABLE (source integer, due timestamptz, retry timestamptz) LANGUAGE sql STABLE AS $$
    SELECT q.source,
           min(q.scheduled_for) FILTER (WHERE q.sync_type = 'scheduled'),
           min(q.scheduled_for) FILTER (WHERE q.sync_type = 'retry')
    FROM sync_queue q WHERE q.user_id = p_user_id GROUP BY q.source ORDER BY q.source
$$;

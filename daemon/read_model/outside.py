"""Under which names and columns do people ask of sources that report from outside?

They stand beside connections' streams where the tables that people know have both, told apart by
`kind`; nobody here has seen how they do, so they have no score.
"""

NOW = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
PUNCTUALITY = f"""CASE WHEN source.late_at <= {NOW} THEN 'late'
        WHEN source.due_at <= {NOW} THEN 'due' ELSE 'fresh' END"""
NAMES = """JOIN name AS owner ON owner.subject = source.tenant
JOIN name AS called ON called.subject = source.source"""
CONDITION = f"""CASE WHEN source.reported_at IS NULL THEN 'unknown'
        WHEN source.health = 'unhealthy' THEN 'unhealthy'
        WHEN source.health = 'degraded' OR source.late_at <= {NOW} THEN 'degraded'
        ELSE 'healthy' END"""
STREAM = "substr(called.name, instr(called.name, '/') + 1)"

IN_SYNC_HEALTH = f"""UNION ALL SELECT
    owner.name,
    called.name,
    NULL,
    NULL,
    {CONDITION},
    source.reported_at,
    source.records,
    source.errors,
    NULL,
    source.due_at,
    source.changed_at,
    'reported'
FROM source {NAMES}"""
"""Its status has the words of streams: what it says of itself, and whether it is late."""

IN_CONNECTION_HEALTH = f"""UNION ALL SELECT
    owner.name,
    NULL,
    called.name,
    {STREAM},
    coalesce(source.health, 'unknown'),
    source.reported_at,
    source.records,
    NULL,
    NULL,
    NULL,
    NULL,
    source.changed_at,
    'reported'
FROM source {NAMES}"""
"""Its status is what it says of itself."""

VIEWS = f"""
CREATE VIEW reported_sources AS SELECT
    source.source AS id,
    owner.name AS user_id,
    called.name AS source,
    source.pattern AS pattern,
    source.platform AS platform,
    {PUNCTUALITY} AS status,
    source.health AS health_status,
    source.reported_at AS last_report_at,
    source.records AS record_count,
    source.errors AS error_count,
    source.queue_depth AS queue_depth,
    source.oldest AS oldest_item_at,
    source.queue_at AS queue_reported_at,
    source.due_at AS next_report_at,
    source.late_at AS late_at,
    source.added AS created_at,
    source.changed_at AS updated_at
FROM source {NAMES};

CREATE VIEW reported_hours AS SELECT
    owner.name AS user_id,
    called.name AS source,
    strftime('%Y-%m-%dT%H:%M:%SZ', report_hour.start, 'unixepoch') AS hour,
    report_hour.reports AS reports,
    report_hour.syncs AS total_syncs,
    report_hour.records AS record_count,
    report_hour.errors AS error_count,
    report_hour.duration_ms AS duration_ms,
    report_hour.bytes AS bytes,
    report_hour.queue_depth_max AS queue_depth,
    report_hour.oldest AS oldest_item_at
FROM report_hour
JOIN name AS owner ON owner.subject = report_hour.tenant
JOIN name AS called ON called.subject = report_hour.source;
"""

TABLES = """
CREATE TABLE reporter (
    source INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL
) STRICT;
CREATE TABLE source (
    source      INTEGER PRIMARY KEY,
    tenant      INTEGER NOT NULL,
    pattern     TEXT NOT NULL,
    platform    TEXT,
    health      TEXT,              -- what it says of itself
    added       TEXT NOT NULL,
    due_at      TEXT NOT NULL,
    late_at     TEXT NOT NULL,
    reported_at TEXT,
    records     INTEGER,           -- of the last report
    errors      INTEGER,
    queue_depth INTEGER,           -- of the last report that told of its queue, at `queue_at`
    oldest      TEXT,
    queue_at    TEXT,
    changed_at  TEXT NOT NULL
) STRICT;
CREATE TABLE report_hour (
    source          INTEGER NOT NULL,
    start           INTEGER NOT NULL,  -- of the reports' own time
    tenant          INTEGER NOT NULL,
    reports         INTEGER NOT NULL,
    syncs           INTEGER NOT NULL,
    records         INTEGER NOT NULL,
    errors          INTEGER NOT NULL,
    duration_ms     INTEGER NOT NULL,
    bytes           INTEGER NOT NULL,
    queue_depth_max INTEGER,
    oldest          TEXT,              -- when the oldest item was made that waited in it
    PRIMARY KEY (source, start)
) STRICT, WITHOUT ROWID;
CREATE INDEX report_hour_start ON report_hour (start);
CREATE INDEX report_hour_tenant ON report_hour (tenant);
"""

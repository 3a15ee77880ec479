"""Which tables does the read model have?

Some hold how things stand (`account`, `stream`, `tenant`): a row is written anew when its subject
changed. The others hold what happened (`turn`, `occurrence`, `failure`, `retry`, `pass`, `trace`)
and what that sums up to (`hour`, `day`, …). Nothing in them changes with time alone: that is
computed in `views`. Times are ISO 8601 in UTC; those in whole seconds since 1970 are named for
their span.
"""

from projections.hours import FIGURES, STREAM_FIGURES

_FIGURES = "".join(f",\n    {name} INTEGER NOT NULL" for name in FIGURES)
_STREAM_FIGURES = "".join(f",\n    {name} INTEGER NOT NULL" for name in STREAM_FIGURES)

TABLES = f"""
CREATE TABLE position (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    code    TEXT NOT NULL,     -- which code wrote it: another one begins anew
    seq     INTEGER NOT NULL,  -- up to this event all is in
    block   TEXT NOT NULL,     -- the hash of the block that holds it: another log begins anew
    at      TEXT NOT NULL,     -- the latest time of any event so far
    whole   INTEGER NOT NULL,  -- 0 until how things stand is written of every subject
    retries_kept_s INTEGER NOT NULL  -- for so long those that have ended are in `retry`
) STRICT;
CREATE TABLE name (
    subject INTEGER PRIMARY KEY,
    name    TEXT NOT NULL
) STRICT;
CREATE INDEX name_name ON name (name);
CREATE TABLE member (
    connection INTEGER PRIMARY KEY,
    tenant     INTEGER NOT NULL,
    provider   INTEGER NOT NULL,
    added      TEXT NOT NULL,
    up         INTEGER,           -- NULL until a sync has ended
    sync       INTEGER,           -- the one that runs
    attempt    INTEGER NOT NULL,  -- of that one
    retry      INTEGER,           -- the one that is pending, or runs
    messages   TEXT NOT NULL      -- what the last failure of each class said: a JSON object
) STRICT;
CREATE TABLE consent (
    subject INTEGER PRIMARY KEY,  -- a tenant; 0 for those who said nothing
    granted INTEGER NOT NULL
) STRICT;
CREATE TABLE account (
    connection       INTEGER PRIMARY KEY,
    tenant           INTEGER NOT NULL,
    provider         INTEGER NOT NULL,
    status           TEXT NOT NULL,
    interval_s       INTEGER NOT NULL,
    total            INTEGER NOT NULL,
    successful       INTEGER NOT NULL,
    failed           INTEGER NOT NULL,
    duration_ms      INTEGER NOT NULL,
    consecutive      INTEGER NOT NULL,
    first_at         TEXT,
    last_success_at  TEXT,
    last_failure_at  TEXT,
    stale_from       TEXT,             -- no success since a week: from here on the score is less
    up_s             REAL NOT NULL,
    up_since         TEXT,
    score_fresh      INTEGER,
    score_stale      INTEGER,
    condition_fresh  TEXT NOT NULL,
    condition_stale  TEXT NOT NULL,
    message          TEXT,
    next_start       TEXT,
    next_kind        TEXT,
    next_priority    INTEGER,          -- where it does not follow from the score
    next_attempt     INTEGER NOT NULL,
    next_request     INTEGER,
    planned          INTEGER NOT NULL,
    grant_phase      TEXT NOT NULL,
    token_expires_at TEXT,
    refreshes        INTEGER NOT NULL,
    refreshed_at     TEXT,
    authorised_at    TEXT,
    changed_at       TEXT NOT NULL
) STRICT;
CREATE INDEX account_tenant ON account (tenant);
CREATE TABLE stream (
    connection      INTEGER NOT NULL,
    stream          TEXT NOT NULL,
    condition_fresh TEXT NOT NULL,
    condition_stale TEXT NOT NULL,
    version         INTEGER NOT NULL,
    rows            INTEGER NOT NULL,
    consecutive     INTEGER NOT NULL,
    captured_at     TEXT,
    failed_at       TEXT,
    checked_at      TEXT,
    newest_day      TEXT,
    failed_days     TEXT NOT NULL,     -- a JSON array
    cause           TEXT,
    message         TEXT,
    PRIMARY KEY (connection, stream)
) STRICT, WITHOUT ROWID;
CREATE TABLE tenant (
    tenant               INTEGER PRIMARY KEY,
    enabled              INTEGER NOT NULL,
    interval_s           INTEGER NOT NULL,
    priority_order       TEXT NOT NULL,     -- a JSON array
    failover_enabled     INTEGER NOT NULL,
    max_retry_attempts   INTEGER NOT NULL,
    retry_delay_s        INTEGER NOT NULL,
    quiet_hours_start    TEXT,
    quiet_hours_end      TEXT,
    timezone             TEXT NOT NULL,
    notification_enabled INTEGER NOT NULL,
    changed_at           TEXT NOT NULL
) STRICT;
CREATE TABLE turn (
    id          INTEGER PRIMARY KEY,  -- the event that began it, or skipped it
    connection  INTEGER NOT NULL,
    tenant      INTEGER NOT NULL,
    provider    INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    status      TEXT NOT NULL,        -- running, succeeded, failed, cancelled, interrupted, skipped
    due         TEXT NOT NULL,
    started     TEXT,
    ended       TEXT,
    attempt     INTEGER NOT NULL,
    priority    INTEGER,
    duration_ms INTEGER,
    records     INTEGER,
    cause       TEXT,
    message     TEXT,
    reason      TEXT                  -- why it was skipped or interrupted
) STRICT;
CREATE TABLE occurrence (
    seq        INTEGER PRIMARY KEY,
    connection INTEGER NOT NULL,
    tenant     INTEGER NOT NULL,
    provider   INTEGER NOT NULL,
    type       TEXT NOT NULL,
    at         TEXT NOT NULL
) STRICT;
CREATE TABLE failure (
    seq        INTEGER NOT NULL,
    part       INTEGER NOT NULL,  -- one event can tell of several
    connection INTEGER NOT NULL,
    tenant     INTEGER NOT NULL,
    provider   INTEGER NOT NULL,
    at         TEXT NOT NULL,
    operation  TEXT NOT NULL,     -- sync, refresh, write, actor, or a method and an endpoint
    sync       INTEGER,
    attempt    INTEGER NOT NULL,
    stream     TEXT NOT NULL,
    day        TEXT,
    cause      TEXT NOT NULL,
    message    TEXT NOT NULL,
    status     INTEGER,
    PRIMARY KEY (seq, part)
) STRICT;
CREATE TABLE retry (
    id          INTEGER PRIMARY KEY,  -- the event that scheduled it
    connection  INTEGER NOT NULL,
    tenant      INTEGER NOT NULL,
    provider    INTEGER NOT NULL,
    status      TEXT NOT NULL,        -- pending, processing, completed, failed, cancelled
    cause       TEXT NOT NULL,
    attempt     INTEGER NOT NULL,
    priority    INTEGER NOT NULL,
    due         TEXT NOT NULL,
    streams     TEXT NOT NULL,        -- a JSON array, empty for all
    message     TEXT NOT NULL,
    created     TEXT NOT NULL,
    ended       TEXT,
    duration_ms INTEGER
) STRICT;
CREATE TABLE retry_hour (  -- of those that have ended, and are no longer in `retry`
    tenant       INTEGER NOT NULL,
    start        TEXT NOT NULL,     -- the hour in which they were scheduled
    connection   INTEGER NOT NULL,
    cause        TEXT NOT NULL,
    retries      INTEGER NOT NULL,
    saved        INTEGER NOT NULL,
    wasted       INTEGER NOT NULL,
    wasted_ms    INTEGER NOT NULL,
    recovered_ms INTEGER NOT NULL,  -- of those that saved something, from schedule to end
    PRIMARY KEY (tenant, start, connection, cause)
) STRICT, WITHOUT ROWID;
CREATE TABLE pass (
    id          INTEGER PRIMARY KEY,  -- the event that ended it
    provider    INTEGER,              -- NULL where somebody asked for it
    begun       TEXT NOT NULL,
    ended       TEXT NOT NULL,
    duration_ms INTEGER NOT NULL,
    total       INTEGER NOT NULL,
    successful  INTEGER NOT NULL,
    failed      INTEGER NOT NULL,
    others      INTEGER NOT NULL,
    refreshes   INTEGER NOT NULL,
    days        INTEGER NOT NULL,
    records     INTEGER NOT NULL,
    errors      TEXT NOT NULL         -- a JSON object: connection to class
) STRICT;
CREATE TABLE trace (
    connection INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    at_us      INTEGER NOT NULL,  -- microseconds since 1970: drift is judged by exact times
    word       TEXT NOT NULL,     -- see projections/traces.py; 'kept': from here on all are there
    streams    TEXT NOT NULL,     -- their names, a comma between two
    new        INTEGER NOT NULL,
    fetched    INTEGER NOT NULL,
    repeated   INTEGER NOT NULL,
    before     INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    fields     INTEGER NOT NULL,
    PRIMARY KEY (connection, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE hour (
    subject INTEGER NOT NULL,  -- a connection, a tenant, a provider, or 0: the fleet
    start   INTEGER NOT NULL{_FIGURES},
    PRIMARY KEY (subject, start)
) STRICT, WITHOUT ROWID;
CREATE TABLE day (
    subject INTEGER NOT NULL,
    start   INTEGER NOT NULL{_FIGURES},
    PRIMARY KEY (subject, start)
) STRICT, WITHOUT ROWID;
CREATE TABLE stream_hour (
    connection INTEGER NOT NULL,
    stream     TEXT NOT NULL,
    start      INTEGER NOT NULL{_STREAM_FIGURES},
    PRIMARY KEY (connection, stream, start)
) STRICT, WITHOUT ROWID;
CREATE TABLE stream_day (
    connection INTEGER NOT NULL,
    stream     TEXT NOT NULL,
    start      INTEGER NOT NULL{_STREAM_FIGURES},
    PRIMARY KEY (connection, stream, start)
) STRICT, WITHOUT ROWID;
CREATE TABLE duration_hour (
    subject INTEGER NOT NULL,
    start   INTEGER NOT NULL,
    bucket  INTEGER NOT NULL,  -- see projections/sketch.py
    syncs   INTEGER NOT NULL,
    PRIMARY KEY (subject, start, bucket)
) STRICT, WITHOUT ROWID;
CREATE TABLE duration_day (
    subject INTEGER NOT NULL,
    start   INTEGER NOT NULL,
    bucket  INTEGER NOT NULL,
    syncs   INTEGER NOT NULL,
    PRIMARY KEY (subject, start, bucket)
) STRICT, WITHOUT ROWID;
"""

INDEXES = """
CREATE INDEX turn_tenant ON turn (tenant, due);
CREATE INDEX occurrence_tenant ON occurrence (tenant, at);
CREATE INDEX failure_tenant ON failure (tenant, at);
CREATE INDEX retry_tenant ON retry (tenant, created);
CREATE INDEX retry_ended ON retry (ended) WHERE ended IS NOT NULL;
CREATE INDEX retry_hour_start ON retry_hour (start);
CREATE INDEX hour_start ON hour (start);
CREATE INDEX stream_hour_start ON stream_hour (start);
CREATE INDEX duration_hour_start ON duration_hour (start);
CREATE INDEX day_start ON day (start);
CREATE INDEX stream_day_start ON stream_day (start);
CREATE INDEX duration_day_start ON duration_day (start);
"""
"""Made last where the file is filled at once: sorting once is faster than keeping sorted."""

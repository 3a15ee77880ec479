"""Under which names and columns do people ask?

The names are those that people's own tables have had for connections, syncs and their health, so
that what they ask of those runs here as it stands. `user_id` is a tenant's name. How somebody does
is said of those that were not removed; what happened, of all.
"""

from daemon.read_model import outside
from daemon.read_model.scores import (
    CONDITION,
    PRIORITY,
    SCORE,
    SOURCE_SCORE,
    STREAM_CONDITION,
    UPTIME,
    since,
)

LIVES = "account.status <> 'removed'"
STATUS = """CASE turn.status
        WHEN 'running' THEN '{running}' WHEN 'succeeded' THEN 'completed'
        WHEN 'cancelled' THEN '{cancelled}' WHEN 'skipped' THEN '{skipped}' ELSE 'failed' END"""
NAMES = """JOIN name AS owner ON owner.subject = {table}.tenant
JOIN name AS place ON place.subject = {table}.provider
JOIN name AS called ON called.subject = {table}.connection"""
RESULT = """json_object(
        'status', turn.status, 'records', turn.records, 'duration_ms', turn.duration_ms,
        'cause', turn.cause, 'message', turn.message, 'reason', turn.reason)"""


def _of(table: str) -> str:
    return NAMES.format(table=table)


def _at(event: str) -> str:
    """When it happened, as long as it is kept."""
    return f"(SELECT at FROM occurrence WHERE seq = {event})"


def _status(**words: str) -> str:
    return STATUS.format(**words)


VIEWS = f"""
CREATE VIEW connection_rotation_config AS SELECT
    tenant.tenant AS id,
    owner.name AS user_id,
    tenant.enabled AS enabled,
    CASE tenant.interval_s WHEN 3600 THEN 'hourly' WHEN 21600 THEN 'every_6_hours'
        WHEN 86400 THEN 'daily' WHEN 604800 THEN 'weekly' ELSE 'custom' END AS rotation_interval,
    CASE WHEN tenant.interval_s NOT IN (3600, 21600, 86400, 604800)
        THEN tenant.interval_s / 60.0 END AS custom_interval_minutes,
    tenant.priority_order AS priority_order,
    tenant.failover_enabled AS failover_enabled,
    tenant.max_retry_attempts AS max_retry_attempts,
    tenant.retry_delay_s / 60.0 AS retry_delay_minutes,
    tenant.quiet_hours_start AS quiet_hours_start,
    tenant.quiet_hours_end AS quiet_hours_end,
    tenant.timezone AS timezone,
    tenant.notification_enabled AS notification_enabled,
    tenant.changed_at AS updated_at
FROM tenant JOIN name AS owner ON owner.subject = tenant.tenant;

CREATE VIEW connection_rotation_schedule AS SELECT
    account.planned AS id,
    owner.name AS user_id,
    place.name AS provider,
    called.name AS connection,
    'scheduled' AS status,
    account.next_start AS scheduled_at,
    NULL AS started_at,
    NULL AS completed_at,
    account.next_start AS next_scheduled_at,
    account.next_attempt AS attempt_count,
    NULL AS error_message,
    NULL AS sync_result,
    {_at("account.planned")} AS created_at
FROM account {_of("account")}
WHERE account.next_start IS NOT NULL
UNION ALL SELECT
    turn.id,
    owner.name,
    place.name,
    called.name,
    {_status(running="running", cancelled="skipped", skipped="skipped")},
    turn.due,
    turn.started,
    turn.ended,
    account.next_start,
    turn.attempt,
    turn.message,
    iif(turn.status = 'running', NULL, {RESULT}),
    coalesce(turn.started, turn.ended)
FROM turn {_of("turn")} LEFT JOIN account ON account.connection = turn.connection;

CREATE VIEW connection_sync_queue AS SELECT
    coalesce(account.next_request, account.planned) AS id,
    owner.name AS user_id,
    place.name AS provider,
    called.name AS connection,
    {PRIORITY} AS priority,
    'pending' AS status,
    account.next_kind AS sync_type,
    account.next_start AS scheduled_for,
    NULL AS started_at,
    NULL AS completed_at,
    account.next_attempt AS retry_count,
    (SELECT max_retry_attempts FROM tenant WHERE tenant.tenant = account.tenant) AS max_retries,
    NULL AS error_message,
    NULL AS sync_result,
    {_at("coalesce(account.next_request, account.planned)")} AS created_at
FROM account {_of("account")}
WHERE account.next_start IS NOT NULL
UNION ALL SELECT
    turn.id,
    owner.name,
    place.name,
    called.name,
    turn.priority,
    {_status(running="processing", cancelled="cancelled", skipped="cancelled")},
    turn.kind,
    turn.due,
    turn.started,
    turn.ended,
    turn.attempt,
    (SELECT max_retry_attempts FROM tenant WHERE tenant.tenant = turn.tenant),
    turn.message,
    iif(turn.status = 'running', NULL, {RESULT}),
    coalesce(turn.started, turn.ended)
FROM turn {_of("turn")};

CREATE VIEW connection_health_metrics AS SELECT
    account.connection AS id,
    owner.name AS user_id,
    place.name AS provider,
    called.name AS connection,
    {SCORE} AS health_score,
    {CONDITION} AS status,
    account.total AS total_syncs,
    account.successful AS successful_syncs,
    account.failed AS failed_syncs,
    iif(account.total, account.duration_ms / account.total, NULL) AS avg_sync_duration_ms,
    account.consecutive AS consecutive_failures,
    {UPTIME} AS uptime_percentage,
    account.last_success_at AS last_success_at,
    account.last_failure_at AS last_failure_at,
    account.message AS last_error_message,
    account.changed_at AS updated_at
FROM account {_of("account")}
WHERE {LIVES};

CREATE VIEW connection_events AS SELECT
    occurrence.seq AS id,
    owner.name AS user_id,
    place.name AS provider,
    called.name AS connection,
    occurrence.type AS event_type,
    json_object('event', occurrence.seq) AS event_data,
    occurrence.at AS created_at
FROM occurrence {_of("occurrence")};

CREATE VIEW provider_accounts AS SELECT
    account.connection AS id,
    owner.name AS user_id,
    place.name AS provider,
    called.name AS connection,
    account.status AS status,
    account.grant_phase AS authorisation,
    account.token_expires_at AS token_expires_at,
    account.refreshes AS refresh_count,
    account.refreshed_at AS last_refreshed_at,
    member.added AS created_at,
    account.changed_at AS updated_at
FROM account {_of("account")} JOIN member ON member.connection = account.connection;

CREATE VIEW sync_connection_health AS SELECT
    owner.name AS user_id,
    place.name AS provider,
    called.name AS connection,
    stream.stream AS data_type,
    {STREAM_CONDITION} AS status,
    stream.checked_at AS last_check_time,
    stream.rows AS item_count,
    stream.message AS error_message,
    stream.consecutive AS consecutive_failures,
    stream.captured_at AS last_success_time,
    stream.failed_at AS last_failure_time,
    account.changed_at AS updated_at,
    'stream' AS kind
FROM stream JOIN account ON account.connection = stream.connection {_of("account")}
WHERE {LIVES}
{outside.IN_CONNECTION_HEALTH};

CREATE VIEW sync_retry_queue AS SELECT
    retry.id AS id,
    owner.name AS user_id,
    place.name AS provider,
    called.name AS connection,
    each.value AS data_type,
    'sync' AS operation,
    retry.status AS status,
    retry.attempt AS retry_count,
    (SELECT max_retry_attempts FROM tenant WHERE tenant.tenant = retry.tenant) AS max_retries,
    iif(retry.status IN ('pending', 'processing'), retry.due, NULL) AS next_retry_at,
    retry.message AS last_error_message,
    retry.cause AS error_class,
    11 - retry.priority AS priority,
    retry.created AS created_at,
    retry.ended AS completed_at
FROM retry {_of("retry")}
JOIN json_each(coalesce(nullif(iif(retry.streams <> '[]', retry.streams,
    (SELECT json_group_array(stream.stream) FROM stream WHERE stream.connection = retry.connection)
), '[]'), '[""]')) AS each
WHERE retry.ended IS NULL
    OR {since("retry.ended")} < (SELECT retries_kept_s FROM position);

CREATE VIEW sync_failure_logs AS SELECT
    failure.seq * 1000 + failure.part AS id,
    owner.name AS user_id,
    place.name AS provider,
    called.name AS connection,
    failure.stream AS data_type,
    failure.operation AS operation,
    failure.cause AS error_type,
    failure.message AS error_message,
    failure.status AS response_status,
    failure.attempt AS retry_count,
    failure.day AS day,
    failure.sync AS sync,
    failure.seq AS event,
    failure.at AS created_at
FROM failure {_of("failure")};

CREATE VIEW sync_metadata AS SELECT
    owner.name AS user_id,
    place.name AS provider,
    called.name AS connection,
    stream.stream AS data_type,
    stream.captured_at AS last_sync_time,
    stream.newest_day AS newest_day,
    stream.failed_days AS failed_days,
    stream.version AS version,
    stream.rows AS item_count,
    account.next_start AS next_sync_time,
    account.interval_s AS interval_seconds,
    account.changed_at AS updated_at
FROM stream JOIN account ON account.connection = stream.connection {_of("account")}
WHERE {LIVES};

CREATE VIEW google_tokens AS SELECT
    account.connection AS id,
    owner.name AS user_id,
    place.name AS provider,
    called.name AS connection,
    account.grant_phase IN ('good', 'refreshing', 'in-doubt') AS is_active,
    account.token_expires_at AS expires_at,
    account.refreshed_at AS last_refreshed_at,
    account.refreshes AS refresh_count,
    account.authorised_at AS created_at,
    account.changed_at AS updated_at
FROM account {_of("account")}
WHERE account.grant_phase <> 'none' AND place.name LIKE 'google%';

CREATE VIEW sync_health AS SELECT
    owner.name AS user_id,
    called.name || '/' || stream.stream AS source,
    place.name AS provider,
    {SOURCE_SCORE} AS health_score,
    {STREAM_CONDITION} AS status,
    stream.captured_at AS last_sync_at,
    stream.rows AS record_count,
    stream.consecutive AS error_count,
    stream.message AS last_error,
    account.next_start AS next_sync_at,
    account.changed_at AS updated_at,
    'stream' AS kind
FROM stream JOIN account ON account.connection = stream.connection {_of("account")}
WHERE {LIVES}
{outside.IN_SYNC_HEALTH};
"""

"""Which row does the end of a pass make, and under which names do people ask of it?"""

import msgspec

from daemon.read_model.rows import Row
from daemon.read_model.timestamps import iso
from events.envelope import Recorded
from events.schema import PassEnded

ERRORS = """SELECT json_group_array(json_object(
            'user_id', owner.name, 'connection', called.name, 'error', each.value))
        FROM json_each(pass.errors) AS each
        LEFT JOIN member ON member.connection = CAST(each.key AS INTEGER)
        LEFT JOIN name AS owner ON owner.subject = member.tenant
        LEFT JOIN name AS called ON called.subject = member.connection"""

VIEWS = f"""
CREATE VIEW sync_metrics AS SELECT
    pass.id AS id,
    iif(pass.provider IS NULL, 'manual', 'auto') AS sync_type,
    place.name AS provider,
    pass.total AS users_processed,
    pass.successful AS successful,
    pass.failed AS failed,
    pass.others AS others,
    pass.refreshes AS tokens_refreshed,
    pass.days AS days_synced,
    pass.records AS sessions_synced,
    pass.duration_ms AS duration_ms,
    json_object(
        'total_users', pass.total,
        'successful_syncs', pass.successful,
        'failed_syncs', pass.failed,
        'tokens_refreshed', pass.refreshes,
        'total_days_synced', pass.days,
        'total_sessions_synced', pass.records,
        'errors', json(({ERRORS}))) AS details,
    pass.begun AS started_at,
    pass.ended AS created_at
FROM pass LEFT JOIN name AS place ON place.subject = pass.provider;

CREATE VIEW google_fit_sync_metrics AS
SELECT * FROM sync_metrics WHERE provider IN ('google-fit', 'google_fit');
"""


def row(recorded: Recorded, event: PassEnded, at: str) -> Row:
    errors = {str(each.connection): each.cause.value for each in event.errors}
    return (
        recorded.seq,
        recorded.subject or None,
        iso(event.begun),
        at,
        event.duration_ms,
        event.total,
        event.successful,
        event.failed,
        event.others,
        event.refreshes,
        event.days,
        event.records,
        msgspec.json.encode(errors).decode(),
    )

"""What does a column mean in one view, where that is not what it means elsewhere?"""

from events.terms import FailureClass

_NUMBER = "The connection's number; its name is in `name`"
_PASS = {
    "id": "The number of the event that ended it",
    "sync_type": "auto: an interval's worth at a provider; manual: somebody asked",
    "provider": "The provider's name; empty where somebody asked",
    "successful": "Of those, the ones that succeeded",
    "failed": "Of those, the ones that failed",
    "others": "Of those, the ones that were cancelled, interrupted or skipped",
    "details": "The same as a JSON object; its errors are a list of {user_id, connection, error}, "
    "where error is the class of what went wrong",
    "created_at": "When it ended, UTC",
}
_SUMS = {
    "id": "The number of whose they are; 0 is the fleet",
    "kind": "connection, tenant, provider or fleet: each of its events is counted in all four",
}
_FAILED = {
    f"failed_{each.value.replace('-', '_')}": f"Of the failed, those of the class {each.value}"
    for each in FailureClass
}
_ACCOUNT = {"id": "The connection's number", "created_at": "When it was added, UTC"}
_CONDITION = "healthy, degraded, unhealthy, or unknown: no sync has ended yet"

OF_VIEW: dict[str, dict[str, str]] = {
    "connection_rotation_config": {"id": "The tenant's number"},
    "connection_rotation_schedule": {
        "status": "scheduled, running, completed, failed or skipped (cancelled ones too)",
    },
    "connection_sync_queue": {
        "status": "pending, processing, completed, failed or cancelled (skipped ones too)",
    },
    "connection_health_metrics": {"id": "The connection's number", "status": _CONDITION},
    "connection_events": {
        "id": "The number of the event",
        "created_at": "When it happened, UTC",
    },
    "provider_accounts": {
        **_ACCOUNT,
        "status": "active, paused, unauthorised (a person must authorise it) or removed",
    },
    "sync_connection_health": {
        "provider": "The provider's name; empty where kind is reported",
        "connection": "The connection's name; where kind is reported, the source's",
        "data_type": "The stream; where kind is reported, the source's name without its tenant",
        "status": f"{_CONDITION}; where kind is reported, what the source says of itself",
        "last_check_time": "When a sync last came to it; where kind is reported, the last "
        "report's own time, UTC",
        "item_count": "Records in force; where kind is reported, those its last report tells of",
        "consecutive_failures": "Failures in a row until now; empty where kind is reported",
        "error_message": "What went wrong, in our own words; empty where kind is reported",
        "last_success_time": "When it last brought records, UTC; empty where kind is reported",
        "last_failure_time": "When it last failed, UTC; empty where kind is reported",
    },
    "sync_retry_queue": {
        "operation": "Always sync",
        "status": "pending, processing, completed, failed or cancelled",
        "priority": "The greatest goes first: 10, and 1 last",
        "created_at": "When it was scheduled, UTC",
    },
    "sync_failure_logs": {
        "id": "The number of the event times 1000, plus which of its failures it is",
        "day": "The day that failed, where days are fetched one by one",
        "created_at": "When it failed, UTC",
    },
    "sync_metrics": _PASS,
    "google_fit_sync_metrics": _PASS,
    "google_tokens": {**_ACCOUNT, "created_at": "When it was last authorised, UTC"},
    "sync_health": {
        "source": "tenant/provider/stream; where kind is reported, tenant/name",
        "provider": "The provider's name; empty where kind is reported",
        "health_score": "0 to 100: its connection's success rate, less 10 a failure in a row of "
        "its own, less 20 where it brought nothing for a week; empty before any sync has come to "
        "it, and where kind is reported",
        "status": f"{_CONDITION}; where kind is reported, unhealthy and degraded as it says, "
        "degraded when it is late, unknown before its first report, else healthy",
        "last_sync_at": "When it last brought records; where kind is reported, the last report's "
        "own time, UTC",
        "record_count": "Records in force; where kind is reported, those its last report tells of",
        "error_count": "Failures in a row until now; where kind is reported, errors its last "
        "report tells of",
        "last_error": "What went wrong last, in our own words; empty where kind is reported",
        "next_sync_at": "When the connection's next sync may start; where kind is reported, when "
        "the next report is due, UTC",
    },
    "reported_sources": {
        "id": "The source's number",
        "status": "How punctual it is: fresh, due (a report should be there) or late",
        "record_count": "Records that its last report tells of",
        "error_count": "Errors that its last report tells of",
        "created_at": "When it was added, UTC",
    },
    "reported_hours": {
        "hour": "When the hour of the reports' own time began, UTC",
        "total_syncs": "Syncs that it tells of",
        "record_count": "Records that it tells of",
        "error_count": "Errors that it tells of",
        "duration_ms": "How long its syncs took together, as it says",
        "bytes": "How much it moved, as it says",
        "queue_depth": "The most that waited in its queue, as it told",
        "oldest_item_at": "When the oldest item was made that waited in its queue, UTC",
    },
    "hourly_sums": {**_SUMS, **_FAILED},
    "daily_sums": {**_SUMS, **_FAILED},
    "hour": _FAILED,
    "day": _FAILED,
    "stream_hour": {"connection": _NUMBER},
    "stream_day": {"connection": _NUMBER},
    "duration_hour": {},
    "duration_day": {},
    "retry_hour": {
        "connection": _NUMBER,
        "start": "When the hour began in which they were scheduled, UTC",
        "retries": "Retries that have ended",
    },
    "report_hour": {
        "source": "The source's number; its name is in `name`",
        "start": "When the hour of the reports' own time began, in seconds since 1970",
        "syncs": "Syncs that it told of",
        "records": "Records that it told of",
        "duration_ms": "How long its syncs took together, as it says",
        "bytes": "How much it moved, as it says",
    },
    "trace": {
        "connection": _NUMBER,
        "version": "The number of the sync that brought them",
    },
    "name": {
        "subject": "A tenant's, a provider's, a connection's or a source's number",
        "name": "What people call it",
    },
}
"""What one means in a view, or in a table below, where that is not what it means elsewhere."""

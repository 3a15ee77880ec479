"""What does the file for SQL say of itself, as Datasette shows it?"""

from contextlib import closing
from typing import Any

from daemon.read_model.file import ReadModel
from daemon.read_model.keeping import DAYS_KEPT, HOURS_KEPT
from daemon.read_model.meanings import COLUMNS
from daemon.read_model.particulars import OF_VIEW

VIEWS = {
    "connection_rotation_config": ("Settings", "What holds for each tenant's connections."),
    "connection_rotation_schedule": ("Rotations", "Syncs that come, run, ended or were skipped."),
    "connection_sync_queue": ("Queue", "Syncs that are pending, processing, or over."),
    "connection_health_metrics": (
        "Health of connections",
        "One row a connection that was not removed.",
    ),
    "connection_events": ("Events of connections", "What happened; the log has all of it."),
    "provider_accounts": (
        "Accounts",
        "Every connection, removed ones too, and whether it is active.",
    ),
    "sync_connection_health": (
        "Health of streams",
        "One row a stream of a connection that was not removed.",
    ),
    "sync_retry_queue": ("Retries", "Pending ones, and for a while those that have ended."),
    "sync_failure_logs": ("Failures", "Every failed sync, day, call, refresh and write."),
    "sync_metadata": ("Streams", "How far each has come, of connections that were not removed."),
    "sync_metrics": ("Passes", "What the syncs of an interval, or of one command, came to."),
    "google_fit_sync_metrics": ("Passes at Google Fit", "The same of one provider."),
    "google_tokens": ("Google's tokens", "Their dates; never the tokens."),
    "sync_health": (
        "Health of sources",
        "One row a tenant's source that was not removed; see `kind`.",
    ),
    "reported_sources": ("Sources outside", "One row each: what it told last, and its queue."),
    "reported_hours": ("Reports by the hour", "What sources outside reported, by their own time."),
    "hourly_sums": (
        "Sums by the hour",
        f"Of the last {HOURS_KEPT.days} days: of each connection, tenant and provider, and of all.",
    ),
    "daily_sums": (
        "Sums by the day",
        f"Of days before those of `hourly_sums`, for {DAYS_KEPT.days} days.",
    ),
    "stream_hourly_sums": ("Streams by the hour", f"Of the last {HOURS_KEPT.days} days."),
    "stream_daily_sums": (
        "Streams by the day",
        f"Of days before those of `stream_hourly_sums`, for {DAYS_KEPT.days} days.",
    ),
}
TABLES = {
    "hour": "Below `hourly_sums`, by number and second.",
    "day": "Below `daily_sums`, by number and second.",
    "stream_hour": "Below `stream_hourly_sums`, by number and second.",
    "stream_day": "Below `stream_daily_sums`, by number and second.",
    "duration_hour": "How many syncs took how long, in buckets, by the hour.",
    "duration_day": "How many syncs took how long, in buckets, by the day.",
    "retry_hour": "Sums of retries that have ended, and are no longer in `sync_retry_queue`.",
    "report_hour": "Below `reported_hours`, by number and second.",
    "trace": "What came to streams event by event, from which drift is judged.",
    "name": "Which number is called what.",
}
"""Those that people may ask themselves."""

HIDDEN = {
    "position": "Up to which event of the log all is in.",
    "member": "What the next event of a connection needs to know of it.",
    "reporter": "Which source is which tenant's.",
    "consent": "Which tenants let details be kept.",
    "account": "Below the views of connections.",
    "stream": "Below the views of streams.",
    "tenant": "Below `connection_rotation_config`.",
    "turn": "Below `connection_rotation_schedule` and `connection_sync_queue`.",
    "occurrence": "Below `connection_events`.",
    "failure": "Below `sync_failure_logs`.",
    "retry": "Below `sync_retry_queue`.",
    "pass": "Below `sync_metrics`.",
    "source": "Below `reported_sources`.",
}
"""What is for views alone: Datasette lists it last, as hidden."""

UNITS = {
    "avg_sync_duration_ms": "ms",
    "duration_ms": "ms",
    "interval_seconds": "s",
    "retries_ms": "ms",
    "sync_ms": "ms",
    "call_ms": "ms",
    "limit_wait_s": "s",
}


def document() -> dict[str, Any]:
    """Datasette's metadata, of a file that is called `read`."""
    with closing(ReadModel(None, "described")) as empty:
        sql = "SELECT column.name FROM pragma_table_info(?) AS column"
        columns = {
            each: [name for (name,) in empty.connection.execute(sql, (each,))]
            for each in (*VIEWS, *TABLES)
        }
    tables = {
        **{each: _described(each, columns[each], *VIEWS[each]) for each in VIEWS},
        **{each: _described(each, columns[each], each, TABLES[each]) for each in TABLES},
        **{each: {"description": HIDDEN[each], "hidden": True} for each in HIDDEN},
    }
    return {
        "title": "rounds",
        "description": "Connections, syncs and their health. Times are UTC; the log has it all.",
        "databases": {"read": {"title": "Read model", "tables": tables}},
    }


def _described(each: str, columns: list[str], title: str, description: str) -> dict[str, Any]:
    own = OF_VIEW.get(each, {})
    return {
        "title": title,
        "description": description,
        "columns": {name: own.get(name) or COLUMNS[name] for name in columns},
        "units": {name: UNITS[name] for name in columns if name in UNITS},
    }

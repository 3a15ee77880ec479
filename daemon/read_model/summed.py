"""Under which names and columns do people ask for sums by the hour and by the day?

What the tables sum up by number and second stands here by name and time, row by row: so each is
found by an index, and Datasette shows a page of millions at once.
"""

from projections.hours import FIGURES, STREAM_FIGURES

SHOWN = tuple(name for name in FIGURES if not name.endswith(("_change", "_weight_s")))
"""All but those from which alone nothing can be read: see `uptime`."""

HOUR = "strftime('%Y-%m-%dT%H:%M:%SZ', span.start, 'unixepoch')"
DAY = "strftime('%Y-%m-%d', span.start, 'unixepoch')"


def _each(names: tuple[str, ...]) -> str:
    return "".join(f",\n    span.{name} AS {name}" for name in names)


def _of_subjects(view: str, table: str, span: str) -> str:
    return f"""
CREATE VIEW {view} AS SELECT
    span.subject AS id,
    CASE WHEN span.subject = 0 THEN 'fleet'
        WHEN span.subject IN (SELECT connection FROM member) THEN 'connection'
        WHEN span.subject IN (SELECT tenant FROM tenant) THEN 'tenant'
        ELSE 'provider' END AS kind,
    called.name AS name,
    {span}{_each(SHOWN)}
FROM {table} AS span LEFT JOIN name AS called ON called.subject = span.subject;
"""


def _of_streams(view: str, table: str, span: str) -> str:
    return f"""
CREATE VIEW {view} AS SELECT
    owner.name AS user_id,
    place.name AS provider,
    called.name AS connection,
    span.stream AS data_type,
    {span}{_each(STREAM_FIGURES)}
FROM {table} AS span
JOIN member ON member.connection = span.connection
JOIN name AS owner ON owner.subject = member.tenant
JOIN name AS place ON place.subject = member.provider
JOIN name AS called ON called.subject = span.connection;
"""


VIEWS = (
    _of_subjects("hourly_sums", "hour", f"{HOUR} AS hour")
    + _of_subjects("daily_sums", "day", f"{DAY} AS day")
    + _of_streams("stream_hourly_sums", "stream_hour", f"{HOUR} AS hour")
    + _of_streams("stream_daily_sums", "stream_day", f"{DAY} AS day")
)

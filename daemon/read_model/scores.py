"""What does time alone change, and how does SQL work that out?

A score drops, and a condition worsens, when a week has gone by without a success: `account` and
`stream` have both, and a view takes the one that holds now. What a stream scores follows from its
own week, and its connection's rate.
"""

from daemon.read_model.outside import NOW
from daemon.read_model.timestamps import SECOND
from projections import health

STALE = f"(account.stale_from IS NULL OR account.stale_from <= {NOW})"
SCORE = f"iif({STALE}, account.score_stale, account.score_fresh)"
CONDITION = f"iif({STALE}, account.condition_stale, account.condition_fresh)"
STREAM_CONDITION = f"iif({STALE}, stream.condition_stale, stream.condition_fresh)"
PRIORITY = f"""CASE
        WHEN account.next_priority IS NOT NULL THEN account.next_priority
        WHEN {SCORE} IS NULL THEN 5 WHEN {SCORE} >= 90 THEN 1 WHEN {SCORE} >= 70 THEN 3
        WHEN {SCORE} >= 50 THEN 5 ELSE 7 END"""

RATE = """100 * account.successful / account.total + (account.total
            < 2 * (100 * account.successful % account.total)
            + 100 * account.successful / account.total % 2)"""
"""In percent, a half rounded to what is even, as Python does it; SQL would round it up."""

WEEK_AGO = f"strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-{health.STALE_AFTER // SECOND} seconds')"
SOURCE_SCORE = f"""CASE
        WHEN stream.checked_at IS NULL AND stream.cause IS NULL THEN NULL
        WHEN account.total THEN max(0, min(100, {RATE}
            - {health.FAILURE_PENALTY} * stream.consecutive
            - iif(stream.captured_at > {WEEK_AGO}, 0, {health.STALE_PENALTY}))) END"""
"""Of a stream: `stream_score` of `daemon/decide/sources.py`, term by term."""


def since(column: str) -> str:
    """Seconds from then until now."""
    return f"(julianday('now') - julianday({column})) * 86400.0"


def _since_ms(column: str) -> str:
    """The same in whole milliseconds, which times here have."""
    return f"CAST(round(1000 * {since(column)}) AS INTEGER)"


UPTIME = f"""min(10000, 10000 * (CAST(1000 * account.up_s AS INTEGER)
            + coalesce(max(0, {_since_ms("account.up_since")}), 0))
        / max(1, {_since_ms("account.first_at")})) / 100.0"""
"""In percent, cut off: only what was never down has 100, as `projections/health.py` says it."""

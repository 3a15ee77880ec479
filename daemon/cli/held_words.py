"""What keeps a sync from starting, or its calls from leaving, in words?"""

import math
from datetime import datetime, timedelta

from daemon.cli import times

NEAR = timedelta(seconds=99)  # minutes are too coarse for what lasts no longer
HELD = {
    "paused": "paused",
    "to-be-authorised": "to be authorised",
    "breaker": "breaker",
    "disabled": "disabled",
    "quiet-hours": "quiet hours",
    "crashed": "rounds failed",
    "restoring": "going back",
    "fleet-full": "all places taken",
    "provider-full": "provider's places taken",
    "retries-full": "other retries",
    "probe": "breaker's probe",
    "batch-pause": "pause after a batch",
    "asked-to-wait": "asked to wait",
}
WHY = {
    "paused": "the connection is paused",
    "to-be-authorised": "somebody must authorise it",
    "breaker": "a breaker is open",
    "disabled": "syncs are switched off",
    "quiet-hours": "quiet hours",
    "crashed": "rounds itself failed on it",
    "restoring": "it goes back to earlier data just now, or a held version is taken over",
    "fleet-full": "as many syncs run as may at once",
    "provider-full": "as many syncs run at its provider as may at once",
    "retries-full": "as many retries run as may at once",
    "probe": "its provider's breaker lets one sync at a time try",
    "batch-pause": "its provider rests after a batch of syncs",
    "asked-to-wait": "the provider asked to be left alone",
}
LASTING = {"paused", "disabled"}
"""What people meant to be so."""

SAID_BY_STATE = {"paused", "to-be-authorised"}
"""What a connection's state says already."""


def short(by: str | None, until: datetime | None, now: datetime) -> str:
    """For a table: `breaker for 22 s`, `quiet hours until 13:28`, `paused`."""
    if by is None:
        return ""
    return f"{HELD[by]}{f' {_till(until, now)}' if until else ''}"


def sentence(by: str, until: datetime | None, now: datetime) -> str:
    """For who waits: `waits until 11:31:05: the provider asked to be left alone`."""
    waits = f"waits until {times.second(until, now)}" if until else "waits"
    return f"{waits}: {WHY[by]}"


def _till(until: datetime, now: datetime) -> str:
    """Its end; by the second where that is near, rounded up."""
    gap = until - now
    if gap > NEAR:
        return f"until {times.clock(until, now)}"
    return f"for {max(1, math.ceil(gap.total_seconds()))} s"

"""Which event brings a version into force, and whence it comes."""

import pytest

from events.schema import RecordsCaptured, SyncStarted
from events.terms import Kind, RollbackScope
from events.versions import (
    AcceptanceStarted,
    RolledBack,
    StreamRestored,
    VersionsPruned,
)
from projections.versions import Changed, brought, source
from tests.policy.transcript import NOON

CAPTURED = RecordsCaptured(
    stream="days",
    version=20,
    fetched=9,
    added=1,
    changed=2,
    removed=3,
    unchanged=6,
    duplicates=0,
    rows=9,
    pages=1,
    digest="00",
)
ROLLED_BACK = RolledBack(
    to=12,
    scope=RollbackScope.DATA,
    started=30,
    streams=(
        StreamRestored(stream="nights", of=5, rows=1, digest="00"),
        StreamRestored(stream="days", of=10, rows=7, digest="00", added=3, changed=2, removed=1),
    ),
)
STARTED = SyncStarted(kind=Kind.SCHEDULED, due=NOON, priority=5)


@pytest.mark.parametrize(
    "event, stream, expected",
    [
        (CAPTURED, "days", Changed(version=20, added=1, changed=2, removed=3)),
        (CAPTURED, "nights", None),
        (ROLLED_BACK, "days", Changed(version=30, added=3, changed=2, removed=1)),
        (ROLLED_BACK, "years", None),
        (VersionsPruned(stream="days", before=20, versions=1), "days", None),
    ],
)
def test_a_version_is_in_force_from_the_event_on_that_recorded_it(event, stream, expected):
    assert brought(event, stream) == expected


@pytest.mark.parametrize(
    "opened, by, expected",
    [
        (STARTED, CAPTURED, ("sync", None)),
        (None, CAPTURED, ("sync", None)),
        (AcceptanceStarted(stream="days", quarantined=15), CAPTURED, ("acceptance", 15)),
        (None, ROLLED_BACK, ("rollback", 10)),
    ],
)
def test_a_version_was_synced_taken_over_or_taken_back(opened, by, expected):
    assert source(opened, by, "days") == expected

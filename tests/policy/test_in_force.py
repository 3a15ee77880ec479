"""Which event brings a version into force, and whence it comes."""

import pytest

from events.envelope import Recorded
from events.schema import (
    RecordsCaptured,
    SyncCancelled,
    SyncStarted,
    SyncSucceeded,
)
from events.terms import Kind, RestoreEnd, RollbackScope
from events.versions import (
    AcceptanceStarted,
    QuarantineAccepted,
    RestoreAbandoned,
    RolledBack,
    StreamRestored,
    VersionsPruned,
)
from projections.versions import Changed, brings, brought, ends, opens, source
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


@pytest.mark.requirement("X4")
def test_a_version_begins_with_its_event_and_comes_before_what_ends_it():
    begun = Recorded(seq=20, at=NOON, subject=3, event=STARTED)
    assert (opens(begun, 20), opens(begun, 19)) == (True, False)
    assert not opens(Recorded(seq=20, at=NOON, subject=3, event=CAPTURED), 20)
    assert (brings(CAPTURED, 20), brings(CAPTURED, 19), brings(STARTED, 20)) == (True, False, False)
    nothing = RolledBack(to=12, scope=RollbackScope.STATE, started=30)
    assert (brings(ROLLED_BACK, 30), brings(nothing, 30)) == (True, False)
    for event in (
        SyncSucceeded(sync=20, duration_ms=1, records=9),
        SyncCancelled(sync=20),
        QuarantineAccepted(stream="days", quarantined=11, version=20),
        RestoreAbandoned(started=20, reason=RestoreEnd.FAILED),
    ):
        assert (ends(event, 20), ends(event, 21)) == (True, False)
    assert (ends(ROLLED_BACK, 30), ends(CAPTURED, 20), ends(STARTED, 20)) == (True, False, False)

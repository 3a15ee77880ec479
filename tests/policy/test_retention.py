"""Which versions of a stream are not kept any more?"""

from datetime import timedelta

import pytest

from daemon.commands import KeptVersion, PruneVersions
from events.schema import FLEET
from events.terms import RollbackScope
from events.versions import RollbackStarted, VersionsPruned
from tests.policy.transcript import KNOWN, NOON, ONE, captured, given, quarantined, setting

pytestmark = pytest.mark.requirement("B13")

DAY = timedelta(days=1)
SETTINGS = (FLEET, setting(versions_kept=2, versions_age=10 * DAY))
PAST = (*KNOWN, SETTINGS, (ONE, captured(90)))
"""The version in force is 90."""


def prune(ages, newer=0):
    """Of versions so many days old, numbered by tens; so many newer ones are not listed."""
    oldest = tuple(
        KeptVersion(version=10 * number, at=NOON - age * DAY)
        for number, age in enumerate(ages, 10 - len(ages))
    )
    return PruneVersions(subject=ONE, stream="days", oldest=oldest, newer=newer)


def before(scene):
    return [(event.before, event.versions) for _, event in scene.decided]


@pytest.mark.parametrize(
    ("ages", "newer", "pruned"),
    [
        ([], 0, []),
        ([100], 0, []),
        ([100, 99, 98], 0, [(80, 1)]),
        ([100, 99, 98, 97], 0, [(80, 2)]),
        ([100, 99, 98, 97], 5, [(90, 3)]),
        ([30, 20, 10, 5, 1], 0, [(60, 1)]),
        ([40, 30, 20, 5, 1], 0, [(70, 2)]),
        ([40, 30, 20, 11, 1], 0, [(80, 3)]),
        ([40, 1, 20, 11, 1], 0, []),
    ],
)
def test_the_last_stay_and_all_that_were_in_force_within_the_time(ages, newer, pruned):
    assert before(given(*PAST).when(prune(ages, newer))) == pruned


def test_what_is_decided_is_recorded_of_its_stream():
    event = VersionsPruned(stream="days", before=80, versions=1)
    given(*PAST).when(prune([100, 99, 98])).then((ONE, event))


def test_the_version_in_force_stays_whatever_is_asked():
    scene = given(*KNOWN, SETTINGS, (ONE, captured(70))).when(prune([100, 99, 98], 9))
    assert before(scene) == []


def test_what_can_only_be_dropped_keeps_no_version_from_going():
    """It can be taken over only while what it was compared with is in force."""
    held = quarantined(75)
    ages = [100, 99, 98, 97, 96]
    past = (*KNOWN, SETTINGS, (ONE, captured(70)), (ONE, held), (ONE, captured(90)))
    assert before(given(*past).when(prune(ages, 9))) == [(90, 4)]


def test_nothing_goes_while_the_connection_goes_back():
    begun = RollbackStarted(to=2, scope=RollbackScope.DATA)
    given(*PAST, (ONE, begun)).when(prune([100, 99, 98])).then()


def test_nothing_goes_of_what_is_not_known():
    given(*KNOWN, SETTINGS).when(prune([100, 99, 98])).then()
    given().when(prune([100, 99, 98])).then()

"""Does an incremental fetch go on where the last one ended?"""

from datetime import timedelta

import msgspec
import pytest

from daemon.decide.cursors import AHEAD_MAX, Anew, begins_anew, is_ahead
from daemon.store.told import Told
from tests.policy.transcript import NOON

LATEST = NOON + AHEAD_MAX
SOON = LATEST + timedelta(seconds=1)
TOLD = Told(key=("id",), cursor="at")


def written(at):
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("value", "format_", "expected"),
    [
        (written(NOON), "datetime", False),
        (written(LATEST), "datetime", False),
        (written(SOON), "datetime", True),
        (SOON.isoformat(), "unix", True),
        (SOON.replace(tzinfo=None).isoformat(" "), "local_datetime", True),
        ("2099-01-01", "date", True),
        ("2099-01-01t00:00:00.123456789z", "datetime", True),
        ("9999-12-31T23:59:59-12:00", "datetime", True),
        ("2099-13-01", "datetime", False),
        ("2099-01-01 or so", "datetime", True),
        ("2099-01-01 00:00:00 UTC", "datetime", True),
        ("2099-01-01T24:00:00Z", "datetime", True),
        ("2099-01-01T00:00:60Z", "datetime", True),
        ("20990101", "datetime", False),
        ("2099-01-011", "datetime", False),
        ("zzz", "unix", False),
        (LATEST.timestamp(), "unix", False),
        (SOON.timestamp(), "unix", True),
        (10**400, "unix_ns", True),
        (-1, "unix", False),
        (int(SOON.timestamp() * 1000), "unix_ms", True),
        (int(LATEST.timestamp() * 1000), "unix_ms", False),
        (int(SOON.timestamp()) * 10**9, "unix_ns", True),
        (str(int(SOON.timestamp())), "unix", True),
        (str(int(NOON.timestamp())), "unix", False),
        ("9" * 21, "unix", False),
        (10**15, "datetime", False),
        (10**15, "", False),
    ],
)
def test_a_time_is_ahead_only_where_it_is_a_time_and_later_than_a_day_from_now(
    value, format_, expected
):
    assert is_ahead(value, format_, NOON) is expected


@pytest.mark.parametrize(
    ("cursor", "was", "expected"),
    [
        (written(NOON), TOLD, None),
        (written(NOON), None, None),
        (None, TOLD, None),
        (None, None, None),
        (7, Told(key=("id",), cursor="id"), Anew.FIELD),
        (7, Told(key=("id",)), Anew.FIELD),
        (None, Told(key=("id",)), None),
        (7, Told(key=("uuid",), cursor="at"), Anew.KEY),
        (None, Told(key=("uuid",)), Anew.KEY),
        (7, Told(key=("id", "day"), cursor="at"), Anew.KEY),
        ("2099-01-01", TOLD, Anew.AHEAD),
        ("2099-01-01", None, Anew.AHEAD),
    ],
)
def test_it_begins_anew_where_the_version_in_force_says_nothing_of_what_comes(
    cursor, was, expected
):
    kept = None if cursor is None else msgspec.json.encode(cursor).decode()
    assert begins_anew(kept, was, TOLD, format_="datetime", now=NOON) is expected

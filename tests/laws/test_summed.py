"""Sums by name are the same when their hours have become days."""

from datetime import timedelta

import pytest

from daemon.read_model.file import Position, Standing
from daemon.read_model.keeping import HOURS_KEPT
from daemon.read_model.summed import SHOWN
from projections.hours import STREAM_FIGURES
from tests.benchmarks.history import history as weeks
from tests.laws.test_read_model import at_once, with_consents

NOBODY = (1, 3600, "[]", 1, 3, 60, None, None, "UTC", 1, "")
"""A tenant's settings, which are nothing to sums."""


def summed(model, view, keys, span, names):
    sums = ", ".join(f"sum({name})" for name in names)
    counted = " + ".join(f"sum({name})" for name in names)
    return set(
        model.connection.execute(
            f"SELECT {keys}, substr({span}, 1, 10), {sums} FROM {view} "
            f"GROUP BY {keys}, substr({span}, 1, 10) HAVING {counted} > 0"
        )
    )


@pytest.mark.requirement("A13")
def test_what_was_hours_is_the_same_by_name_as_days():
    written = with_consents(weeks(3, 2500, 7), 7)
    model, last = at_once(written), max(each.at for each in written)
    subjects = model.connection.execute("SELECT DISTINCT subject FROM hour WHERE subject")
    names = tuple((each, f"n{each}") for (each,) in subjects)
    tenants = tuple((1000 + each, *NOBODY) for each in (2, 3, 4))
    position = Position(seq=written[-1].seq, at=last)
    model.write(position, None, {}, Standing(names=names, tenants=tenants))
    views = (
        ("hourly_sums", "daily_sums", "id, kind, name", SHOWN),
        (
            "stream_hourly_sums",
            "stream_daily_sums",
            "user_id, connection, data_type",
            STREAM_FIGURES,
        ),
    )
    before = [summed(model, hourly, keys, "hour", names) for hourly, _, keys, names in views]
    assert {row[:3] for row in before[0]} == {
        (0, "fleet", None),
        (1, "provider", "n1"),
        *((each, "connection", f"n{each}") for each in (2, 3, 4)),
        *((1000 + each, "tenant", f"n{1000 + each}") for each in (2, 3, 4)),
    }
    assert {row[:2] for row in before[1]} <= {(f"n{1000 + each}", f"n{each}") for each in (2, 3, 4)}
    later = Position(seq=position.seq, at=last + HOURS_KEPT + timedelta(days=1))
    model.write(later, None, {})
    assert [summed(model, daily, keys, "day", names) for _, daily, keys, names in views] == before
    for hourly, _, _, _ in views:
        assert model.connection.execute(f"SELECT count(*) FROM {hourly}").fetchone() == (0,)

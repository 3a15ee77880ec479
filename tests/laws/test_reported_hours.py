"""What sources outside reported is in the SQL file as a recount of the log, hour by hour."""

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from daemon.read_model import changed, keeping
from daemon.read_model.file import Position, ReadModel, Standing
from daemon.read_model.timestamps import iso, seconds
from events import consent
from events.envelope import Recorded
from events.schema import FLEET
from events.sources import (
    Expectation,
    Figures,
    Health,
    Pattern,
    Platform,
    ReportReceived,
    SourceAdded,
    SourceChanged,
    SourceRemoved,
)
from projections import world as worlds
from projections.world import World
from tests.laws.test_filling import filled
from tests.laws.test_read_model import at_once, in_portions, rows, stands

BEGIN = datetime(2026, 5, 4, tzinfo=UTC)
SOURCES = {31: 3, 32: 3, 41: 4}  # and their tenants
HOUR_S = 3600
DAYS = 100


def expectation(hours):
    every = timedelta(hours=hours)
    return Expectation(pattern=Pattern.ANDROID, every=every, late_after=2 * every, night=hours == 6)


def reported(seed, events=600):
    """A log of reports that come late and out of order; sources come and go, tenants change."""
    cut, at, found = random.Random(seed), BEGIN, []

    def record(subject, event):
        found.append(Recorded(seq=len(found) + 1, at=at, subject=subject, event=event))

    for source, tenant in SOURCES.items():
        record(source, SourceAdded(tenant=tenant, expectation=expectation(1)))
    while len(found) < events:
        at += timedelta(days=DAYS) / events * 2 * cut.random()
        source = cut.choice([*SOURCES])
        kind = cut.random()
        if kind < 0.02:
            record(source, SourceRemoved())
            record(source, SourceAdded(tenant=SOURCES[source], expectation=expectation(2)))
        elif kind < 0.04:
            record(source, SourceChanged(expectation=expectation(6)))
        elif kind < 0.06:
            said = cut.choice([consent.ConsentWithdrawn(), consent.ConsentGranted()])
            record(SOURCES[source], said)
        elif kind < 0.07:
            record(FLEET, consent.MonitoringSet(consent=cut.choice([*consent.Believed])))
        else:
            own = at - timedelta(hours=30 * cut.random() ** 3)
            record(source, report(own, len(found), cut))
    return found


def report(own, number, cut):
    maybe = lambda value: cut.choice([None, value])  # noqa: E731 - said in one line, used in nine
    figures = Figures(
        syncs=maybe(cut.randrange(5)),
        records=maybe(cut.randrange(500)),
        errors=maybe(cut.randrange(3)),
        duration_ms=maybe(cut.randrange(9000)),
        bytes=maybe(cut.randrange(90_000)),
        queue_depth=maybe(cut.randrange(50)),
        oldest=maybe(own - timedelta(minutes=cut.randrange(900))),
        platform=maybe(Platform.ANDROID),
        health=maybe(cut.choice([*Health])),
    )
    key = f"{number:016x}"
    return ReportReceived(reported=own, key=key, figures=figures, kept_since=date(2026, 1, 1))


def recounted(written):
    """Source and hour: reports, syncs, records, errors, and the deepest queue and oldest item."""
    said, believed, found = {}, True, {}
    for each in written:
        event, subject = each.event, each.subject
        match event:
            case consent.MonitoringSet(consent=how):
                believed = how is consent.Believed.ASSUMED
            case consent.ConsentGranted() | consent.ConsentWithdrawn():
                said[subject] = isinstance(event, consent.ConsentGranted)
            case ReportReceived(reported=own, figures=figures):
                key = (subject, seconds(own) // HOUR_S * HOUR_S)
                sums, depths, items = found.setdefault(key, (Counter(), [], []))
                sums["reports"] += 1
                for name in ("syncs", "records", "errors"):
                    sums[name] += getattr(figures, name) or 0
                depths += [figures.queue_depth] if figures.queue_depth is not None else []
                items += [figures.oldest] if figures.oldest is not None else []
        for (source, _), (sums, _, _) in found.items():
            if not said.get(SOURCES[source], believed):
                sums["records"] = 0
    first = seconds(keeping.happened_from(max(each.at for each in written)))
    return {
        key: (
            *(sums[name] for name in ("reports", "syncs", "records", "errors")),
            max(depths, default=None),
            iso(min(items)) if items else None,
        )
        for key, (sums, depths, items) in found.items()
        if key[1] >= first
    }


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.requirement("D6")
@pytest.mark.requirement("D2")
def test_hours_of_reports_are_a_recount_of_the_log(tmp_path, seed):
    """By the reports' own time, in whatever portions, and without details of who forbids them."""
    written = reported(seed)
    whole = at_once(written)
    assert rows(in_portions(written, random.Random(seed), 40)) == rows(whole)
    at_once_filled = filled(tmp_path, written)
    assert rows(at_once_filled) == rows(whole)
    at_once_filled.close()
    columns = "source, start, reports, syncs, records, errors, queue_depth_max, oldest"
    found = whole.connection.execute(f"SELECT {columns} FROM report_hour").fetchall()
    assert {row[:2]: row[2:] for row in found} == recounted(written)


def ailing(health, *, late):
    """The word for one that has reported."""
    if health is Health.UNHEALTHY:
        return "unhealthy"
    return "degraded" if late or health is Health.DEGRADED else "healthy"


@pytest.mark.parametrize("late", [True, False])
@pytest.mark.parametrize("health", [None, *Health])
@pytest.mark.requirement("D2")
def test_a_sources_health_is_told_in_the_words_of_streams(health, late):
    """What it says of itself, and whether it is late; unknown before its first report."""
    since, never = "2026-01-01T00:00:00.000Z", "9999-01-01T00:00:00.000Z"
    word, late_at = health.value if health else None, since if late else never
    told, silent = (
        (source, 3, "android", None, said, since, since, late_at, reported, *[None] * 5, since)
        for source, said, reported in ((31, word, since), (32, None, None))
    )
    names = tuple((each, f"n{each}") for each in (3, 31, 32))
    model = ReadModel(None, "one")
    model.write(Position(seq=1), None, {}, Standing(names=names, sources=(told, silent)))
    seen = model.connection.execute("SELECT source, status FROM sync_health ORDER BY source")
    assert seen.fetchall() == [("n31", ailing(health, late=late)), ("n32", "unknown")]
    seen = model.connection.execute("SELECT DISTINCT status FROM reported_sources")
    assert seen.fetchall() == [("late" if late else "due",)]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.requirement("D2")
@pytest.mark.requirement("B14")
def test_a_source_stands_beside_streams_as_it_stands(seed):
    """Each has one row, written anew whenever it changed; who was removed has none."""
    written, world, since = reported(seed, 120), World(), changed.Changed()
    model, cut = ReadModel(None, "one"), random.Random(seed)
    for each in written:
        worlds.fold(world, each)
        changed.note(since, world, each)
        if cut.random() < 0.3:
            model.write(Position(seq=each.seq), None, {}, stands(world, since))
            since = changed.Changed()
    worlds.fold(world, Recorded(seq=121, at=world.at, subject=41, event=SourceRemoved()))
    changed.note(since, world, Recorded(seq=121, at=world.at, subject=41, event=SourceRemoved()))
    model.write(Position(seq=121), None, {}, stands(world, since))
    whole = ReadModel(None, "one")
    whole.write(Position(seq=121), None, {}, stands(world, changed.everything(world)))
    assert rows(model, ("source", "tenant")) == rows(whole, ("source", "tenant"))
    seen = "SELECT user_id, source, status, error_count, kind, health_score FROM sync_health"
    latest = {each: world.sources[each].latest.figures for each in (31, 32)}
    assert sorted(whole.connection.execute(seen)) == [
        ("n3", f"n{each}", ailing(told.health, late=True), told.errors, "reported", None)
        for each, told in latest.items()
    ], "the log is of long ago, so each is late by now"
    seen = "SELECT connection, status, item_count, kind FROM sync_connection_health"
    assert sorted(whole.connection.execute(seen)) == [
        (f"n{each}", (told.health or Health.UNKNOWN).value, told.records, "reported")
        for each, told in latest.items()
    ]
    queues = "SELECT source, queue_depth FROM reported_sources"
    assert sorted(whole.connection.execute(queues)) == [
        (f"n{each}", world.sources[each].queue.figures.queue_depth) for each in (31, 32)
    ]

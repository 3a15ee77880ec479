"""What follows from what a source reports?"""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from daemon import commands
from daemon.decide import reporting
from daemon.decide.reporting import AGE_MAX, AHEAD_MAX, REPORTS_A_DAY_MAX, Refusal, Why
from events import schema, sources
from events.envelope import Recorded
from events.sources import Figures
from projections import reported
from projections.difference import between
from projections.tenant import Tenant
from tests.policy.reporting import (
    ADDED,
    ANDROID,
    MANUAL,
    PHONE,
    THERE,
    UPLOADS,
    day,
    received,
    report,
    source,
    take,
)
from tests.policy.transcript import HOUR, MINUTE, NOON, TENANT, given

DAY = timedelta(days=1)


def judged(scene, *reports, now=NOON):
    return reporting.judge(scene.world.sources[PHONE], reports, now)


# -- sources --------------------------------------------------------------------------------------


def add(subject=PHONE, expectation=ANDROID, **more):
    return commands.AddSource(subject=subject, tenant=TENANT, expectation=expectation, **more)


@pytest.mark.requirement("D2")
def test_a_source_is_added_once_and_its_tenant_knows_it():
    scene = given()
    scene.when(add()).then((PHONE, ADDED))
    scene = given(*THERE)
    scene.when(add()).then()
    assert scene.world.tenants[TENANT] == Tenant(sources=(PHONE,))


def test_what_is_expected_of_it_can_be_something_else():
    changed = sources.SourceChanged(expectation=MANUAL)
    given(*THERE).when(add(expectation=MANUAL)).then((PHONE, changed))
    assert source((PHONE, changed)).expectation == MANUAL


def test_a_source_that_the_configuration_speaks_of_by_now_is_declared():
    changed = sources.SourceChanged(expectation=ANDROID, declared=True)
    given(*THERE).when(add(declared=True)).then((PHONE, changed))
    assert source((PHONE, changed)).declared


def test_a_source_that_is_removed_takes_no_report_and_has_no_token():
    removed = (PHONE, sources.SourceRemoved())
    given(*THERE).when(commands.RemoveSource(subject=PHONE)).then(removed)
    token = (PHONE, sources.SourceTokenSet())
    scene = given(*THERE, token, removed)
    for wish in (
        take(report()),
        commands.RemoveSource(subject=PHONE),
        commands.NoteSourceToken(subject=PHONE),
    ):
        scene.when(wish).then()
    assert scene.world.tenants[TENANT].sources == ()
    assert scene.world.sources[PHONE].token_in == 0


def test_a_source_that_comes_back_knows_what_it_reported():
    scene = given(*THERE, (PHONE, received(records=3)), (PHONE, sources.SourceRemoved()))
    scene.when(add()).then((PHONE, ADDED))
    scene.fold(PHONE, ADDED)
    scene.when(take(report(records=3))).then()
    assert judged(scene, report(records=3)) == reporting.Judgement()


def test_a_new_token_is_told_apart_from_the_one_before_by_its_event():
    given(*THERE).when(commands.NoteSourceToken(subject=PHONE)).then(
        (PHONE, sources.SourceTokenSet())
    )
    twice = source((PHONE, sources.SourceTokenSet()), (PHONE, sources.SourceTokenSet()))
    assert (twice.token_in, twice.token_set) == (3, NOON)


def test_a_tenant_has_so_many_sources_and_no_more():
    many = [(100 + each, ADDED) for each in range(reporting.SOURCES_MAX)]
    scene = given(*many)
    assert reporting.is_full(scene.world, TENANT)
    scene.when(add(subject=PHONE)).then()
    scene.when(replace(add(subject=PHONE), tenant=TENANT + 90)).then(
        (PHONE, replace(ADDED, tenant=TENANT + 90))
    )


# -- reports --------------------------------------------------------------------------------------


@pytest.mark.requirement("D2")
def test_a_report_is_recorded_with_its_own_time_and_figures():
    given(*THERE).when(take(report(records=12, queue_depth=3))).then(
        (PHONE, received(records=12, queue_depth=3))
    )


@pytest.mark.requirement("D2")
def test_a_report_that_is_known_changes_nothing():
    scene = given(*THERE, (PHONE, received(records=12)))
    scene.when(take(report(records=12))).then()
    assert judged(scene, report(records=12)) == reporting.Judgement()


@pytest.mark.requirement("D2")
@pytest.mark.parametrize(
    "other",
    [report(records=13), report(records=12, at=NOON - HOUR), report(records=12, at=NOON - DAY)],
)
def test_a_key_that_comes_with_something_else_is_refused_and_the_first_stays(other):
    scene = given(*THERE, (PHONE, received(records=12)))
    scene.when(take(report(2, records=1), other)).then()
    assert judged(scene, report(2, records=1), other).refusal == Refusal(place=1, why=Why.OTHER)


def test_a_key_that_comes_twice_at_once_with_something_else_is_refused():
    scene = given(*THERE)
    scene.when(take(report(records=1), report(records=2))).then()
    scene.when(take(report(records=1), report(records=1))).then((PHONE, received(records=1)))


@pytest.mark.requirement("D2")
def test_many_reports_are_taken_together_or_not_at_all():
    scene = given(*THERE)
    scene.when(take(report(1, records=1), report(2, at=NOON - HOUR))).then(
        (PHONE, received(1, records=1)), (PHONE, received(2, at=NOON - HOUR))
    )
    scene.when(take(report(1, records=1), report(2, at=NOON + HOUR))).then()


@pytest.mark.parametrize(
    ("at", "why"),
    [
        (NOON + AHEAD_MAX, None),
        (NOON + AHEAD_MAX + MINUTE, Why.AHEAD),
        (NOON - AGE_MAX, None),
        (NOON - AGE_MAX - MINUTE, Why.OLD),
    ],
)
def test_a_report_lies_within_what_clocks_and_drawers_allow(at, why):
    scene = given(*THERE)
    found = judged(scene, report(at=at)).refusal
    assert (found.why if found else None) is why
    scene.when(take(report(at=at)))
    assert bool(scene.decided) is (why is None)


def test_what_is_known_stays_known_though_it_is_too_old_to_be_new():
    old = NOON - AGE_MAX
    scene = given(*THERE, (PHONE, received(at=old, kept_since=(old - DAY).date())))
    assert judged(scene, report(at=old), now=NOON + HOUR) == reporting.Judgement()
    found = judged(scene, report(2, at=old), now=NOON + HOUR)
    assert found.refusal == Refusal(place=0, why=Why.OLD)


def test_a_day_that_is_no_longer_remembered_is_not_told_again_by_a_clock_that_was_set_back():
    later = NOON + 40 * DAY
    scene = given(*THERE, (PHONE, received(at=later, kept_since=(later - 31 * DAY).date())))
    found = judged(scene, report(2))
    assert found.refusal == Refusal(place=0, why=Why.OLD)


def test_a_day_has_so_many_reports_and_no_more():
    scene = given(*THERE)
    known = replace(
        scene.world.sources[PHONE],
        days={NOON.date(): reported.Day(sums=reported.Sums(reports=REPORTS_A_DAY_MAX))},
    )
    scene.world.sources[PHONE] = known
    assert judged(scene, report()).refusal == Refusal(place=0, why=Why.FULL)
    assert judged(scene, report(at=NOON - DAY)).refusal is None


# -- what they come to ----------------------------------------------------------------------------


def test_the_last_report_is_the_one_of_the_latest_time_not_of_the_latest_arrival():
    found = source((PHONE, received(2, records=2)), (PHONE, received(1, at=NOON - HOUR, records=1)))
    assert found.latest.figures == Figures(records=2)
    tie = source((PHONE, received(2, records=2)), (PHONE, received(3, records=3)))
    assert tie.latest.figures == Figures(records=3)


def test_a_report_without_a_depth_says_nothing_of_the_queue():
    found = source(
        (PHONE, received(1, at=NOON - HOUR, queue_depth=0)), (PHONE, received(2, records=2))
    )
    assert (found.queue.figures.queue_depth, found.queue.at) == (0, NOON - HOUR)


def test_a_day_is_summed_by_the_time_of_the_reports():
    found = source(
        (PHONE, received(1, syncs=1, records=2, errors=3, duration_ms=4, bytes=5)),
        (PHONE, received(2, records=2)),
        (PHONE, received(3, at=NOON - DAY, records=7)),
    )
    assert reported.sums(found) == {
        day("2026-05-03"): reported.Sums(reports=1, records=7),
        day("2026-05-04"): reported.Sums(
            reports=2, syncs=1, records=4, errors=3, duration_ms=4, bytes=5
        ),
    }


def test_days_before_those_that_are_kept_are_let_go():
    later = NOON + 40 * DAY
    since = (later - 31 * DAY).date()
    found = source(
        (PHONE, received(1, records=1)),
        (PHONE, received(2, at=later, kept_since=since)),
        (PHONE, received(3, records=1, kept_since=since)),
    )
    assert [*found.days] == [later.date()]
    assert found.kept_since == since


def test_how_long_reports_are_kept_hangs_on_their_own_times_alone():
    scene = given(*THERE).when(take(report(1, at=NOON - HOUR)), now=NOON + 2 * DAY)
    scene.then((PHONE, received(1, at=NOON - HOUR)))


def test_another_source_is_not_touched_by_it():
    scene = given(*THERE, (UPLOADS, ADDED), (PHONE, received(records=1)))
    assert scene.world.sources[UPLOADS].latest is None


def test_a_fact_about_something_else_changes_nothing():
    before = source()
    something = Recorded(seq=9, at=NOON, subject=PHONE, event=schema.DaemonStopped())
    assert reported.evolve(before, something) == before


def test_two_instants_differ_in_sums_and_not_in_what_makes_a_report_known():
    before, after = given(*THERE), given(*THERE, (PHONE, received(records=3)))
    paths = {each.path for each in between(before.world, after.world, PHONE)}
    assert ("source", "days", "2026-05-04", "sums", "records") in paths
    keys = [each for each in between(before.world, after.world, PHONE) if each.path[-1] == "keys"]
    assert [each.after for each in keys] == [""]

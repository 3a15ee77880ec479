"""Is every event said in words, and which sync is waited for?"""

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from daemon import configuration, duration
from daemon.cli import held_words, outbox, times, words
from daemon.cli.waiting import Pursuit
from daemon.control.messages import EventView
from daemon.control.outbox_messages import WriteView
from daemon.decide.hindrance import Hindrance
from events.gateway import CallKind, CallMade
from events.outbox import WriteQueued
from events.policy import Settings
from events.schema import (
    BackfillAdvanced,
    ConnectionRemoved,
    Event,
    PolicySet,
    SettingsDeclared,
    SettingsSet,
    SyncCancelled,
    SyncFailed,
    SyncInterrupted,
    SyncRequested,
    SyncScheduled,
    SyncSkipped,
    SyncStarted,
    SyncSucceeded,
)
from events.terms import (
    FailureClass,
    InterruptReason,
    Kind,
    ScheduleReason,
    SkipReason,
    StreamFailure,
)
from tests.events.facts import GOLDEN

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
EVENTS = [msgspec.json.decode(line, type=Event) for line in GOLDEN.read_bytes().splitlines()]


def view(seq: int, event: Event) -> EventView:
    names = {2: "acme", 3: "acme/oura", 5: "globex"}
    return EventView(seq=seq, at=NOW, subject=3, name="acme/weather", event=event, names=names)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__struct_config__.tag)
def test_every_event_is_one_line_in_words(event):
    line = words.line(view(12, event), width=14)
    assert line.startswith("    12  2026-11-21 ")
    assert "\n" not in line
    assert "  acme/weather    " in line
    assert "Struct" not in line
    assert words.tone(event) in {None, "red", "yellow", "green"}


def test_a_program_that_finds_one_thing_gone_is_not_told_that_its_provider_is():
    call = CallMade(
        endpoint="POST /orders/{id}", method="POST", kind=CallKind.WRITE, began=1, status=410,
        cause=FailureClass.RETIRED,
    )  # fmt: skip
    line = words.line(view(12, call), width=14)
    assert "failed: what is there is gone for good (410)" in line


def test_a_write_whose_time_ran_out_is_not_called_one_that_somebody_took_back():
    cause, said = FailureClass.CANCELLED, "its time ran out, or its connection changed meanwhile"
    queued = WriteQueued(
        row=1, endpoint="POST /orders", method="POST", kind=CallKind.WRITE, keyed=True, bytes=2,
        cause=cause, due=NOW,
    )  # fmt: skip
    waiting = WriteView(
        write=12, connection="acme/shop", endpoint="POST /orders", method="POST", phase="queued",
        keyed=True, bytes=2, queued_at=NOW, place=1, attempts=1, due=NOW, held_by=None,
        cause=cause.value, status=None,
    )  # fmt: skip
    assert words.line(view(12, queued), width=14).endswith(f"; {said}")
    assert outbox.why(waiting) == said


@pytest.mark.parametrize(
    "gap, said",
    [
        (timedelta(minutes=58), "in 58 min"),
        (-timedelta(hours=2), "2 h ago"),
        (timedelta(), "now"),
        (-timedelta(milliseconds=1), "just now"),
        (-timedelta(seconds=1.4), "1 s ago"),
        (timedelta(days=3), "in 3 days"),
    ],
)
def test_times_are_relative(gap, said):
    assert times.relative(NOW + gap, NOW) == said


@pytest.mark.parametrize(
    "span, said",
    [
        (timedelta(milliseconds=80), "80 ms"),
        (timedelta(seconds=1.24), "1.2 s"),
        (timedelta(minutes=5), "5 min"),
    ],
)
def test_spans_have_one_unit(span, said):
    assert times.about(span) == said


@pytest.mark.parametrize(
    "days, said",
    [
        ([], ""),
        ([3], "2026-11-03"),
        ([3, 4], "2026-11-03 to 2026-11-04"),
        ([9, 3, 5, 4], "2026-11-03 to 2026-11-05, 2026-11-09"),
    ],
)
def test_days_in_a_row_are_said_as_one(days, said):
    assert times.spans(date(2026, 11, day) for day in days) == said


def test_days_that_failed_alike_are_said_together():
    lost = [
        StreamFailure(
            stream="steps",
            cause=FailureClass.SERVER,
            message=why,
            day=date(2026, 11, n),
            owed=n != 5,
        )
        for n, why in [
            (1, "it failed"),
            (2, "it failed"),
            (3, "it was refused"),
            (4, "it failed"),
            (5, "it failed"),
        ]
    ]
    over = "it failed (no longer owed: `rounds backfill` asks for it again)"
    succeeded_ = SyncSucceeded(sync=9, duration_ms=5, records=2, failures=tuple(lost))
    assert words.sentence(view(12, succeeded_)) == (
        "sync 9 succeeded: 2 records in 5 ms; but steps of 2026-11-01 to 2026-11-02, 2026-11-04 "
        "failed: it failed; but steps of 2026-11-03 failed: it was refused; "
        f"but steps of 2026-11-05 failed: {over}"
    )
    failed = SyncFailed(
        sync=9,
        duration_ms=5,
        cause=FailureClass.SERVER,
        message="it failed",
        failures=tuple(lost),
    )
    assert words.sentence(view(12, failed)) == (
        "sync 9 failed after 5 ms: it failed; steps of 2026-11-03 failed: it was refused; "
        f"steps of 2026-11-05 failed: {over}"
    )


@pytest.mark.parametrize(
    "due, said",
    [
        (NOW, "backfill goes on with the days up to 2026-11-03"),
        (
            NOW + timedelta(hours=1),
            "backfill goes on with the days up to 2026-11-03, not before ",
        ),
    ],
)
def test_a_backfill_that_waits_says_until_when(due, said):
    advanced = words.sentence(view(12, BackfillAdvanced(last=date(2026, 11, 3), due=due)))
    assert advanced.startswith(said)
    assert ("before" in advanced) == (due > NOW)


def test_an_interval_is_said_exactly():
    assert times.exact(timedelta(minutes=90)) == "1 h 30 min"
    assert times.exact(timedelta(days=7)) == "7 days"
    assert times.exact(timedelta(days=1, hours=2, minutes=3), 2) == "1 day 2 h"


@pytest.mark.parametrize(
    "number, said", [(1, "1 byte"), (999, "999 bytes"), (164_700, "164.7 KB"), (2e9, "2.0 GB")]
)
def test_sizes_have_one_unit(number, said):
    assert times.size(number) == said


def started(request: int | None) -> SyncStarted:
    return SyncStarted(kind=Kind.MANUAL, due=NOW, priority=1, request=request)


def succeeded(sync: int) -> SyncSucceeded:
    return SyncSucceeded(sync=sync, duration_ms=1, records=0)


def end(request: int | None, *events: Event) -> int | None:
    """The number of the event that ends the wait; they are numbered from 10."""
    pursuit = Pursuit(request)
    for seq, event in enumerate(events, 10):
        if pursuit.ends(view(seq, event)):
            return seq
        pursuit.concerns(view(seq, event))
    return None


def test_a_sync_that_ran_before_is_not_the_one():
    assert end(9, succeeded(5), started(9), succeeded(11)) == 12


def test_a_sync_for_another_request_is_not_the_one():
    assert end(9, started(4), succeeded(10), started(9), succeeded(12)) == 13


def test_somebody_elses_request_is_served_by_the_next_start():
    assert end(None, started(None), started(4), succeeded(11)) == 12


def test_an_interrupted_sync_is_started_again():
    broken = SyncInterrupted(sync=10, reason=InterruptReason.SHUTDOWN, request=9)
    assert end(9, started(9), broken, started(9), succeeded(12)) == 13


def test_what_had_not_started_is_taken_back():
    assert end(9, SyncCancelled()) == 10
    assert end(9, SyncSkipped(reason=SkipReason.PAUSED, due=NOW, request=9)) == 10
    assert end(9, SyncSkipped(reason=SkipReason.PAUSED, due=NOW, request=4)) is None
    assert end(9, started(9), SyncCancelled()) is None
    assert end(9, started(9), SyncCancelled(sync=10)) == 11
    assert end(9, ConnectionRemoved()) == 10


@pytest.mark.requirement("A10")
def test_the_other_connection_that_an_event_speaks_of_is_named():
    about = {
        SyncRequested(kind=Kind.FAILOVER, origin=4): "it stands in for acme/other",
        SettingsSet(settings=Settings(fallback=4)): "settings set: fallback acme/other",
        SettingsDeclared(settings=Settings(fallback=4)): "settings declared: fallback acme/other",
    }
    for event, said in about.items():
        told = msgspec.structs.replace(view(12, event), names={4: "acme/other"})
        assert words.sentence(told).endswith(said)


@pytest.mark.parametrize(
    "seconds, rounded", [(29.1, "30s"), (119, "119s"), (119.5, "2m"), (3599, "1h"), (121, "3m")]
)
def test_a_wait_is_never_said_to_be_shorter_than_it_is(seconds, rounded):
    assert duration.text(duration.rounded_up(timedelta(seconds=seconds))) == rounded


# -- what holds back ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "seconds, said",
    [
        (0, "breaker for 1 s"),
        (21.2, "breaker for 22 s"),
        (99, "breaker for 99 s"),
        (100, "breaker until {:%H:%M}"),
        (86_400, "breaker until {:%Y-%m-%d %H:%M}"),
    ],
)
def test_what_ends_soon_is_told_by_the_second(seconds, said):
    until = NOW + timedelta(seconds=seconds)
    told = held_words.short("breaker", until, NOW)
    assert told == said.format(until.astimezone())


def test_who_waits_is_told_until_when_to_the_second():
    soon, tomorrow = NOW + timedelta(seconds=22), NOW + timedelta(days=1)
    why = "the provider asked to be left alone"
    assert (
        held_words.sentence("asked-to-wait", soon, NOW)
        == f"waits until {soon.astimezone():%H:%M:%S}: {why}"
    )
    far = held_words.sentence("breaker", tomorrow, NOW)
    assert far == f"waits until {times.local(tomorrow)}: a breaker is open"
    assert held_words.sentence("fleet-full", None, NOW).startswith("waits: as many syncs run")


@pytest.mark.parametrize("why", Hindrance)
def test_every_hindrance_has_its_words(why):
    assert held_words.short(why, None, NOW) == held_words.HELD[why]
    assert held_words.WHY[why]


# -- settings -------------------------------------------------------------------------------------


@pytest.mark.requirement("A19")
def test_the_fleets_settings_are_said_with_those_that_are_not_as_they_ship():
    shipped = configuration.policy(configuration.Settings())
    said = "settings: a sync every 6 h, 10 at once"
    assert words.sentence(view(12, shipped)) == said
    other: PolicySet = msgspec.structs.replace(
        shipped, retry_delay=timedelta(minutes=15), failover_enabled=False, spread=0.0
    )
    rest = "spread 0.0, failover_enabled false, retry_delay 15m"
    assert words.sentence(view(12, other)) == f"{said}; {rest}"


def test_a_turn_that_settings_moved_says_so():
    moved = SyncScheduled(due=NOW, reason=ScheduleReason.SETTINGS)
    assert words.sentence(view(12, moved)).endswith(" (settings changed)")


@pytest.mark.parametrize("request_", [12, None])
def test_a_request_that_another_one_stands_in_for_ends_nothing(request_):
    pursuit = Pursuit(request_)
    assert not pursuit.ends(view(11, SyncCancelled(pass_=9, replaced=True)))
    assert pursuit.ends(view(11, SyncCancelled(pass_=9)))

"""What does an event add to its hour, how long did most syncs take, and for how long was it up?"""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import gateway, limits, schema, terms, versions
from projections import hours, sketch, uptime
from projections.hours import FIGURES
from projections.uptime import Span
from tests.policy.transcript import NOON

CALLS = (
    terms.CallTotal(endpoint="GET /days", calls=3, bytes=900, duration_ms=60),
    terms.CallTotal(endpoint="GET /alerts", calls=1, bytes=100, duration_ms=40),
)
CAPTURED = schema.RecordsCaptured(
    stream="days", version=1, fetched=9, added=3, changed=2, removed=1, unchanged=4,
    duplicates=5, rows=8, pages=1, digest="00",
)  # fmt: skip
REFUSED = schema.RecordsRefused(
    stream="days", version=1, cause=terms.FailureClass.EMPTY, fetched=7, rows=8
)
HELD = versions.RecordsQuarantined(
    stream="days", version=1, guard=terms.Guard.SHRUNK, cause=terms.FailureClass.MALFORMED,
    fetched=6, added=0, changed=0, removed=9, rows=9, offered=0,
)  # fmt: skip
SUCCEEDED = schema.SyncSucceeded(sync=1, duration_ms=1500, records=9, calls=CALLS)
FAILED = schema.SyncFailed(
    sync=1, duration_ms=700, cause=terms.FailureClass.RATE_LIMITED, message="wait", calls=CALLS
)
CALL_FAILED = schema.CallFailed(
    sync=1, stream="days", endpoint="GET /days", method="GET", cause=terms.FailureClass.SERVER,
    duration_ms=20, bytes=5,
)  # fmt: skip
CALL_MADE = gateway.CallMade(
    endpoint="GET /me", method="GET", kind=gateway.CallKind.READ, began=1, duration_ms=30, bytes=7
)
REFRESHED = schema.TokenRefreshed(generation=2, token="t", expires_at=NOON)
NOT_REFRESHED = schema.RefreshFailed(
    generation=2, cause=terms.FailureClass.NETWORK, message="no answer"
)
WAIT = limits.LimitHeld(until=NOON + timedelta(seconds=90), reason=limits.HoldReason.HINT)
OVER = limits.LimitHeld(until=NOON - timedelta(seconds=90), reason=limits.HoldReason.HINT)
CALLED = {"calls": 4, "bytes": 1000, "call_ms": 100}


@pytest.mark.parametrize(
    ("event", "adds"),
    [
        (SUCCEEDED, {"succeeded": 1, "sync_ms": 1500, "records": 9, **CALLED}),
        (FAILED, {"failed": 1, "failed_rate_limited": 1, "sync_ms": 700, **CALLED}),
        (schema.SyncCancelled(sync=1), {"cancelled": 1}),
        (schema.SyncCancelled(replaced=True), {}),
        (schema.SyncInterrupted(sync=1, reason=terms.InterruptReason.DIED), {"interrupted": 1}),
        (schema.SyncSkipped(reason=terms.SkipReason.MISSED, due=NOON, count=4), {"skipped": 4}),
        (CAPTURED, {"added": 3, "changed": 2, "removed": 1}),
        (REFUSED, {"refused": 1}),
        (HELD, {"refused": 1}),
        (CALL_FAILED, {"calls_failed": 1, "call_ms": 20, "bytes": 5}),
        (CALL_MADE, {"calls": 1, "call_ms": 30, "bytes": 7}),
        (REFRESHED, {"refreshes": 1}),
        (NOT_REFRESHED, {"refreshes_failed": 1}),
        (WAIT, {"limit_waits": 1, "limit_wait_s": 90}),
        (OVER, {"limit_waits": 1}),
    ],
    ids=lambda each: type(each).__name__,
)
@pytest.mark.requirement("D4")
def test_an_event_adds_to_its_hour(event, adds):
    """And to nothing else in it."""
    hour = hours.nothing()
    hours.ADDS[type(event)](hour, event, NOON)
    assert {name: n for name, n in zip(FIGURES, hour, strict=True) if n} == adds


def test_a_call_that_failed_counts_as_such():
    failed = gateway.CallMade(
        endpoint="GET /me", method="GET", kind=gateway.CallKind.READ, began=1,
        cause=terms.FailureClass.SERVER,
    )  # fmt: skip
    hour = hours.nothing()
    hours.ADDS[gateway.CallMade](hour, failed, NOON)
    assert hour[hours.CALLS_FAILED] == 1
    assert hour[hours.CALLS] == 0


@pytest.mark.parametrize(("event", "saved"), [(SUCCEEDED, 1), (FAILED, 0)])
@pytest.mark.requirement("B13")
def test_a_retry_saves_a_sync_or_wastes_its_time(event, saved):
    hour = hours.nothing()
    hours.add_retry(hour, event)
    assert hour[hours.RETRIES] == 1
    assert hour[hours.RETRIES_SUCCEEDED] == saved
    assert hour[hours.RETRIES_MS] == event.duration_ms


@pytest.mark.parametrize(
    ("event", "found"),
    [
        (CAPTURED, ("days", [1, 0, 9, 3, 2, 1, 5])),
        (REFUSED, ("days", [0, 1, 7, 0, 0, 0, 0])),
        (HELD, ("days", [0, 1, 6, 0, 0, 0, 0])),
        (SUCCEEDED, None),
    ],
)
def test_a_stream_has_figures_of_its_own(event, found):
    assert hours.of_stream(event) == found


# -- durations ------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 10_000_000), min_size=1), st.sampled_from([0.0, 0.5, 0.95, 1.0]))
@pytest.mark.requirement("D4")
def test_a_quantile_is_within_five_percent_of_the_true_one(durations, share):
    counts = {}
    for each in durations:
        counts[sketch.bucket(each)] = counts.get(sketch.bucket(each), 0) + 1
    found, true = (
        sketch.quantile(counts, share),
        sorted(durations)[int(share * (len(durations) - 1))],
    )
    assert abs(found - true) <= 0.05 * true + 1


def test_of_nothing_there_is_no_quantile():
    assert sketch.quantile({}, 0.5) is None


# -- uptime ---------------------------------------------------------------------------------------


def span(start, up=0, up_weight=0, known=0, known_weight=0):
    return Span(
        start=start, length=3600, up=up, up_weight=up_weight, known=known, known_weight=known_weight
    )


@pytest.mark.requirement("A6")
def test_time_up_is_the_level_before_and_what_changed():
    """Known and up from a quarter past, down at half past of the next hour, until now."""
    first, second = hours.nothing(), hours.nothing()
    hours.add_turn(first, 2700, up=1, known=1)
    hours.add_turn(second, 1800, up=-1, known=0)
    at = (hours.UP, hours.UP_WEIGHT, hours.KNOWN, hours.KNOWN_WEIGHT)
    spans = [
        span(start, *(hour[each] for each in at))
        for start, hour in ((0, first), (3600, second), (7200, hours.nothing()))
    ]
    found = list(uptime.seconds(spans, up=0, known=0, now=9000))
    assert found == [(2700, 2700), (1800, 3600), (0, 1800)]


def test_what_was_up_before_goes_on():
    assert list(uptime.seconds([span(0)], up=2, known=3, now=1000)) == [(2000, 3000)]


@pytest.mark.parametrize(
    ("up", "known", "percent"),
    [(0, 0, None), (10, 10, 100.0), (99_999, 100_000, 99.99), (-5, 10, 0.0), (20, 10, 100.0)],
)
def test_only_what_was_never_down_has_a_hundred(up, known, percent):
    """A clock that stepped back can make more, or less than nothing, of it."""
    assert uptime.percentage(up, known) == percent

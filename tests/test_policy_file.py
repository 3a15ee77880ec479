"""Which settings can be written, where, in which range, and what is said of those that cannot?"""

import re
from datetime import time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

from daemon import duration, policy_file, setting_shapes
from daemon.policy_file import NAMES, WrongSetting, check_place, parse, written
from events.policy import OF_STREAMS, Backoff, PolicySet, Settings

MINUTE = timedelta(minutes=1)
SPANS = ("retry_delay", "retry_delay_max", "day_pause", "batch_pause")
SPANS += ("breaker_window", "breaker_open", "breaker_open_max")
NUMBERS = {
    "max_retry_attempts": (1, 10),
    "retry_priority_step": (-9, 9),
    "retries_at_once": (1, 1000),
    "concurrency": (1, 1000),
    "provider_concurrency": (1, 1000),
    "batch_size": (1, 100),
    "breaker_failures": (1, 64),
    "breaker_successes": (1, 10),
    "breaker_syncs_in_a_row": (1, 20),
    "breaker_connections": (1, 64),
    "caller_reads": (1, 10_000),
    "caller_writes": (1, 10_000),
    "caller_rpcs": (1, 10_000),
    "caller_auths": (1, 10_000),
    "versions_kept": (1, 100_000),
    "failing_after": (1, 100),
    "flapping_after": (2, 16),
}
AGES = ("versions_age", "stale_after", "gap_after", "overdue_after", "token_before")
SHARES = {"spread": (0, 0.5), "retry_budget": (0, 1), "breaker_syncs_share": (0, 1)}
SHARES["caller_operator_share"] = (0, 1)
SWITCHES = ("enabled", "failover_enabled", "retry_jitter", "notification_enabled")
SWITCHES += ("breaker_doubling",)


def read(**given_):
    """What decisions read of what was typed."""
    return policy_file.settings(parse(given_), lambda _: 7)


def refused(**given_):
    with pytest.raises(WrongSetting) as error:
        parse(given_)
    return str(error.value)


# -- each setting ---------------------------------------------------------------------------------


@pytest.mark.requirement("A19")
def test_all_that_decisions_read_can_be_set():
    assert {*NAMES, *OF_STREAMS.values()} == {*Settings.__struct_fields__}
    host = {"crash_delay", "crash_delay_max", "refresh_before", "refresh_before_manual"}
    assert {*PolicySet.__struct_fields__} - host <= {*NAMES}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_taken_within_its_range(name):
    least, most = NUMBERS[name]
    for number in (least, most):
        assert read(**{name: str(number)}) == Settings(**{name: number})
    for text in (str(least - 1), str(most + 1), "", "x", "1_0", "1.5", "null", "٣", "1e999"):
        assert refused(**{name: text}) == (
            f"{name} is {text!r}, expected an integer of at least {least} and of at most {most}"
        )


@pytest.mark.parametrize("name", SHARES)
def test_a_share_is_taken_within_its_range(name):
    most = SHARES[name][1]
    assert read(**{name: str(most)}) == Settings(**{name: most})
    assert read(**{name: "0.25"}) == Settings(**{name: 0.25})
    for text in ("-0.1", str(most + 0.1), "nan", "inf", "half", ""):
        assert refused(**{name: text}).startswith(f"{name} is {text!r}, expected a number ")


@pytest.mark.requirement("D5")
def test_how_far_off_a_drift_is_can_be_said_in_spreads_and_in_percent():
    assert read(drift_threshold="4.5") == Settings(drift_threshold=4.5)
    assert read(drift_percent="0") == Settings(drift_percent=0)
    assert refused(drift_threshold="0.5").endswith("at least 1 and of at most 100")
    own = {"drift_threshold.orders": "4.5", "drift_percent.orders": "0"}
    found = Settings(stream_drift_threshold={"orders": 4.5}, stream_drift_percent={"orders": 0})
    assert read(**own) == found
    wrong = refused(**{"drift_percent.orders": "much"})
    assert (
        wrong
        == "drift_percent.orders is 'much', expected a number of at least 0 and of at most 1000"
    )
    assert refused(drift_percent="-1").endswith("at least 0 and of at most 1000")


def test_a_share_of_nothing_would_open_every_breaker():
    assert refused(breaker_syncs_share="0").endswith("expected a number above 0 and of at most 1")


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_is_true_or_false(name):
    for text, value in (("true", True), ("false", False), ("1", True), ("0", False)):
        assert read(**{name: text}) == Settings(**{name: value})
    assert refused(**{name: "yes"}) == f"{name} is 'yes', expected true or false"


@pytest.mark.parametrize("name", SPANS)
def test_a_pause_may_be_nothing_or_less_than_a_second(name):
    for text, span in (("0", timedelta(0)), ("100ms", MINUTE / 600), ("90s", MINUTE * 1.5)):
        assert read(**{name: text}) == Settings(**{name: span})
    for text in ("", "5", "5 m", "-5m", "05m", "5m\n", "1d", "99999999h"):
        sentence = refused(**{name: text})
        assert sentence == f"{name} is {text!r}, expected 0, or a span such as 100ms, 10s, 5m or 1h"


@pytest.mark.requirement("A1")
def test_an_interval_is_a_span_or_has_a_name():
    for text, span in (("15m", 15 * MINUTE), ("hourly", 60 * MINUTE), ("7d", timedelta(days=7))):
        assert read(interval=text) == Settings(interval=span)
        streams = {"orders": span}
        assert read(**{"interval.orders": text}) == Settings(stream_intervals=streams)
    for name in ("interval", "interval.orders"):
        assert refused(**{name: "0s"}) == (
            f"{name} is '0s', expected a span such as 90s, 15m, 6h or 7d, or hourly, daily, weekly"
        )
    for stream in ("", "Orders", "a b"):
        assert f"the stream of interval.{stream} is {stream!r}" in refused(
            **{f"interval.{stream}": "1h"}
        )


def test_several_streams_have_their_intervals_at_once():
    found = read(**{"interval.a": "1h", "interval.b": "2h"})
    assert found.stream_intervals == {"a": 60 * MINUTE, "b": 120 * MINUTE}


@pytest.mark.requirement("A3")
def test_quiet_hours_are_wall_times_in_a_zone_that_is_known():
    found = read(quiet_hours_start="23:00", quiet_hours_end="06:30", timezone="Europe/Madrid")
    assert (found.quiet_hours_start, found.quiet_hours_end) == (time(23), time(6, 30))
    assert found.timezone == "Europe/Madrid"
    for text in ("24:00", "6:30", "23:60", "23:00:00", ""):
        sentence = refused(quiet_hours_start=text)
        assert sentence == f"quiet_hours_start is {text!r}, expected a time of day such as 23:00"
    for zone in ("Mars/Base", "Europe", "../etc/passwd", "/etc/localtime"):
        assert refused(timezone=zone) == "timezone is not known; write one as Europe/Madrid"


@pytest.mark.requirement("B13")
def test_how_long_versions_are_kept_is_a_span_too():
    for name in AGES:
        assert read(**{name: "90d"}) == Settings(**{name: timedelta(days=90)})
        assert refused(**{name: "0"}).startswith(f"{name} is '0', expected a span such as 90s")


@pytest.mark.requirement("A2")
def test_the_order_of_providers_is_a_list():
    assert read(priority_order="oura, strava,") == Settings(priority_order=("oura", "strava"))
    assert read(priority_order="") == Settings(priority_order=())
    assert refused(priority_order="Oura") == (
        "priority_order is 'Oura', expected names of providers such as oura,strava"
    )
    assert "priority_order" in refused(priority_order=",".join(["oura"] * 101))


@pytest.mark.requirement("B4")
def test_the_delay_grows_or_does_not():
    assert read(retry_backoff="fixed") == Settings(retry_backoff=Backoff.FIXED)
    assert refused(retry_backoff="linear") == (
        'retry_backoff is \'linear\', expected "exponential" or "fixed"'
    )


def test_a_fallback_is_found_by_its_name():
    assert read(fallback="acme/weather") == Settings(fallback=7)
    assert refused(fallback="x").endswith("expected the name of a connection such as acme/weather")


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("retry_dely", "; did you mean retry_delay?"),
        ("stream_intervals", "; did you mean interval?"),
        ("crash", "; `rounds policy show` names all"),
    ],
)
def test_what_is_no_setting_names_the_nearest(name, more):
    assert refused(**{name: "1"}) == f"there is no setting {name}{more}"


# -- where ----------------------------------------------------------------------------------------

EXAMPLES = {
    **{name: str(least) for name, (least, _) in NUMBERS.items()},
    **dict.fromkeys(SHARES, "0.1"),
    **dict.fromkeys(SWITCHES, "true"),
    **dict.fromkeys(SPANS, "5m"),
    "interval": "1h",
    **dict.fromkeys(AGES, "30d"),
    "slow_factor": "2.5",
    "versions_age": "30d",
    "drift_threshold": "5",
    "drift_percent": "25",
    "adaptive": "true",
    "adaptive_least": "30m",
    "adaptive_most": "2d",
    "priority_order": "oura",
    "quiet_hours_start": "23:00",
    "quiet_hours_end": "06:00",
    "timezone": "Europe/Madrid",
    "fallback": "acme/weather",
    "retry_backoff": "fixed",
}
FLEET = {"concurrency", "retries_at_once"}
PROVIDER = {
    *("provider_concurrency", "breaker_connections", "retry_budget", "batch_size", "batch_pause")
}
TENANT = {name for name in NAMES if name.startswith("caller_")}
REASONS = {
    **dict.fromkeys(FLEET, "is the fleet's alone"),
    **dict.fromkeys(PROVIDER, "is a provider's, or the fleet's"),
    **dict.fromkeys(TENANT, "is a tenant's, or the fleet's"),
    "fallback": "is a connection's alone",
}


@pytest.mark.requirement("A19")
@pytest.mark.parametrize(
    ("place", "not_there"),
    [
        ("fleet", {"fallback"}),
        ("provider", {"fallback", *FLEET, *TENANT}),
        ("tenant", {"fallback", *FLEET, *PROVIDER}),
        ("connection", {*FLEET, *PROVIDER, *TENANT}),
    ],
)
def test_each_setting_has_its_places(place, not_there):
    assert {*EXAMPLES} == {*NAMES}
    for name, text in EXAMPLES.items():
        wrong = check_place(parse({name: text}), place)
        assert wrong == (f"{name} {REASONS[name]}" if name in not_there else None)
    for own in OF_STREAMS:
        text = "25" if own.startswith("drift") else "1h"
        assert check_place(parse({f"{own}orders": text}), place) is None


# -- back and forth -------------------------------------------------------------------------------


def test_what_is_written_reads_the_same():
    found = policy_file.settings(parse(EXAMPLES), lambda _: 7)
    again = {}
    for name in set(NAMES) - {"fallback"}:
        value = written(getattr(found, name))
        text = ",".join(value) if isinstance(value, list) else str(value)
        again[name] = text.lower() if isinstance(value, bool) else text
    assert asdict(parse(again)) == asdict(parse(EXAMPLES)) | {"fallback": None}
    assert written({"orders": MINUTE}) == {"orders": "1m"}
    assert written({"orders": 4.5}) == {"orders": 4.5}


@given(st.timedeltas(timedelta(0), timedelta(hours=9_999_999)))
def test_a_span_is_written_so_that_it_can_be_read_again(span):
    whole = span // timedelta(milliseconds=1) * timedelta(milliseconds=1)
    text = duration.text(whole)
    if re.fullmatch(r"[0-9]+d", text):
        assert duration.duration(text) == whole
    else:
        assert setting_shapes.pause(text) == whole


@given(st.integers(1, 9_999_999), st.sampled_from("smh"))
def test_any_interval_can_be_written_again(number, unit):
    span = duration.duration(f"{number}{unit}")
    assert duration.duration(duration.text(span)) == span

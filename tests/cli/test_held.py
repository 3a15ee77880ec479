"""Do all views say what holds a sync back, and only such starts as can be?"""

import re
from datetime import datetime, timedelta

import pytest

from tests.cli.world import terminal, world

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
HOUR = timedelta(hours=1)
CLOCK = r"(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d"  # with its day where that is not today
KEY = {"primary_key": ["date"]}
WAIT = {"Retry-After": "240"}  # not over while the tests run, and not too long to be waited for
NAMES = (
    "acme/weather", "acme/lim", "acme/lim/second", "acme/gone", "acme/keyed", "globex/slow",
    "initech/wide", "umbra/broken",
)  # fmt: skip


@pytest.fixture(scope="module")
def daemon():
    """One that is asked to wait, one switched off for good, one quiet, one disabled, one runs."""
    with world(*NAMES, sync={"stop_within": "1s"}, policy={"retry_delay": "30m"}) as made:
        streams = {each: {"days": {"path": f"/{each}", **KEY}} for each in ("lim", "gone")}
        for name, table in streams.items():
            made.home.provide(name, made.provider.url, streams=table)
        slow = {"days": {"path": "/never", "timeout_s": 300, **KEY}}
        made.home.provide("slow", made.provider.url, streams=slow)
        made.provider.routes["/never"] = lambda *_: (200, [made.provider.slow.wait(300)])
        made.provider.routes["/lim"] = lambda *_: (429, [], WAIT)
        made.provider.routes["/gone"] = lambda *_: (410, [])
        made.start()
        while made.rounds("status", "--json").document["failing"] < 5:
            made.hear("sync-failed")
        while made.rounds("status", "--json").document["succeeded"] < 2:
            made.hear("sync-succeeded")
        now = datetime.fromisoformat(made.rounds("status", "--json").document["now"])
        first, last = (f"{now + span:%H:%M}" for span in (-HOUR, 12 * HOUR))
        quiet = (f"quiet_hours_start={first}", f"quiet_hours_end={last}")
        assert made.rounds("policy", "set", "acme/weather", *quiet, "interval.days=30s").code == 0
        assert made.rounds("policy", "set", "initech", "enabled=false").code == 0
        turn = ("tenant=initech", "provider=wide", "sync_type=scheduled")
        assert made.rounds("call", "enqueue_sync_with_failover", *turn).code == 0
        assert made.rounds("breaker", "open", "--provider", "keyed").code == 0
        yield made


def document(daemon, *words):
    return daemon.rounds(*words, "--json").document


def row(text, name):
    return next(line for line in text.splitlines() if line.startswith(f"{name} "))


# -- three views ----------------------------------------------------------------------------------


@pytest.mark.requirement("A11")
def test_status_counts_what_is_held_back_apart_from_what_is_due(daemon):
    found = document(daemon, "status")
    assert (found["due"], found["held"]) == (0, 1)
    out = daemon.rounds("status").out
    assert "connections  8, 1 running, 1 held back, 5 failing\n" in out
    assert re.search(r" held +100 +succeeded .* ago +3 +disabled$", row(out, "initech/wide"))
    assert re.search(r"in \d+ \w+ +quiet hours until [-\d: ]+$", row(out, "acme/weather"))
    assert row(out, "acme/gone").endswith(" breaker")


@pytest.mark.requirement("A11")
def test_the_queue_names_starts_that_can_be_and_keeps_what_is_held_back(daemon):
    out = daemon.rounds("queue").out
    assert re.search(r"pending +scheduled +1 +disabled$", row(out, "initech/wide"))
    assert re.search(r"in \d+ \w+ +quiet hours until [-\d: ]+$", row(out, "acme/weather"))
    items = {each["connection"]: each for each in document(daemon, "queue")["items"]}
    quiet, off, shut = (items[each] for each in ("acme/weather", "initech/wide", "acme/keyed"))
    assert quiet["held_by"] == "quiet-hours"
    assert quiet["held_until"] == quiet["next_start"] > quiet["due"]
    assert (off["held_by"], off["next_start"], off["held_until"]) == ("disabled", None, None)
    assert (shut["held_by"], shut["next_start"]) == ("breaker", None)
    names = [each["connection"] for each in document(daemon, "queue")["items"]]
    assert names.index("acme/weather") < names.index("initech/wide")


@pytest.mark.requirement("A11")
def test_a_connection_is_shown_with_what_holds_it_back(daemon):
    quiet = daemon.rounds("connection", "show", "acme/weather").out
    assert re.search(r"next start +in \d+ \w+ \(.*:00\)\n", quiet)
    assert re.search(r"held back by +quiet hours until [-\d: ]+\n", quiet)
    off = daemon.rounds("connection", "show", "initech/wide").out
    assert re.search(r"state +held\n", off)
    assert re.search(r"next start +none as things are\nheld back by +disabled\n", off)
    found = document(daemon, "connection", "show", "initech/wide")["connection"]
    assert (found["state"], found["next_start"], found["held_by"]) == ("held", None, "disabled")
    paused = daemon.rounds("pause", "acme/weather")
    assert paused.code == 0
    assert "held back by" not in daemon.rounds("connection", "show", "acme/weather").out
    assert daemon.rounds("resume", "acme/weather").code == 0


@pytest.mark.requirement("E1")
def test_a_connection_is_shown_with_the_breakers_before_it(daemon):
    gone = daemon.rounds("connection", "show", "acme/gone").out
    assert "open until somebody closes it (the provider switched this off for good); type: " in gone
    assert "type: rounds breaker close acme/gone\n" in gone
    keyed = daemon.rounds("connection", "show", "acme/keyed").out
    assert re.search(r"provider's breaker +open until somebody closes it \(by hand\)", keyed)
    assert "type: rounds breaker close --provider keyed\n" in keyed
    (found,) = document(daemon, "connection", "show", "acme/gone")["connection"]["breakers"]
    assert (found["place"], found["state"], found["until"]) == ("connection", "open", None)


@pytest.mark.requirement("A1")
def test_a_streams_own_interval_is_shown(daemon):
    shown = daemon.rounds("connection", "show", "acme/weather").out
    assert re.search(r"interval +6 h; days every 30 s\n", shown)
    assert " 6 h; days every 30 s " in row(daemon.rounds("schedule").out, "acme/weather")
    (found,) = document(daemon, "schedule", "acme/weather")["rows"]
    assert found["stream_intervals"] == {"days": "PT30S"}


@pytest.mark.parametrize("words", [["status"], ["queue"], ["schedule"]])
def test_what_holds_back_fits_a_terminal(daemon, words):
    plain = ESCAPE.sub("", terminal(daemon, *words).out)
    assert max(len(line.rstrip()) for line in plain.splitlines()) <= 80


# -- waiting --------------------------------------------------------------------------------------


@pytest.mark.requirement("E10")
def test_whoever_waits_is_told_that_the_provider_asked_to_be_left_alone(daemon):
    typed = daemon.rounds("sync", "acme/lim", "--wait", "--timeout", "2s")
    assert typed.code == 6
    said = rf"waits until {CLOCK}: the provider asked to be left alone"
    assert len(re.findall(rf"^acme/lim: {said}$", typed.out, re.MULTILINE)) == 1
    (waits,) = document(daemon, "schedule", "acme/lim")["rows"]
    assert (waits["status"], waits["held_by"]) == ("scheduled", "asked-to-wait")
    assert " asked to wait " in row(daemon.rounds("queue").out, "acme/lim")
    assert daemon.rounds("cancel", "acme/lim").code == 0


@pytest.mark.requirement("E1")
def test_whoever_waits_is_told_that_a_breaker_is_open(daemon):
    rules = ("breaker_failures=1", "breaker_open=1h")
    assert daemon.rounds("policy", "set", "umbra/broken", *rules).code == 0
    assert daemon.rounds("sync", "umbra/broken", "--wait").code == 1
    typed = daemon.rounds("sync", "umbra/broken", "--wait", "--timeout", "1s")
    assert typed.code == 6
    assert re.search(rf"waits until {CLOCK}: a breaker is open\n", typed.out)
    shown = daemon.rounds("connection", "show", "umbra/broken").out
    assert re.search(rf"breaker +open until {CLOCK} \(calls failed\)\n", shown)
    assert daemon.rounds("cancel", "umbra/broken").code == 0
    assert daemon.rounds("breaker", "reset", "umbra/broken").code == 0


@pytest.mark.requirement("A10")
def test_what_waits_for_a_place_is_due_and_says_so(daemon):
    assert daemon.rounds("policy", "set", "concurrency=1").code == 0
    assert daemon.rounds("queue").out.endswith(" of at most 1 run at once\n")
    typed = daemon.rounds("sync", "acme/weather", "--wait", "--timeout", "1s")
    assert "acme/weather: waits: as many syncs run as may at once\n" in typed.out
    assert re.search(
        r"due .* all places taken ", row(daemon.rounds("schedule").out, "acme/weather")
    )
    (found,) = document(daemon, "schedule", "acme/weather")["rows"]
    assert (found["status"], found["held_by"]) == ("scheduled", "fleet-full")
    assert daemon.rounds("cancel", "acme/weather").code == 0
    assert daemon.rounds("policy", "reset", "concurrency").code == 0


@pytest.mark.requirement("C5")
def test_so_does_what_waits_for_a_place_at_its_provider(daemon):
    one = ("provider_concurrency=1", "--provider", "slow")
    assert daemon.rounds("policy", "set", *one).code == 0
    assert daemon.rounds("connection", "add", "hooli/slow").code == 0
    out = daemon.rounds("schedule", "hooli").out
    assert re.search(r"due +6 h +provider's places taken +none$", row(out, "hooli/slow"))
    assert daemon.rounds("connection", "remove", "hooli/slow", "--yes").code == 0


# -- what runs is not "nothing" -------------------------------------------------------------------


@pytest.mark.requirement("A2")
@pytest.mark.requirement("A12")
def test_where_the_only_connection_runs_that_is_said_with_its_next_turn(daemon):
    out = daemon.rounds("schedule", "globex").out
    assert re.search(r"globex, next +slow \(globex/slow, runs now, next turn in [56] h\)\n", out)
    found = daemon.rounds("call", "get_next_rotation_provider", "tenant=globex").document
    assert (found["connection"], found["running"]) == ("globex/slow", True)
    assert found["at"] is not None
    typed = daemon.rounds("call", "schedule_rotation", "tenant=globex")
    assert typed.code == 1
    assert "globex/slow runs; its next turn, at about 20" in typed.err
    assert daemon.rounds("policy", "set", "globex", "enabled=false").code == 0
    out = daemon.rounds("schedule", "globex").out
    assert "slow (globex/slow, runs now, and nothing comes after it)\n" in out
    typed = daemon.rounds("call", "schedule_rotation", "tenant=globex")
    assert "nothing comes after it as things are; see: rounds schedule globex" in typed.err
    assert daemon.rounds("policy", "reset", "globex", "enabled").code == 0


@pytest.mark.requirement("A12")
def test_a_turn_that_a_sync_by_hand_runs_before_is_planned_already(daemon):
    assert daemon.rounds("cancel", "globex/slow").code == 0  # its turn lies ahead from then on
    assert daemon.rounds("sync", "globex/slow").code == 0
    while (found := document(daemon, "schedule", "globex")["rows"][0])["status"] != "running":
        assert found["status"] == "scheduled"
    planned = daemon.rounds("call", "schedule_rotation", "tenant=globex").document
    assert planned["connection"] == "globex/slow"
    event = document(daemon, "log", "show", str(planned["schedule_id"]))["event"]
    assert event["due"] == planned["scheduled_at"]


# -- health ---------------------------------------------------------------------------------------


@pytest.mark.requirement("B1")
def test_one_connections_health_does_not_send_people_round_in_a_circle(daemon):
    out = daemon.rounds("health", "acme/lim").out
    assert out.startswith("acme/lim: degraded (fair)\n")
    assert "    rounds connection show acme/lim\n" in out
    assert "    rounds health acme/lim\n" not in out
    assert "acme/lim/second" not in out
    assert "    rounds health acme/lim" in daemon.rounds("health", "acme").out


@pytest.mark.requirement("B1")
def test_where_a_name_means_several_each_one_is_headed_by_its_own(daemon):
    for name in ("hooli/weather/a", "hooli/weather/b"):
        assert daemon.rounds("connection", "add", name).code == 0
        assert daemon.rounds("sync", name, "--wait").code == 0
    out = daemon.rounds("health", "hooli/weather").out
    for name in ("hooli/weather/a", "hooli/weather/b"):
        assert f"\n\n{name}: healthy (excellent)\nscore  100: " in out
        assert daemon.rounds("connection", "remove", name, "--yes").code == 0


@pytest.mark.requirement("B9")
def test_a_breaker_that_is_half_open_is_not_said_to_be_open(daemon):
    assert daemon.rounds("connection", "add", "hooli/broken").code == 0
    rules = ("breaker_failures=1", "breaker_open=1s")
    assert daemon.rounds("policy", "set", "hooli/broken", *rules).code == 0
    assert daemon.rounds("sync", "hooli/broken", "--wait").code == 1
    while "open" not in (out := daemon.rounds("health", "hooli").out) or "is open" in out:
        assert "is open: hooli/broken\n" in out
    assert (
        "1 breaker is half-open: the next sync or call finds out whether it closes: hooli/brok"
        in out
    )
    shown = daemon.rounds("connection", "show", "hooli/broken").out
    assert re.search(r"breaker +half-open \(calls failed\): the next sync or call finds out", shown)
    assert daemon.rounds("connection", "remove", "hooli/broken", "--yes").code == 0

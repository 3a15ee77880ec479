"""How do people see and change settings and breakers by typing, and try again what failed?"""

import re

import pytest

from tests.cli.world import terminal, world

WEATHER = {"tenants": {"acme": {"day_pause": "2s"}}, "retry_delay": "1h"}


@pytest.fixture(scope="module")
def daemon():
    connections = ("acme/weather", "acme/broken", "bob/weather")
    with world(*connections, sync={"stop_within": "1s"}, policy=WEATHER) as made:
        made.start()
        made.hear("sync-failed")
        made.hear("sync-succeeded")
        yield made


def setting(daemon, name, *of):
    """One setting that holds there, as programs see it."""
    shown = daemon.rounds("policy", "show", *of, "--json").document["settings"]
    (found,) = [each for each in shown if each["name"] == name]
    return found


def lines(daemon, *line):
    """What is shown at a terminal of 80 columns."""
    shown = terminal(daemon, *line, NO_COLOR="1").out.replace("\x1b[0m", "").splitlines()
    assert max(map(len, shown)) <= 80
    return shown


def columns(daemon, name, *of):
    """One setting as people see it: a line of its own, its columns apart."""
    shown = lines(daemon, "policy", "show", *of)
    (found,) = [each for each in shown if each.startswith(f"{name} ")]
    return re.split(" {2,}", found.strip())


# -- settings -------------------------------------------------------------------------------------


@pytest.mark.requirement("A19")
def test_what_holds_is_shown_with_whose_it_is_and_where_it_comes_from(daemon):
    assert columns(daemon, "retry_delay_max") == ["retry_delay_max", "40m", "fleet", "default"]
    assert columns(daemon, "retry_delay") == ["retry_delay", "1h", "fleet", "configuration"]
    of = "acme/weather"
    assert columns(daemon, "day_pause", of) == ["day_pause", "2s", "tenant", "configuration"]
    assert setting(daemon, "day_pause", "acme")["source"] == "tenant"
    assert setting(daemon, "day_pause", "bob")["source"] == "default"


@pytest.mark.requirement("A19")
def test_a_setting_is_set_in_force_at_once_shown_with_who_and_taken_back(daemon):
    typed = daemon.rounds("policy", "set", "acme", "retry_delay=15m", "timezone=Europe/Madrid")
    assert (typed.code, typed.out) == (0, "acme: retry_delay, timezone set\n")
    name, value, whose, who = columns(daemon, "retry_delay", "acme/weather")
    assert (name, value, whose) == ("retry_delay", "15m", "tenant")
    assert who.startswith("by ")
    found = setting(daemon, "retry_delay", "acme/weather")
    assert (found["value"], found["declared"], found["by"]["role"]) == ("15m", False, "admin")
    assert found["event"] > 0
    assert found["at"].endswith("Z")
    assert setting(daemon, "retry_delay", "bob/weather")["value"] == "1h"
    again = daemon.rounds("policy", "set", "acme", "retry_delay=15m")
    assert again.out == "acme: that is what was set already\n"
    assert daemon.rounds("policy", "reset", "acme", "retry_delay").out == (
        "acme: retry_delay taken back\n"
    )
    assert setting(daemon, "retry_delay", "acme/weather")["value"] == "1h"
    assert daemon.rounds("policy", "reset", "acme", "--all").out == "acme: timezone taken back\n"
    assert daemon.rounds("policy", "reset", "acme", "--all").out == (
        "acme: nothing of it was set by command\n"
    )


@pytest.mark.requirement("A1")
def test_a_shorter_interval_is_in_force_at_once_and_for_one_stream_alone(daemon):
    typed = daemon.rounds("policy", "set", "bob/weather", "interval.days=20m", "spread=0")
    assert typed.out == "bob/weather: interval.days, spread set\n"
    daemon.hear("sync-scheduled", reason="settings")
    name, value, whose, _ = columns(daemon, "interval.days", "bob/weather")
    assert (name, value, whose) == ("interval.days", "20m", "connection")
    assert "interval.days" not in daemon.rounds("policy", "show", "acme/weather").out
    assert "taken back" in daemon.rounds("policy", "reset", "bob/weather", "interval.days").out
    assert "interval.days" not in daemon.rounds("policy", "show", "bob/weather").out
    assert setting(daemon, "spread", "bob/weather")["value"] == 0
    assert "spread taken back" in daemon.rounds("policy", "reset", "bob/weather", "spread").out


def test_a_tenants_interval_of_a_stream_is_shown_where_it_was_set(daemon):
    daemon.rounds("policy", "set", "acme", "interval.days=50m")
    assert columns(daemon, "interval.days", "acme")[1:3] == ["50m", "tenant"]
    assert columns(daemon, "interval.days", "acme/weather")[1:3] == ["50m", "tenant"]
    assert daemon.rounds("policy", "reset", "acme", "interval.days").code == 0


@pytest.mark.requirement("A19")
def test_fleet_and_provider_have_settings_too_and_the_narrower_goes_first(daemon):
    assert daemon.rounds("policy", "set", "breaker_open=1m").out == "fleet: breaker_open set\n"
    typed = daemon.rounds("policy", "set", "--provider", "weather", "breaker_open=2m")
    assert typed.out == "weather: breaker_open set\n"
    for of, value, source in (
        ((), "1m", "fleet"),
        (("bob",), "1m", "fleet"),
        (("--provider", "weather"), "2m", "provider"),
        (("bob/weather",), "2m", "provider"),
        (("acme/broken",), "1m", "fleet"),
    ):
        found = setting(daemon, "breaker_open", *of)
        assert (found["value"], found["source"]) == (value, source)
    assert daemon.rounds("policy", "reset", "fleet", "breaker_open").code == 0
    assert daemon.rounds("policy", "reset", "--provider", "weather", "--all").code == 0
    assert setting(daemon, "breaker_open", "bob/weather")["source"] == "default"


@pytest.mark.requirement("A10")
def test_a_fallback_is_named_and_shown_by_its_name(daemon):
    typed = daemon.rounds("policy", "set", "acme/broken", "fallback=acme/weather")
    assert typed.code == 0
    assert columns(daemon, "fallback", "acme/broken")[1:3] == ["acme/weather", "connection"]
    assert "fallback acme/weather" in daemon.rounds("log", "show", "--limit", "3").out
    assert "fallback taken back" in daemon.rounds("policy", "reset", "acme/broken", "fallback").out


@pytest.mark.requirement("A19")
def test_what_was_set_survives_a_restart(daemon):
    daemon.rounds("policy", "set", "bob", "quiet_hours_start=23:00", "priority_order=weather")
    before = setting(daemon, "quiet_hours_start", "bob")
    daemon.stop()
    daemon.start()
    assert setting(daemon, "quiet_hours_start", "bob") == before
    assert setting(daemon, "priority_order", "bob/weather")["value"] == ["weather"]
    assert daemon.rounds("policy", "reset", "bob", "--all").code == 0


@pytest.mark.parametrize(
    ("line", "code", "sentence"),
    [
        ("policy set acme retry_dely=5m", 2, "no setting retry_dely; did you mean retry_delay?"),
        ("policy set acme retry_delay=soon", 2, "retry_delay is 'soon', expected 0, or a span"),
        ("policy set acme retry_delay", 2, "'retry_delay' is not NAME=VALUE"),
        ("policy set acme", 2, "name a setting and its value"),
        ("policy set acme spread=0 spread=0.1", 2, "spread is given twice"),
        ("policy set acme concurrency=3", 2, "concurrency is the fleet's alone"),
        ("policy set acme/weather interval.hours=1h", 2, "no stream hours (there are: days)"),
        ("policy set interval.hours=1h", 2, "there is no stream hours (there are: days, rows)"),
        ("policy set acme priority_order=nope,weather", 2, "there is no provider nope (there are:"),
        ("policy set acme/broken fallback=bob/weather", 2, "bob/weather is another tenant's"),
        ("policy set acme/broken fallback=acme/broken", 2, "cannot be its own fallback"),
        ("policy set acme/broken fallback=acme/nope", 3, "there is no connection acme/nope"),
        ("policy set acme --provider weather spread=0", 2, "not two of them"),
        (
            "policy set eve spread=0",
            3,
            "there is no tenant eve; `rounds connection list` and `rounds",
        ),
        ("policy set --provider eve spread=0", 3, "there is no provider eve; `rounds connection"),
        ("policy set eve/weather spread=0", 3, "there is no connection eve/weather"),
        ("policy show eve", 3, "there is no tenant eve; `rounds connection list` and `rounds"),
        ("policy reset acme", 2, "name the settings to take back, or take --all"),
        ("policy reset acme spread --all", 2, "name the settings to take back, or take --all"),
        ("policy reset acme sprad", 2, "there is no setting sprad"),
        ("breaker open", 2, "name a connection, or --provider NAME"),
        ("breaker open acme/weather --provider weather", 2, "name a connection, or --provider"),
        ("breaker close eve/weather", 3, "there is no connection eve/weather"),
        ("breaker reset --provider eve", 3, "there is no provider eve; `rounds connection list`"),
        ("retry eve/weather", 3, "there is no connection eve/weather"),
    ],
)
def test_what_makes_no_sense_says_so(daemon, line, code, sentence):
    typed = daemon.rounds(*line.split(), "--json")
    assert (typed.code, typed.out) == (code, "")
    assert sentence in typed.problem["message"]
    assert typed.problem["code"] == {2: "invalid", 3: "not-found"}[code]


# -- breakers -------------------------------------------------------------------------------------


def breakers(daemon):
    """The list at 80 columns, by name: the columns after it, runs of blanks being one."""
    first, *rest = lines(daemon, "breaker", "list")
    assert first.split() == ["breaker", "state", "why", "until", "syncs", "failed", "opened"]
    return {line.split()[0]: " ".join(line.split()[1:]) for line in rest}


@pytest.mark.requirement("E1")
def test_a_breaker_is_opened_listed_and_closed_by_hand(daemon):
    assert "acme/weather" not in breakers(daemon)
    assert daemon.rounds("breaker", "open", "acme/weather").out == (
        "acme/weather: breaker open: nothing starts until somebody closes it; what runs sends "
        "nothing more\n"
    )
    assert breakers(daemon)["acme/weather"].startswith("open by hand closed by hand 0 of ")
    again = daemon.rounds("breaker", "open", "acme/weather")
    assert again.out == "acme/weather: was open already, until somebody closes it\n"
    typed = daemon.rounds("sync", "acme/weather", "--json")
    assert (typed.code, typed.problem["code"]) == (1, "breaker")
    assert "--force goes before it" in typed.problem["message"]
    assert daemon.rounds("sync", "acme/weather", "--force", "--wait").code == 0
    assert daemon.rounds("breaker", "close", "acme/weather").out == "acme/weather: breaker closed\n"
    closed = daemon.rounds("breaker", "close", "acme/weather")
    assert closed.out == "acme/weather: was closed already\n"
    assert "acme/weather" not in breakers(daemon)
    assert daemon.rounds("sync", "acme/weather", "--wait").code == 0


@pytest.mark.requirement("E1")
def test_a_providers_breaker_stops_all_of_its_connections_and_survives_a_restart(daemon):
    assert daemon.rounds("breaker", "open", "--provider", "weather").code == 0
    daemon.stop()
    daemon.start()
    assert breakers(daemon)["weather"].startswith("open by hand closed by hand")
    (found,) = [
        each
        for each in daemon.rounds("breaker", "list", "--json").document["breakers"]
        if each["name"] == "weather"
    ]
    assert (found["place"], found["state"], found["until"]) == ("provider", "open", None)
    assert daemon.rounds("sync", "bob/weather").code == 1
    closed = daemon.rounds("breaker", "close", "bob/weather")
    assert closed.out == (
        "bob/weather: was closed already; its provider's is open: "
        "`rounds breaker close --provider weather`\n"
    )
    reset = daemon.rounds("breaker", "reset", "--provider", "weather")
    assert reset.out == "weather: breaker reset: it is closed, and counts from nothing\n"
    assert daemon.rounds("sync", "bob/weather", "--wait").code == 0


@pytest.mark.requirement("E1")
def test_failed_syncs_open_a_breaker_which_a_request_waits_for_and_force_does_not(daemon):
    daemon.rounds("breaker", "reset", "acme/broken")
    daemon.rounds("policy", "set", "acme/broken", "breaker_syncs_in_a_row=1", "breaker_open=1h")
    assert daemon.rounds("sync", "acme/broken", "--wait").code == 1
    assert breakers(daemon)["acme/broken"] == "open syncs failed in 60 min 1 of 1 1 time"
    waits = daemon.rounds("sync", "acme/broken").out
    assert re.search("sync requested; a breaker is open for (1h|60m|59m) more: --force goes", waits)
    forced = daemon.rounds("sync", "acme/broken", "--force", "--wait")
    assert (forced.code, "started (manual" in forced.out) == (1, True)
    daemon.rounds("breaker", "reset", "acme/broken")
    assert daemon.rounds("policy", "reset", "acme/broken", "--all").code == 0


# -- trying again ---------------------------------------------------------------------------------


@pytest.mark.requirement("A8")
def test_what_failed_is_tried_again_by_hand_and_what_did_not_is_not(daemon):
    daemon.rounds("breaker", "reset", "acme/broken")
    assert daemon.rounds("sync", "acme/broken", "--wait").code == 1
    assert daemon.rounds("retry", "acme/broken").out == "acme/broken: retry requested\n"
    daemon.hear("sync-started", kind="retry")
    assert daemon.rounds("retry", "bob/weather").out == "bob/weather: nothing failed\n"


def test_what_waits_for_a_person_is_not_tried_again(daemon):
    daemon.rounds("breaker", "open", "acme/broken")
    typed = daemon.rounds("retry", "acme/broken", "--json")
    assert (typed.code, typed.problem["code"]) == (1, "breaker")
    assert daemon.rounds("retry", "acme/broken", "--force").out == "acme/broken: retry requested\n"
    daemon.rounds("breaker", "close", "acme/broken")
    daemon.rounds("pause", "acme/broken")
    typed = daemon.rounds("retry", "acme/broken", "--json")
    assert (typed.code, typed.problem["code"]) == (1, "paused")
    daemon.rounds("resume", "acme/broken")

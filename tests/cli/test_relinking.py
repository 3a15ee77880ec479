"""What does one see of a provider that is switched off, and how does one move on?"""

import re

import pytest

from tests.cli.world import terminal, world

pytestmark = pytest.mark.requirement("X7")

KEY = {"records": "@", "primary_key": ["id"]}
ENDS = {"Sunset": "Tue, 01 Jun 2027 00:00:00 GMT", "Deprecation": "@1688169599"}


def answers(made, *, gone):
    said = (410, [], ENDS) if gone else (200, [{"id": 1, "steps": 7}], ENDS)
    made.provider.routes["/steps"] = lambda *_: said
    made.provider.routes["/activity"] = lambda *_: (200, [{"id": 1}, {"id": 2}])


@pytest.fixture(scope="module")
def daemon():
    """acme/tracker was fetched once, announced its end, and has come to it."""
    with world(policy={"retry_delay": "30m"}) as made:
        streams = {"steps": {"path": "/steps", **KEY}}
        made.home.provide("tracker", made.provider.url, streams=streams, successor="health")
        streams = {"steps": {"path": "/activity", **KEY}}
        made.home.provide("health", made.provider.url, streams=streams)
        auth = {"kind": "api_key", "header": "X-Key"}
        made.home.provide("locked", made.provider.url, streams=streams, auth=auth)
        answers(made, gone=False)
        made.start()
        assert made.rounds("connection", "add", "acme/tracker").code == 0
        made.hear("sync-succeeded")
        made.announced = made.rounds("connection", "show", "acme/tracker").out
        answers(made, gone=True)
        assert made.rounds("sync", "acme/tracker").code == 0
        made.hear("provider-retired")
        yield made


def said(daemon, *words):
    typed = daemon.rounds(*words)
    assert typed.code == 0, typed.err
    return re.sub(r"\s+", " ", typed.out)


def test_what_it_announced_is_shown(daemon):
    flat = re.sub(r"\s+", " ", daemon.announced)
    assert "its end it announced to be switched off on 2027-06-01" in flat
    assert "deprecated from 2023-06-30 on; its successor is health" in flat
    assert "type rounds connection relink acme/tracker" in flat


def test_what_to_do_is_named_wherever_one_looks(daemon):
    relink = "rounds connection relink acme/tracker"
    shown = said(daemon, "connection", "show", "acme/tracker")
    assert "it answers that it is gone for good" in shown
    assert f"its successor is health; type: {relink}" in shown
    assert relink in said(daemon, "breaker", "list")
    status = said(daemon, "status")
    assert "tracker is switched off for good; its successor is health: rounds connection" in status
    assert "its successor is health" in said(daemon, "provider", "show", "tracker")
    listed = said(daemon, "connection", "list")
    assert "its successor is health: type `rounds connection relink` with" in listed


def test_who_is_refused_is_asked_for_nothing(daemon):
    line = ("connection", "relink", "acme/tracker", "--to", "locked", "--as", "globex/locked")
    typed = daemon.rounds(*line)
    assert typed.err.startswith("rounds: globex/locked would be another tenant's")
    at_terminal = terminal(daemon, *line)
    assert at_terminal.code == typed.code
    assert "another tenant's" in at_terminal.out
    assert "Credential" not in at_terminal.out


def test_the_log_has_one_alert(daemon):
    log = daemon.rounds("log", "show", "--json").lines
    types = [each["event"]["type"] for each in log]
    assert (types.count("provider-retired"), types.count("retirement-announced")) == (1, 1)
    told = said(daemon, "log", "show")
    assert "the provider is switched off for good, as acme/tracker found" in told
    assert "the provider announced to be switched off on 2027-06-01" in told


def test_the_last_good_data_is_served_with_its_age(daemon):
    shown = said(daemon, "data", "show", "acme/tracker", "steps")
    assert "the last good data of tracker, which was switched off for good, " in shown
    assert re.search(r"switched off for good, .*(ago|now).* \(", shown)


def test_it_moves_and_both_can_be_looked_at(daemon):
    would = said(daemon, "connection", "relink", "acme/tracker", "--dry-run")
    assert "it would be moved to health, and would be called acme/health there" in would
    moved = said(daemon, "connection", "relink", "acme/tracker")
    assert "it is moved to health, and is called acme/health there" in moved
    daemon.hear("connection-relinked")
    daemon.hear("records-captured", rows=2)
    gone = daemon.rounds("connection", "show", "acme/tracker")
    assert gone.code == 3
    now = said(daemon, "data", "show", "acme/health", "steps")
    assert "2 of 2 records" in now
    then = said(daemon, "data", "show", "acme/health", "steps", "--provider", "tracker")
    assert "1 of 1 record, version" in then
    assert "the last good data of tracker, which acme/health was moved from" in then
    shown = said(daemon, "connection", "show", "acme/health")
    assert "rounds data show acme/health steps --provider tracker" in shown
    assert "connection moved from tracker to health" in said(
        daemon, "log", "show", "--connection", "acme/health"
    )


def test_a_retired_one_is_not_added_and_says_what_follows(daemon):
    refused = daemon.rounds("connection", "add", "acme/fitbit")
    assert refused.code != 0
    assert "rounds connection add acme/google_health" in refused.err

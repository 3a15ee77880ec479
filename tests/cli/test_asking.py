"""What do `rounds status TENANT` and `rounds queue --health` say of a daemon at work?"""

import re

import pytest

from daemon.cli.look import SHOWN
from tests.cli.world import world
from tests.e2e.daemon import TOLERANT

NAMES = ("acme/weather", "acme/broken", "acme/orders", "globex/weather", "globex/keyed")


@pytest.fixture(scope="module")
def daemon():
    """Of acme one failed, and a write waits; of globex one is paused, one lacks its key."""
    with world(*NAMES, sync={"stop_within": "1s"}, policy=TOLERANT) as made:
        made.home.provide(
            "orders",
            made.provider.url,
            streams={"days": {"path": "/days", "primary_key": ["date"]}},
            endpoints={"/entries": {}},
        )
        made.provider.forms["/entries"] = lambda _: (503, {})
        made.start()
        while made.rounds("status", "--json").document["succeeded"] < 3:
            made.hear("sync-succeeded")
        while made.rounds("status", "--json").document["failing"] < 2:
            made.hear("sync-failed")
        assert made.rounds("pause", "globex/weather").code == 0
        typed = made.rounds("request", "acme/orders", "POST", "/entries", "--data", "a line")
        assert typed.code == 0
        yield made


@pytest.mark.requirement("D1")
def test_a_tenants_status_says_how_each_source_is_and_why(daemon):
    out = daemon.rounds("status", "acme").out
    assert out.startswith("acme: degraded, score 67 (the mean of 3; the lowest is acme/broken)\n")
    assert re.search(r"acme/weather +100 +healthy +30 +([0-9.]+ \w+ ago|just now) +fresh", out)
    assert re.search(r"\n  days +100 +healthy +30 +([0-9.]+ \w+ ago|just now) +fresh", out)
    assert re.search(r"acme/broken +0 +\w+ +0 +never +never", out)
    assert "0 % of 1 sync succeeded; less 10 for 1 failure in a row; less 20 for no success" in out
    assert "globex" not in out


@pytest.mark.requirement("D1")
def test_a_tenants_status_for_programs_has_each_connection_and_then_its_streams(daemon):
    found = daemon.rounds("call", "get_sync_health_status", "tenant=acme").document
    assert (found["score"], found["counted"], found["lowest"]) == (67, 3, "acme/broken")
    assert [(each["kind"], each["source"]) for each in found["sources"]][:2] == [
        ("connection", "acme/broken"),
        ("stream", "acme/broken days"),
    ]
    weather = {each["source"]: each for each in found["sources"]}["acme/weather"]
    assert (weather["status"], weather["items"], weather["freshness"]) == ("healthy", 30, "fresh")
    assert weather["last_sync"] == weather["last_success"]
    assert weather["age_s"] >= 0
    assert weather["next_due"] > found["now"]
    assert daemon.rounds("status", "acme", "--json").document["tenant"] == "acme"


@pytest.mark.requirement("D1")
def test_what_is_paused_is_shown_and_does_not_count(daemon):
    found = daemon.rounds("status", "globex", "--json").document
    by_name = {each["source"]: each for each in found["sources"]}
    assert found["counted"] == 1
    assert not by_name["globex/weather"]["counts"]
    assert "it is paused, and does not count" in by_name["globex/weather"]["why"]
    assert daemon.rounds("status", "globex").out.startswith("globex: unhealthy, score ")


@pytest.mark.requirement("D1")
def test_a_tenants_status_is_told_as_of_then(daemon):
    seq = daemon.rounds("log", "stats", "--json").document["seq"]
    typed = daemon.rounds("status", "acme", "--at", str(seq))
    assert typed.out.startswith(f"as of event {seq}, ")
    assert "\nacme: degraded, score 67 (the mean of 3; the lowest is acme/broken)\n" in typed.out
    assert daemon.rounds("queue", "acme", "--health", "--at", str(seq)).code == 0
    before = daemon.rounds("status", "acme", "--at", "1")
    assert before.code == 3
    assert "as of event 1, there is no connection of acme" in before.err


@pytest.mark.requirement("D6")
def test_the_queues_health_says_how_much_waits_and_what_keeps_it(daemon):
    assert daemon.rounds("policy", "set", "acme/weather", "enabled=false").code == 0
    assert daemon.rounds("call", "enqueue_sync_with_failover", "tenant=acme", "provider=weather",
                         "sync_type=scheduled").code == 0  # fmt: skip
    typed = daemon.rounds("queue", "acme", "--health")
    found = daemon.rounds("queue", "acme", "--health", "--json").document
    assert daemon.rounds("policy", "set", "acme/weather", "enabled=true").code == 0
    assert re.search(r"oldest +acme/weather, due ", typed.out)
    assert "kept by disabled: acme/weather\n    syncs are switched off" in typed.out
    assert "    rounds explain acme/weather\n" in typed.out
    assert re.search(r"writes +1 wait \(6 bytes\).*; the oldest came", typed.out), typed.out
    assert found["pending"] >= 1
    assert found["depth"] == found["pending"] + found["processing"] + found["retrying"]
    assert found["retrying"] == 1, "what failed is tried again"
    assert found["by_type"]["scheduled"]["pending"] == 1
    assert found["oldest_age_s"] >= 0
    assert found["waited"]["count"] == 3
    assert found["writes"]["depth"] == 1
    assert {each["held_by"] for each in found["blocked"]} == {"disabled"}


@pytest.mark.requirement("D6")
def test_the_queues_health_is_of_a_tenant_or_of_all(daemon):
    tenant = daemon.rounds("queue", "globex", "--health", "--json").document
    assert (tenant["tenant"], tenant["aside"], tenant["writes"]["depth"]) == ("globex", 1, 0)
    whole = daemon.rounds("call", "get_queue_health_metrics").document
    assert (whole["tenant"], whole["aside"], whole["writes"]["depth"]) == (None, 1, 1)
    assert "1 connection paused or to be authorised" in daemon.rounds("queue", "--health").out


@pytest.mark.requirement("D6")
def test_the_queue_is_of_those_who_are_named_alone(daemon):
    assert "globex" not in daemon.rounds("queue", "acme").out
    items = daemon.rounds("queue", "acme/weather", "--json").document["items"]
    assert [each["connection"] for each in items] == ["acme/weather"]


@pytest.mark.parametrize("line", ["status nobody", "queue nobody", "queue nobody --health"])
def test_whom_nobody_knows_ends_with_3(daemon, line):
    typed = daemon.rounds(*line.split(), "--json")
    assert typed.code == 3
    assert typed.problem["code"] == "not-found"


def test_no_more_connections_are_sent_than_are_shown(daemon):
    found = daemon.rounds("call", "connections", "first=2").document
    assert found["of"] == len(NAMES)
    assert [each["connection"] for each in found["connections"]] == ["acme/broken", "globex/keyed"]
    assert len(NAMES) < SHOWN
    assert "more; `rounds connection list`" not in daemon.rounds("status").out

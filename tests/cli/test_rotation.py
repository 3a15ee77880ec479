"""Do the documents' actions queue, wait for and count what they say (requirements A12, A14)?"""

import pytest

from tests.cli.world import world


@pytest.fixture
def daemon():
    """Two accounts at one provider, and another provider that waits until it is let."""
    second = ("acme/weather/second", {"provider": "weather"})
    with world("acme/weather", second, "acme/slow", "acme/broken") as made:
        made.start()
        yield made


def call(daemon, *words):
    typed = daemon.rounds("call", *words)
    assert typed.code == 0, typed.err
    return typed.document


def enqueue(daemon, provider, sync_type):
    words = ("tenant=acme", f"provider={provider}", f"sync_type={sync_type}")
    return call(daemon, "enqueue_sync_with_failover", *words)


def event(daemon, seq):
    return daemon.rounds("log", "show", str(seq), "--json").document["event"]


@pytest.mark.requirement("A12")
@pytest.mark.requirement("A14")
def test_syncs_of_every_type_are_queued_and_the_queue_is_waited_for(daemon):
    waited = call(daemon, "process_queue", "timeout_s=1")
    assert waited["left"] >= 1  # the slow one has not ended in time

    daemon.provider.slow.set()
    waited = call(daemon, "process_queue", "timeout_s=40")
    assert waited["left"] == 0
    still = call(daemon, "process_queue")
    assert {**still, "seq": 0} == dict.fromkeys(
        ("seq", "processed", "successful", "failed", "left"), 0
    )

    manual = call(daemon, "execute_sync", "tenant=acme", "provider=weather")
    assert (manual["connection"], manual["priority"]) == ("acme/weather", 1)
    asked = event(daemon, manual["queue_id"])
    assert (asked["type"], asked["kind"]) == ("sync-requested", "manual")

    turn = enqueue(daemon, "weather/second", "scheduled")
    assert event(daemon, turn["queue_id"])["reason"] == "asked"
    failover = enqueue(daemon, "slow", "failover")
    assert event(daemon, failover["queue_id"])["kind"] == "failover"
    retry = enqueue(daemon, "broken", "retry")
    assert event(daemon, retry["queue_id"])["kind"] == "retry"

    waited = call(daemon, "process_queue", "timeout_s=40")
    assert waited["left"] == 0
    lines = daemon.rounds("log", "show", "--json", "--limit", "1000").lines
    starts = {
        (line["name"], line["event"]["kind"])
        for line in lines
        if line["seq"] > manual["queue_id"] and line["event"]["type"] == "sync-started"
    }
    assert starts == {
        ("acme/weather", "manual"),
        ("acme/weather/second", "scheduled"),
        ("acme/slow", "failover"),
        ("acme/broken", "retry"),
    }


@pytest.mark.requirement("A12")
def test_a_second_wish_is_the_first_and_a_paused_connection_queues_nothing(daemon):
    daemon.hear("sync-failed")
    first = call(daemon, "execute_sync", "tenant=acme", "provider=slow")
    second = call(daemon, "execute_sync", "tenant=acme", "provider=slow")
    assert first["queue_id"] == second["queue_id"]

    daemon.rounds("pause", "acme/broken")
    for sync_type in ("manual", "scheduled", "retry", "failover"):
        words = ("tenant=acme", "provider=broken", f"sync_type={sync_type}")
        typed = daemon.rounds("call", "enqueue_sync_with_failover", *words, "--json")
        assert typed.problem["code"] == "paused"
        assert "rounds resume acme/broken" in typed.err

    daemon.rounds("breaker", "open", "acme/weather")
    words = ("tenant=acme", "provider=weather", "sync_type=failover")
    typed = daemon.rounds("call", "enqueue_sync_with_failover", *words, "--json")
    assert typed.problem["code"] == "breaker"


@pytest.mark.requirement("A12")
def test_an_account_is_named_where_a_provider_has_several():
    names = [("acme/a", {"provider": "weather"}), ("acme/b", {"provider": "weather"})]
    with world(*names) as made:
        made.start()
        typed = made.rounds("call", "execute_sync", "tenant=acme", "provider=weather", "--json")
        assert typed.code == 2
        assert "name one of them, with its account: acme/a, acme/b" in typed.err
        assert call(made, "execute_sync", "tenant=acme", "provider=b")["connection"] == "acme/b"
        both = call(made, "check_health", "tenant=acme", "provider=weather")["health_metrics"]
        assert [each["connection"] for each in both] == ["acme/a", "acme/b"]

"""A stream that fails while others of its connection come: who says so, and in which words?"""

import json
import sqlite3

import pytest

from tests.cli.world import terminal, world

GONE, DOWN = "the provider knows nothing at this path (404)", "the provider failed (500)"


@pytest.fixture(scope="module")
def daemon():
    """Of acme/pair one stream is not found; of acme/trio another one fails, and is tried again."""
    with world() as made:
        key = {"primary_key": ["date"]}
        streams = {"good": {"path": "/days", **key}, "gone": {"path": "/gone", **key}}
        made.home.provide("pair", made.provider.url, streams=streams)
        streams = {**streams, "down": {"path": "/broken", **key}}
        made.home.provide("trio", made.provider.url, streams=streams)
        made.provider.routes["/gone"] = lambda *_: (404, [])
        made.home.configure("acme/pair", "acme/trio", "acme/weather", "globex/broken")
        made.start()
        while made.rounds("status", "--json").document["succeeded"] < 3:
            made.hear("sync-succeeded")
        yield made


def ask(daemon, question):
    """Once `history` has waited for all of it."""
    assert daemon.rounds("history").code == 0
    connection = sqlite3.connect(f"file:{daemon.home.state / 'read'}?mode=ro", uri=True)
    found = connection.execute(question).fetchall()
    connection.close()
    return found


@pytest.mark.requirement("B13")
def test_it_is_counted_though_no_sync_failed(daemon):
    (gone,) = daemon.rounds("failures", "acme/pair", "--json").document["classes"]
    assert (gone["cause"], gone["failed"], gone["streams"], gone["first"]) == ("not-found", 0, 1, 1)
    out = daemon.rounds("failures", "acme/pair").out
    assert out.startswith(
        "acme/pair, the last 30 days: no sync failed whole; a stream did once (--list shows that); "
        "nothing was tried again\n"
    )
    both = {
        each["cause"]: each
        for each in daemon.rounds("failures", "acme", "--json").document["classes"]
    }
    assert both.keys() == {"not-found", "server"}
    assert both["not-found"]["streams"] == 2
    assert both["server"]["first"] == both["server"]["retries"] == 1
    assert "a stream did 3 times" in daemon.rounds("failures", "acme").out
    assert "…" not in terminal(daemon, "failures", "acme").out


@pytest.mark.requirement("A13")
@pytest.mark.requirement("B14")
def test_its_retry_and_every_line_of_the_log_have_the_words_of_their_own_class(daemon):
    retries = ask(daemon, "SELECT data_type, error_class, last_error_message FROM sync_retry_queue")
    words = {(stream, cause, said.partition(";")[0]) for stream, cause, said in retries}
    assert ("down", "server", DOWN) in words
    assert not [said for stream, _, said in words if stream != "down" and said == GONE]
    logged = ask(daemon, "SELECT response_status, error_message FROM sync_failure_logs")
    assert {(status, said.partition(";")[0]) for status, said in logged} == {
        (404, GONE),
        (500, DOWN),
    }
    listed = daemon.rounds("failures", "acme", "--list", "--json").lines
    sql = "SELECT event, data_type, error_message FROM sync_failure_logs WHERE user_id = 'acme'"
    told = [(each["event"], each["stream"], each["message"]) for each in listed]
    assert sorted(told) == sorted(ask(daemon, sql))


@pytest.mark.requirement("A5")
def test_it_scores_as_the_status_of_its_tenant_says(daemon):
    status = daemon.rounds("status", "acme", "--json").document["sources"]
    streams = {each["source"].replace(" ", "/"): each["score"] for each in status if each["stream"]}
    sql = "SELECT source, health_score FROM sync_health WHERE user_id = 'acme'"
    assert dict(ask(daemon, sql)) == streams
    assert streams["acme/pair/good"] == 100
    assert streams["acme/pair/gone"] == 70


@pytest.mark.requirement("D7")
def test_without_consent_no_sync_says_how_many_records_came(daemon):
    """Those before go with the consent, those after it are not written."""
    sql = (
        "SELECT sync_result FROM connection_sync_queue "
        "WHERE connection = 'acme/weather' AND status = 'completed'"
    )
    (before,) = [json.loads(row[0])["records"] for row in ask(daemon, sql)]
    assert before == 30
    assert daemon.rounds("consent", "withdraw", "acme").code == 0
    assert daemon.rounds("sync", "acme/weather", "--wait").code == 0
    assert [json.loads(row[0])["records"] for row in ask(daemon, sql)] == [None, None]

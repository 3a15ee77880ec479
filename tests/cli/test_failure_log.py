"""What a provider said when a call failed: who is shown it, and is nobody's secret in it?"""

import base64
import json

import pytest

from tests.cli.world import KEY, terminal, world
from tests.e2e.test_canary import spellings

pytestmark = [pytest.mark.requirement("B10"), pytest.mark.requirement("D7")]

MAIL, PHONE, OTHER = "ada.lovelace@example.org", "+44 20 7946 0958", "zk9-other-token-of-theirs"
PAGE = (
    "<html><title>\x1b[2J\x1b]0;owned\x07Maintenance until noon</title>"
    f"<p>your key {KEY}, or {base64.b64encode(KEY.encode()).decode()}, of {MAIL}, {PHONE}"
    f'<pre>{{"access_token": "{OTHER}"}}</pre></html>'
)
SECRETS = (KEY, MAIL, OTHER)


def fail(status=500, page=PAGE):
    return lambda *_: (status, page, {"X-Why": "no"})


@pytest.fixture(scope="module")
def daemon():
    """Its provider is down, and says so with all that it knows."""
    with world(("acme/keyed", {}), "acme/weather") as made:
        made.home.secret("key", KEY)
        made.home.provide(
            "keyed",
            made.provider.url,
            auth={"kind": "api_key", "header": "X-Key"},
            streams={
                "days": {"path": "/keyed/days", "primary_key": ["date"]},
                "nights": {"path": "/keyed/nights", "primary_key": ["date"]},
            },
        )
        key = {"credential_file": str(made.home.root / "key"), "interval": "9d"}
        made.home.configure(("acme/keyed", key), "acme/weather")
        made.provider.routes["/keyed/days"] = fail()
        made.provider.routes["/keyed/nights"] = fail(200, PAGE)
        made.start()
        made.hear("sync-failed")
        yield made


def listed(daemon, *words):
    return daemon.rounds("failures", "acme/keyed", "--list", "--json", *words).lines


def shown(daemon, event, *words):
    return daemon.rounds("failures", "acme/keyed", "--event", str(event), *words)


def test_failures_are_listed_with_request_class_attempt_and_time(daemon):
    days, nights = [
        next(each for each in listed(daemon, "--stream", name) if each["request"] != "sync")
        for name in ("days", "nights")
    ]
    assert (days["request"], days["cause"], days["status"]) == ("GET /keyed/days", "server", 500)
    assert (nights["cause"], nights["status"], nights["kind"]) == ("malformed", 200, "scheduled")
    assert days["excerpt"]
    assert nights["excerpt"]
    assert days["duration_ms"] >= 0
    assert "the provider failed (500)" in days["message"]
    assert listed(daemon, "--cause", "server", "--stream", "nights") == []
    events = [each["event"] for each in listed(daemon)]
    assert events == sorted(events, reverse=True)
    assert listed(daemon, "--limit", "1") == listed(daemon)[:1]


def test_an_operator_is_shown_what_the_provider_said_without_secrets(daemon):
    (call, *_) = [each for each in listed(daemon) if each["status"] == 500 and each["excerpt"]]
    typed = shown(daemon, call["event"])
    assert typed.code == 0
    assert "GET /keyed/days: the provider said (500, application/json):" in typed.out
    assert "Maintenance until noon" in typed.out
    assert r"\x1b[2J\x1b]0;owned\x07" in typed.out
    assert "\x1b" not in typed.out
    assert not [each for each in (*SECRETS, PHONE) if each in typed.out]


def test_no_words_of_a_provider_move_a_terminals_cursor(daemon):
    (call, *_) = [each for each in listed(daemon) if each["status"] == 500 and each["excerpt"]]
    typed = terminal(daemon, "failures", "acme/keyed", "--event", str(call["event"]))
    assert "Maintenance until noon" in typed.out
    assert "\x1b[2J" not in typed.out
    assert "\x1b]0" not in typed.out


def test_of_a_whole_sync_what_was_said_to_each_stream_is_shown(daemon):
    (sync, *_) = [each for each in listed(daemon) if each["request"] == "sync"]
    found = shown(daemon, sync["event"], "--json").document
    assert {each["stream"] for each in found["failures"]} == {"days", "nights"}
    assert {each["status"] for each in found["excerpts"]} == {200, 500}
    assert found["missing"] is None


def test_what_is_no_failure_is_not_found_and_a_tenant_has_none(daemon):
    typed = shown(daemon, 1)
    assert typed.code == 3
    assert "`rounds failures acme/keyed --list` shows those" in typed.err
    assert daemon.rounds("failures", "acme", "--event", "1").code == 2
    assert daemon.rounds("failures", "acme", "--stream", "days").code == 2


def test_each_time_that_somebody_was_shown_it_is_written_down(daemon):
    (call, *_) = [each for each in listed(daemon) if each["status"] == 500 and each["excerpt"]]

    def read():
        reads = daemon.rounds("audit", "reads", "--tenant", "acme", "--json").lines
        return [each["failure"] for each in reads].count(call["event"])

    before = read()
    for _ in range(2):
        shown(daemon, call["event"])
    assert read() == before + 2
    table = daemon.rounds("audit", "reads", "--tenant", "acme").out
    assert f"what a provider said, the failure of event {call['event']}" in table
    log = daemon.rounds("log", "show", "--limit", "50").out
    assert f"what the provider of acme/keyed said, the failure of event {call['event']}" in log


def test_no_file_and_no_log_line_holds_any_of_it(daemon):
    places = [each for each in daemon.home.state.rglob("*") if each.is_file()]
    contents = {str(each): each.read_bytes() for each in places}
    contents["what it said"] = json.dumps(daemon.said).encode()
    assert any("data" in name for name in contents)
    for text in (*SECRETS, "Maintenance until noon"):
        for spelt in spellings(text):
            assert not [name for name, each in contents.items() if spelt in each], text


def test_another_key_of_the_vault_changes_nothing_of_it(daemon):
    (call, *_) = [each for each in listed(daemon) if each["status"] == 500 and each["excerpt"]]
    assert daemon.rounds("vault", "rotate").code == 0
    assert "Maintenance until noon" in shown(daemon, call["event"]).out


def test_what_is_kept_goes_with_the_consent(daemon):
    (call, *_) = [each for each in listed(daemon) if each["status"] == 500 and each["excerpt"]]
    assert "--event" in daemon.rounds("failures", "acme", "--list").out
    daemon.rounds("consent", "withdraw", "acme")
    assert not [each for each in listed(daemon) if each["excerpt"]]
    assert "--event" not in daemon.rounds("failures", "acme", "--list").out
    typed = shown(daemon, call["event"], "--json").document
    assert typed["excerpts"] == []
    assert "does not consent to detailed monitoring" in typed["missing"]
    daemon.rounds("consent", "grant", "acme")
    said = shown(daemon, call["event"]).out
    assert "is not kept any more: it goes after 30 days" in said
    assert "when consent is withdrawn" in said

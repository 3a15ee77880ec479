"""Does `rounds explain` say why, and does the log say the same (requirement X2)?"""

import re
from datetime import datetime, timedelta

import pytest

from tests.cli.world import terminal, world

X2 = pytest.mark.requirement("X2")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
HOUR = timedelta(hours=1)
KEY = {"primary_key": ["date"]}
ROWS = [{"date": f"2026-01-{day:02}", "units": day} for day in range(1, 6)]
OUR_OWN = r"\d+ of \d+ sync|stale|not stale|\d+ failure"
"""What is said of a score's terms, which no event says."""
RULES = ("breaker_syncs_in_a_row=2", "breaker_open=1h", "retry_jitter=true")
OAUTH = {
    "kind": "oauth2",
    "authorize_url": "https://example.com/authorize",
    "token_url": "https://example.com/token",
    "scopes": ["read"],
    "in_doubt": "ask",
}


class Story:
    """A report that turned empty while its provider fell over, and others beside it."""

    def __init__(self, made):
        self.made = made
        self.answers = {"/orders": (200, ROWS), "/items": (200, ROWS)}
        for path in self.answers:
            made.provider.routes[path] = lambda *_, path=path: self.answers[path]
        made.provider.routes["/lim"] = lambda *_: (429, [], {"Retry-After": "240"})

    def typed(self, *words, code=0):
        run = self.made.rounds(*words)
        assert run.code == code, run.err
        return run.out

    def synced(self, name, code=0):
        self.typed("sync", name, "--force", "--wait", code=code)

    def explained(self, *words):
        return self.made.rounds("explain", *words, "--json").document

    def log(self):
        """Every event by its number, as `rounds log show` has it, and as its line."""
        words = ("log", "show", "--after", "0", "--limit", "2000")
        lines = self.typed(*words).splitlines()
        events = {each["seq"]: each for each in self.made.rounds(*words, "--json").lines}
        return events, {int(line.split()[0]): line for line in lines}


@pytest.fixture(scope="module")
def told():
    names = ("acme/finale", "acme/lim", "globex/broken", "globex/weather")
    rules = {"retry_delay": "30m"}
    with world(*names, sync={"stop_within": "1s"}, policy=rules) as made:
        streams = {each: {"path": f"/{each}", **KEY} for each in ("orders", "items")}
        made.home.provide("finale", made.provider.url, streams=streams)
        made.home.provide("lim", made.provider.url, streams={"days": {"path": "/lim", **KEY}})
        made.home.provide("shop", made.provider.url, streams={"stock": {"path": "/stock", **KEY}})
        made.home.provide(
            "oaky", made.provider.url, auth=OAUTH, streams={"days": {"path": "/days", **KEY}}
        )
        story = Story(made)
        made.start()
        while made.rounds("status", "--json").document["succeeded"] < 2:
            made.hear("sync-succeeded")
        made.hear("sync-failed")
        story.typed("policy", "set", "acme/finale", *RULES)
        story.answers["/orders"] = (200, [])
        story.synced("acme/finale")
        story.answers |= {"/orders": (500, []), "/items": (500, [])}
        story.synced("acme/finale", code=1)
        story.synced("acme/finale", code=1)
        now = datetime.fromisoformat(made.rounds("status", "--json").document["now"])
        first, last = (f"{now + span:%H:%M}" for span in (-HOUR, 12 * HOUR))
        quiet = (f"quiet_hours_start={first}", f"quiet_hours_end={last}")
        story.typed("policy", "set", "acme", *quiet)
        yield story


def topics(found):
    return {each["topic"]: each for each in found["start"]["because"]}


def events_in(document):
    """Every event that an explanation names, wherever it stands."""
    if isinstance(document, list):
        for each in document:
            yield from events_in(each)
    elif isinstance(document, dict):
        if {"seq", "subject", "event"} <= set(document):
            yield document
        else:
            for each in document.values():
                yield from events_in(each)


def settings_in(document):
    if isinstance(document, list):
        for each in document:
            yield from settings_in(each)
    elif isinstance(document, dict):
        if {"source", "declared", "value"} <= set(document):
            yield document
        else:
            for each in document.values():
                yield from settings_in(each)


# -- the log says the same ------------------------------------------------------------------------


@X2
@pytest.mark.parametrize("name", ["acme/finale", "acme/lim", "globex/broken", "globex/weather"])
def test_every_event_that_is_named_is_in_the_log_and_says_so(told, name):
    found, text = told.explained(name), told.typed("explain", name)
    events, lines = told.log()
    named = list(events_in(found))
    assert named
    for each in named:
        assert events[each["seq"]] == each
    rows = re.findall(r"^ +(.*\S) +[-\d: ]*\d\d:\d\d +(\d+)$", text, re.MULTILINE)
    assert rows
    for row, number in rows:
        said = re.split(r" {2,}", row)[-1]
        if not re.match(OUR_OWN, said):
            assert said.split(" [")[0] in lines[int(number)]


@X2
def test_a_setting_that_had_a_say_names_the_event_that_set_it(told):
    events, _ = told.log()
    found = list(settings_in(told.explained("acme/finale")))
    by_source = {each["name"]: each for each in found}
    assert {each["source"] for each in found} == {
        "default", "configuration", "tenant", "connection",
    }  # fmt: skip
    for each in found:
        event = events[each["event"]]["event"]
        own = event.get("settings") or event
        assert each["name"] in own or event["type"] == "provider-declared"
    assert by_source["retry_delay"]["value"] == "30m"
    assert events[by_source["quiet_hours_start"]["event"]]["name"] == "acme"
    assert by_source["quiet_hours_start"]["by"] is not None


# -- what is explained ----------------------------------------------------------------------------


@X2
def test_the_score_is_explained_term_by_term(told):
    score = told.explained("acme/finale")["score"]
    assert score["score"] == round(sum(each["points"] for each in score["terms"])) == 30
    by_part = {each["part"]: each for each in score["terms"]}
    rate, in_a_row = by_part["success-rate"], by_part["failures-in-a-row"]
    assert (rate["count"], rate["of"], rate["points"]) == (2, 4, 50)
    assert (in_a_row["count"], in_a_row["points"]) == (2, -20)
    assert {each["event"]["type"] for each in in_a_row["events"]} == {"sync-failed"}
    stale = by_part["stale"]
    assert (stale["points"], stale["events"][0]["event"]["type"]) == (0, "sync-succeeded")
    out = told.typed("explain", "acme/finale", "--score")
    assert "30 of 100, so its turns have priority 7 (1 first)\n" in out
    for each in in_a_row["events"]:
        assert re.search(rf"sync \d+ failed .* {each['seq']}\n", out)
    assert "\nnext sync " not in out
    never = {each["part"]: each for each in told.explained("acme/lim")["score"]["terms"]}
    assert (never["stale"]["points"], never["stale"]["events"]) == (-20, [])
    assert never["bounds"]["points"] == 30


@X2
def test_each_stream_is_explained_by_what_made_it_so(told):
    orders, items = told.explained("acme/finale")["streams"]
    facts = [(each["topic"], each["event"]["event"]["type"]) for each in orders["because"]]
    assert facts == [
        ("empty", "records-refused"),
        ("keeps-failing", "sync-failed"),
        ("captured", "records-captured"),
    ]
    (setting,) = orders["because"][0]["settings"]
    assert (setting["name"], setting["source"]) == ("orders.empty", "default")
    assert [each["topic"] for each in items["because"]] == ["failed", "captured"]
    assert (orders["condition"], items["condition"]) == ("unhealthy", "degraded")


@X2
def test_the_next_sync_is_explained_with_all_that_moves_or_holds_it(told):
    found = told.explained("acme/finale")
    start, by_topic = found["start"], topics(found)
    assert (start["kind"], start["held_by"]) == ("retry", "quiet-hours")
    assert set(by_topic) == {"turn", "retry", "breaker", "quiet-hours"}
    assert by_topic["turn"]["event"]["event"]["type"] == "sync-scheduled"
    retry = by_topic["retry"]
    assert {each["name"] for each in retry["settings"]} >= {"retry_delay", "retry_backoff"}
    assert retry["event"]["event"]["jitter"] is not None
    opened = by_topic["breaker"]
    assert opened["event"]["event"]["failures"] == 2
    assert {each["name"]: each["value"] for each in opened["settings"]}["breaker_open"] == "1h"
    assert by_topic["quiet-hours"]["event"] is None
    out = told.typed("explain", "acme/finale")
    assert re.search(r"retry +retry \d of .* \[delay .*, of which \d+ % was drawn\]", out)
    assert "quiet_hours_end" in out


@X2
def test_a_providers_wish_is_explained(told):
    by_topic = topics(told.explained("acme/lim"))
    assert by_topic["asked-to-wait"]["event"]["event"]["type"] == "sync-failed"
    assert by_topic["limit"]["event"]["event"]["type"] == "limit-held"
    assert "the provider asked for it" in told.typed("explain", "acme/lim")


@X2
def test_what_people_did_is_explained_with_what_to_type(told):
    told.typed("pause", "globex/weather")
    out = told.typed("explain", "globex/weather")
    assert re.search(r"  paused +paused by \S+ ", out)
    assert "type: rounds resume globex/weather\n" in out
    told.typed("resume", "globex/weather")
    assert "paused" not in topics(told.explained("globex/weather"))
    told.typed("breaker", "open", "globex/weather")
    out = told.typed("explain", "globex/weather")
    assert re.search(r"  breaker +breaker opened by \S+, until somebody closes it", out)
    assert "type: rounds breaker close globex/weather\n" in out
    told.typed("breaker", "reset", "globex/weather")


@X2
def test_an_account_that_waits_for_a_person_is_explained(told):
    told.typed("connection", "add", "globex/oaky")
    found = told.explained("globex/oaky")
    (needed,) = found["account"]
    assert needed["event"]["event"]["reason"] == "new"
    assert topics(found)["to-be-authorised"]["event"] == needed["event"]
    out = told.typed("explain", "globex/oaky")
    assert "type: rounds connection authorize globex/oaky\n" in out
    assert "none yet: no sync has ended" in out


@X2
def test_failover_is_explained_at_both_ends(told):
    rules = ("max_retry_attempts=1", "fallback=globex/weather")
    told.typed("policy", "set", "globex/broken", *rules)
    told.typed("sync", "globex/broken", "--force", "--wait", code=1)
    told.made.hear("retries-ended")
    ended = topics(told.explained("globex/broken"))["retries-ended"]
    assert ended["event"]["event"]["reason"] == "used-up"
    (setting,) = ended["settings"]
    assert (setting["value"], setting["source"]) == (1, "connection")
    number = told.explained("globex/broken")["last"][0]["event"]["event"]["sync"]
    decided = told.explained("globex/broken", "--sync", str(number))["sync"]["decided"]
    asked = [each for each in decided if each["event"]["event"]["type"] == "sync-requested"]
    assert [each["event"]["name"] for each in asked] == ["globex/weather"]
    stands_in = told.made.hear("sync-started", kind="failover")["seq"]
    because = told.explained("globex/weather", "--sync", str(stands_in))["sync"]["because"]
    assert because[0]["topic"] == "failover"
    assert because[0]["event"] == asked[0]["event"]


@X2
def test_one_sync_is_explained_from_its_reason_to_what_was_decided(told):
    failures = told.explained("acme/finale")["score"]["terms"][1]["events"]
    number = failures[-1]["event"]["sync"]
    found = told.explained("acme/finale", "--sync", str(number))
    sync, (events, lines) = found["sync"], told.log()
    for each in events_in(found):
        assert events[each["seq"]] == each
    assert [each["topic"] for each in sync["because"]] == ["asked", "retry"]
    assert sync["counts"] == {"call-failed": 2}
    assert sync["end"]["seq"] == failures[-1]["seq"]
    types = [each["event"]["event"]["type"] for each in sync["decided"]]
    assert types == ["breaker-opened", "retry-scheduled"]
    out = told.typed("explain", "acme/finale", "--sync", str(number))
    assert out.startswith(f"acme/finale, sync {number}\n")
    assert lines[sync["end"]["seq"]].split("  ")[-1] in out
    assert "orders: the provider failed (500)" in out
    typed = told.made.rounds("explain", "acme/finale", "--sync", "1")
    assert (typed.code, "event 1 began no sync of acme/finale" in typed.err) == (3, True)


@X2
def test_it_is_explained_as_it_was_then(told):
    first = told.explained("acme/finale")["score"]["terms"][0]["events"][0]
    found = told.explained("acme/finale", "--at", str(first["seq"]))
    assert (found["seq"], found["condition"], found["score"]["score"]) == (
        first["seq"], "healthy", 100,
    )  # fmt: skip
    assert max(each["seq"] for each in events_in(found)) <= first["seq"]
    assert set(topics(found)) == {"turn"}
    assert "breaker_open" not in {each["name"] for each in settings_in(found)}
    when = told.explained("acme/finale", "--at", first["at"])
    assert when["score"] == found["score"]
    out = told.typed("explain", "acme/finale", "--at", str(first["seq"]))
    assert out.startswith(f"as of event {first['seq']}, ")


@X2
def test_what_a_guard_doubted_is_explained_with_the_rule_that_it_went_by(told):
    made, answers = told.made, told.answers
    stock = [{"date": f"2026-{month:02}-{day:02}"} for month in (1, 2) for day in range(1, 29)]
    answers["/stock"] = (200, stock)
    made.provider.routes["/stock"] = lambda *_: answers["/stock"]
    told.typed("connection", "add", "initech/shop")
    told.typed("sync", "initech/shop", "--wait")
    answers["/stock"] = (200, stock[:5])
    told.synced("initech/shop", code=1)
    (stream,) = told.explained("initech/shop")["streams"]
    by_topic = {each["topic"]: each for each in stream["because"]}
    assert list(by_topic) == ["failed-for-good", "refused", "captured"]
    doubted = by_topic["refused"]
    assert (doubted["event"]["event"]["guard"], doubted["event"]["event"]["rows"]) == ("shrunk", 56)
    rules = {each["name"]: each for each in doubted["settings"]}
    assert set(rules) == {f"stock.guards.{each}" for each in ("shrunk", "shrunk_by", "rows_min")}
    events, _ = told.log()
    assert {events[each["event"]]["event"]["name"] for each in rules.values()} == {"shop"}
    assert "stock.guards.shrunk_by 0.5" in told.typed("explain", "initech/shop")


def test_what_cannot_be_asked_is_said(told):
    assert told.made.rounds("explain", "acme/none").code == 3
    assert told.made.rounds("explain", "acme/finale", "--at", "soon").code == 2
    assert told.made.rounds("explain", "acme/finale", "--at", "-9d").code == 3
    assert told.made.rounds("explain", "acme/finale", "--at", "999999").code == 3
    both = told.made.rounds("explain", "acme/finale", "--score", "--sync", "3")
    assert (both.code, "ask one of them" in both.err) == (2, True)


@pytest.mark.requirement("A11")
def test_an_explanation_fits_a_terminal_and_is_plain_off_it(told):
    shown = terminal(told.made, "explain", "acme/finale").out
    plain = ESCAPE.sub("", shown)
    assert max(len(line.rstrip()) for line in plain.splitlines()) <= 80
    assert shown != plain
    assert not ESCAPE.search(told.typed("explain", "acme/finale"))

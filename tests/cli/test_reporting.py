"""Do people add sources, report for them, and see what came of it?"""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from daemon.control.source_messages import BATCH_MAX
from tests.cli.world import terminal, world

PHONE = "alice/phone-calls"
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture(scope="module")
def daemon():
    sources = {"bob/sms": {"pattern": "ios", "late_after": "30h"}}
    with world(sources=sources) as made:
        made.start()
        assert made.rounds("source", "add", PHONE, "--pattern", "android").code == 0
        yield made


def now(daemon, hours=0):
    moment = datetime.fromisoformat(daemon.rounds("status", "--json").document["now"])
    return (moment.astimezone(UTC) - timedelta(hours=hours)).isoformat()


def shown(daemon, name=PHONE, *more):
    return daemon.rounds("source", "show", name, *more, "--json").document["source"]


def added(daemon, name, *more):
    typed = daemon.rounds("source", "add", name, "--pattern", "manual", *more)
    assert typed.code == 0, typed.err
    return typed


@pytest.mark.requirement("D2")
def test_a_source_is_added_once_and_says_what_to_type_next(daemon):
    typed = added(daemon, "carol/receipts")
    told = "added; its token, which is shown once: rounds source token carol/receipts"
    assert typed.out == f"carol/receipts: {told}\n"
    assert added(daemon, "carol/receipts").out.endswith("exists already; nothing is new\n")
    refused = daemon.rounds("source", "add", "carol/other")
    assert refused.code == 2
    assert "a pattern, one of android, ios, manual" in refused.err


@pytest.mark.requirement("D2")
def test_a_report_by_hand_is_taken_once_and_shown(daemon):
    at = now(daemon)
    figures = ("--records", "12", "--errors", "0", "--queue-depth", "3", "--oldest", at)
    words = ("report", PHONE, "--at", at, "--key", "k", *figures, "--platform", "android")
    assert daemon.rounds(*words).out == "taken\n"
    assert daemon.rounds(*words).out == "was known already; nothing is new\n"
    other = daemon.rounds("report", PHONE, "--at", at, "--key", "k", "--records", "13", "--json")
    assert (other.code, other.problem["code"]) == (1, "taken")
    of = shown(daemon)
    assert (of["latest"]["records"], of["queue_depth"], of["oldest"]) == (12, 3, at[:-6] + "Z")
    text = daemon.rounds("source", "show", PHONE).out
    assert "expected     android: every 2 h, late after 10 h, nights aside\n" in text
    assert "records      12 records\n" in text
    assert "reports      are fresh; late in " in text
    assert "queued       3, the oldest from " in text


@pytest.mark.requirement("D2")
def test_an_offline_queue_is_flushed_at_once_and_again_without_harm(daemon, tmp_path):
    added(daemon, "carol/queue")
    at = [now(daemon, hours=each) for each in (0, 1, 2)]
    lines = [
        {"at": at[number % 3], "key": str(number), "metrics": {"records": 1, "queue_depth": number}}
        for number in range(BATCH_MAX + 20)
    ]
    file = tmp_path / "queue.jsonl"
    file.write_text("\n\n".join(map(json.dumps, lines)) + "\n")
    sent = daemon.rounds("report", "carol/queue", "--file", str(file))
    assert sent.out == f"{len(lines)} taken, 0 known already\n"
    again = daemon.rounds("report", "carol/queue", "--file", "-", "--json", stdin=file.read_text())
    assert (again.document["new"], again.document["known"]) == (0, len(lines))
    answer = daemon.rounds("source", "show", "carol/queue", "--json").document
    assert sum(day["records"] for day in answer["days"]) == len(lines)


@pytest.mark.parametrize(
    ("lines", "says", "code"),
    [
        ('{"at": "2026-01-01T00:00:00Z"}\n', "line 1 is no report", 2),
        ("\nnothing\n", "line 2 is no report", 2),
        ("x" * 20_000, "line 1 has more than 16,384 bytes", 2),
        ("", "the file has no report", 0),
        (
            '{"at": "1999-01-01T00:00:00Z", "key": "a", "metrics": {}}',
            "line 1: it is older than 30 days, and is not taken any more; leave it out",
            2,
        ),
        (
            '{"at": "2999-01-01T00:00:00Z", "key": "a", "metrics": {}}\n' * 2,
            "lines 1 to 2: report 1: its time lies more than 5 minutes ahead",
            2,
        ),
    ],
)
def test_a_file_that_is_no_queue_of_reports_is_refused_by_its_line(daemon, lines, says, code):
    typed = daemon.rounds("report", PHONE, "--file", "-", stdin=lines)
    assert typed.code == code
    assert says in typed.out + typed.err


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        (("report", "alice/none"), "there is no source alice/none", 3),
        (("report", "alice"), "there is no source alice/", 3),
        (("report", PHONE, "--at", "noon"), "it cannot be reported: ", 2),
        (("report", PHONE, "--records", "-1"), "-1 is not in the range", 2),
        (("report", PHONE, "--platform", "toaster"), "is not one of", 2),
        (("report", PHONE, "--oldest", "2026-01-01T00:00:00Z"), "no queue_depth", 2),
        (("report", PHONE, "--file", "/none"), "/none cannot be read", 3),
        (("report", PHONE, "--file", "-", "--records", "1"), "leave the rest out", 2),
        (("source", "show", "alice/none"), "there is no source alice/none", 3),
        (("source", "list", "--tenant", "nobody"), "there is no tenant nobody", 3),
        (("source", "add", "alice", "--pattern", "ios"), "is not tenant/source", 2),
        (("source", "add", "a/b", "--pattern", "fax"), "is not one of", 2),
        (("source", "set", "alice/none", "--night"), "there is no source alice/none", 3),
        (("source", "set", PHONE, "--late-after", "1h"), "late_after is too short", 2),
        (("source", "set", PHONE, "--late-after", "soon"), "is not a span of time", 2),
        (("source", "token", "alice/none"), "there is no source alice/none", 3),
        (("source", "set", "bob/sms", "--night"), "stands in the configuration", 1),
        (("source", "remove", "bob/sms"), "take it out there and restart roundsd", 1),
    ],
)
def test_what_cannot_be_done_is_said_with_a_sentence(daemon, words, says, code):
    typed = daemon.rounds(*words)
    assert typed.code == code
    assert says in typed.err


@pytest.mark.requirement("D2")
def test_what_is_expected_of_a_source_is_its_pattern_s_and_then_its_own(daemon):
    assert shown(daemon, "bob/sms")["late_after"] == "P1DT21600S"
    added(daemon, "dan/uploads", "--late-after", "45d")
    found = shown(daemon, "dan/uploads")
    assert (found["expected_every"], found["late_after"], found["night"]) == ("P7D", "P45D", False)
    assert daemon.rounds("source", "set", "dan/uploads", "--night").out == "dan/uploads: changed\n"
    found = shown(daemon, "dan/uploads")
    assert (found["late_after"], found["night"]) == ("P45D", True)
    assert daemon.rounds("source", "set", "dan/uploads", "--pattern", "ios").code == 0
    assert shown(daemon, "dan/uploads")["late_after"] == "P1D"
    added(daemon, "dan/seldom", "--expected-every", "60d")
    assert shown(daemon, "dan/seldom")["late_after"] == "P60D"


@pytest.mark.requirement("D2")
def test_the_list_says_who_is_late(daemon):
    added(daemon, "erin/hasty", "--expected-every", "1s", "--late-after", "1s")
    while shown(daemon, "erin/hasty")["punctuality"] != "late":
        pass  # each question takes a part of that second
    out = daemon.rounds("source", "list", "--tenant", "erin").out
    assert "erin/hasty  manual   late   never" in out
    assert "late since " in daemon.rounds("source", "show", "erin/hasty").out
    names = [
        each["source"] for each in daemon.rounds("source", "list", "--json").document["sources"]
    ]
    assert names == sorted(names)
    assert {PHONE, "bob/sms", "erin/hasty"} <= {*names}


@pytest.mark.requirement("D2")
@pytest.mark.parametrize(
    "words",
    [("source", "list", "--tenant", "alice"), ("status", "alice"), ("queue", "alice", "--health")],
)
def test_on_80_columns_a_name_is_on_one_line(daemon, words):
    figures = ("--syncs", "4", "--records", "1200", "--errors", "3", "--queue-depth", "37")
    rest = ("--duration-ms", "2500", "--bytes", "123456", "--oldest", now(daemon, hours=2))
    assert daemon.rounds("report", PHONE, "--key", words[0], *figures, *rest).code == 0
    plain = ESCAPE.sub("", terminal(daemon, *words).out)
    assert [line.split()[0] for line in plain.splitlines() if PHONE in line] == [PHONE]
    assert max(len(line.rstrip()) for line in plain.splitlines()) <= 80


@pytest.mark.requirement("D2")
def test_a_token_is_printed_alone_and_nothing_else_ever_shows_it(daemon):
    added(daemon, "frank/calls")
    typed = daemon.rounds("source", "token", "frank/calls")
    token = typed.out.removesuffix("\n")
    assert "shown once" in typed.err
    assert daemon.rounds("source", "token", "frank/calls", "--json").document["token"] != token
    secret = token.partition(".")[2]
    assert secret not in daemon.rounds("log", "show", "--json").out
    assert secret not in daemon.rounds("source", "show", "frank/calls", "--json").out
    assert secret not in json.dumps(daemon.said)


def test_a_source_that_is_removed_is_gone_and_comes_back_with_its_past(daemon):
    added(daemon, "gina/calls")
    at = now(daemon)
    words = ("report", "gina/calls", "--at", at, "--records", "4")
    assert daemon.rounds(*words).out == "taken\n"
    before = daemon.rounds("status", "--json").document["seq"]
    assert daemon.rounds("source", "remove", "gina/calls").code == 0
    assert daemon.rounds("source", "show", "gina/calls").code == 3
    then = shown(daemon, "gina/calls", "--at", str(before))
    assert then["latest"] == {"records": 4}
    added(daemon, "gina/calls")
    assert daemon.rounds(*words).out == "was known already; nothing is new\n"


@pytest.mark.requirement("A14")
@pytest.mark.requirement("D2")
def test_the_documents_functions_report_under_their_names(daemon):
    added(daemon, "hank/fitbit")
    of = ("tenant=hank", "provider=fitbit", "duration_ms=2500")
    for success in ("true", "false"):
        call = daemon.rounds("call", "update_connection_health", *of, f"success={success}")
        assert call.document["new"] == 1, call.err
    found = shown(daemon, "hank/fitbit")["latest"]
    assert found == {"syncs": 1, "errors": 1, "duration_ms": 2500, "status": "unhealthy"}
    status = ("tenant=hank", "data_type=fitbit", "status=healthy", "item_count=9")
    assert daemon.rounds("call", "update_connection_health_status", *status).document["new"] == 1
    assert shown(daemon, "hank/fitbit")["latest"] == {"records": 9, "status": "healthy"}
    metrics = ("tenant=hank", "source=fitbit", 'metrics={"records": 7}')
    assert daemon.rounds("call", "update_sync_health_metrics", *metrics).document["new"] == 1
    (day,) = daemon.rounds("source", "show", "hank/fitbit", "--json").document["days"]
    assert (day["reports"], day["syncs"], day["errors"], day["records"]) == (4, 2, 1, 16)


def test_a_call_without_a_key_is_known_again_by_its_time(daemon):
    added(daemon, "ida/calls")
    at = now(daemon)
    words = ("tenant=ida", "provider=calls", "success=true", f"at={at}")
    found = [daemon.rounds("call", "update_connection_health", *words) for _ in range(2)]
    assert [each.document["new"] for each in found] == [1, 0]


def test_the_log_tells_of_sources_in_plain_lines(daemon):
    assert daemon.rounds("report", PHONE, "--key", "logged", "--records", "1").code == 0
    out = daemon.rounds("log", "show", "--after", "0").out
    assert (
        "source added by the configuration; ios: every 6 h, late after 1 day 6 h, nights aside"
        in out
    )
    assert "source added by " in out
    assert "reported by " in out


@pytest.mark.requirement("D1")
@pytest.mark.requirement("D6")
def test_what_a_phone_reports_stands_beside_the_tenants_own(daemon):
    """In its status, and, where it told of a queue, in that of the queue."""
    assert daemon.rounds("source", "add", "acme/beside", "--pattern", "android").code == 0
    words = ("acme/beside", "--key", "beside-1", "--records", "7", "--queue-depth", "3")
    assert daemon.rounds("report", *words).code == 0
    status = daemon.rounds("call", "get-sync-health-status", "tenant=acme").document
    (told,) = [each for each in status["reported"] if each["source"] == "acme/beside"]
    assert (told["queue_depth"], told["punctuality"]) == (3, "fresh")
    queue = daemon.rounds("call", "get-queue-health-metrics", "tenant=acme").document
    assert "acme/beside" in [each["source"] for each in queue["reported"]]
    for line in (["status", "acme"], ["queue", "acme", "--health"]):
        shown = daemon.rounds(*line).out
        assert "acme/beside" in shown
        assert "7 records" in shown
    assert daemon.rounds("call", "get-queue-health-metrics").document["reported"] == []

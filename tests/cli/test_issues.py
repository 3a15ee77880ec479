"""What does `rounds issues` say of a daemon at work?"""

import json
import re
import signal

import pytest

from tests.cli.world import terminal, world

pytestmark = pytest.mark.requirement("D3")

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture(scope="module")
def daemon():
    """Of acme one fails three times, and one lacks its key; globex is well."""
    with world("acme/weather", "acme/broken", "acme/keyed", "globex/weather") as made:
        made.start()
        for _ in range(3):
            assert made.rounds("sync", "acme/broken", "--wait", "--force").code == 1
        for subject in {each["subject"] for each in made.said if each["event"] == "sync-failed"}:
            made.hear("issue-opened", subject=subject)
        yield made


def test_what_is_wrong_is_a_table_the_gravest_first_with_what_to_type_below(daemon):
    typed = daemon.rounds("issues")
    assert (typed.code, typed.err) == (0, "")
    head, keyed, broken, empty, first, second = typed.out.splitlines()
    assert head.split() == ["severity", "what", "since", "why"]
    assert re.fullmatch(
        r"major +acme/keyed: failing +([0-9.]+ m?s ago|just now) +1 sync in a row failed: the .*",
        keyed,
    )
    assert re.fullmatch(
        r"minor +acme/broken: failing +(.* ago|just now) +\d syncs in a row failed: .*", broken
    )
    assert empty == ""
    assert first == "    rounds connection add acme/keyed --credential-stdin"
    assert second == "    rounds failures acme/broken --list"
    told = daemon.rounds(*second.split()[1:])
    assert (told.code, "the provider failed (500)" in told.out) == (0, True)
    said = ESCAPE.sub("", terminal(daemon, *second.split()[1:]).out)
    assert re.search(r"event \d+: the provider failed \(500\)", " ".join(said.split()))


def test_one_connections_issues_say_by_what_they_were_judged_and_which_events_show_it(daemon):
    said = " ".join(daemon.rounds("issues", "acme/keyed").out.split())
    assert "judged by failing_for_a_person 1 (the same for all)" in said
    out = daemon.rounds("issues", "acme/broken").out
    assert out.startswith("failing: minor\n")
    assert re.search(r"judged by +failing_after 3 \(the default, event 2\)\n", out)
    events = re.search(r"events +([0-9, ]+)\n", out)[1].split(", ")
    for number in events:
        assert "acme/broken" in daemon.rounds("log", "show", number).out
    opened = re.search(r"opened +.*, event (\d+)\n", out)[1]
    shown = daemon.rounds("log", "show", "--after", str(int(opened) - 1), "--limit", "1").out
    assert re.search(r"issue \(failing, minor\): [34] syncs in a row failed", shown)


def test_for_programs_there_is_one_document(daemon):
    found = daemon.rounds("issues", "--json").document["issues"]
    assert [each["name"] for each in found] == ["acme/keyed", "acme/broken"]
    assert found[1]["threshold"]["name"] == "failing_after"
    assert {each["category"] for each in found} == {"failures"}


def test_a_tenant_sees_its_own_alone_and_what_is_well_has_none(daemon):
    assert daemon.rounds("issues", "globex").out == "nothing is wrong\n"
    assert daemon.rounds("issues", "--tenant", "globex").out == "nothing is wrong\n"
    assert "globex" not in daemon.rounds("issues", "acme", "--closed").out
    assert daemon.rounds("issues", "nobody").code == 3


def test_one_may_ask_for_a_kind_or_a_severity_alone(daemon):
    assert "acme/keyed" not in daemon.rounds("issues", "--severity", "minor").out
    assert daemon.rounds("issues", "--kind", "gap").out == "nothing is wrong\n"
    assert daemon.rounds("issues", "--kind", "moonlight").code == 2


def test_who_names_a_threshold_is_told_by_it_and_nothing_is_recorded(daemon):
    before = daemon.rounds("status", "--json").document["seq"]
    out = daemon.rounds("issues", "globex/weather", "--threshold-hours", "0.00001").out
    assert out.startswith("stale: critical\n")
    assert re.search(r"judged by +threshold_hours 0.036 s \(as asked\)\n", out)
    assert re.search(r"type +rounds explain globex/weather\n", out)
    assert daemon.rounds("issues", "globex", "--threshold-hours", "24").out == "nothing is wrong\n"
    assert daemon.rounds("status", "--json").document["seq"] == before
    called = daemon.rounds("call", "detect-sync-issues", "tenant=acme", "threshold_hours=24")
    kinds = {each["kind"] for each in json.loads(called.out)["issues"]}
    assert kinds == {"failing"}


@pytest.mark.parametrize(
    "words",
    [
        ("issues", "--threshold-hours", "24"),
        ("issues", "acme", "--threshold-hours", "24", "--closed"),
        ("issues", "acme", "--threshold-hours", "0"),
        ("issues", "acme", "--tenant", "globex"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_sentence(daemon, words):
    typed = daemon.rounds(*words)
    assert typed.code == 2
    assert typed.err.strip()


def test_as_of_then_it_says_what_was_wrong_then(daemon):
    typed = daemon.rounds("issues", "acme", "--at", "12")
    assert typed.out.startswith("as of event 12, ")
    assert typed.out.endswith("nothing is wrong\n")


def test_it_fits_a_terminal(daemon):
    typed = terminal(daemon, "issues")
    assert "\x1b[" in typed.out
    plain = ESCAPE.sub("", typed.out)
    assert max(len(line.rstrip()) for line in plain.splitlines()) <= 80


def test_thresholds_are_settings_of_a_tenant_a_connection_and_a_stream(daemon):
    shown = daemon.rounds("policy", "show", "globex/weather").out
    assert re.search(r"stale_after +18h +learnt from the interval\n", shown)
    assert daemon.rounds("policy", "set", "globex/weather", "stale_after.days=2h").code == 0
    assert daemon.rounds("policy", "set", "globex", "failing_after=5", "gap_after=3d").code == 0
    shown = daemon.rounds("policy", "show", "globex/weather").out
    assert re.search(r"stale_after.days +2h +connection ", shown)
    assert re.search(r"failing_after +5 +tenant ", shown)
    wrong = daemon.rounds("policy", "set", "globex/weather", "stale_after.nights=2h")
    assert "there is no stream nights (there are: days)" in wrong.err
    assert daemon.rounds("policy", "reset", "globex/weather", "stale_after.days").code == 0


@pytest.fixture(scope="module")
def outside():
    """Dora has nothing but a source, which tells of trouble and of an old queue."""
    with world() as made:
        made.start()
        typed = made.rounds("source", "add", "dora/calls", "--pattern", "manual")
        assert typed.code == 0, typed.err
        old = ("--queue-depth", "7", "--oldest", "2020-01-01T00:00:00Z")
        for key in "abc":
            words = ("report", "dora/calls", "--key", key, "--status", "unhealthy", *old)
            assert made.rounds(*words).code == 0
        made.hear("issue-opened", kind="failing")
        made.hear("issue-opened", kind="reports-waiting")
        yield made


def test_a_tenant_that_has_only_sources_is_told_what_is_wrong_with_them(outside):
    typed = outside.rounds("issues", "dora")
    assert (typed.code, typed.err) == (0, "")
    _, queued, failing, _, command = typed.out.splitlines()
    assert re.fullmatch(
        r"critical +dora/calls: reports-waiting +.* ago +7 things wait with it to be sent, "
        r"the first of them for longer than 14d",
        queued,
    )
    assert "its last 3 reports say that it is unhealthy, or had errors" in failing
    assert command == "    rounds source show dora/calls"
    assert outside.rounds(*command.split()[1:]).code == 0
    assert [each["name"] for each in outside.rounds("issues", "--json").document["issues"]] == [
        "dora/calls",
        "dora/calls",
    ]
    assert outside.rounds("issues", "nobody").code == 3
    assert outside.rounds("issues", "dora/texts").code == 3


def test_one_sources_issues_say_by_what_they_were_judged(outside):
    out = outside.rounds("issues", "dora/calls").out
    assert re.search(r"judged by +late_after 14d \(set for the source, event \d+\)\n", out)
    assert re.search(r"judged by +failing_after 3 \(the default, event \d+\)\n", out)
    anew = outside.rounds("issues", "dora", "--threshold-hours", "0.00001").out
    assert "it has not reported for longer than 0.036 s" in anew


def test_health_names_sources_also_of_a_tenant_that_has_nothing_else(outside):
    for words in (("health",), ("health", "dora"), ("health", "dora/calls")):
        typed = outside.rounds(*words)
        assert (typed.code, typed.err) == (0, "")
        head, *told = filter(None, typed.out.splitlines())
        assert head == "degraded (there are no connections yet; sources: 1)"
        assert told == [
            "1 source says of itself that it is unhealthy: dora/calls",
            "    rounds source show dora/calls",
            "1 source keeps failing, as its reports say: dora/calls",
            "    rounds issues dora/calls",
            "1 source has things that have waited for too long to be sent: dora/calls",
            "    rounds issues dora/calls",
        ]
    assert outside.rounds("health", "nobody").code == 3
    whole = " ".join(outside.rounds("status", "dora").out.split())
    assert "degraded" in whole
    assert "1 source says of itself that it is unhealthy: dora/calls" in whole


@pytest.mark.requirement("B9")
def test_what_issues_call_critical_of_a_source_health_does_not_call_healthy(outside):
    assert outside.rounds("source", "add", "erin/calls", "--pattern", "manual").code == 0
    unheard = outside.rounds("health", "erin")
    assert unheard.out == "unknown (there are no connections yet; sources: 1)\n"
    assert ": unknown, no score" in outside.rounds("status", "erin").out
    old = ("--queue-depth", "4", "--oldest", "2020-01-01T00:00:00Z")
    for more in [("--status", "unhealthy")] * 3 + [old]:
        assert outside.rounds("report", "erin/calls", "--errors", "2", *more).code == 0
    shown = outside.rounds("source", "show", "erin/calls", "--json").document["source"]
    for kind in ("failing", "reports-waiting"):
        outside.hear("issue-opened", kind=kind, subject=shown["subject"])
    assert outside.rounds("issues", "erin").out.splitlines()[1].startswith("critical ")
    assert outside.rounds("health", "erin").out.splitlines() == [
        "degraded (there are no connections yet; sources: 1)",
        "",
        "1 source keeps failing, as its reports say: erin/calls",
        "    rounds issues erin/calls",
        "",
        "1 source has things that have waited for too long to be sent: erin/calls",
        "    rounds issues erin/calls",
    ]
    assert outside.rounds("source", "remove", "erin/calls").code == 0


@pytest.mark.requirement("D4")
def test_history_says_where_that_of_sources_is(outside):
    lines = outside.rounds("history", "dora").out.splitlines()
    assert lines[0].endswith("nothing has run")
    assert lines[1:] == [
        "its sources report by themselves:",
        "    rounds source list --tenant dora",
    ]
    assert outside.rounds(*lines[2].split()[1:]).code == 0


@pytest.mark.requirement("B13")
def test_failures_say_so_with_the_same_words(outside):
    nothing, *where = outside.rounds("failures", "dora").out.splitlines()
    assert nothing == "dora: nothing failed in the last 30 days"
    assert where == outside.rounds("history", "dora").out.splitlines()[1:]
    assert outside.rounds("failures", "dora", "--json").document["sources"] == 1


@pytest.mark.requirement("D1")
def test_the_status_of_a_tenant_that_has_only_sources_speaks_of_no_connection(outside):
    out = outside.rounds("status", "dora").out
    assert ", no score: it has no connections\n" in out
    assert out.count("\nsource ") == 1, "the header of one table"


@pytest.mark.requirement("D4")
@pytest.mark.requirement("D2")
def test_the_history_of_a_source_is_what_its_reports_add_up_to(outside):
    for number, key in enumerate("de", 1):
        figures = ("--syncs", "3", "--records", str(number * 500), "--errors", "1")
        assert outside.rounds("report", "dora/calls", "--key", key, *figures).code == 0
    for by, bins in (("day", 2), ("hour", 48)):
        typed = outside.rounds("history", "dora/calls", "--days", "2", "--by", by)
        assert (typed.code, typed.err) == (0, "")
        head, *_, last = typed.out.splitlines()
        assert head.startswith("dora/calls, the last")
        assert head.endswith("5 reports, which tell of 6 syncs, 1,500 records and 2 errors")
        assert last.split() == ["in", "all", "5", "6", "1,500", "2", "7"]
        told = outside.rounds("history", "dora/calls", "--days", "2", "--by", by, "--json").document
        assert len(told["report_rows"]) == bins
        assert sum(each["records"] for each in told["report_rows"]) == 1500
        assert told["report_total"]["oldest"] == "2020-01-01T00:00:00Z"
    refused = outside.rounds("history", "dora/calls", "--stream", "days")
    assert (refused.code, "is a source, which has no streams" in refused.err) == (2, True)
    refused = outside.rounds("history", "dora/calls", "--days", "91")
    assert (refused.code, "of sources 90 days are kept" in refused.err) == (2, True)


def test_the_log_of_a_source_is_shown_by_its_name(outside):
    out = outside.rounds("log", "show", "--connection", "dora/calls", "--limit", "1000").out
    assert {line.split()[3] for line in out.splitlines()} == {"dora/calls"}
    assert "source added" in out


def test_who_lives_is_shown_where_one_of_the_same_name_was_removed(outside):
    name = "dora/weather"
    assert outside.rounds("connection", "add", name).code == 0
    assert outside.rounds("connection", "remove", name, "--yes").code == 0
    assert "connection removed" in outside.rounds("log", "show", "--connection", name).out
    assert outside.rounds("source", "add", name, "--pattern", "ios").code == 0
    assert "source added" in outside.rounds("log", "show", "--connection", name).out
    assert "0 reports" in outside.rounds("history", name).out


def test_the_log_of_a_source_is_followed_by_its_name(outside):
    words = ("log", "tail", "--connection", "dora/calls", "--after", "0", "--json")
    with outside.open(*words) as tail:
        assert "source-added" in tail.stdout.readline()
        tail.send_signal(signal.SIGINT)
    assert outside.rounds("log", "tail", "--connection", "dora/nobody").code == 3


def test_a_time_outside_of_the_calendar_is_refused_with_a_sentence(outside):
    typed = outside.rounds("report", "dora/calls", "--at", "0001-01-01T00:00:00+14:00")
    assert (typed.code, "outside the calendar" in typed.err) == (2, True), typed.err


@pytest.mark.requirement("D7")
def test_a_tenant_that_has_only_sources_is_one_like_any_other(outside):
    for words in (
        ("consent", "show", "dora"),
        ("audit", "reads", "--tenant", "dora"),
        ("failures", "dora"),
        ("policy", "show", "dora"),
        ("source", "list", "--tenant", "dora"),
    ):
        assert outside.rounds(*words).code == 0, words
        typed = outside.rounds(*[each.replace("dora", "eve") for each in words])
        said = "there is no tenant eve; `rounds connection list` and `rounds source list` show all"
        assert (typed.code, said in " ".join(typed.err.split())) == (3, True), typed.err

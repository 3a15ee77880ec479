"""What do `rounds health`, `rounds schedule` and `rounds call` say of a daemon at work?"""

import re

import pytest

from tests.cli.world import terminal, world

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
METRICS = {
    "provider", "connection", "health_score", "total_syncs", "successful_syncs", "failed_syncs",
    "avg_sync_duration_ms", "consecutive_failures", "uptime_percentage", "last_success_at",
    "last_failure_at",
}  # fmt: skip


@pytest.fixture(scope="module")
def daemon():
    """Of acme one failed three times, one lacks its key, one is switched off; globex is paused."""
    names = ("acme/weather", "acme/broken", "acme/keyed", "acme/wide", "globex/weather")
    with world(*names) as made:
        made.start()
        while made.rounds("status", "--json").document["succeeded"] < 3:
            made.hear("sync-succeeded")
        for _ in range(2):
            assert made.rounds("sync", "acme/broken", "--wait").code == 1
        while made.rounds("status", "--json").document["failing"] < 2:
            made.hear("sync-failed")
        assert made.rounds("policy", "set", "acme/wide", "enabled=false").code == 0
        assert made.rounds("pause", "globex/weather").code == 0
        yield made


def call(daemon, *words):
    typed = daemon.rounds("call", *words)
    assert typed.code == 0, typed.err
    return typed.document


# -- health ---------------------------------------------------------------------------------------


@pytest.mark.requirement("B9")
@pytest.mark.requirement("A15")
def test_health_is_one_word_with_its_reasons_and_what_helps(daemon):
    typed = daemon.rounds("health")
    assert typed.out.startswith("degraded (connections: 2 unhealthy, 3 healthy)\n")
    assert "keeps failing (3 times in a row or more): acme/broken\n    rounds log show" in typed.out
    assert "needs a person to mend what is wrong: acme/keyed\n" in typed.out
    assert "    rounds connection show acme/keyed\n" in typed.out
    assert "\x1b" not in typed.out


@pytest.mark.requirement("A6")
def test_health_shows_every_connections_figures_the_worst_first(daemon):
    out = daemon.rounds("health").out
    row = r"acme/broken +0 +unhealthy +0 % +0/3 +3 +never +\d+ ms\n"
    assert re.search(row, out)
    assert re.search(r"acme/weather +100 +healthy +100 % +1/1 +[0-9.]+ \w+ ago +\d", out)
    assert out.index("acme/keyed ") < out.index("acme/weather ")


@pytest.mark.requirement("B9")
def test_a_tenants_health_is_of_that_tenant_alone(daemon):
    assert daemon.rounds("health", "acme").out.startswith("unhealthy (")
    typed = daemon.rounds("health", "globex")
    assert typed.out.startswith("healthy (connections: 1 healthy)\n")
    assert "acme" not in typed.out


@pytest.mark.requirement("B1")
def test_one_connections_health_shows_its_streams_and_what_its_score_is_made_of(daemon):
    typed = daemon.rounds("health", "acme/broken")
    assert typed.out.startswith("acme/broken: unhealthy (poor)\n")
    assert re.search(r"days +0 +none +unhealthy +never +\d+ \w+ ago +3 +\d+ \w+ ago\n", typed.out)
    assert re.search(r"days +the provider failed \(500\)", typed.out)
    assert "0: 0 % of its syncs succeeded, less 30 for 3 failures in a row, less 20 f" in typed.out
    assert "less 20 for no success yet\n" in typed.out
    assert daemon.rounds("health", "acme/weather").out.startswith("acme/weather: healthy (exc")


@pytest.mark.requirement("B1")
def test_health_for_programs_holds_both_answers(daemon):
    document = daemon.rounds("health", "acme/broken", "--json").document
    assert document["system"]["health"] == "unhealthy"
    (analysed,) = document["analysis"]["connections"]
    assert (analysed["chronic"], analysed["cause"]) == (True, "server")
    (stream,) = analysed["streams"]
    assert (stream["condition"], stream["overall"]) == ("unhealthy", "poor")
    assert (stream["rows"], stream["consecutive_failures"]) == (0, 3)
    assert stream["last_check"] == stream["last_failure"]
    assert stream["captured_at"] is None
    assert stream["message"].startswith("the provider failed (500)")


@pytest.mark.requirement("A6")
@pytest.mark.requirement("B1")
def test_a_connection_is_shown_with_its_uptime_and_its_streams_health(daemon):
    shown = daemon.rounds("connection", "show", "acme/weather").out
    assert re.search(r"health +healthy \(excellent\)\n", shown)
    assert re.search(r"uptime +100 % of the time since its first sync\n", shown)
    assert re.search(r"last success +(?:\d{4}-\d\d-\d\d )?\d\d:\d\d \(", shown)
    assert re.search(r"days +30 +\d+ +healthy +", shown)
    found = daemon.rounds("connection", "show", "acme/broken", "--json").document["connection"]
    assert (found["condition"], found["overall"]) == ("unhealthy", "poor")
    assert found["uptime_percentage"] == 0


@pytest.mark.requirement("A12")
@pytest.mark.parametrize("words", [["health"], ["health", "acme/broken"], ["schedule"]])
def test_it_fits_a_terminal_with_colours_that_words_say_too(daemon, words):
    typed = terminal(daemon, *words)
    assert "\x1b[" in typed.out
    plain = ESCAPE.sub("", typed.out)
    assert max(len(line.rstrip()) for line in plain.splitlines()) <= 80
    assert "\x1b" not in terminal(daemon, *words, NO_COLOR="1").out


# -- schedule -------------------------------------------------------------------------------------


@pytest.mark.requirement("A4")
def test_the_schedule_says_when_each_starts_and_what_holds_it_back(daemon):
    out = daemon.rounds("schedule").out
    assert re.search(r"acme/weather +in [56] h +6 h +succeeded .* ago\n", out)
    assert re.search(r"acme/wide +6 h +disabled +succeeded", out)
    assert re.search(r"globex/weather +6 h +paused +succeeded", out)
    assert re.search(r"acme, next +\w+ \(acme/\w+, in \d+ \w+\)\n", out)
    assert re.search(r"globex, next +none: nothing may start\n", out)


@pytest.mark.requirement("A4")
def test_a_tenants_schedule_for_programs_has_its_rows_and_its_next(daemon):
    document = daemon.rounds("schedule", "acme", "--json").document
    rows = {row["connection"]: row for row in document["rows"]}
    assert set(rows) == {"acme/weather", "acme/broken", "acme/keyed", "acme/wide"}
    assert (rows["acme/wide"]["status"], rows["acme/wide"]["held_by"]) == ("held", "disabled")
    assert rows["acme/weather"]["status"] == "scheduled"
    starts = [row["next_start"] for row in document["rows"] if row["next_start"]]
    assert starts == sorted(starts)
    assert document["next"][0]["at"] == starts[0]
    assert daemon.rounds("schedule", "acme/weather", "--json").document["next"] == []


# -- the documents' names -------------------------------------------------------------------------


@pytest.mark.requirement("A12")
def test_check_health_has_the_documents_columns_for_all_providers_or_one(daemon):
    found = call(daemon, "check_health", "tenant=acme")["health_metrics"]
    assert [each["provider"] for each in found] == ["broken", "keyed", "weather", "wide"]
    assert all(set(each) == METRICS for each in found)
    (one,) = call(daemon, "check-health", "tenant=acme", "provider=broken")["health_metrics"]
    assert (one["health_score"], one["total_syncs"], one["failed_syncs"]) == (0, 3, 3)
    assert (one["consecutive_failures"], one["uptime_percentage"]) == (3, 0)


@pytest.mark.requirement("A14")
def test_a_score_is_calculated_under_its_name(daemon):
    words = ("calculate_connection_health_score", "tenant=acme")
    assert call(daemon, *words, "provider=weather")["health_score"] == 100
    assert call(daemon, *words, "provider=keyed")["health_score"] == 0


@pytest.mark.requirement("A2")
@pytest.mark.requirement("A14")
def test_the_next_provider_and_the_event_that_planned_it_can_be_asked(daemon):
    next_ = call(daemon, "get_next_rotation_provider", "tenant=acme")
    for name in ("schedule_rotation", "schedule_next_rotation"):
        planned = call(daemon, name, "tenant=acme")
        assert planned["provider"] == next_["provider"]
        event = daemon.rounds("log", "show", str(planned["schedule_id"]), "--json").document
        assert event["name"] == next_["connection"]
        assert event["event"]["type"] == "sync-scheduled"
        assert event["event"]["due"] == planned["scheduled_at"]


@pytest.mark.requirement("A12")
def test_where_nothing_may_start_no_turn_is_next(daemon):
    assert call(daemon, "get_next_rotation_provider", "tenant=globex")["provider"] is None
    typed = daemon.rounds("call", "schedule_rotation", "tenant=globex")
    assert (typed.code, typed.out) == (1, "")
    assert "see: rounds schedule globex" in typed.err


@pytest.mark.requirement("A14")
def test_the_whole_systems_health_is_one_call(daemon):
    found = call(daemon, "get_sync_system_health")
    assert (found["health"], found["unhealthy"]) == ("degraded", 2)
    reasons = {each["reason"]: each for each in found["reasons"]}
    assert {"chronic-failures", "waiting-for-a-person"} <= set(reasons)
    assert reasons["chronic-failures"]["names"] == ["acme/broken"]
    assert [each["connection"] for each in call(daemon, "analyze_sync_health")["connections"]] == [
        "acme/broken", "acme/keyed", "acme/weather", "acme/wide", "globex/weather",
    ]  # fmt: skip


# -- calling --------------------------------------------------------------------------------------


@pytest.mark.requirement("F2")
def test_any_operation_can_be_called_with_values_of_any_type(daemon):
    assert call(daemon, "log", "limit=2")["events"][1]["seq"] > 1
    assert call(daemon, "policy", "tenant=acme")["name"] == "acme"
    assert call(daemon, "cancel", "connection=acme/weather")["events"] == []
    assert call(daemon, "policy_reset", "tenant=acme", 'names=["interval"]')["events"] == []


@pytest.mark.parametrize(
    "line, said",
    [
        ("check_helth tenant=acme", "did you mean check-health?"),
        ("zzz", "there are: add, analyze-sync-health,"),
        ("check_health tenant", "'tenant' is not KEY=VALUE"),
        ("check_health tenant=a tenant=b", "is given twice"),
        ("check_health user=acme", "it takes tenant, provider"),
        ("log-stats since=1", "it takes nothing"),
        ("process_queue timeout_s=soon", "timeout_s is JSON, of type number"),
        ("process_queue timeout_s=1e9", "the request cannot be read"),
        ("tail", "goes on for ever"),
        ("add connection=acme/new credential=hunter2", "a secret, and those are never arguments"),
        ("enqueue_sync_with_failover tenant=acme provider=weather sync_type=now", "Invalid enum"),
        ("enqueue_sync_with_failover tenant=acme provider=weather sync_type=retry", "nothing fai"),
    ],
)
def test_a_call_that_makes_no_sense_ends_with_2_and_says_why(daemon, line, said):
    typed = daemon.rounds("call", *line.split(), "--json")
    assert (typed.code, typed.out) == (2, "")
    assert said in typed.err


@pytest.mark.parametrize(
    "line",
    [
        "health nobody",
        "health acme/nothing",
        "schedule nobody",
        "call check_health tenant=nobody",
        "call execute_sync tenant=acme provider=nothing",
        "call schedule_rotation tenant=nobody",
    ],
)
def test_whom_nobody_knows_ends_with_3(daemon, line):
    assert daemon.rounds(*line.split(), "--json").problem["code"] == "not-found"

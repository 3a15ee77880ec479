"""What does `rounds history` say, and what can anybody ask of the SQL file behind it?"""

import json
import re
import sqlite3
import stat
import subprocess
import sys

import pytest

from tests.cli.world import terminal, world

SPARKS = set("▁▂▃▄▅▆▇█·")
NAMES = ("acme/weather", "acme/broken", "globex/weather")

# What people ask of such tables elsewhere, in words of our own: tables, columns, filters, orders.
QUESTIONS = (
    "SELECT * FROM connection_sync_queue WHERE status = 'pending' ORDER BY priority, scheduled_for",
    "SELECT * FROM connection_health_metrics WHERE user_id = 'acme' ORDER BY health_score DESC",
    (
        "SELECT * FROM connection_rotation_schedule WHERE user_id = 'acme' "
        "ORDER BY scheduled_at DESC LIMIT 20"
    ),
    "SELECT * FROM provider_accounts WHERE status = 'active'",
    "SELECT * FROM connection_rotation_schedule",
    "SELECT * FROM connection_events",
    (
        "SELECT data_type, status, last_check_time, item_count, consecutive_failures, "
        "CASE WHEN status = 'healthy' AND consecutive_failures = 0 THEN 'excellent' "
        "WHEN status = 'healthy' THEN 'good' WHEN status = 'degraded' THEN 'fair' ELSE 'poor' END "
        "AS overall_health FROM sync_connection_health"
    ),
    (
        "SELECT data_type, operation, status, retry_count, next_retry_at, last_error_message "
        "FROM sync_retry_queue WHERE status IN ('pending', 'processing') "
        "ORDER BY priority DESC, created_at ASC"
    ),
    (
        "SELECT enabled, rotation_interval, custom_interval_minutes, priority_order, "
        "failover_enabled, "
        "max_retry_attempts, retry_delay_minutes, quiet_hours_start, quiet_hours_end, "
        "notification_enabled FROM connection_rotation_config WHERE user_id = 'acme'"
    ),
    "SELECT * FROM sync_failure_logs ORDER BY created_at DESC",
    "SELECT * FROM sync_metadata WHERE data_type = 'days'",
    "SELECT * FROM sync_health WHERE user_id = 'acme'",
    (
        "SELECT user_id, expires_at, refresh_count FROM google_tokens WHERE is_active = true "
        "ORDER BY user_id"
    ),
    (
        "SELECT sync_type, users_processed, successful, failed, tokens_refreshed, "
        "duration_ms, details "
        "FROM sync_metrics"
    ),
    (
        "SELECT details->>'total_days_synced', json_array_length(details, '$.errors') "
        "FROM google_fit_sync_metrics WHERE details->>'failed_syncs' > 0"
    ),
)


@pytest.fixture(scope="module")
def daemon():
    """Two that succeed, one that fails twice; a policy of acme's own."""
    with world(*NAMES) as made:
        made.start()
        while made.rounds("status", "--json").document["succeeded"] < 2:
            made.hear("sync-succeeded")
        assert made.rounds("sync", "acme/broken", "--wait").code == 1
        assert made.rounds("policy", "set", "acme", "quiet_hours_start=22:30").code == 0
        assert made.rounds("policy", "set", "acme", "quiet_hours_end=06:00").code == 0
        yield made


def history(daemon, *words):
    typed = daemon.rounds("history", *words, "--json")
    assert typed.code == 0, typed.err
    return typed.document


def ask(daemon, question):
    """As anybody would, with a connection of their own; after `history` waited for all of it."""
    history(daemon)
    connection = sqlite3.connect(f"file:{daemon.home.state / 'read'}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    with connection:
        found = [dict(row) for row in connection.execute(question)]
    connection.close()
    return found


# -- the command ----------------------------------------------------------------------------------


@pytest.mark.requirement("D4")
def test_history_counts_what_the_log_has(daemon):
    """Of all, of a tenant, of a connection: the same events, counted for each."""
    history(daemon)
    shown = daemon.rounds("log", "show", "--json", "--limit", "500").lines
    logged = [each["event"]["type"] for each in shown]
    total = history(daemon)["total"]
    assert total["succeeded"] == logged.count("sync-succeeded") >= 2
    assert total["failed"] == logged.count("sync-failed") >= 2
    assert total["failures"] == {"server": total["failed"]}
    parts = [history(daemon, name)["total"] for name in NAMES]
    assert sum(each["succeeded"] for each in parts) == total["succeeded"]
    assert sum(each["added"] for each in parts) == total["added"] == 60
    acme, globex = history(daemon, "acme")["total"], history(daemon, "globex")["total"]
    assert acme["failed"] == total["failed"]
    assert globex["failed"] == 0
    assert globex["uptime_percentage"] == 100.0
    assert history(daemon, "acme/broken")["total"]["uptime_percentage"] == 0.0


def test_a_day_and_an_hour_are_rows_even_where_nothing_happened(daemon):
    assert len(history(daemon, "--days", "7")["rows"]) == 7
    hours = history(daemon, "--by", "hour", "--days", "2")["rows"]
    assert len(hours) == 48
    assert sum(each["succeeded"] for each in hours) == history(daemon)["total"]["succeeded"]


def test_a_stream_has_figures_of_its_own(daemon):
    found = history(daemon, "acme/weather", "--stream", "days")
    assert found["stream_total"]["added"] == 30
    assert found["of"] == "acme/weather/days"


def test_it_is_a_table_with_lines_over_it(daemon):
    typed = daemon.rounds("history", "acme", "--days", "7")
    assert typed.code == 0
    assert "acme, the last 7 days: " in typed.out
    lines = [line for line in typed.out.splitlines() if SPARKS & set(line)]
    assert len(lines) == 4
    assert all(len(set(line.split()[-1]) - SPARKS) == 0 for line in lines)
    assert "in all" in typed.out
    assert "% good" in typed.out


def test_on_80_columns_it_is_not_cut(daemon):
    shown = terminal(daemon, "history", "acme", "--days", "7")
    assert "new records" in shown.out
    assert "in all" in shown.out
    assert "…" not in shown.out


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["nobody"], 3, "there is no tenant nobody"),
        (["acme/none"], 3, "there is no connection acme/none"),
        (["acme/weather", "--stream", "none"], 3, "has no stream none"),
        (["acme", "--stream", "days"], 2, "name the connection"),
        (["acme", "--provider", "weather"], 2, "not two of them"),
        (["--by", "hour", "--days", "100"], 2, "hours are kept for 62 days"),
        (["--days", "0"], 2, "0 is not in the range"),
    ],
)
def test_what_cannot_be_shown_is_said(daemon, words, code, sentence):
    typed = daemon.rounds("history", *words)
    assert typed.code == code
    assert sentence in typed.err


@pytest.mark.requirement("B13")
def test_failures_say_which_class_costs_most_and_what_retries_were_worth(daemon):
    total = history(daemon)["total"]
    found = daemon.rounds("failures", "acme", "--json").document
    (server,) = found["classes"]
    assert (server["cause"], server["failed"]) == ("server", total["failed"])
    assert server["wasted"] == total["retries"] - total["retries_succeeded"]
    typed = daemon.rounds("failures", "acme/broken")
    ended = server["retries"] - server["open"]
    tried = f"of {ended} retried 0 saved a sync, {server['wasted']} failed again"
    head, *_ = typed.out.splitlines()
    assert head == (
        "acme/broken, the last 30 days: server cost most; "
        f"{tried if ended else 'nothing was tried again yet'}, 1 is still to come"
    )
    assert server["open"] == 1
    assert daemon.rounds("failures", "globex").out == "globex: nothing failed in the last 30 days\n"
    assert daemon.rounds("failures", "nobody").code == 3


# -- SQL ------------------------------------------------------------------------------------------


@pytest.mark.requirement("A13")
@pytest.mark.requirement("B14")
@pytest.mark.parametrize("question", QUESTIONS)
def test_what_is_asked_of_such_tables_elsewhere_runs_here(daemon, question):
    ask(daemon, question)


@pytest.mark.requirement("A13")
def test_the_tables_say_what_the_commands_say(daemon):
    rows = {each["connection"]: each for each in ask(daemon, QUESTIONS[1])}
    shown = daemon.rounds("call", "check-health", "tenant=acme").document["health_metrics"]
    for each in shown:
        row = rows[each["connection"]]
        for name in ("health_score", "total_syncs", "failed_syncs", "consecutive_failures"):
            assert row[name] == each[name], name
    (config,) = ask(daemon, QUESTIONS[8])
    assert (config["quiet_hours_start"], config["quiet_hours_end"]) == ("22:30", "06:00")
    assert json.loads(config["priority_order"]) == []
    pending = ask(daemon, QUESTIONS[0])
    assert {each["connection"] for each in pending} == set(NAMES)
    assert [each["priority"] for each in pending] == sorted(each["priority"] for each in pending)


@pytest.mark.requirement("B14")
def test_a_failure_is_logged_with_its_request_and_a_sentence_of_ours(daemon):
    failures = ask(daemon, QUESTIONS[9])
    calls = [each for each in failures if each["operation"] == "GET /broken"]
    syncs = [each for each in failures if each["operation"] == "sync"]
    assert calls
    assert all(each["response_status"] == 500 for each in calls)
    assert syncs
    assert all("the provider failed (500)" in each["error_message"] for each in failures)
    assert {each["error_type"] for each in failures} == {"server"}


def test_only_its_user_and_a_group_can_read_it(daemon):
    """All tenants are in it."""
    mode = (daemon.home.state / "read").stat().st_mode
    assert stat.S_IMODE(mode) == 0o640


def test_deleted_under_a_running_daemon_it_comes_back_as_it_was(daemon):
    before = history(daemon)["total"]
    for name in ("read", "read-wal", "read-shm"):
        (daemon.home.state / name).unlink(missing_ok=True)
    assert daemon.rounds("sync", "acme/weather", "--wait").code == 0
    daemon.hear("read-model-unusable")
    while (typed := daemon.rounds("history", "--json")).code:
        assert "made anew" in typed.err
    after = typed.document["total"]
    assert after["succeeded"] == before["succeeded"] + 1
    assert after["failed"] == before["failed"]
    assert len(ask(daemon, QUESTIONS[3])) == len(NAMES)


def test_it_is_made_anew_when_somebody_asks(daemon):
    """And says the same as before."""
    before, schedule = history(daemon), ask(daemon, QUESTIONS[4])
    typed = daemon.rounds("sql", "rebuild")
    assert typed.code == 0
    assert "made anew from" in typed.out
    assert history(daemon)["total"]["succeeded"] == before["total"]["succeeded"]
    assert [each["id"] for each in ask(daemon, QUESTIONS[4])] == [each["id"] for each in schedule]
    shown = daemon.rounds("sql", "show", "--json").document
    assert shown["path"] == str(daemon.home.state / "read")
    assert shown["position"] == shown["upto"]
    assert daemon.rounds("sql", "show").out.splitlines()[0] == shown["path"]


def test_every_view_is_described_for_datasette_by_its_own_columns_and_no_other(daemon):
    """So that anybody can look without knowing any of it; of tables, those that are not hidden."""
    described = daemon.rounds("sql", "describe").document["databases"]["read"]["tables"]
    there = {
        row["name"]: row["type"]
        for row in ask(daemon, "SELECT name, type FROM sqlite_master WHERE type <> 'index'")
    }
    assert described.keys() == there.keys()
    hidden = {name for name, each in described.items() if each.get("hidden")}
    assert {there[name] for name in hidden} == {"table"}
    for name in described.keys() - hidden:
        columns = [row["name"] for row in ask(daemon, f"PRAGMA table_info({name})")]
        assert [*described[name]["columns"]] == columns, name
        assert described[name]["units"].keys() <= set(columns), name
        assert all([described[name]["description"], *described[name]["columns"].values()]), name


def test_a_column_is_described_as_what_it_means_in_its_view(daemon):
    described = daemon.rounds("sql", "describe").document["databases"]["read"]["tables"]

    def said(view, column):
        return described[view]["columns"][column]

    assert said("reported_sources", "record_count") == "Records that its last report tells of"
    assert said("reported_sources", "error_count") == "Errors that its last report tells of"
    assert said("reported_hours", "error_count") == "Errors that it tells of"
    for column in ("record_count", "error_count", "status", "source", "last_sync_at"):
        assert "where kind is reported" in said("sync_health", column)
    assert "cancelled" in said("connection_sync_queue", "status")
    assert "unauthorised" in said("provider_accounts", "status")
    assert said("sync_failure_logs", "day") != said("daily_sums", "day")
    assert "seconds since 1970" in said("hour", "start")
    assert "`name`" in said("hour", "subject")


def test_sums_are_there_by_name_and_hour(daemon):
    """Of a connection, of its tenant, of its provider, and of all."""
    for name, kind in (("acme/weather", "connection"), ("acme", "tenant"), ("weather", "provider")):
        (row,) = ask(
            daemon,
            "SELECT sum(succeeded) AS succeeded, sum(added) AS added, min(hour) AS hour "
            f"FROM hourly_sums WHERE name = '{name}' AND kind = '{kind}'",
        )
        if kind != "provider":
            total = history(daemon, name)["total"]
            assert (row["succeeded"], row["added"]) == (total["succeeded"], total["added"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:00:00Z", row["hour"])
    (fleet,) = ask(daemon, "SELECT sum(added) AS added FROM hourly_sums WHERE kind = 'fleet'")
    assert fleet["added"] == history(daemon)["total"]["added"]
    found = ask(
        daemon,
        "SELECT user_id, connection, data_type, sum(added) AS added FROM stream_hourly_sums "
        "GROUP BY 1, 2, 3 ORDER BY 2",
    )
    assert [tuple(each.values()) for each in found] == [
        ("acme", "acme/weather", "days", 30),
        ("globex", "globex/weather", "days", 30),
    ]


def test_datasette_opens_it_with_what_it_means(daemon, tmp_path):
    history(daemon)
    metadata = tmp_path / "metadata.json"
    metadata.write_text(daemon.rounds("sql", "describe").out)
    asked = "/read/connection_health_metrics.json?_shape=array"
    typed = subprocess.run(
        [sys.executable, "-m", "datasette", "serve", str(daemon.home.state / "read"),
         "--metadata", str(metadata), "--get", asked],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert typed.returncode == 0, typed.stderr
    assert {each["connection"] for each in json.loads(typed.stdout)} == set(NAMES)


@pytest.mark.requirement("D2")
@pytest.mark.requirement("D6")
def test_what_a_phone_reports_stands_beside_streams_with_its_queue(daemon):
    assert daemon.rounds("source", "add", "alice/calls", "--pattern", "android").code == 0
    at = daemon.rounds("status", "--json").document["now"]
    figures = ("--records", "12", "--errors", "1", "--queue-depth", "3", "--oldest", at)
    assert daemon.rounds("report", "alice/calls", "--at", at, "--key", "k", *figures).code == 0
    [source] = ask(daemon, "SELECT * FROM sync_health WHERE user_id = 'alice'")
    assert (source["source"], source["kind"]) == ("alice/calls", "reported")
    assert (source["status"], source["health_score"]) == ("healthy", None)
    assert (source["record_count"], source["error_count"]) == (12, 1)
    punctual = ask(daemon, "SELECT status, next_report_at FROM reported_sources")
    assert punctual == [{"status": "fresh", "next_report_at": source["next_sync_at"]}]
    [stream] = ask(daemon, "SELECT * FROM sync_connection_health WHERE user_id = 'alice'")
    assert (stream["data_type"], stream["status"]) == ("calls", "unknown")
    [hour] = ask(daemon, "SELECT * FROM reported_hours")
    assert (hour["reports"], hour["queue_depth"]) == (1, 3)
    assert hour["oldest_item_at"] is not None
    assert ask(daemon, "SELECT queue_depth FROM reported_sources") == [{"queue_depth": 3}]

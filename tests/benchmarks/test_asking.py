"""Do a daemon, `GROUP BY` over its log, and PostgreSQL tell the same of one past, to the number?"""

from collections import defaultdict
from contextlib import closing
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
import pytest

from events.codec import EPOCH, to_microseconds
from events.schema import SyncFailed, SyncSucceeded
from tests.benchmarks import asking, group_by, long_log, past, postgres, questions
from tests.benchmarks.kept import Kept
from tests.benchmarks.organisation import organisation
from tests.benchmarks.questions import Answers, Source
from tests.benchmarks.test_past import END, EVENTS, drawn

TENANT = 10
DAYS = 30
HOURS = 5
NOW = to_microseconds(END)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    directory = tmp_path_factory.mktemp("log")
    long_log.write(directory, past.recorded(drawn()))
    return directory


@pytest.fixture(scope="module")
def right(log) -> Answers:
    return questions.told(long_log.read(log), TENANT, NOW, DAYS, HOURS)


def test_the_oracle_has_something_to_tell(right):
    assert len(right.status) > 1
    assert len(right.history) == DAYS
    assert right.causes
    assert {each.kind for each in right.issues} >= {"stale", "gap"}
    assert all(each.expected for each in right.drift)
    assert len(right.queue) == len(right.status)


def test_group_by_tells_the_same(log, right, tmp_path):
    with closing(group_by.index(log / "log", tmp_path / "copy")) as asked:
        assert group_by.status(asked, TENANT) == right.status
        assert group_by.history(asked, TENANT, NOW, DAYS) == right.history
        assert group_by.causes(asked, TENANT, NOW, DAYS) == right.causes
        assert group_by.issues(asked, TENANT, NOW, HOURS) == right.issues
        for drift in right.drift:
            assert group_by.drift(asked, TENANT, drift.subject, NOW) == drift
        assert group_by.queue(asked, TENANT) == right.queue
        assert group_by.unindexed(asked) == []


@pytest.mark.skipif(postgres.why_not() is not None, reason=str(postgres.why_not()))
def test_postgresql_tells_the_same(log, right):
    with postgres.server() as asked:
        assert postgres.fill(asked, long_log.read(log)) > EVENTS * 0.99
        assert postgres.status(asked, TENANT) == right.status
        assert postgres.history(asked, TENANT, NOW, DAYS) == right.history
        assert postgres.causes(asked, TENANT, NOW, DAYS) == right.causes
        assert postgres.issues(asked, TENANT, NOW, HOURS) == right.issues
        for drift in right.drift:
            assert postgres.drift(asked, TENANT, drift.subject, NOW) == drift
        assert postgres.queue(asked, TENANT) == right.queue
        asked.execute("SET enable_seqscan = off")  # so few events would not be worth an index
        assert postgres.unindexed(asked, TENANT, NOW) == []


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What a daemon told of its past over its socket, and the oracle's answers to the same."""
    with organisation(20_000, DAYS_LIVED, TENANTS) as org:
        org.made.start()
        with closing(Kept(org.made.home.socket)) as daemon:
            asked = asking.questions(org.tenants[0], [*org.subjects])
            asking.settle(daemon, asked)
            answers = {each.operation: answered(daemon, each) for each in asked}
        org.made.stop()
        tenant = org.past.cast.accounts[0].tenant
        now = moment(answers["get-sync-health-history"]["now"])
        assert now is not None
        right = questions.told(long_log.read(org.made.home.state), tenant, now, DAYS, HOURS)
        lasted = durations(org.made.home.state, {*org.subjects.values()})
        return {**answers, "right": right, "subjects": org.subjects, "lasted": lasted}


DAYS_LIVED = 40
TENANTS = 2


def durations(state: Path, subjects: set[int]) -> dict[datetime, list[int]]:
    """How long each sync took that ended on a day, the shortest first."""
    found = defaultdict(list)
    for each in long_log.read(state):
        if each.subject in subjects and isinstance(each.event, SyncSucceeded | SyncFailed):
            found[each.at.replace(hour=0, minute=0, second=0, microsecond=0)].append(
                each.event.duration_ms
            )
    return {day: sorted(lasted) for day, lasted in found.items()}


def answered(daemon: Kept, question: asking.Question) -> Any:
    status, answer = daemon.ask(question.operation, question.query)
    assert status == HTTPStatus.OK, answer
    return msgspec.json.decode(answer)


def test_a_daemon_tells_the_same_of_every_source(told):
    found = [
        Source(
            subject=told["subjects"][each["connection"]],
            total=each["total_syncs"],
            successful=each["successful_syncs"],
            failed=each["failed_syncs"],
            in_a_row=each["consecutive_failures"],
            duration_ms=each["avg_sync_duration_ms"],
            last_success=moment(each["last_success_at"]),
            last_failure=moment(each["last_failure_at"]),
        )
        for each in told["analyze-sync-health"]["connections"]
    ]
    assert found
    assert sorted(found) == [
        each._replace(duration_ms=each.duration_ms // each.total) for each in told["right"].status
    ]


def test_a_daemon_has_the_same_waiting(told):
    waiting = {
        told["subjects"][each["connection"]]: moment(each["next_start"])
        for each in told["queue"]["items"]
        if each["connection"] in told["subjects"]
    }
    assert waiting == {
        each.subject: min(each.due, each.retry or each.due) for each in told["right"].queue
    }


@pytest.mark.requirement("D4")
def test_a_daemon_tells_the_same_of_every_day(told):
    """Tokens are left out: the oracle counts them when the sync ends that they were renewed for."""
    right = {day_of(each): each for each in told["right"].history}
    causes = {
        day: {each.cause: each.failed for each in told["right"].causes if day_of(each) == day}
        for day in right
    }
    rows = {
        datetime.fromisoformat(each["start"]): each
        for each in told["get-sync-health-history"]["rows"]
    }
    assert len(rows) == DAYS
    assert rows.keys() >= right.keys()
    for day, row in rows.items():
        assert (row["succeeded"], row["failed"], row["records"]) == right[day][1:4]
        assert row["average_ms"] == right[day].duration_ms // (row["succeeded"] + row["failed"])
        failures = {cause: failed for cause, failed in row["failures"].items() if failed}
        assert failures == causes[day]


def test_a_daemons_quantiles_are_near_the_true_ones(told):
    for row in told["get-sync-health-history"]["rows"]:
        lasted = told["lasted"][datetime.fromisoformat(row["start"])]
        for name, share in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)):
            true = lasted[int(share * (len(lasted) - 1))]
            assert row[name] == pytest.approx(true, rel=0.05, abs=1)


def test_every_question_is_timed_beside_a_round_trip(capsys):
    """And beside GROUP BY, where it can be asked the same."""
    found = {each.figure: each for each in asking.figures(5_000, days=DAYS_LIVED, requests=10)}
    table = capsys.readouterr().err
    for question in asking.questions("t000", ["t000/steps/a0000"]):
        assert question.name in table
        for part in ("p50", "p99"):
            assert found[f"{question.name}: {part} at the socket, against a round trip"].ratio > 0
        if question.others:
            assert found[f"{question.name}: p50 at the socket, against GROUP BY"].limit > 0


def day_of(each: questions.Day | questions.Cause) -> datetime:
    return EPOCH + timedelta(days=each.day)


def moment(text: str | None) -> int | None:
    return to_microseconds(datetime.fromisoformat(text)) if text else None

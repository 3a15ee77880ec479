"""Do a daemon, `GROUP BY` over its log, and PostgreSQL tell the same of one past, to the number?"""

from contextlib import closing

import pytest

from events.codec import to_microseconds
from tests.benchmarks import group_by, long_log, past, postgres, questions
from tests.benchmarks.questions import Answers
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
        assert group_by.drift(asked, TENANT, NOW) == right.drift
        assert group_by.queue(asked, TENANT) == right.queue


@pytest.mark.skipif(not postgres.is_there(), reason=postgres.MISSING)
def test_postgresql_tells_the_same(log, right, tmp_path):
    with postgres.server(tmp_path / "server") as asked:
        assert postgres.fill(asked, long_log.read(log)) > EVENTS * 0.99
        assert postgres.status(asked, TENANT) == right.status
        assert postgres.history(asked, TENANT, NOW, DAYS) == right.history
        assert postgres.causes(asked, TENANT, NOW, DAYS) == right.causes
        assert postgres.issues(asked, TENANT, NOW, HOURS) == right.issues
        assert postgres.drift(asked, TENANT, NOW) == right.drift
        assert postgres.queue(asked, TENANT) == right.queue

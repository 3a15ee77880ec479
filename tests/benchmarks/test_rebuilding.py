"""Does what is timed do its work: is the read model whole, and is it followed?"""

import sqlite3
from contextlib import closing
from datetime import timedelta

from daemon.read_model import filling
from events.codec import to_microseconds
from tests.benchmarks import long_log, past, questions, rebuilding

EVENTS = 5_000
BEGIN = rebuilding.END - timedelta(days=30)
TENANT = 10


def test_a_rebuilt_read_model_has_every_sync(tmp_path):
    long_log.write(tmp_path, past.recorded(past.anonymous(EVENTS, BEGIN, rebuilding.END, 2)))
    rebuilding.rebuild(tmp_path, EVENTS)
    now = to_microseconds(rebuilding.END)
    right = questions.told(long_log.read(tmp_path), TENANT, now, 400, 24)
    with closing(sqlite3.connect(tmp_path / filling.DRAFTS[0])) as model:
        assert model.execute("SELECT seq FROM position").fetchone() == (EVENTS,)
        found = model.execute(
            "SELECT sum(succeeded), sum(failed), sum(records) FROM hour WHERE subject = ?",
            (TENANT,),
        ).fetchone()
    assert found == tuple(
        sum(part) for part in zip(*(each[1:4] for each in right.history), strict=True)
    )


async def test_what_is_fed_is_followed():
    fed, lags = await rebuilding.keep_up(0.5)
    assert fed > 0
    assert lags

"""What is too old is gone after years, nobody looks through the rest for it, and that says all."""

import random
from collections import Counter
from datetime import timedelta

import pytest
from msgspec.structs import replace

from daemon.read_model import history, keeping, pruning
from daemon.read_model.facts import Facts
from daemon.read_model.file import Position, ReadModel
from daemon.read_model.history import Asked
from daemon.read_model.keeping import DAY_S, HOUR_S
from daemon.read_model.timestamps import seconds
from events import schema, terms
from events.schema import FLEET
from tests.benchmarks.history import BEGIN
from tests.benchmarks.history import history as weeks
from tests.laws.test_filling import filled
from tests.laws.test_read_model import Recount, at_once, in_portions, rows, with_consents

SLOWER = 16  # than every six hours
RETRY = schema.RetryScheduled(
    due=BEGIN, attempt=1, cause=terms.FailureClass.SERVER, priority=3, delay=timedelta(minutes=1)
)


def years(seed):
    """More days than are kept, with few syncs: one connection leaves, and one moves."""
    cut, found, gone, moved = random.Random(seed), [], False, False
    for each in weeks(3, 6000, seed):
        subject, event, turn = each.subject, each.event, each.seq // 1000
        if subject == 3 and gone:
            subject, event = FLEET, schema.DaemonStopped()
        elif isinstance(event, schema.SyncScheduled):
            if subject == 3 and turn == 1:
                event, gone = schema.ConnectionRemoved(), True
            elif subject == 4 and turn == 2 and not moved:
                event, moved = schema.ConnectionRelinked(provider=5, before=1), True
            elif cut.random() < 0.1:
                event = RETRY
        at = BEGIN + (each.at - BEGIN) * SLOWER
        found.append(replace(each, at=at, subject=subject, event=event))
    return found


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.requirement("D4")
def test_days_that_are_kept_are_a_recount_although_older_ones_are_gone(seed):
    """Uptime too, which leans on what was before the first of them."""
    written = years(seed)
    model, recount = at_once(written), Recount(written)
    now = max(seconds(each.at) for each in written)
    first = keeping.days_from(written[-1].at)
    begun = seconds(written[0].at)
    assert first - begun > 100 * DAY_S, "it is longer than days are kept"
    asked = {"since": first, "now": now, "length": DAY_S}
    for subject in (FLEET, 1, 2, 4, 5):
        for each in history.bins(model.connection, Asked(subject=subject, **asked)):
            hours = range(each.start, each.start + DAY_S, HOUR_S)
            of_hours = sum((recount.figures[subject, start] for start in hours), Counter())
            assert each.figures["succeeded"] == of_hours["succeeded"]
            assert each.figures["added"] == of_hours["added"]
            assert sum(each.durations.values()) == of_hours["succeeded"] + of_hours["failed"]
            end = min(now, each.start + DAY_S)
            assert (each.up_s, each.known_s) == recount.up_s(subject, each.start, end)
    for table in ("day", "stream_day", "duration_day"):
        (oldest,) = model.connection.execute(f"SELECT min(start) FROM {table}").fetchone()
        assert oldest >= first
    left = model.connection.execute("SELECT count(*) FROM day WHERE subject = 3").fetchone()
    assert left == (0,), "who left before has nothing there"


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.requirement("B8")
def test_years_leave_the_same_in_whatever_portions_and_filled_at_once(tmp_path, seed):
    written = with_consents(years(seed), seed) if seed % 2 else years(seed)
    whole = at_once(written)
    assert rows(in_portions(written, random.Random(seed), 300)) == rows(whole)
    found = filled(tmp_path, written)
    assert rows(found) == rows(whole)
    found.close()


FORGETTING = (
    "DELETE FROM occurrence", "DELETE FROM failure", "DELETE FROM pass", "DELETE FROM turn",
    "DELETE FROM trace", "DELETE FROM retry ", "DELETE FROM retry_hour", "DELETE FROM report_hour",
    "DELETE FROM hour", "DELETE FROM duration_hour", "DELETE FROM stream_hour", "DELETE FROM day",
    "DELETE FROM duration_day", "DELETE FROM stream_day", "INSERT INTO day",
    "INSERT INTO stream_day", "INSERT INTO retry_hour",
)  # fmt: skip


@pytest.mark.requirement("B8")
def test_nobody_looks_through_a_table_for_what_is_too_old_in_it():
    """But for `member`, which has a row a connection, and for the first one that is kept."""
    written = years(1)
    model, facts, said = ReadModel(None, "one"), Facts({}), []
    for each in written:
        facts.fold(each)
    model.write(Position(seq=written[-1].seq), facts.take(), facts.members)
    at = written[-1].at + timedelta(days=1200)
    model.connection.set_trace_callback(said.append)
    pruning.prune(model.connection, written[-1].seq, at, keeping.RETRIES_KEPT, written[-1].at)
    model.connection.set_trace_callback(None)
    did = [" ".join(each.split()) for each in said]
    for each in FORGETTING:
        assert any(sql.startswith(each) for sql in did), each
    for sql in did:
        for *_, how in model.connection.execute(f"EXPLAIN QUERY PLAN {sql}"):
            scans = how.startswith("SCAN") and how != "SCAN member"
            assert not scans or sql.endswith("LIMIT 1"), (sql, how)

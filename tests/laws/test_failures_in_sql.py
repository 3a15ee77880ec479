"""What failed, and is tried again, is what a naive recount of the log gives, class by class."""

import random
from collections import Counter, defaultdict
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from daemon.read_model import failures
from events import schema
from events.terms import FailureClass, StreamFailure
from tests.benchmarks.history import history as weeks
from tests.laws.test_journal import live, lives
from tests.laws.test_read_model import at_once, in_portions

STREAMS, DAYS = ("days", "sleep", "heart"), (None, date(2026, 1, 2), date(2026, 1, 3))
CLASSES = (FailureClass.NOT_FOUND, FailureClass.SERVER, FailureClass.TIMEOUT, FailureClass.EMPTY)


def mixed(seed, restored=0.0):
    """Of what failed, streams did in several ways, some while others came; much is tried again.

    A rollback brings such a share of what is tried back from before.
    """
    cut, lost, before, owed = random.Random(seed), {}, defaultdict(tuple), set()
    found = []
    for each in weeks(3, 2500, seed):
        event, subject = each.event, each.subject
        match event:
            case schema.SyncFailed():
                lost[subject] = _lost(cut, each.seq)
                cause, message = lost[subject][0].cause, lost[subject][0].message
                event = replace(event, failures=lost[subject], cause=cause, message=message)
            case schema.SyncSucceeded() if cut.random() < 0.3:
                lost[subject] = _lost(cut, each.seq)
                event = replace(event, failures=lost[subject])
            case schema.SyncScheduled() if subject in lost:
                before[subject] += lost[subject]
                last = lost.pop(subject)
                cause = cut.choice(before[subject] if cut.random() < restored else last).cause
                event = schema.RetryScheduled(
                    due=each.at, attempt=1, cause=cause, priority=3, delay=timedelta()
                )
                owed.add(subject)
            case schema.SyncStarted() if subject in owed:
                event = replace(event, attempt=1)
                owed.discard(subject)
        found.append(replace(each, event=event))
    return found


def _lost(cut, seq):
    return tuple(
        StreamFailure(
            stream=cut.choice(STREAMS),
            cause=cut.choice(CLASSES),
            message=f"{place} of {seq}",
            day=cut.choice(DAYS),
        )
        for place in range(cut.randint(1, 4))
    )


class Recount:
    """Goes through a log event by event, and keeps everything."""

    def __init__(self, written):
        self.costs = defaultdict(Counter)  # (tenant, class) → name → sum
        self.of, self.attempts, self.pending = {}, {}, {}
        for each in written:
            self._count(each)

    def _count(self, each):
        event, subject = each.event, each.subject
        match event:
            case schema.ConnectionAdded():
                self.of[subject] = event.tenant
            case schema.RetryScheduled():
                self._end(subject)
                self.costs[self.of[subject], event.cause].update(retries=1, open=1)
                self.pending[subject] = (self.of[subject], event.cause)
            case schema.RetriesEnded() | schema.ConnectionRemoved() | schema.ConnectionRelinked():
                self._end(subject)
            case schema.SyncStarted():
                self.attempts[each.seq] = event.attempt
            case schema.SyncFailed(sync=sync, cause=cause):
                retry = self.attempts[sync]
                self.costs[self.of[subject], cause].update(failed=1, first=not retry)
                self._lose(subject, event, cause)
                self._end(subject, "wasted", when=retry)
            case schema.SyncSucceeded(sync=sync):
                self._lose(subject, event, None)
                self._end(subject, "saved", when=self.attempts[sync])
            case (
                schema.SyncCancelled(sync=int() as sync)
                | schema.SyncInterrupted(sync=sync, retry=None)
            ):
                self._end(subject, when=self.attempts.get(sync))

    def _lose(self, subject, event, whole):
        """A stream, of a class that its sync did not fail of: once, whatever days of it."""
        for _, cause in {(each.stream, each.cause) for each in event.failures}:
            if cause != whole:
                first = not self.attempts[event.sync]
                self.costs[self.of[subject], cause].update(streams=1, first=first)

    def _end(self, subject, how=None, when=True):
        if when and subject in self.pending:
            self.costs[self.pending.pop(subject)].update({"open": -1, **({how: 1} if how else {})})


def check_costs(model, written):
    recount = Recount(written)
    names = ("failed", "streams", "first", "retries", "saved", "wasted", "open")
    since = written[0].at - timedelta(days=90)
    for tenant in {*recount.of.values()}:
        asked = failures.Asked(tenant=tenant, connection=None, since=since)
        _, found = failures.read(asked, model.connection)
        told = {each.cause: {name: getattr(each, name) for name in names} for each in found}
        assert told == {
            cause.value: {name: counts[name] for name in names}
            for (whose, cause), counts in recount.costs.items()
            if whose == tenant
        }
    return recount.costs.values()


@given(lives)
@settings(max_examples=60)
@pytest.mark.requirement("B13")
def test_costs_of_failures_are_a_recount_of_the_log(life):
    """How many syncs, or streams alone, failed of each class, and what came of which retries."""
    written, _ = live(life)
    check_costs(at_once(written), written)


@pytest.mark.parametrize("seed", [21, 22])
@pytest.mark.requirement("B13")
def test_nor_are_streams_left_out_that_failed_while_others_came(seed):
    """Each retry of a class follows something that is counted as failed of it."""
    written = mixed(seed)
    costs = check_costs(at_once(written), written)
    assert sum(each["streams"] for each in costs) > 100
    assert all(each["failed"] + each["streams"] >= each["retries"] for each in costs)


@pytest.mark.parametrize("seed", [23, 24])
def test_a_retry_says_what_failed_that_it_tries_again(seed):
    """And not what else failed beside it; wherever the log was cut between the two."""
    written, said, expected = mixed(seed, restored=0.3), defaultdict(dict), {}
    model = in_portions(written, random.Random(seed))
    for each in written:
        match each.event:
            case schema.SyncFailed(failures=lost) | schema.SyncSucceeded(failures=lost):
                said[each.subject] |= {one.cause: one.message for one in reversed(lost)}
            case schema.RetryScheduled(cause=cause):
                expected[each.seq] = said[each.subject][cause]
    found = dict(model.connection.execute("SELECT id, message FROM retry"))
    assert found == {seq: expected[seq] for seq in found}
    assert len(found) > 20

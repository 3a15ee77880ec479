"""Is much of the log read without holding up the loop, and is it what was asked for?"""

import random

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon import log_pages
from daemon.log_pages import PAGE_EVENTS, PAGE_NUMBERS
from events.codec import decode, encode
from events.envelope import Recorded
from events.schema import SyncSkipped
from events.terms import SkipReason
from tests.fakes.in_process import EPOCH
from tests.fakes.memory_log import Disk, MemoryLog
from tests.fakes.turns import counted

MANY = 600  # subjects


def written(*subjects):
    """A disk with an event of each of them, in that order."""
    event = SyncSkipped(reason=SkipReason.PAUSED, due=EPOCH)
    disk = Disk()
    rows = [
        encode(Recorded(seq=seq, at=EPOCH, subject=each, event=event))
        for seq, each in enumerate(subjects, 1)
    ]
    disk.write(rows, b"")
    return disk


def reading(disk, ask):
    """What it answers, and how much of the log was read for that."""

    async def asking():
        async with trio.open_nursery() as nursery:
            with counted(MemoryLog(disk, nursery, random.Random(1))) as log:
                return await ask(log), log

    return trio.run(asking)


@given(
    subjects=st.lists(st.integers(0, 4), min_size=1, max_size=60),
    whose=st.none() | st.sets(st.integers(0, 4)),
    after=st.none() | st.integers(0, 60),
    upto=st.integers(0, 60),
    most=st.integers(1, 9),
)
@settings(deadline=None)
def test_the_first_and_the_last_of_some_are_found_as_if_all_were_read(
    subjects, whose, after, upto, most
):
    disk, upto = written(*subjects), min(upto, len(subjects))
    own = [
        each
        for each in map(decode, disk.rows)
        if (whose is None or each.subject in whose) and (after or 0) < each.seq <= upto
    ]
    asked = None if whose is None else [*whose]
    found, log = reading(
        disk, lambda log: log_pages.some(log, asked, after=after, upto=upto, most=most)
    )
    assert found == (own[:most] if after is not None else own[-most:])
    assert log.read_in_all == len(found)


@pytest.mark.parametrize("after", [None, 100])
def test_of_many_together_only_what_is_handed_on_is_decoded_a_page_a_turn(after):
    subjects = [*range(MANY)]
    disk = written(*subjects * 20)
    found, log = reading(
        disk, lambda log: log_pages.some(log, subjects, after=after, upto=9_000, most=700)
    )
    first = 8_301 if after is None else 101
    assert [each.seq for each in found] == [*range(first, first + 700)]
    assert log.read_in_all == 700
    assert log.read_at_once == PAGE_EVENTS
    assert log.numbered_at_once <= PAGE_NUMBERS
    assert len(log.numbered) > 10
    assert log.numbered.total() < 4_000, "what cannot be among them is passed over"


def test_pages_end_where_they_should_and_leave_a_turn_between():
    disk = written(*[1, 2] * 2_000)

    async def ask(log):
        found = log_pages.pages(log, 10, 3_000, subject=1, most=1_000)
        return [each.seq async for page in found for each in page]

    found, log = reading(disk, ask)
    assert found == [*range(11, 2_011, 2)]
    assert log.read_at_once == PAGE_EVENTS
    assert reading(disk, lambda log: log_pages.picked(log, []))[0] == []

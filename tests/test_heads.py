"""Does the daemon say how far its log has come, where a rewritten file cannot reach?"""

from types import SimpleNamespace

import pytest
import structlog
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from daemon import roundsd
from events.subscription import Head


@pytest.mark.requirement("X5")
async def test_a_head_is_noted_once_a_minute_and_only_where_it_moved(autojump_clock: MockClock):
    journal = SimpleNamespace(head=Head(0), block=b"")
    structlog.reset_defaults()
    with capture_logs() as lines:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(roundsd._note_heads, journal)
            for seq in (3, 9):
                journal.block = bytes([seq]) * 32
                journal.head.advance(seq)
                await trio.sleep(roundsd.HEAD_EVERY_S * 3)
            nursery.cancel_scope.cancel()
    assert [(line["event"], line["seq"], line["hash"]) for line in lines] == [
        ("log-head", 3, "03" * 32),
        ("log-head", 9, "09" * 32),
    ]
    assert roundsd.HEAD_EVERY_S == 60

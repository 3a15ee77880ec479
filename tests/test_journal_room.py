"""Does new work begin only where there is room for it on disk?"""

import pytest
import trio
import trio.testing

from tests.laws.test_journal import opened

TRIES = 20  # Trio shuffles what may run in one step of its loop


@pytest.mark.parametrize("_", range(TRIES))
async def test_whoever_waited_for_room_finds_it_though_the_disk_fills_up_meanwhile(_):
    """Else what is due would be put off, and nothing would wake the scheduler for it."""
    journal, _, _ = opened()
    found = []

    async def wait():
        await journal.room()
        found.append(journal.has_room)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.lowlevel.checkpoint()
        journal.hold("log")
        await trio.testing.wait_all_tasks_blocked()
        journal.release("log")
    assert found == [True]

"""When do syncs rest, on a disk that has no room for them, and while others have a connection?"""

from datetime import UTC, datetime

import trio
import trio.testing

from daemon.store.core import StoreFull
from daemon.supervisor import DISK_RETRY_S, Supervisor
from events.envelope import Recorded
from events.schema import SyncStarted
from events.terms import Kind

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
STARTED = SyncStarted(kind=Kind.SCHEDULED, due=NOON, priority=5)


class Holds:
    """As much of a journal as a supervisor sees; it notes when a hold is released."""

    def __init__(self):
        self.released = trio.Event()

    def observe(self, observer):
        pass

    def execute(self, command):
        return []

    def hold(self, file):
        return True

    def release(self, file):
        self.released.set()
        self.released = trio.Event()


class Fated:
    """An actor whose syncs end as they are told to."""

    def __init__(self, *fates):
        self.fates = list(fates)

    async def work(self, begun, progress):
        if self.fates.pop(0) == "full":
            raise StoreFull


async def test_the_rest_doubles_until_a_sync_goes_through(tmp_path, autojump_clock):
    journal, rests = Holds(), []
    fates = ["full", "full", "full", "good", "full"]
    async with trio.open_nursery() as nursery:
        supervisor = Supervisor(journal, Fated(*fates), nursery, tmp_path)
        for seq, fate in enumerate(fates, 1):
            began, released = trio.current_time(), journal.released
            ended = trio.Event()
            supervisor.on_free(lambda _, ended=ended: ended.set())
            supervisor.start(Recorded(seq=seq, at=NOON, subject=7, event=STARTED))
            await (released if fate == "full" else ended).wait()
            if fate == "full":
                rests.append(round(trio.current_time() - began))
    assert rests == [DISK_RETRY_S, 2 * DISK_RETRY_S, 4 * DISK_RETRY_S, DISK_RETRY_S]


async def test_who_wants_a_connection_alone_has_it_one_after_the_other(autojump_clock):
    async with trio.open_nursery() as nursery:
        supervisor, said = Supervisor(Holds(), Fated(), nursery, None), []
        supervisor.on_free(lambda _: said.append("free"))

        async def keep(name, alone, within=9):
            with trio.move_on_after(within):
                async with alone:
                    said.append(f"{name} begins")
                    await trio.sleep(5)
                    said.append(f"{name} ends")

        for name, within in (("first", 9), ("second", 2), ("third", 99)):
            nursery.start_soon(keep, name, supervisor.alone(7), within)
            assert supervisor.is_busy(7), "from now on, not from its first step on"
            await trio.testing.wait_all_tasks_blocked()
    assert said == ["first begins", "first ends", "third begins", "third ends", "free"]
    assert not supervisor.is_busy(7)

"""Is the queue waited for as long as it takes, and no longer (requirement A12)?"""

from pathlib import Path

import pytest
import trio

from daemon import commands
from daemon.control import health, rotation
from daemon.control.desk import Desk
from daemon.control.rotation_messages import ProcessQueue, Whose
from daemon.exchange import CallLost, Response
from daemon.places import Places
from daemon.provider_file import ProviderFile
from daemon.stream_file import Stream
from events.schema import SyncInterrupted
from events.terms import Caller, FailureClass, InterruptReason
from tests.fakes.in_process import InProcess, play

BY = Caller(uid=0, role="operator")
NOWHERE = Path("/nowhere")
CALL_S = 5


class Slow(InProcess):
    """Every call takes five seconds; `lost` says how it goes wrong, if it does."""

    def __init__(self):
        super().__init__()
        self.lost = None
        self.file = ProviderFile(
            name="health",
            base_url="https://health.example",
            streams={"steps": Stream(path="/steps", primary_key=("id",))},
        )

    async def send(self, request):
        await trio.sleep(CALL_S)
        if self.lost:
            raise self.lost
        return Response(status=200, headers={}, body=b'[{"id": 1}]', duration_ms=1)

    def desk(self, daemon):
        return Desk.of(
            daemon,
            self.vault,
            self._parts(daemon.journal.log).configuration,
            Places(config=NOWHERE, state=NOWHERE, socket=NOWHERE),
            "simulated",
        )

    async def waited(self, daemon, timeout_s=60.0):
        """What was counted, and after how many seconds."""
        began = trio.current_time()
        wish = ProcessQueue(timeout_s=timeout_s)
        found = await rotation.process_queue(self.desk(daemon), wish, BY)
        counts = (found.processed, found.successful, found.failed, found.left)
        return counts, round(trio.current_time() - began)


@pytest.mark.requirement("A12")
def test_what_is_due_is_waited_for_and_counted_by_how_it_ended():
    async def scene():
        slow = Slow()
        async with slow.life() as daemon:
            assert await slow.waited(daemon) == ((1, 1, 0, 0), CALL_S)
            assert await slow.waited(daemon) == ((0, 0, 0, 0), 0)
            slow.lost = CallLost(FailureClass.NOT_FOUND, "nothing is there", status=404)
            daemon.journal.execute(commands.Request(subject=slow.subject))
            assert await slow.waited(daemon) == ((1, 0, 1, 0), CALL_S)

    play(scene)


@pytest.mark.requirement("A12")
def test_after_its_time_it_says_how_many_have_not_ended():
    async def scene():
        slow = Slow()
        async with slow.life() as daemon:
            assert await slow.waited(daemon, 2) == ((0, 0, 0, 1), 2)
            assert await slow.waited(daemon) == ((1, 1, 0, 0), CALL_S - 2)

    play(scene)


@pytest.mark.requirement("A12")
def test_what_may_not_start_any_more_is_not_waited_for():
    async def scene():
        slow = Slow()
        async with slow.life() as daemon:
            await slow.waited(daemon)
            daemon.journal.hold("data")  # nothing starts meanwhile
            daemon.journal.execute(commands.Request(subject=slow.subject))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(pause_later, daemon, slow.subject)
                assert await slow.waited(daemon) == ((0, 0, 0, 0), 1)

    async def pause_later(daemon, subject):
        await trio.sleep(1)
        daemon.journal.execute(commands.Pause(subject=subject))

    play(scene)


@pytest.mark.requirement("A10")
def test_interrupted_counts_as_failed():
    async def scene():
        slow = Slow()
        async with slow.life() as daemon, trio.open_nursery() as nursery:
            nursery.start_soon(interrupt_later, daemon, slow.subject)
            counts, _ = await slow.waited(daemon, 2)
            assert counts[2] == 1
            assert len(slow.events(SyncInterrupted)) == 1

    async def interrupt_later(daemon, subject):
        await trio.sleep(1)
        run = daemon.journal.world.connections[subject].run
        reason = InterruptReason.DISK_FULL
        daemon.journal.execute(commands.Interrupt(subject=subject, sync=run.sync, reason=reason))
        daemon.journal.execute(commands.Pause(subject=subject))

    play(scene)


@pytest.mark.requirement("B9")
def test_a_full_disk_makes_everything_unhealthy_and_is_the_first_reason():
    async def scene():
        slow = Slow()
        async with slow.life() as daemon:
            await slow.waited(daemon)
            daemon.journal.hold("log")
            found = await health.get_sync_system_health(slow.desk(daemon), Whose(), BY)
            daemon.journal.release("log")
            assert (found.health, found.healthy) == ("unhealthy", 1)
            (full,) = found.reasons
            assert (full.reason, full.count, full.command) == ("disk-full", 1, "df -h /nowhere")
            assert "the disk is full" in full.sentence

    play(scene)

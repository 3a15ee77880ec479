"""Does what is put off let the rest go on, in a whole daemon?"""

from datetime import date, time, timedelta

import msgspec
import pytest
import trio

from daemon import commands
from daemon.exchange import Response
from daemon.provider_file import ProviderFile
from events.policy import Settings
from events.schema import FLEET, BackfillEnded, SyncDeferred, SyncSucceeded
from tests.fakes.in_process import InProcess, play

HOUR_S = 3600


class Hourly(InProcess):
    """One connection with a window, synced every hour; a call takes a second."""

    def __init__(self):
        super().__init__()
        self.interval = "1h"
        steps = {"path": "/steps/{day}", "primary_key": ["id"], "mode": "window", "window": {}}
        document = {"name": "health", "base_url": "https://h.example", "streams": {"steps": steps}}
        self.file = msgspec.convert(document, ProviderFile)

    async def send(self, request):
        await trio.sleep(1)
        return Response(status=200, headers={}, body=b'[{"id": 1}]', duration_ms=1)


@pytest.mark.requirement("A3")
def test_a_turn_that_quiet_hours_put_off_leaves_a_backfill_to_run_and_comes_after_them():
    async def scene():
        host = Hourly()
        async with host.life() as daemon:
            journal = daemon.journal
            provider = journal.world.connections[host.subject].provider
            seen = []
            journal.observe(seen.append)
            quiet = Settings(quiet_hours_start=time(0, 30), quiet_hours_end=time(3))
            journal.execute(commands.SetSettings(subject=FLEET, settings=quiet))
            await trio.sleep(12 * 60)
            journal.execute(commands.OpenBreaker(subject=provider))
            first, last = date(2026, 1, 1), date(2026, 1, 9)
            journal.execute(
                commands.Backfill(subject=host.subject, first=first, last=last, batch=3)
            )
            await trio.sleep(HOUR_S)  # its turn falls due, inside quiet hours
            journal.execute(commands.CloseBreaker(subject=provider))
            await trio.sleep(HOUR_S / 4)
            events = [each.event for each in seen]
            assert any(isinstance(each, SyncDeferred) for each in events)
            assert any(isinstance(each, BackfillEnded) for each in events), "it was asked for"
            seen.clear()
            await trio.sleep(2 * HOUR_S)
            assert any(isinstance(each.event, SyncSucceeded) for each in seen), "they are over"
            assert journal.world.connections[host.subject].schedule.due > (
                journal.clock.now() - timedelta(hours=1)
            )

    play(scene)

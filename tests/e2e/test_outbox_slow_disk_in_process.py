"""Does a queued write leave as it may, also where the disk takes long to note that it leaves?"""

from datetime import timedelta

import pytest
import trio

from daemon import commands
from daemon.gateway.asking import Wish
from events.gateway import CallMade
from events.outbox import WriteBegun, WriteDeferred
from events.terms import FailureClass
from projections.outbox import Phase
from tests.fakes.in_process import NAME, play
from tests.fakes.ledger import BY, LedgerHost

pytestmark = pytest.mark.requirement("E6")

OTHER = "acme/health/2"
HOUR_S = 3600
MINUTE = timedelta(minutes=1)


def fills_up_when_one_begins(host, daemon):
    """The commit of the first WriteBegun waits until there is room again."""
    begun = []

    def observe(recorded):
        if isinstance(recorded.event, WriteBegun) and not begun:
            begun.append(recorded)
            host.disk.full = True
            daemon.journal.log._ballast = -1

    daemon.journal.observe(observe)


async def queued(host, daemon, *names):
    """A write each waits; they leave now, and are not let go by the disk."""
    provider = daemon.journal.world.connections[host.subject].provider
    daemon.journal.execute(commands.OpenBreaker(subject=provider))
    for name in names:
        await host.write(daemon, name, name)
    fills_up_when_one_begins(host, daemon)
    daemon.journal.execute(commands.CloseBreaker(subject=provider))
    await trio.sleep(30)
    lines = daemon.journal.world.outboxes.values()
    assert [each.phase for line in lines for each in line].count(Phase.UNDER_WAY) == 1
    assert host.ledger.tries == 0
    assert host.ledger.tries == 0


def paused(subject):
    return commands.Pause(subject=subject), commands.Resume(subject=subject)


def stopped(subject):
    return commands.OpenBreaker(subject=subject), commands.CloseBreaker(subject=subject)


@pytest.mark.parametrize("kept", [paused, stopped])
@pytest.mark.parametrize("keyed", [False, True])
def test_what_is_kept_while_it_is_noted_that_it_leaves_does_not_leave(kept, keyed):
    async def scene():
        host = LedgerHost(keyed=keyed)
        async with host.life() as daemon:
            await queued(host, daemon, NAME)
            keep, free = kept(host.subject)
            daemon.journal.execute(keep)
            host.disk.full = False
            await trio.sleep(HOUR_S)
            assert host.ledger.tries == 0
            (write,) = host.waiting(daemon)
            assert (write.phase, write.doubted) == (Phase.QUEUED, False)
            daemon.journal.execute(free)
            await trio.sleep(60)
            assert host.ledger.entries == [NAME]
            assert not host.waiting(daemon)

    play(scene)


@pytest.mark.requirement("E4")
def test_what_its_provider_asks_to_be_left_alone_for_meanwhile_is_heeded():
    async def scene():
        host = LedgerHost()
        async with host.life() as daemon:
            await queued(host, daemon, NAME)
            hour = timedelta(hours=1)
            limited = FailureClass.RATE_LIMITED
            note = commands.NoteAnswer(subject=host.subject, cause=limited, retry_after=hour)
            daemon.journal.execute(note)
            host.disk.full = False
            await trio.sleep(HOUR_S - 60)
            assert host.ledger.tries == 0
            await trio.sleep(HOUR_S)
            assert host.ledger.entries == [NAME]

    play(scene)


@pytest.mark.requirement("E3")
def test_a_place_in_the_limits_is_not_good_for_later():
    """Two calls a minute: two writes with places that leave much later, and two calls."""

    async def scene():
        host = LedgerHost(OTHER, rate={"windows": [{"calls": 2, "per_s": 60}]})
        async with host.life() as daemon:
            await trio.sleep(400)
            await queued(host, daemon, NAME, OTHER)
            await trio.sleep(570)
            host.disk.full = False
            await trio.sleep(1)
            for _ in range(2):
                wish = Wish(method="GET", path="/entries", fresh=True, timeout_s=200)
                await daemon.gateway.call(host.subject, wish, BY)
            await trio.sleep(600)
            assert sorted(host.ledger.entries) == sorted([NAME, OTHER])
        at = sorted(each.at for each in host.events(CallMade))
        assert len(at) == 4
        assert all(after - before > MINUTE for before, after in zip(at, at[2:], strict=False))
        assert host.events(WriteDeferred)

    play(scene)

"""Once a provider is back, how soon do writes that wait for it go, and how gently?"""

import contextlib
from itertools import cycle, islice

import pytest
import trio

from daemon import commands
from daemon.decide import calling
from daemon.decide.outbox import DELAY_MAX
from daemon.gateway.asking import Wish
from daemon.gateway.call import HeldBack
from daemon.gateway.postman import PLACES
from daemon.policy_file import PolicyTables
from events.breakers import BreakerOpened
from events.outbox import WriteBegun, WriteDeferred
from projections.outbox import first
from tests.fakes.in_process import NAME, play
from tests.fakes.ledger import BY, LedgerHost

pytestmark = pytest.mark.requirement("E6")

HOUR_S = 3600
SOON_S = 2.0
EVERY_S = 6
LIMITS = PolicyTables(caller_writes=10_000, caller_reads=10_000)
OTHER = "acme/health/other"


def first_of(host, daemon, name=NAME):
    subject = host.vault.subject("connection", name)
    return first(daemon.journal.world.outboxes.get(subject, ()))


async def read(host, daemon):
    await daemon.gateway.call(host.subject, Wish(method="GET", path="/entries", fresh=True), BY)


async def long_down(host, daemon, mood="unreachable"):
    """A write waits, and its rest is near the greatest; a call of another kind may leave."""
    host.ledger.mood = mood
    await host.write(daemon, "a")
    await trio.sleep(6 * HOUR_S)
    with trio.fail_after(6 * HOUR_S):
        while host.left(daemon) < SOON_S * 10 or host.held(daemon):  # noqa: ASYNC110 - time is mocked
            await trio.sleep(SOON_S)
    host.ledger.mood = "up"


class Host(LedgerHost):
    def __init__(self, *others, **more):
        super().__init__(*others, **more)
        self.policy = LIMITS

    def left(self, daemon):
        write = first_of(self, daemon)
        if write.due is None:
            return 0
        return (write.due - daemon.journal.clock.now()).total_seconds()

    def held(self, daemon):
        journal = daemon.journal
        return calling.held(self.subject, journal.world, journal.clock.now())


@pytest.mark.parametrize("who", ["a read", "a neighbour's write", "a person"])
def test_whatever_shows_that_it_is_back_lets_the_first_one_go(who):
    async def scene():
        host = Host(OTHER)
        async with host.life() as daemon:
            await long_down(host, daemon)
            if who == "a read":
                await read(host, daemon)
            elif who == "a neighbour's write":
                await host.write(daemon, "b", OTHER)
            else:
                daemon.journal.execute(commands.OpenBreaker(subject=host.subject))
                daemon.journal.execute(commands.CloseBreaker(subject=host.subject))
            await trio.sleep(SOON_S)
            assert not host.waiting(daemon)
            assert "a" in host.ledger.entries

    play(scene)


def test_without_a_sign_it_rests_to_the_end():
    async def scene():
        host = Host()
        async with host.life() as daemon:
            await long_down(host, daemon)
            await trio.sleep(SOON_S)
            assert len(host.waiting(daemon)) == 1
            await trio.sleep(DELAY_MAX.total_seconds())
            assert not host.waiting(daemon)

    play(scene)


def test_where_reads_get_through_and_writes_do_not_these_are_not_hammered():
    """For an hour it answers every read, and takes no write."""

    async def scene():
        host = Host()
        async with host.life() as daemon:
            host.ledger.mood = "busy"
            await host.write(daemon, "a")
            for _ in range(HOUR_S // EVERY_S):
                with contextlib.suppress(HeldBack):
                    await read(host, daemon)
                await trio.sleep(EVERY_S)
            assert host.ledger.tries < 25
        rests = [each.event.due - each.at for each in host.events(WriteDeferred)]
        assert max(rests) > DELAY_MAX / 4, "they grow as ever"

    play(scene)


def test_a_provider_that_comes_and_goes_is_not_hammered():
    """Its breaker opens and closes each half minute, for half a day, and it takes nothing."""

    async def scene():
        host = Host()
        async with host.life() as daemon:
            host.ledger.mood = "busy"
            await host.write(daemon, "a")
            wishes = cycle((commands.OpenBreaker, commands.CloseBreaker))
            for wish in islice(wishes, 12 * HOUR_S // 30):
                daemon.journal.execute(wish(subject=host.subject))
                await trio.sleep(30)
            assert host.ledger.tries < 12 * 12
            early = [each for each in host.events(WriteBegun) if each.event.early]
            assert 5 < len(early) < 12 * 12
            host.ledger.mood = "up"
            daemon.journal.execute(commands.ResetBreaker(subject=host.subject))
            with trio.fail_after(DELAY_MAX.total_seconds()):
                while host.waiting(daemon):  # noqa: ASYNC110 - time is mocked
                    await trio.sleep(1)
        assert host.ledger.entries == ["a"]

    play(scene)


def test_many_connections_do_not_storm_a_provider_that_has_just_come_back():
    """So many at once are carried; where it breaks down again, its breaker ends that soon."""

    async def scene():
        others = tuple(f"acme/health/{number}" for number in range(4 * PLACES))
        host = Host(*others)
        async with host.life() as daemon:
            provider = daemon.journal.world.connections[host.subject].provider
            host.ledger.mood = "busy"
            for name in others:
                await host.write(daemon, name, name)
            await trio.sleep(HOUR_S)
            assert len(daemon.journal.world.outboxes) == len(others)
            await trio.sleep(60)
            tries = host.ledger.tries
            daemon.journal.execute(commands.CloseBreaker(subject=provider))
            await trio.sleep(SOON_S)
            assert host.ledger.tries - tries <= 2 * PLACES
            host.ledger.mood = "up"
            daemon.journal.execute(commands.CloseBreaker(subject=provider))
            for name in others:
                subject = host.vault.subject("connection", name)
                daemon.journal.execute(commands.CloseBreaker(subject=subject))
            await trio.sleep(30)
            assert sorted(host.ledger.entries) == sorted(others)
            assert host.ledger.at_once_max <= PLACES
        assert host.events(BreakerOpened)

    play(scene)

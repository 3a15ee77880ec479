"""Is a write of which a copy may have arrived written once, whatever comes after that?"""

import pytest
import trio

from daemon import commands
from daemon.decide.fate import CONFLICTS_MAX
from daemon.exchange import CallLost
from daemon.gateway.outbox import Queued
from events.outbox import WriteDelivered, WriteFailed
from projections.outbox import Phase
from tests.fakes.in_process import play
from tests.fakes.ledger import BY, LedgerHost

pytestmark = pytest.mark.requirement("E6")

DAY_S = 86_400


async def a_day_later_keys_are_forgotten(host, daemon):
    """Nothing leaves meanwhile, and then the provider is up."""
    daemon.journal.execute(commands.OpenBreaker(subject=host.subject))
    await trio.sleep(DAY_S)
    host.ledger.forget()
    host.ledger.moods, host.ledger.mood = [], "up"
    daemon.journal.execute(commands.CloseBreaker(subject=host.subject))
    await trio.sleep(3600)


@pytest.mark.parametrize("first", ["silent", "failing"])
@pytest.mark.parametrize("then", ["busy", "limited", "unreachable"])
def test_a_later_attempt_that_was_not_taken_makes_nobody_forget_the_first(first, then):
    async def scene():
        host = LedgerHost(keyed=True, idempotency_lifetime="1h")
        async with host.life() as daemon:
            host.ledger.moods = [first, then, then]
            assert isinstance(await host.write(daemon, "a"), Queued)
            assert host.ledger.tries > 1
            assert host.ledger.entries == ["a"]
            await a_day_later_keys_are_forgotten(host, daemon)
            assert host.ledger.entries == ["a"]
            (write,) = host.waiting(daemon)
            assert (write.phase, write.key_expired) == (Phase.IN_DOUBT, True)

    play(scene)


def test_what_no_attempt_can_have_brought_there_is_written_whenever_it_can_be():
    async def scene():
        host = LedgerHost(keyed=True, idempotency_lifetime="1h")
        async with host.life() as daemon:
            host.ledger.moods = ["unreachable", "limited", "busy"]
            assert isinstance(await host.write(daemon, "a"), Queued)
            await a_day_later_keys_are_forgotten(host, daemon)
            assert host.ledger.entries == ["a"]
            assert not host.waiting(daemon)

    play(scene)


@pytest.mark.parametrize("mood", ["silent", "failing"])
def test_a_write_without_a_key_is_never_tried_again_at_once_where_it_may_have_arrived(mood):
    """So that no doubt of an earlier attempt can get lost."""

    async def scene():
        host = LedgerHost()
        async with host.life() as daemon:
            host.ledger.moods = ["unreachable", mood, "busy"]
            written = host.write(daemon, "a")
            if mood == "silent":
                with pytest.raises(CallLost):
                    await written
            else:
                assert (await written).brought.status == 500
            assert host.ledger.tries == 2
            assert not host.waiting(daemon)

    play(scene)


def test_a_copy_that_is_worked_on_for_long_after_an_outage_is_no_failure():
    """The first copy arrives unheard, and the next ones are told that it is being worked on."""

    async def scene():
        host = LedgerHost(keyed=True)
        async with host.life() as daemon:
            host.ledger.mood = "unreachable"
            await host.write(daemon, "a")
            while host.waiting(daemon)[0].deferred <= CONFLICTS_MAX:  # noqa: ASYNC110 - time is mocked
                await trio.sleep(1)
            host.ledger.moods = ["silent", *["conflict"] * CONFLICTS_MAX, "up"]
            await trio.sleep(DAY_S)
            assert not host.waiting(daemon)
            assert host.ledger.entries == ["a"]
        assert host.events(WriteDelivered)
        assert not host.events(WriteFailed)

    play(scene)


def test_a_copy_that_seems_to_be_worked_on_for_ever_is_in_doubt():
    async def scene():
        host = LedgerHost(keyed=True, idempotency_lifetime="30d")
        async with host.life() as daemon:
            host.ledger.moods = ["silent", "conflict"]
            assert isinstance(await host.write(daemon, "a"), Queued), "it conflicts with itself"
            await trio.sleep(DAY_S)
            (write,) = host.waiting(daemon)
            assert (write.phase, write.status) == (Phase.IN_DOUBT, 409)
            assert host.ledger.tries == 2 + CONFLICTS_MAX + 1

    play(scene)


def test_who_hastens_a_write_that_rests_has_not_looked_whether_it_arrived():
    async def scene():
        host = LedgerHost(keyed=True, idempotency_lifetime="1h")
        async with host.life() as daemon:
            host.ledger.mood = "silent"
            number = (await host.write(daemon, "a", timeout_s=5)).write
            daemon.journal.execute(commands.OpenBreaker(subject=host.subject))
            await trio.sleep(60)
            retry = commands.RetryWrite(subject=host.subject, write=number, by=BY)
            assert daemon.journal.execute(retry)
            await a_day_later_keys_are_forgotten(host, daemon)
            assert host.ledger.entries == ["a"]
            (write,) = host.waiting(daemon)
            assert (write.phase, write.key_expired) == (Phase.IN_DOUBT, True)
            assert daemon.journal.execute(retry), "now somebody has looked"
            await trio.sleep(3600)
            assert host.ledger.entries == ["a", "a"]

    play(scene)

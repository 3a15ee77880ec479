"""Are writes that their provider did not take delivered once it is back, in order, and once?"""

import contextlib
from datetime import timedelta

import pytest
import trio

from daemon import commands
from daemon.decide.line import OUTBOX_BYTES_MAX, OUTBOX_MAX, Full
from daemon.decide.outbox import GONE
from daemon.exchange import CallLost, OverLimit
from daemon.gateway.call import HeldBack
from daemon.gateway.gateway import Answer
from daemon.gateway.outbox import REACHED, NotQueued, Queued
from daemon.gateway.postman import PLACES
from daemon.policy_file import PolicyTables
from daemon.store.core import StoreFull
from events.gateway import CallMade
from events.outbox import (
    WriteBegun,
    WriteDeferred,
    WriteDelivered,
    WriteDropped,
    WriteEnded,
    WriteFailed,
    WriteInDoubt,
    WriteQueued,
)
from events.schema import BreakerOpened, DaemonStopped, ProviderRetired
from events.terms import FailureClass
from projections.outbox import Phase
from tests.fakes.in_process import NAME, play
from tests.fakes.ledger import BY, HALF_S, LedgerHost, entry

pytestmark = pytest.mark.requirement("E6")

DAY_S = 86_400
MINUTE = timedelta(minutes=1)
DOWN = ("unreachable", "busy", "limited", "gone")
"""In these ways it certainly takes nothing."""


async def until_empty(host, daemon, within_s=DAY_S):
    with trio.fail_after(within_s):
        while host.waiting(daemon) or host.rows():  # noqa: ASYNC110 - time is mocked
            await trio.sleep(1)


async def until(condition, within_s=DAY_S):
    with trio.fail_after(within_s):
        while not condition():  # noqa: ASYNC110 - time is mocked
            await trio.sleep(HALF_S / 4)


@pytest.mark.parametrize("mood", DOWN)
@pytest.mark.parametrize("keyed", [False, True])
def test_an_outage_and_then_all_arrives_in_order_and_once(mood, keyed):
    async def scene():
        host = LedgerHost(keyed=keyed)
        async with host.life() as daemon:
            host.ledger.mood = mood
            texts = [f"{number:02}" for number in range(20)]
            outcomes = [await host.write(daemon, text) for text in texts]
            assert all(isinstance(each, Queued) for each in outcomes)
            assert [each.write for each in outcomes] == sorted(each.write for each in outcomes)
            await trio.sleep(3600)
            assert host.ledger.entries == []
            host.ledger.mood = "up"
            await until_empty(host, daemon)
            assert host.ledger.entries == host.ledger.arrived == texts
            assert isinstance(await host.write(daemon, "at once"), Answer)
        assert len(host.events(WriteDelivered)) == len(host.events(WriteQueued)) == 20

    play(scene)


def test_a_flood_is_bounded_and_an_outage_makes_no_storm():
    async def scene():
        host = LedgerHost()
        async with host.life() as daemon:
            host.ledger.mood = "unreachable"
            texts = [f"{number:03}" for number in range(OUTBOX_MAX)]
            for text in texts:
                assert isinstance(await host.write(daemon, text), Queued)
            with pytest.raises(NotQueued, match="100 writes") as refused:
                await host.write(daemon, "one too many")
            assert refused.value.code == "outbox-full"
            tries = host.ledger.tries
            await trio.sleep(6 * 3600)
            assert host.ledger.tries - tries < 6 * 12, "a few an hour, for all of them"
            host.ledger.mood = "up"
            await until_empty(host, daemon)
            assert host.ledger.entries == texts

    play(scene)


def over_a_minute(calls, most):
    """Those that began less than a minute after the one so many places before."""
    at = sorted(each.at for each in calls)
    return [after for before, after in zip(at, at[most:], strict=False) if after - before < MINUTE]


@pytest.mark.requirement("E3")
def test_a_write_that_waited_takes_its_turn_in_its_tenants_limit():
    """Neither an outage nor a line is a way around it, and nobody's turn comes in vain."""

    async def scene():
        host = LedgerHost("acme/health/2")
        host.policy = PolicyTables(caller_writes=4, caller_operator_share=0.75)
        async with host.life() as daemon:
            provider = daemon.journal.world.connections[host.subject].provider
            daemon.journal.execute(commands.OpenBreaker(subject=provider))
            for number in range(10):
                for name in (NAME, "acme/health/2"):
                    assert isinstance(await host.write(daemon, f"{number}", name), Queued)
            daemon.journal.execute(commands.CloseBreaker(subject=provider))
            await until(lambda: any(each.over_limit for each in host.waiting(daemon)), 60)
            assert all(not each.deferred for each in host.waiting(daemon))
            await until_empty(host, daemon, 8 * 60)
        assert sorted(host.ledger.entries) == sorted([f"{number}" for number in range(10)] * 2)
        calls = host.events(CallMade)
        assert len(calls) == 20
        assert not over_a_minute(calls, 3)
        assert {each.event.by for each in calls} == {BY}
        assert len(host.events(WriteDeferred)) <= len(calls), "once each, at most"

    play(scene)


@pytest.mark.requirement("E3")
def test_those_that_waited_and_those_that_are_made_at_once_share_the_limit():
    async def scene():
        host = LedgerHost("acme/health/2")
        host.policy = PolicyTables(caller_writes=3)
        async with host.life() as daemon:
            daemon.journal.execute(commands.OpenBreaker(subject=host.subject))
            for text in "abcde":
                await host.write(daemon, text)
            daemon.journal.execute(commands.CloseBreaker(subject=host.subject))
            for _ in range(300):
                with contextlib.suppress(OverLimit):
                    await host.write(daemon, "at once", "acme/health/2", timeout_s=20)
                await trio.sleep(1)
            await until_empty(host, daemon, 3600)
        assert [text for text in host.ledger.entries if text in "abcde"] == [*"abcde"]
        assert host.ledger.entries.count("at once") > 3
        assert not over_a_minute(host.events(CallMade), 3)

    play(scene)


def test_a_flood_of_large_ones_is_bounded_by_its_bytes():
    large = "a" * (OUTBOX_BYTES_MAX // 4)

    async def scene():
        host = LedgerHost()
        async with host.life() as daemon:
            host.ledger.mood = "unreachable"
            for _ in range(4):
                assert isinstance(await host.write(daemon, large), Queued)
            with pytest.raises(NotQueued, match="16 MiB of this connection's") as refused:
                await host.write(daemon, "a")
            assert refused.value.code == "outbox-full"
            assert host.rows() == len(host.waiting(daemon)) == 4
            host.ledger.mood = "up"
            await until_empty(host, daemon)
            assert host.ledger.entries == [large] * 4
            assert daemon.journal.world.outbox_bytes == 0

    play(scene)
    assert set(REACHED) == set(Full)


def test_many_at_once_have_one_order_that_of_their_numbers():
    async def scene():
        host = LedgerHost()
        numbers = {}

        async def write(daemon, text):
            numbers[text] = (await host.write(daemon, text)).write

        async with host.life() as daemon:
            host.ledger.mood = "busy"
            async with trio.open_nursery() as nursery:
                for number in range(30):
                    nursery.start_soon(write, daemon, f"{number}")
            host.ledger.mood = "up"
            await until_empty(host, daemon)
        assert host.ledger.entries == sorted(numbers, key=numbers.get)

    play(scene)


@pytest.mark.parametrize("mood", ["silent", "failing"])
def test_what_may_have_arrived_is_told_to_its_program_and_not_queued(mood):
    async def scene():
        host = LedgerHost()
        async with host.life() as daemon:
            host.ledger.mood = mood
            if mood == "silent":
                with pytest.raises(CallLost):
                    await host.write(daemon, "a")
            else:
                assert (await host.write(daemon, "a")).brought.status == 500
            assert host.ledger.arrived == ["a"]
            assert not host.waiting(daemon)
            assert host.rows() == 0

    play(scene)


@pytest.mark.parametrize("mood", ["silent", "failing"])
def test_with_a_key_of_ours_it_is_sent_until_it_is_answered_and_carried_out_once(mood):
    async def scene():
        host = LedgerHost(keyed=True)
        async with host.life() as daemon:
            host.ledger.mood = mood
            assert isinstance(await host.write(daemon, "a"), Queued)
            assert isinstance(await host.write(daemon, "b"), Queued)
            await trio.sleep(600)
            host.ledger.mood = "up"
            await until_empty(host, daemon)
            assert host.ledger.entries == ["a", "b"]
            assert len(host.ledger.arrived) > 4

    play(scene)


@pytest.mark.parametrize("queued_by", ["our own silence", "a line"])
def test_what_its_provider_may_have_forgotten_is_not_repeated_but_shown(queued_by):
    """It forgets keys after an hour; for two it says nothing, or is behind a breaker."""

    async def scene():
        host = LedgerHost(keyed=True, idempotency_lifetime="1h")
        async with host.life() as daemon:
            host.ledger.mood = "unreachable" if queued_by == "a line" else "silent"
            assert isinstance(await host.write(daemon, "a"), Queued)
            await host.write(daemon, "b")
            host.ledger.mood = "silent"
            await until(lambda: host.ledger.arrived, 600)
            daemon.journal.execute(commands.OpenBreaker(subject=host.subject))
            await trio.sleep(3600)
            (first, _) = host.waiting(daemon)
            assert (first.phase, first.key_expired) == (Phase.IN_DOUBT, True)
            daemon.journal.execute(commands.CloseBreaker(subject=host.subject))
            host.ledger.mood, tries = "up", host.ledger.tries
            await trio.sleep(DAY_S)
            assert host.ledger.tries == tries, "nobody has looked"
            settle = commands.SettleWrite(subject=host.subject, write=first.number)
            assert daemon.journal.execute(settle)
            await until_empty(host, daemon, 3600)
            assert host.ledger.entries == ["a", "b"]

    play(scene)


@pytest.mark.parametrize(("wish", "entries"), [("retry", ["b", "a", "c"]), ("drop", ["b", "c"])])
def test_a_doubt_holds_up_its_line_until_a_person_has_looked(wish, entries):
    async def scene():
        host = LedgerHost()
        async with host.life() as daemon:
            host.ledger.mood = "unreachable"
            first = (await host.write(daemon, "b")).write
            for text in "ac":
                await host.write(daemon, text)
            await until(lambda: host.waiting(daemon)[0].deferred)
            host.ledger.mood = "silent"
            await until(lambda: host.waiting(daemon)[0].phase is Phase.IN_DOUBT)
            host.ledger.mood = "up"
            await trio.sleep(DAY_S)
            assert host.ledger.arrived == ["b"]
            assert isinstance(await host.write(daemon, "d"), Queued), "it goes behind the others"
            settle = commands.SettleWrite(subject=host.subject, write=first)
            assert daemon.journal.execute(settle)
            if wish == "drop":
                second = host.waiting(daemon)[0].number
                daemon.journal.execute(commands.DropWrite(subject=host.subject, write=second))
            await until_empty(host, daemon)
            assert host.ledger.entries == [*entries, "d"]

    play(scene)


def test_what_the_provider_refuses_is_over_and_the_next_one_goes():
    async def scene():
        host = LedgerHost()
        async with host.life() as daemon:
            host.ledger.mood = "unreachable"
            for text in "ab":
                await host.write(daemon, text)
            host.ledger.mood = "refusing"
            await until(lambda: len(host.waiting(daemon)) == 1)
            host.ledger.mood = "up"
            await until_empty(host, daemon)
            assert host.ledger.entries == ["b"]
        (failed,) = host.events(WriteFailed)
        assert (failed.event.cause, failed.event.status) == (FailureClass.INVALID, 422)
        assert "refused it (422)" in failed.event.message

    play(scene)


@pytest.mark.requirement("X7")
def test_what_is_gone_for_a_write_is_not_the_end_of_its_provider():
    """One that waited is over, in its own words, and the next one leaves; so with one at once."""

    async def scene():
        host = LedgerHost()
        async with host.life() as daemon:
            host.ledger.mood = "vanished"
            for _ in range(20):
                assert (await host.write(daemon, "at once")).cause is FailureClass.RETIRED
            assert not host.waiting(daemon)
            host.ledger.mood = "unreachable"
            for text in "ab":
                await host.write(daemon, text)
            host.ledger.mood = "vanished"
            await until(lambda: len(host.waiting(daemon)) == 1)
            host.ledger.mood = "up"
            await until_empty(host, daemon, 3600)
            assert host.ledger.entries == ["b"]
        (failed,) = host.events(WriteFailed)
        assert (failed.event.message, failed.event.status) == (GONE, 410)
        assert "switched" not in GONE
        assert not host.events(BreakerOpened, ProviderRetired)

    play(scene)


def test_what_our_credential_was_refused_for_waits_for_another_one():
    async def scene():
        host = LedgerHost()
        async with host.life() as daemon:
            host.ledger.mood = "unreachable"
            first = (await host.write(daemon, "a")).write
            host.ledger.mood = "distrusting"
            await until(lambda: host.waiting(daemon)[0].cause is FailureClass.AUTH)
            await trio.sleep(DAY_S)
            assert host.ledger.tries < 300, "it is tried a few times an hour"
            host.ledger.mood = "up"
            daemon.journal.execute(commands.RetryWrite(subject=host.subject, write=first))
            await until_empty(host, daemon, 60)
            assert host.ledger.entries == ["a"]

    play(scene)


def test_reads_and_those_who_would_rather_hear_of_it_are_not_queued():
    async def scene():
        host = LedgerHost()
        async with host.life() as daemon:
            host.ledger.mood = "unreachable"
            with pytest.raises(CallLost):
                await daemon.gateway.call(host.subject, entry("a"), None)
            with pytest.raises(CallLost):
                await host.write(daemon, "a", kind="rpc")
            assert not host.waiting(daemon)

    play(scene)


def test_what_can_never_be_sent_is_refused_also_behind_others():
    async def scene():
        host = LedgerHost()
        async with host.life() as daemon:
            host.ledger.mood = "unreachable"
            await host.write(daemon, "a")
            with pytest.raises(CallLost, match="not a program's to set"):
                await host.write(daemon, "b", headers={"cookie": "c"})
            assert len(host.waiting(daemon)) == 1

    play(scene)


def test_a_paused_connection_keeps_what_waits_and_takes_nothing_more():
    async def scene():
        host = LedgerHost()
        async with host.life() as daemon:
            host.ledger.mood = "unreachable"
            await host.write(daemon, "a")
            await until(lambda: host.waiting(daemon)[0].deferred)
            daemon.journal.execute(commands.Pause(subject=host.subject))
            host.ledger.mood = "up"
            await trio.sleep(DAY_S)
            with pytest.raises(HeldBack):
                await host.write(daemon, "b")
            assert host.ledger.entries == []
            daemon.journal.execute(commands.Resume(subject=host.subject))
            await until_empty(host, daemon, 60)
            assert host.ledger.entries == ["a"]

    play(scene)


def test_a_breaker_that_somebody_closes_lets_them_go_at_once():
    async def scene():
        host = LedgerHost()
        async with host.life() as daemon:
            provider = daemon.journal.world.connections[host.subject].provider
            daemon.journal.execute(commands.OpenBreaker(subject=provider))
            for text in "ab":
                assert isinstance(await host.write(daemon, text), Queued)
            await trio.sleep(DAY_S)
            assert host.ledger.tries == 0
            daemon.journal.execute(commands.CloseBreaker(subject=provider))
            await until_empty(host, daemon, 10)
            assert host.ledger.entries == ["a", "b"]

    play(scene)


def test_one_finds_out_for_all_and_then_each_line_goes_in_its_order():
    """Forty connections behind a provider's breaker: probes come one by one, then eight at once."""
    others = tuple(f"acme/health/{number}" for number in range(39))

    async def scene():
        host = LedgerHost(*others)
        async with host.life() as daemon:
            world = daemon.journal.world
            provider = world.connections[host.subject].provider
            await trio.sleep(60)
            opened = commands.OpenBreaker(subject=provider)
            daemon.journal.execute(opened)
            for name in (NAME, *others):
                for number in range(3):
                    assert isinstance(await host.write(daemon, f"{name} {number}", name), Queued)
            daemon.journal.execute(commands.CloseBreaker(subject=provider))
            host.ledger.mood = "unreachable"
            await until(lambda: world.providers[provider].breaker.until)
            await until(lambda: not host.ledger.at_once)
            host.ledger.mood, host.ledger.at_once_max = "up", 0
            await until(lambda: host.ledger.entries)
            assert host.ledger.at_once_max == 1
            await until(lambda: not world.outboxes)
            assert host.ledger.at_once_max == PLACES
            for name in (NAME, *others):
                line = [text for text in host.ledger.entries if text.startswith(f"{name} ")]
                assert line == [f"{name} {number}" for number in range(3)]

    play(scene)


def test_with_a_connection_its_writes_go():
    async def scene():
        host = LedgerHost()
        async with host.life() as daemon:
            host.ledger.mood = "unreachable"
            await host.write(daemon, "a")
            daemon.journal.execute(commands.Remove(subject=host.subject))
            await until(lambda: not host.rows(), 60)
            host.ledger.mood = "up"
            await trio.sleep(DAY_S)
            assert host.ledger.arrived == []
        assert len(host.events(WriteDropped)) == 1

    play(scene)


def test_they_survive_a_restart_and_nothing_is_left_over():
    async def scene():
        host = LedgerHost()
        async with host.life() as daemon:
            host.ledger.mood = "unreachable"
            for text in "abc":
                await host.write(daemon, text)
        host.store._connection.execute(
            "INSERT INTO outbox (connection, method, path, headers, kind)"
            " VALUES (1, 'POST', '/x', '{}', 'write')"
        )
        host.ledger.mood = "up"
        async with host.life() as daemon:
            await until_empty(host, daemon, 3600)
        assert host.ledger.entries == ["a", "b", "c"]

    play(scene)


@pytest.mark.parametrize(("keyed", "then"), [(False, WriteInDoubt), (True, WriteDeferred)])
def test_a_stop_waits_for_what_is_under_way_and_else_says_what_becomes_of_it(keyed, then):
    async def scene():
        host = LedgerHost(keyed=keyed)
        host.ledger.mood = "unreachable"
        async with host.life() as daemon:
            await host.write(daemon, "a")
            host.ledger.mood = "up"
            await until(lambda: host.waiting(daemon)[0].phase is Phase.UNDER_WAY)
        assert host.ledger.entries == ["a"]
        assert [type(each.event) for each in host.events(WriteEnded)] == [WriteDelivered]

        stuck = LedgerHost(keyed=keyed)
        stuck.ledger.mood = "unreachable"
        async with stuck.life() as daemon:
            await stuck.write(daemon, "a")
            stuck.ledger.mood = "up"
            stuck.ledger.dead = lambda: True
            await until(lambda: stuck.waiting(daemon)[0].phase is Phase.UNDER_WAY)
        last = [type(each.event) for each in stuck.events(WriteBegun, then, DaemonStopped)]
        assert last[-3:] == [WriteBegun, then, DaemonStopped]

    play(scene)


def test_what_an_older_copy_of_the_data_store_does_not_hold_has_failed():
    async def scene():
        host = LedgerHost()
        host.ledger.mood = "unreachable"
        async with host.life() as daemon:
            await host.write(daemon, "a")
        host.store._connection.execute("DELETE FROM outbox")
        async with host.life() as daemon:
            assert not host.waiting(daemon)
        (failed,) = host.events(WriteFailed)
        assert "the data store does not hold it" in failed.event.message

    play(scene)


def test_a_full_disk_takes_nothing_and_says_so():
    async def scene():
        host = LedgerHost()
        async with host.life() as daemon:
            host.ledger.mood = "unreachable"
            daemon.journal.hold("log")
            with pytest.raises(NotQueued, match="the disk is full") as refused:
                await host.write(daemon, "a")
            assert refused.value.code == "disk-full"
            daemon.journal.release("log")
            put, host.store.put_letter = host.store.put_letter, full
            with pytest.raises(NotQueued, match="the disk is full"):
                await host.write(daemon, "a")
            host.store.put_letter = put
            assert not host.waiting(daemon)
            assert isinstance(await host.write(daemon, "a"), Queued)

    play(scene)


def test_a_row_that_is_not_queued_after_all_may_stay_on_a_full_disk():
    """Its connection goes while it is being kept, and with that the room for dropping it."""

    async def scene():
        host = LedgerHost()
        async with host.life() as daemon:
            host.ledger.mood = "unreachable"
            put, host.store.discard_letters = host.store.put_letter, full

            def put_and_remove(*letter):
                daemon.journal.execute(commands.Remove(subject=host.subject))
                return put(*letter)

            host.store.put_letter = put_and_remove
            with pytest.raises(CallLost, match="removed meanwhile; nothing was queued"):
                await host.write(daemon, "a")
            assert host.rows() == 1
            del host.store.put_letter, host.store.discard_letters
        async with host.life():
            assert host.rows() == 0

    play(scene)


def test_while_the_disk_is_full_none_leaves_and_then_they_go():
    async def scene():
        host = LedgerHost()
        async with host.life() as daemon:
            host.ledger.mood = "unreachable"
            for text in "ab":
                await host.write(daemon, text)
            daemon.journal.hold("log")
            host.ledger.mood = "up"
            await trio.sleep(DAY_S)
            assert len(host.ledger.entries) <= 1, "the one that was under way"
            daemon.journal.release("log")
            await until_empty(host, daemon, 3600)
            assert host.ledger.entries == ["a", "b"]

    play(scene)


def test_a_row_that_a_full_disk_keeps_goes_with_the_next_one():
    async def scene():
        host = LedgerHost()
        async with host.life() as daemon:
            host.ledger.mood = "unreachable"
            for text in "ab":
                await host.write(daemon, text)
            discard, host.store.discard_letters = host.store.discard_letters, full
            host.ledger.mood = "up"
            await until(lambda: not host.waiting(daemon))
            assert host.rows() == 2
            host.store.discard_letters, host.ledger.mood = discard, "busy"
            await host.write(daemon, "c")
            host.ledger.mood = "up"
            await until_empty(host, daemon, 3600)

    play(scene)


def full(*_):
    raise StoreFull


def test_our_own_failure_before_it_leaves_costs_that_write_a_rest_and_nobody_else_anything():
    async def scene():
        host = LedgerHost()
        async with host.life() as daemon:
            host.ledger.mood = "unreachable"
            await host.write(daemon, "a")
            letter, host.store.letter = host.store.letter, broken
            await until(lambda: host.waiting(daemon)[0].cause is FailureClass.INTERNAL)
            host.store.letter, host.ledger.mood = letter, "up"
            await until_empty(host, daemon)
            assert host.ledger.entries == ["a"]

    play(scene)


def broken(*_):
    raise RuntimeError("ours")


def test_a_clock_that_jumps_back_makes_nobody_wait_for_longer():
    async def scene():
        host = LedgerHost()
        async with host.life() as daemon:
            host.ledger.mood = "unreachable"
            await host.write(daemon, "a")
            await until(lambda: host.waiting(daemon)[0].deferred > 2)
            host.ledger.mood = "up"
            host.clock.step(timedelta(days=-30))
            await until_empty(host, daemon, 3600)
            assert host.ledger.entries == ["a"]

    play(scene)


def test_no_event_holds_what_was_written():
    async def scene():
        host = LedgerHost(keyed=True)
        async with host.life() as daemon:
            host.ledger.mood = "unreachable"
            headers = {"if-match": "of-somebody"}
            await host.write(daemon, "a-secret-diary", key="the-key", headers=headers)
            host.ledger.mood = "up"
            await until_empty(host, daemon)
        log = b"".join(row[3] for row in host.disk.rows)
        assert not [each for each in (b"diary", b"the-key", b"of-somebody") if each in log]
        calls = [each.event.endpoint for each in host.events(CallMade)]
        assert set(calls) == {"POST /entries"}

    play(scene)

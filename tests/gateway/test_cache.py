"""Which answers do programs get that the provider did not give just now?"""

from datetime import timedelta
from functools import partial

import pytest
import trio

from daemon.commands import Pause
from daemon.exchange import CallLost
from daemon.gateway.call import HeldBack, Source
from tests.fakes.in_process import play
from tests.gateway.programs import DOWN, OTHER, Programs, seconds

pytestmark = pytest.mark.requirement("E6")

KEPT = {"cache-control": "max-age=60"}


def fresh(asked):
    return 200, KEPT, asked.path.encode()


def test_a_fresh_answer_is_given_without_a_call():
    async def scene():
        programs = Programs()
        programs.answer = fresh
        async with programs.life() as daemon:
            first = await programs.ask(daemon, "/days")
            await trio.sleep(30)
            second = await programs.ask(daemon, "/days")
        assert (first.brought.source, second.brought.source) == (Source.PROVIDER, Source.CACHE)
        assert first.brought.body == second.brought.body == b"/days"
        assert second.brought.age == seconds(30)
        assert not second.brought.stale
        assert programs.paths() == ["/days"]

    play(scene)


def test_an_old_answer_is_asked_anew_by_its_tag():
    async def scene():
        programs = Programs()

        def answer(asked):
            if asked.headers.get("if-none-match") == '"1"':
                return 304, {}, b""
            return 200, {"etag": '"1"', "content-type": "text/plain"}, b"once"

        programs.answer = answer
        async with programs.life() as daemon:
            await programs.ask(daemon, "/days")
            again = await programs.ask(daemon, "/days")
        assert again.brought.status == 200
        assert again.brought.body == b"once"
        assert again.brought.headers["content-type"] == "text/plain"
        assert again.brought.source is Source.CACHE
        assert not again.brought.stale
        assert len(programs.arrived) == 2

    play(scene)


def test_while_the_provider_is_down_the_last_good_answer_is_given_with_its_age():
    async def scene():
        programs = Programs()
        async with programs.life() as daemon:
            await programs.ask(daemon, "/days")
            await trio.sleep(100)
            programs.answer = lambda _: DOWN
            again = await programs.ask(daemon, "/days")
        assert again.brought.body == b"/days"
        assert again.brought.stale
        assert again.brought.age > seconds(100)

    play(scene)


def test_nothing_is_given_instead_of_what_was_never_known():
    async def scene():
        programs = Programs()
        programs.answer = lambda _: DOWN
        async with programs.life() as daemon:
            with pytest.raises(CallLost):
                await programs.ask(daemon, "/days")

    play(scene)


def test_a_stale_answer_is_given_at_once_and_asked_anew_behind_it():
    async def scene():
        programs = Programs(endpoints={"/days": {"fresh_s": 10, "stale_while_revalidate_s": 100}})
        async with programs.life() as daemon:
            await programs.ask(daemon, "/days")
            await trio.sleep(20)
            programs.answer = lambda _: b"new"
            stale = await programs.ask(daemon, "/days")
            await trio.sleep(1)
            after = await programs.ask(daemon, "/days")
        assert (stale.brought.body, stale.brought.stale) == (b"/days", True)
        assert (after.brought.body, after.brought.stale) == (b"new", False)
        assert after.brought.source is Source.CACHE
        assert len(programs.arrived) == 2

    play(scene)


def test_what_is_kept_outlives_the_daemon():
    async def scene():
        programs = Programs()
        programs.answer = fresh
        async with programs.life() as daemon:
            await programs.ask(daemon, "/days")
        programs.answer = lambda _: DOWN
        async with programs.life() as daemon:
            again = await programs.ask(daemon, "/days")
        assert again.brought.body == b"/days"
        assert again.brought.source is Source.CACHE

    play(scene)


@pytest.mark.parametrize("written", ["/days", "/days/5", "/"])
def test_a_write_ends_the_freshness_of_what_it_may_have_changed(written):
    async def scene():
        programs = Programs()
        programs.answer = fresh
        async with programs.life() as daemon:
            await programs.ask(daemon, "/days?from=1")
            await programs.ask(daemon, "/nights")
            await programs.ask(daemon, written, method="POST", body=b"{}")
            await programs.ask(daemon, "/days?from=1")
            await programs.ask(daemon, "/nights")
        asked = [each.path for each in programs.arrived if each.method == "GET"]
        nights = ["/nights"] if written == "/" else []
        assert asked == ["/days?from=1", "/nights", "/days?from=1", *nights]

    play(scene)


def test_what_is_read_while_a_write_is_under_way_is_not_as_good_as_new():
    async def scene():
        programs = Programs()
        programs.answer = fresh
        async with programs.life() as daemon, trio.open_nursery() as nursery:
            programs.latency_s = 5
            nursery.start_soon(programs.ask, daemon, "/days")
            await trio.sleep(1)
            programs.latency_s = 1
            await programs.ask(daemon, "/days", method="POST", body=b"{}")
            await trio.sleep(10)
            await programs.ask(daemon, "/days")
        assert [each.method for each in programs.arrived] == ["GET", "POST", "GET"]

    play(scene)


def test_what_is_gone_is_no_longer_given():
    async def scene():
        programs = Programs()
        async with programs.life() as daemon:
            await programs.ask(daemon, "/days")
            programs.answer = lambda _: (404, {}, b"no")
            gone = await programs.ask(daemon, "/days")
            programs.answer = lambda _: DOWN
            with pytest.raises(CallLost):
                await programs.ask(daemon, "/days")
        assert (gone.brought.status, gone.brought.body) == (404, b"no")

    play(scene)


@pytest.mark.parametrize(
    "headers", [{"cache-control": "no-store"}, {"vary": "*"}], ids=["no-store", "vary"]
)
def test_what_a_provider_does_not_want_kept_is_not(headers):
    async def scene():
        programs = Programs()
        programs.answer = lambda _: (200, headers, b"once")
        async with programs.life() as daemon:
            await programs.ask(daemon, "/days")
            programs.answer = lambda _: DOWN
            with pytest.raises(CallLost):
                await programs.ask(daemon, "/days")

    play(scene)


def test_with_fresh_the_provider_itself_answers():
    async def scene():
        programs = Programs()
        programs.answer = fresh
        async with programs.life() as daemon:
            await programs.ask(daemon, "/days")
            again = await programs.ask(daemon, "/days", fresh=True)
            programs.answer = lambda _: DOWN
            with pytest.raises(CallLost):
                await programs.ask(daemon, "/days", fresh=True)
        assert again.brought.source is Source.PROVIDER

    play(scene)


def test_no_tenant_is_given_what_another_was_answered():
    async def scene():
        programs = Programs()
        programs.answer = fresh
        async with programs.life() as daemon:
            await programs.ask(daemon, "/days")
            programs.answer = lambda _: b"theirs"
            other = await programs.ask(daemon, "/days", name=OTHER)
        assert other.brought.body == b"theirs"

    play(scene)


def test_a_paused_connection_answers_nothing_old():
    async def scene():
        programs = Programs()
        async with programs.life() as daemon:
            await programs.ask(daemon, "/days")
            daemon.journal.execute(Pause(subject=programs.subject))
            with pytest.raises(HeldBack):
                await programs.ask(daemon, "/days")

    play(scene)


def test_a_read_after_a_write_is_not_told_what_was_asked_before_it():
    """Also where the answer was being asked anew behind somebody's back when the write left."""

    async def scene():
        programs = Programs(endpoints={"/days": {"fresh_s": 1, "stale_while_revalidate_s": 100}})
        said = [b"before", b"before", b"after"]
        programs.answer = lambda asked: said.pop(0) if asked.method == "GET" else b""
        async with programs.life() as daemon:
            await trio.sleep(60)
            await programs.ask(daemon, "/days")
            await trio.sleep(5)
            programs.latency_s = 4
            await programs.ask(daemon, "/days")  # stale, and asked anew
            await trio.sleep(1)
            programs.latency_s = 0.1
            await programs.ask(daemon, "/days", method="PUT", body=b"{}")
            after = await programs.ask(daemon, "/days")
            await trio.sleep(10)
            last = await programs.ask(daemon, "/days")
        assert after.brought.body == last.brought.body == b"after"

    play(scene)


def test_what_is_read_while_a_change_is_under_way_is_old_also_after_a_crash():
    async def scene():
        programs = Programs()
        programs.answer = lambda asked: fresh(asked) if asked.method == "GET" else b""
        async with programs.life() as daemon, trio.open_nursery() as nursery:
            await trio.sleep(60)
            programs.latency_s = 9
            nursery.start_soon(partial(programs.ask, daemon, "/days", method="POST", body=b""))
            await trio.sleep(1)
            programs.latency_s = 0.1
            await programs.ask(daemon, "/days")
            await trio.sleep(1)
            assert [each.doubted for each in programs.shelf.labels()] == [True]

    play(scene)


def test_a_validator_that_cannot_be_sent_back_is_no_validator():
    async def scene():
        programs = Programs()
        programs.answer = lambda _: (200, {"etag": '"caf\xe9"', "last-modified": "a\x00b"}, b"1")
        async with programs.life() as daemon:
            await programs.ask(daemon, "/days")
            again = await programs.ask(daemon, "/days")
        assert again.brought.source is Source.PROVIDER
        assert not {"if-none-match", "if-modified-since"} & programs.arrived[-1].headers.keys()

    play(scene)


def test_a_clock_that_steps_back_makes_nothing_fresher():
    async def scene():
        programs = Programs()
        programs.answer = fresh
        async with programs.life() as daemon:
            await trio.sleep(60)
            await programs.ask(daemon, "/days")
            await trio.sleep(50)
            programs.clock.step(-timedelta(seconds=45))
            await trio.sleep(70)  # which somebody notices within a minute
            again = await programs.ask(daemon, "/days")
        assert again.brought.source is Source.PROVIDER

    play(scene)

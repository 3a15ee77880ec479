"""Which answers do programs get where headers, clocks, disks and providers are at odds?"""

from datetime import timedelta

import pytest
import trio

from daemon.exchange import CallLost
from daemon.gateway.call import Source
from tests.fakes.in_process import play
from tests.gateway.programs import DOWN, Programs, seconds

pytestmark = pytest.mark.requirement("E6")

HOUR_S = 3600


def tagged(asked):
    """What a provider says that knows one state of everything."""
    if asked.headers.get("if-none-match") == '"1"':
        return 304, {}, b""
    return 200, {"etag": '"1"'}, b"whole"


def asked_after(headers, *rests):
    """How many calls leave for reads with such rests between them."""
    asked = []

    async def scene():
        programs = Programs()
        programs.answer = lambda _: (200, headers, b"once")
        async with programs.life() as daemon:
            await programs.ask(daemon, "/days")
            for rest in rests:
                await trio.sleep(rest)
                await programs.ask(daemon, "/days")
        asked.extend(programs.arrived)

    play(scene)
    return len(asked)


@pytest.mark.parametrize(
    "headers, times",
    [
        ({"cache-control": "private, max-age=60"}, 2),
        ({"cache-control": "s-maxage=600, max-age=60"}, 2),
        ({"cache-control": "max-age=60, must-revalidate, stale-while-revalidate=600"}, 2),
        ({"cache-control": "max-age=90", "age": "30"}, 2),
        ({"cache-control": "max-age=60", "vary": "Accept"}, 2),
        ({"cache-control": "max-age=60", "expires": "Thu, 01 Jan 1970 00:00:00 GMT"}, 2),
        ({"cache-control": "s-maxage=600, must-revalidate"}, 3),
        ({"cache-control": "no-store, private, s-maxage=600, must-revalidate"}, 3),
        ({"cache-control": "max-age=60", "age": "61"}, 3),
        ({"cache-control": "max-age=60", "vary": "Accept, *"}, 3),
        ({"expires": "Thu, 01 Jan 1970 00:00:00 GMT", "date": "Sun, 01 Mar 2026 00:00:00 GMT"}, 3),
        ({"expires": "Fri, 01 Jan 2100 00:00:00 GMT"}, 3),
    ],
    ids=str,
)
def test_for_a_minute_or_not_at_all(headers, times):
    assert asked_after(headers, 58, 4) == times


def test_what_varies_by_a_header_is_kept_for_each_of_its_values():
    async def scene():
        programs = Programs()
        kept = {"cache-control": "max-age=60", "vary": "accept"}
        programs.answer = lambda asked: (200, kept, asked.headers["accept"].encode())
        async with programs.life() as daemon:
            for _ in range(2):
                for kind in ("text/csv", "application/json"):
                    answer = await programs.ask(daemon, "/days", headers={"Accept": kind})
                    assert answer.brought.body == kind.encode()
        assert len(programs.arrived) == 2

    play(scene)


def test_a_kept_answer_helps_until_its_time_is_over_and_failures_do_not_prolong_it():
    async def scene():
        programs = Programs(endpoints={"/days": {"fresh_s": 10, "stale_if_error_s": 90}})
        async with programs.life() as daemon:
            await programs.ask(daemon, "/days")
            programs.answer = lambda _: DOWN
            for _ in range(3):
                await trio.sleep(30)
                answer = await programs.ask(daemon, "/days")
                assert answer.brought.stale
            await trio.sleep(10)
            with pytest.raises(CallLost):
                await programs.ask(daemon, "/days", timeout_s=5)

    play(scene)


def test_what_is_unchanged_and_was_given_up_meanwhile_is_asked_for_whole():
    async def scene():
        programs = Programs()
        programs.answer = tagged
        async with programs.life() as daemon, trio.open_nursery() as nursery:
            await programs.ask(daemon, "/days")
            programs.latency_s = 1
            nursery.start_soon(give_up, daemon, programs)
            again = await programs.ask(daemon, "/days")
        assert (again.brought.status, again.brought.body) == (200, b"whole")
        assert again.brought.source is Source.PROVIDER
        tags = [each.headers.get("if-none-match") for each in programs.arrived]
        assert tags == [None, '"1"', None]

    async def give_up(daemon, programs):
        await trio.sleep(0.5)
        daemon.cache.forget(programs.subject)

    play(scene)


def test_what_is_unchanged_and_gone_from_the_disk_is_asked_for_whole():
    async def scene():
        programs = Programs()
        programs.answer = tagged
        async with programs.life() as daemon:
            await programs.ask(daemon, "/days")
            await daemon.cache.flush()
        async with programs.life() as daemon:  # with nothing in memory
            programs.shelf._connection.execute("DELETE FROM answer")
            again = await programs.ask(daemon, "/days")
            assert (again.brought.status, again.brought.body) == (200, b"whole")
            last = await programs.ask(daemon, "/days")
        assert (last.brought.body, last.brought.source) == (b"whole", Source.CACHE)

    play(scene)


def test_a_head_is_neither_kept_nor_answered_from_what_is():
    async def scene():
        programs = Programs()
        kept = {"cache-control": "max-age=60", "etag": '"1"'}
        programs.answer = lambda asked: (200, kept, b"" if asked.method == "HEAD" else b"whole")
        async with programs.life() as daemon:
            await programs.ask(daemon, "/days", method="HEAD")
            await programs.ask(daemon, "/days")
            await programs.ask(daemon, "/days", method="HEAD")
            again = await programs.ask(daemon, "/days")
            programs.answer = lambda _: DOWN
            with pytest.raises(CallLost):
                await programs.ask(daemon, "/days", method="HEAD")
        assert (again.brought.body, again.brought.source) == (b"whole", Source.CACHE)
        methods = [each.method for each in programs.arrived]
        assert methods[:3] == ["HEAD", "GET", "HEAD"]
        assert not any("if-none-match" in each.headers for each in programs.arrived)

    play(scene)


def test_a_clock_that_was_set_back_while_the_daemon_was_down_makes_nothing_fresh():
    async def scene():
        programs = Programs(endpoints={"/days": {"fresh_s": 10}})
        async with programs.life() as daemon:
            await programs.ask(daemon, "/days")
        await trio.sleep(60)
        programs.clock.step(-timedelta(seconds=HOUR_S))
        async with programs.life() as daemon:
            again = await programs.ask(daemon, "/days")
            assert again.brought.source is Source.PROVIDER
            programs.answer = lambda _: DOWN
            await trio.sleep(20)
            stale = await programs.ask(daemon, "/days")
        assert stale.brought.stale
        assert stale.brought.age >= seconds(20)

    play(scene)


def test_a_clock_that_steps_ahead_makes_nothing_older():
    async def scene():
        programs = Programs(endpoints={"/days": {"fresh_s": 600}})
        async with programs.life() as daemon:
            await trio.sleep(60)
            await programs.ask(daemon, "/days")
            programs.clock.step(timedelta(seconds=HOUR_S))
            await trio.sleep(70)  # which somebody notices within a minute
            again = await programs.ask(daemon, "/days")
        assert again.brought.source is Source.CACHE
        assert seconds(70) <= again.brought.age < seconds(72)
        assert not again.brought.stale

    play(scene)

"""Is a program that asks over the API told what is kept, and when to come back?"""

from datetime import timedelta
from pathlib import Path

import pytest
import trio

from daemon.cache.cache import LABEL_BYTES
from daemon.control import cache, gateway
from daemon.control.desk import Desk, Refused
from daemon.control.gateway_messages import CacheQuery, RequestWish
from daemon.places import Places
from events.schema import BreakerOpened
from events.terms import Caller
from tests.fakes.in_process import NAME, play
from tests.gateway.programs import OTHER, Programs

pytestmark = pytest.mark.requirement("E6")

BY = Caller(uid=0, role="operator")
NOWHERE = Path("/nowhere")


def desk(programs, daemon):
    return Desk.of(
        daemon,
        programs.vault,
        programs._parts(daemon.journal.log).configuration,
        Places(config=NOWHERE, state=NOWHERE, socket=NOWHERE),
        "simulated",
    )


def asking(test):
    async def scene():
        programs = Programs()
        async with programs.life() as daemon:
            await trio.sleep(60)  # the first sync is over
            await test(programs, desk(programs, daemon))

    play(scene)


def test_an_open_breaker_says_when_it_lets_a_call_through():
    async def test(programs, at):
        programs.answer = lambda _: (503, {}, b"")
        wish = RequestWish(connection=NAME, path="/days")
        while not programs.events(BreakerOpened):
            await gateway.request(at, wish, BY)
            await trio.sleep(1)
        with pytest.raises(Refused) as held:
            await gateway.request(at, wish, BY)
        assert held.value.code == "breaker"
        assert held.value.retry_after > timedelta(0)
        assert "; it lets a call through in " in held.value.message

    asking(test)


def test_what_is_kept_of_one_connection_adds_up():
    async def test(programs, at):
        for name, path in ((NAME, "/days"), (NAME, "/days/2"), (OTHER, "/days")):
            await gateway.request(at, RequestWish(connection=name, path=path), BY)
        of_all = await cache.show(at, CacheQuery(), BY)
        assert [each.connection for each in of_all.connections] == [NAME, OTHER]
        of_one = await cache.show(at, CacheQuery(connection=NAME), BY)
        [view] = of_one.connections
        assert view.connection == NAME
        assert view.bytes == sum(each.bytes for each in of_one.answers)
        assert [each.bytes for each in of_one.answers] == [
            LABEL_BYTES + len(b"/days/2"),
            LABEL_BYTES + len(b"/days"),
        ]

    asking(test)


def test_answers_that_differ_by_their_query_are_counted_at_their_path():
    async def test(programs, at):
        for path in ("/days?page=1", "/days?page=2", "/other", "/days"):
            await gateway.request(at, RequestWish(connection=NAME, path=path), BY)
            await trio.sleep(1)
        newest = at.cache.of(programs.subject)[-1].at
        found = (await cache.show(at, CacheQuery(connection=NAME), BY)).answers
        assert [(each.path, each.answers) for each in found] == [("/days", 3), ("/other", 1)]
        assert found[0].bytes == 3 * LABEL_BYTES + len("/days?page=1/days?page=2/days")
        assert found[0].at == newest

    asking(test)

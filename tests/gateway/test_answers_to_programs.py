"""Is a program that asks over the API told what is kept, and when to come back?"""

from datetime import timedelta
from pathlib import Path

import pytest
import trio

from daemon.cache.cache import LABEL_BYTES
from daemon.control import cache, gateway
from daemon.control.desk import Desk, Refused
from daemon.control.gateway_messages import CacheQuery, RequestWish
from daemon.exchange import CallLost
from daemon.places import Places
from events.schema import BreakerOpened
from events.terms import Caller, FailureClass
from tests.fakes.in_process import NAME, play
from tests.gateway.programs import KEY_HEADER, OTHER, Programs

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


@pytest.mark.parametrize(
    ("cause", "status"), [(FailureClass.RATE_LIMITED, 429), (FailureClass.SERVER, 503)]
)
def test_a_provider_that_says_when_to_come_back_is_heard(cause, status):
    async def test(programs, at):
        rest = timedelta(seconds=59.2)
        programs.answer = lambda _: CallLost(cause, "it is busy", status=status, retry_after=rest)
        wish = RequestWish(connection=NAME, method="POST", path="/orders", queue=False)
        answer = await gateway.request(at, wish, BY)
        assert (answer.status, answer.retry_after_s) == (status, 60)
        assert answer.message == "it is busy; come back in 60 s"
        programs.answer = lambda _: b"done"
        await trio.sleep(60)
        answer = await gateway.request(at, wish, BY)
        assert (answer.message, answer.retry_after_s) == ("", None)

    asking(test)


@pytest.mark.parametrize("queue", [True, False])
def test_every_write_has_a_key_also_one_that_is_not_to_be_queued(queue):
    async def test(programs, at):
        for key in (None, None, "order-7"):
            wish = RequestWish(connection=NAME, method="POST", path="/a", queue=queue, key=key)
            await gateway.request(at, wish, BY)
        one, other, own = (each.headers[KEY_HEADER] for each in programs.arrived)
        assert one.startswith("rounds-")
        assert one != other
        assert own == "order-7"
        rpc = RequestWish(connection=NAME, method="POST", path="/a", queue=queue, kind="rpc")
        await gateway.request(at, rpc, BY)
        assert KEY_HEADER not in programs.arrived[-1].headers, "it is not said to be a write"

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

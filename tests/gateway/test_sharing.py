"""When is the same asked once for all who ask?"""

import pytest
import trio

from daemon.exchange import CallLost
from daemon.gateway.call import Source
from events.terms import FailureClass
from tests.fakes.in_process import play
from tests.gateway.programs import DOWN, NAME, OTHER, Programs

pytestmark = pytest.mark.requirement("E4")


class Asked:
    """Programs that ask at the same time, and what they were told, in the order of asking."""

    def __init__(self, programs, daemon, nursery):
        self.programs = programs
        self.daemon = daemon
        self.nursery = nursery
        self.told = []

    async def ask(self, path, name=NAME, **more):
        """Ask before the next one does: Trio starts tasks in no order."""
        self.nursery.start_soon(self._ask, len(self.told), path, name, more)
        self.told.append(None)
        await trio.sleep(0.001)

    async def _ask(self, place, path, name, more):
        try:
            answer = await self.programs.ask(self.daemon, path, name=name, **more)
            self.told[place] = answer.brought
        except CallLost as lost:
            self.told[place] = lost


def sharing(test, *, latency_s=1.0, **file):
    """Play a scene of programs that ask together."""

    async def scene():
        programs = Programs(**file)
        programs.latency_s = latency_s
        async with programs.life() as daemon, trio.open_nursery() as nursery:
            await trio.sleep(60)  # the first sync is over
            programs.began = trio.current_time()
            await test(programs, Asked(programs, daemon, nursery))

    play(scene)


def test_the_same_at_once_is_asked_once():
    async def test(programs, asked):
        for _ in range(5):
            await asked.ask("/days")
        await trio.sleep(2)
        assert programs.paths() == ["/days"]
        assert [each.body for each in asked.told] == [b"/days"] * 5
        sources = [each.source for each in asked.told]
        assert sorted(sources) == sorted([Source.PROVIDER, *[Source.SHARED] * 4])

    sharing(test)


@pytest.mark.parametrize(
    "other",
    [
        {"path": "/days?page=2"},
        {"path": "/days", "headers": {"Accept-Language": "de"}},
        {"path": "/days", "name": OTHER},
        {"path": "/days", "method": "HEAD"},
        {"path": "/days", "method": "POST"},
        {"path": "/days", "kind": "rpc"},
    ],
    ids=["query", "header", "tenant", "method", "write", "rpc"],
)
def test_what_is_not_the_same_is_asked_apart(other):
    async def test(programs, asked):
        await asked.ask("/days")
        await asked.ask(**other)
        await trio.sleep(2)
        assert len(programs.arrived) == 2
        assert {each.source for each in asked.told} == {Source.PROVIDER}

    sharing(test)


def test_who_shares_a_call_shares_its_loss():
    async def test(programs, asked):
        programs.answer = lambda _: CallLost(FailureClass.NOT_FOUND, "nothing there")
        await asked.ask("/days")
        await asked.ask("/days")
        await trio.sleep(2)
        assert [str(each) for each in asked.told] == ["nothing there"] * 2
        assert len(programs.arrived) == 1

    sharing(test)


def test_who_has_more_time_goes_on_where_the_first_gave_up():
    async def test(programs, asked):
        await asked.ask("/days", timeout_s=1)
        await asked.ask("/days", timeout_s=10)
        await trio.sleep(9)
        assert asked.told[0].cause is FailureClass.CANCELLED
        assert asked.told[1].body == b"/days"

    sharing(test, latency_s=4)


def test_who_asks_after_a_change_does_not_share_with_those_before():
    async def test(programs, asked):
        await asked.ask("/days")
        await trio.sleep(0.1)
        await asked.ask("/days", method="POST")
        await trio.sleep(0.1)
        await asked.ask("/days")
        await trio.sleep(2)
        assert [each.method for each in programs.arrived] == ["GET", "POST", "GET"]

    sharing(test)


def test_an_endpoint_may_be_asked_by_each_for_itself():
    async def test(programs, asked):
        await asked.ask("/days")
        await asked.ask("/days")
        await trio.sleep(2)
        assert len(programs.arrived) == 2

    sharing(test, endpoints={"/days": {"shared": False}})


def test_frequent_reads_wait_for_a_moment_of_quiet():
    async def test(programs, asked):
        for _ in range(4):
            await asked.ask("/days")
            await trio.sleep(0.4)
        await trio.sleep(3)
        assert len(programs.arrived) == 1
        assert round(programs.arrived[0].at - 0.5, 1) >= 1.2
        assert [each.body for each in asked.told] == [b"/days"] * 4

    sharing(test, endpoints={"/days": {"debounce_s": 0.5}})


def test_calls_that_keep_coming_do_not_keep_one_for_ever():
    async def test(programs, asked):
        for _ in range(20):
            await asked.ask("/days")
            await trio.sleep(0.4)
        assert programs.arrived[0].at <= 5.1

    sharing(test, latency_s=0.01, endpoints={"/days": {"debounce_s": 0.5}})


@pytest.mark.parametrize("keyed", [False, True])
def test_of_frequent_puts_the_last_goes_for_all(keyed):
    """Also where they have keys, as long as these are ours."""

    async def test(programs, asked):
        for body in (b"1", b"2", b"3"):
            key = {"key": f"rounds-{body.decode()}", "key_of_ours": True} if keyed else {}
            await asked.ask("/goal", method="PUT", body=body, **key)
            await trio.sleep(0.1)
        await trio.sleep(3)
        assert [each.body for each in programs.arrived] == [b"3"]
        assert [each.status for each in asked.told] == [200] * 3

    sharing(test, endpoints={"/goal": {"debounce_s": 0.5}})


def test_a_put_that_comes_too_late_goes_by_itself_and_after():
    async def test(programs, asked):
        await asked.ask("/goal", method="PUT", body=b"1")
        await trio.sleep(1)
        await asked.ask("/goal", method="PUT", body=b"2")
        await trio.sleep(9)
        assert [each.body for each in programs.arrived] == [b"1", b"2"]
        first, second = programs.arrived
        assert second.at - first.at >= 3
        assert [each.source for each in asked.told] == [Source.PROVIDER] * 2

    sharing(test, latency_s=3, endpoints={"/goal": {"debounce_s": 0.5}})


def test_puts_with_a_key_of_their_own_are_not_one():
    async def test(programs, asked):
        await asked.ask("/goal", method="PUT", body=b"1", key="a")
        await asked.ask("/goal", method="PUT", body=b"2", key="b")
        await trio.sleep(9)
        assert [each.body for each in programs.arrived] == [b"1", b"2"]

    sharing(test, endpoints={"/goal": {"debounce_s": 0.5}})


def test_nothing_is_shared_with_what_failed_before():
    async def test(programs, asked):
        programs.answer = lambda _: DOWN
        await asked.ask("/days")
        await trio.sleep(9)
        programs.answer = lambda _: b"good"
        await asked.ask("/days")
        await trio.sleep(9)
        assert isinstance(asked.told[0], CallLost)
        assert asked.told[1].body == b"good"

    sharing(test)

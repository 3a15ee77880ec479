"""Is a program told the truth of why its provider gave it no answer, or no new one?"""

import pytest
import trio

from daemon.control import gateway
from daemon.control.desk import Refused
from daemon.control.gateway_messages import RequestWish
from daemon.exchange import CallLost
from daemon.gateway.excuses import ALONE, NO_ROOM, SLOW
from events.terms import FailureClass
from tests.fakes.in_process import NAME, play
from tests.gateway.programs import Programs, seconds
from tests.gateway.test_answers_to_programs import BY, desk

pytestmark = pytest.mark.requirement("E6")

BUSY = "/busy"
LEAVE_US = CallLost(
    FailureClass.RATE_LIMITED,
    "the provider wants fewer requests (429); its next sync tries again",
    status=429,
    retry_after=seconds(20),
)


class Ending(Programs):
    """Its provider is there until it is `gone`, for syncs too."""

    gone = False

    async def send(self, request):
        if self.gone:
            raise CallLost(FailureClass.RETIRED, "gone (410)", status=410)
        return await super().send(request)


def asking(test, **file):
    async def scene():
        programs = Ending(**file)
        programs.interval = "1h"
        async with programs.life() as daemon:
            await trio.sleep(60)  # the first sync is over
            await test(programs, daemon)

    play(scene)


async def refused(programs, daemon):
    """The provider asks to be left alone for 20 s."""
    programs.answer = lambda asked: LEAVE_US if asked.path == BUSY else asked.path.encode()
    await programs.ask(daemon, BUSY, timeout_s=5)


def test_nobody_waits_for_a_provider_that_asked_to_be_left_alone():
    async def test(programs, daemon):
        await programs.ask(daemon, "/days")
        await refused(programs, daemon)
        began, arrived = trio.current_time(), len(programs.arrived)
        again = await programs.ask(daemon, "/days")
        assert trio.current_time() - began < 0.1
        assert (again.brought.stale, again.brought.why) == (True, ALONE)
        assert (again.brought.attempts, len(programs.arrived)) == (0, arrived)
        await trio.sleep(17)  # what is left of it is no longer than one has patience
        again = await programs.ask(daemon, "/days")
        assert (again.brought.stale, again.brought.why) == (False, "")

    asking(test)


def test_nobody_waits_where_the_limits_are_used_up():
    async def test(programs, daemon):
        await programs.ask(daemon, "/days")
        again = await programs.ask(daemon, "/days")
        assert (again.brought.stale, again.brought.why) == (True, NO_ROOM)
        assert again.duration_ms < 100

    asking(test, rate={"windows": [{"calls": 3, "per_s": 3600}]})  # two are the syncs'


def test_a_provider_that_is_slow_is_called_that():
    async def test(programs, daemon):
        await programs.ask(daemon, "/days")
        programs.latency_s = 20
        again = await programs.ask(daemon, "/days")
        assert (again.brought.stale, again.brought.why) == (True, SLOW)

    asking(test)


def test_who_has_no_kept_answer_hears_who_asked_for_it():
    async def test(programs, daemon):
        await refused(programs, daemon)
        with pytest.raises(CallLost) as lost:
            await programs.ask(daemon, "/days", timeout_s=5)
        assert str(lost.value) == f"nothing was sent: {ALONE}; come back in 20 s"

    asking(test)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, "the provider knows nothing at this path (404); check the path, and base_url in its"),
        (422, "the provider refused the request (422); what it answered may say why"),
    ],
)
def test_what_a_program_made_is_not_looked_for_in_a_file(status, said):
    async def test(programs, daemon):
        programs.answer = lambda _: (status, {}, b"no")
        answer = await programs.ask(daemon, "/days")
        assert answer.message.startswith(said)
        assert "params and body in its file" not in answer.message

    asking(test)


@pytest.mark.requirement("X7")
def test_who_calls_what_was_switched_off_is_told_where_to_go():
    async def test(programs, daemon):
        at = desk(programs, daemon)
        await gateway.request(at, RequestWish(connection=NAME, path="/days"), BY)
        programs.gone = True
        await trio.sleep(2 * 3600)
        kept = await gateway.request(at, RequestWish(connection=NAME, path="/days"), BY)
        assert kept.why == (
            "its provider was switched off for good; `rounds connection relink` moves it on to new"
        )
        wishes = [
            RequestWish(connection=NAME, path="/days/2"),
            RequestWish(connection=NAME, path="/days", method="POST"),
            RequestWish(connection=NAME, path="/days", method="POST", queue=False),
        ]
        for wish in wishes:
            with pytest.raises(Refused) as held:
                await gateway.request(at, wish, BY)
            assert held.value.code == "breaker"
            assert held.value.message == (
                "nothing was sent: acme/health found its provider switched off for good; its "
                "successor is new: type `rounds connection relink acme/health`; if it is back, "
                "type `rounds breaker close acme/health`"
            )

    asking(test, successor="new")

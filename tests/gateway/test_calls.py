"""How does a program's call go: tried again, held back, cut short, recorded?"""

from datetime import timedelta
from functools import partial

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from daemon.commands import OpenBreaker, Remove, SetSettings
from daemon.connect import connect
from daemon.decide.calling import ATTEMPTS_MAX
from daemon.exchange import CallLost
from daemon.gateway.call import HeldBack
from daemon.gateway.gateway import DOUBT
from daemon.secret import Secret
from events.gateway import CallMade
from events.policy import Settings
from events.schema import FLEET, BreakerOpened
from events.terms import FailureClass, SkipReason
from tests.fakes.in_process import play
from tests.gateway.programs import DOWN, NAME, Programs

SECRET = "pineapple-and-more"


def calling(test, **file):
    """Play a scene of one program's calls."""

    async def scene():
        programs = Programs(**file)
        async with programs.life() as daemon:
            await trio.sleep(60)  # the first sync is over
            await test(programs, daemon)

    play(scene)


@pytest.mark.requirement("E2")
def test_a_read_is_tried_again_and_each_exchange_is_recorded():
    async def test(programs, daemon):
        answers = iter([DOWN, (503, {}, b""), b"good"])
        programs.answer = lambda _: next(answers)
        answer = await programs.ask(daemon, "/days")
        assert (answer.brought.body, answer.brought.attempts) == (b"good", 3)
        await trio.sleep(1)
        made = [each.event for each in programs.events(CallMade)]
        assert [(each.attempt, each.status, each.cause) for each in made] == [
            (1, None, FailureClass.NETWORK),
            (2, 503, FailureClass.SERVER),
            (3, 200, None),
        ]
        assert {each.endpoint for each in made} == {"GET /days"}

    calling(test)


@pytest.mark.requirement("E2")
def test_a_write_that_may_have_arrived_is_not_repeated():
    async def test(programs, daemon):
        programs.answer = lambda _: CallLost(FailureClass.NETWORK, "it broke")
        with pytest.raises(CallLost, match="it broke"):
            await programs.ask(daemon, "/days", method="POST")
        assert len(programs.arrived) == 1

    calling(test)


@pytest.mark.requirement("E2")
def test_a_write_with_a_key_is_repeated_with_the_same():
    async def test(programs, daemon):
        answers = iter([CallLost(FailureClass.NETWORK, "it broke"), b"good"])
        programs.answer = lambda _: next(answers)
        answer = await programs.ask(daemon, "/days", method="POST", key="order-7")
        assert answer.brought.attempts == 2
        assert [each.headers["idempotency-key"] for each in programs.arrived] == ["order-7"] * 2

    calling(test)


@pytest.mark.requirement("E2")
def test_what_the_limits_keep_is_no_attempt():
    """A provider that wants fewer requests is not asked again at once, whatever it says."""

    async def test(programs, daemon):
        programs.answer = lambda _: (429, {}, b"{}")
        answer = await programs.ask(daemon, "/days")
        assert (answer.brought.status, answer.brought.attempts) == (429, 1)
        assert len(programs.arrived) == 1

    calling(test)


@pytest.mark.requirement("E2")
def test_a_call_ends_with_its_deadline_whatever_the_provider_does():
    async def test(programs, daemon):
        programs.latency_s = 1000
        began = trio.current_time()
        with pytest.raises(CallLost) as caught:
            await programs.ask(daemon, "/days", timeout_s=12)
        assert caught.value.cause is FailureClass.TIMEOUT
        assert 12 <= trio.current_time() - began <= 12.5
        await trio.sleep(1)
        silent, cut_short = (made.event.cause for made in programs.events(CallMade))
        assert (silent, cut_short) == (FailureClass.TIMEOUT, FailureClass.CANCELLED)

    calling(test)


@pytest.mark.requirement("E1")
def test_nobody_opens_a_breaker_by_giving_too_little_time():
    async def test(programs, daemon):
        programs.latency_s = 5
        for _ in range(10):
            with pytest.raises(CallLost):
                await programs.ask(daemon, "/days", timeout_s=0.1)
        assert programs.events(BreakerOpened) == []
        made = programs.events(CallMade)
        assert {each.event.cause for each in made} == {FailureClass.CANCELLED}

    calling(test)


@pytest.mark.requirement("E1")
def test_calls_open_the_breaker_and_it_holds_the_next_ones_back():
    async def test(programs, daemon):
        programs.answer = lambda _: (503, {}, b"")
        for _ in range(2):
            await programs.ask(daemon, "/days")
        with pytest.raises(HeldBack) as caught:
            await programs.ask(daemon, "/days")
        assert caught.value.held.reason is SkipReason.BREAKER
        assert len(programs.arrived) == 5  # the breaker's threshold, and not one more

    calling(test)


@pytest.mark.requirement("E2")
def test_the_breaker_is_asked_again_after_the_wait_for_the_limits():
    """A call that waited for its turn does not leave for a provider that failed meanwhile."""

    async def test(programs, daemon):
        await programs.ask(daemon, "/warm", timeout_s=200)
        programs.answer = lambda _: (503, {}, b"")
        async with trio.open_nursery() as nursery:
            held = []

            async def wait():
                with pytest.raises(HeldBack) as caught:
                    await programs.ask(daemon, "/days", timeout_s=200)
                held.append(caught.value.held.reason)

            nursery.start_soon(wait)
            await trio.sleep(1)
            daemon.journal.execute(OpenBreaker(subject=programs.subject))
        assert held == [SkipReason.BREAKER]
        assert programs.paths() == ["/warm"]

    calling(test, rate={"windows": [{"calls": 1, "per_s": 60}]})


def test_attempts_are_bounded():
    async def test(programs, daemon):
        programs.answer = lambda _: DOWN
        with pytest.raises(CallLost) as caught:
            await programs.ask(daemon, "/days")
        assert caught.value.attempts == len(programs.arrived) == ATTEMPTS_MAX

    calling(test)


@pytest.mark.requirement("A16")
@pytest.mark.parametrize(
    "said",
    [
        (200, {}, f'{{"you sent": "{SECRET}"}}'.encode()),
        (200, {"location": f"/days?key={SECRET}"}, b"{}"),
        (400, {}, f"bad key {SECRET}".encode()),
        (404, {"link": SECRET}, b""),
    ],
    ids=["body", "header", "refusal", "refusal's header"],
)
def test_a_credential_that_the_provider_repeats_goes_no_further(said, tmp_path):
    async def scene():
        programs = Programs(auth={"kind": "api_key", "header": "X-Key"})
        key = tmp_path / "key"
        key.write_text(SECRET)
        programs.credential_file = str(key)
        programs.answer = lambda _: said
        async with programs.life() as daemon:
            try:
                told = (await programs.ask(daemon, "/days")).brought
            except CallLost as lost:
                told = str(lost)
        assert SECRET not in repr(told)
        assert programs.shelf.labels() == []

    play(scene)


@pytest.mark.requirement("A16")
def test_a_call_that_rests_does_not_leave_as_a_connection_that_is_another_by_then():
    async def test(programs, daemon):
        rest = timedelta(seconds=5)
        lost = CallLost(FailureClass.SERVER, "no", status=503, retry_after=rest)
        programs.answer = lambda _: lost
        async with trio.open_nursery() as nursery:
            nursery.start_soon(programs.ask, daemon, "/days")
            await trio.sleep(1)
            daemon.journal.execute(Remove(subject=programs.subject))
        assert len(programs.arrived) == 1
        assert programs.shelf.labels() == []

    calling(test)


def test_a_retry_that_may_not_leave_does_not_hide_that_the_first_attempt_did():
    async def test(programs, daemon):
        programs.answer = lambda _: (500, {}, b"")
        daemon.journal.execute(SetSettings(subject=FLEET, settings=Settings(caller_writes=1)))
        answer = await programs.ask(daemon, "/days", method="POST", key="a", timeout_s=5)
        assert answer.brought.status == 500
        assert len(programs.arrived) == 1

    calling(test)


@pytest.mark.requirement("E1")
def test_who_waits_for_a_limit_of_its_own_finds_out_for_nobody_yet():
    async def test(programs, daemon):
        programs.answer = lambda _: (503, {}, b"")
        for _ in range(2):
            await programs.ask(daemon, "/days")
        await trio.sleep(1)
        assert len(programs.events(BreakerOpened)) == 1
        daemon.journal.execute(SetSettings(subject=FLEET, settings=Settings(caller_reads=1)))
        await trio.sleep(31)  # half-open
        programs.answer = lambda _: b"good"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(programs.ask, daemon, "/days", timeout_s=200))
            await trio.sleep(1)
            assert daemon.gateway.probing == set()
            await trio.sleep(60)
            assert programs.arrived[-1].at > 90
        assert daemon.gateway.probing == set()

    calling(test)


@pytest.mark.requirement("E5")
def test_a_program_is_told_nothing_of_a_next_sync():
    async def test(programs, daemon):
        programs.answer = lambda _: CallLost(
            FailureClass.NETWORK, "it broke; its next sync tries again"
        )
        with pytest.raises(CallLost) as read:
            await programs.ask(daemon, "/days")
        with pytest.raises(CallLost) as written:
            await programs.ask(daemon, "/days", method="POST")
        assert str(read.value) == "it broke"
        assert str(written.value) == f"it broke; {DOUBT}"

    calling(test)


def test_nothing_leaves_while_a_connection_is_given_another_credential():
    """The log says at once that it is another account, and the vault a moment later."""

    async def scene():
        programs = Programs(auth={"kind": "api_key", "header": "X-Key"})
        async with programs.life() as daemon:

            async def give(credential):
                parts = daemon.journal, programs.vault, daemon.storage, NAME, programs.file
                await connect(*parts, credential=Secret(credential))

            await give("one")
            await programs.ask(daemon, "/days")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(give, "two")
                await wait_all_tasks_blocked()
                with pytest.raises(CallLost, match="another credential"):
                    await programs.ask(daemon, "/days")
            await programs.ask(daemon, "/days")
        assert [each.credential for each in programs.arrived] == ["one", "two"]

    play(scene)

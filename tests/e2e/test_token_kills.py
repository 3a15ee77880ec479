"""A daemon that is killed in the middle of a refresh loses no token, and uses none up twice."""

import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count

import httpx
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from daemon.decide.doubt import TRIES_MAX
from tests.e2e import accounts, faults
from tests.e2e.accounts import CONNECTION
from tests.e2e.daemon import WAIT_S, Daemon, Ended, Home, Line, running, started
from tests.oauth import gate, oidc, toolkit, turns
from tests.oauth.gate import Answer, Exchange, Forward, Gate, HangUp
from tests.oauth.peer import Peer

pytestmark = [pytest.mark.requirement("C2"), pytest.mark.requirement("X6")]

SEED = 20261122
GRACE_S = 3600  # longer than any test
START_S = 1.5  # about what a start takes: kills are spread over it and a little beyond
SYNC_S = 0.25
CUSHION_S = 0.02  # what a dead process had sent is in our hands by then


@dataclass(frozen=True)
class Setting:
    """A server, and what its provider's file says of a token in doubt."""

    server: str
    way: str

    def __str__(self) -> str:
        return f"{self.server}-{self.way}"

    @contextmanager
    def serving(self) -> Iterator[Peer]:
        if self.server == "oidc":
            with oidc.serving() as peer:
                yield peer
        else:
            with toolkit.serving(grace_s=GRACE_S if self.way == "reuse" else 0) as peer:
                yield peer

    def auth(self, peer: Peer, opened: Gate) -> Line:
        match self.way:
            case "introspect":
                return accounts.asking(peer, opened)
            case "reuse":
                return {"in_doubt": "reuse", "reuse_s": GRACE_S}
        return {"in_doubt": self.way}


ASKED = [Setting("toolkit", "introspect"), Setting("oidc", "introspect")]
REUSED = [Setting("toolkit", "reuse")]
TRIED = [Setting("toolkit", "try_once"), Setting("oidc", "try_once")]
SETTINGS = pytest.mark.parametrize("setting", [*ASKED, *REUSED, *TRIED], ids=str)
PATIENT = pytest.mark.parametrize("setting", [*ASKED, *REUSED], ids=str)
"""Those where a second death in a row costs nothing."""


Act = Callable[[Daemon], Awaitable[object]]
Kill = Callable[[Daemon], Awaitable[object]]
Plan = Callable[["Story", Daemon], Kill]
"""Made when all is quiet, just before the act in which the daemon is to die."""


@dataclass
class Story:
    """One connection at one server, and the deaths of one daemon after another."""

    home: Home
    peer: Peer
    gate: Gate
    setting: Setting
    deaths: list[str] = field(default_factory=list)
    _honoured: bool | None = None  # what the server says of the pair that was left; None: none yet

    async def life(self, name: str, plan: Plan, act: Act | None = None) -> None:
        """Settle what the life before left behind; then act, and die in it."""
        async with running(self.home) as daemon:
            await self.settle(daemon)
            kill = plan(self, daemon)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(outlives, daemon, act or sync)
                await kill(daemon)
                nursery.cancel_scope.cancel()
            await self.bury(daemon, name)

    async def short_life(self, seconds: float) -> None:
        """Die before, or while, the life before is settled."""
        async with started(self.home) as daemon:
            with trio.move_on_after(seconds):
                await daemon.end()
            await self.bury(daemon, f"{seconds:.3f} s after the start")

    async def sweep(self, file: str, call: str, *, act: Act | None = None, step: int = 1) -> int:
        """Die at the first such call on a file, at one of the next, …, until an act outlives it.

        How often it died.
        """
        for number in count():
            fault = f"{call}:signal=KILL:when={1 + number * step}"
            async with running(self.home) as daemon:
                await self.settle(daemon)
                async with faults.failing(daemon, file, fault):
                    survived = await outlives(daemon, act or sync)
                await self.bury(daemon, f"{fault} on {file}")
            if survived:
                return number
        raise AssertionError

    async def settle(self, daemon: Daemon) -> None:
        """Sync: that goes well just if the server honours what is sealed. Authorise where not."""
        if self._honoured is None:
            await accounts.introduce(daemon)
            assert await synced(daemon, accounts.authorise)
            return
        went_well = await synced(daemon, sync)
        grant = (await accounts.shown(daemon))["grant"]
        story = f"{self.deaths[-3:]} {grant} {daemon.lines[-12:]}"
        if self._honoured:
            assert went_well, f"a person is asked for needlessly: {story}"
            assert grant["phase"] == "good", story
        else:
            assert not went_well, f"a token that is lost passes for a good one: {story}"
            assert (grant["phase"], grant["reason"]) == ("needed", "used-up"), story
            assert await synced(daemon, accounts.authorise)
        self.check_ledger()

    def check_ledger(self) -> None:
        """No refresh token was delivered more often than its way out allows."""
        for statuses in self.gate.ledger().values():
            match self.setting.way:
                case "introspect":
                    good = len(statuses) == 1
                case "reuse":
                    good = set(statuses) == {200}
                case _:
                    good = statuses[0] == 200 and set(statuses[1:]) <= {400}
                    good = good and len(statuses) <= 1 + TRIES_MAX
            assert good, f"delivered with {statuses}; {self.deaths[-3:]}"

    async def conclude(self) -> None:
        """One more life, which is left alone; then the log tells the story."""
        async with running(self.home) as daemon:
            await self.settle(daemon)
            assert await daemon.stop() == 0
        events = self.home.log()
        accounts.check_story(events)
        tries = [each for each in accounts.of(events, "refresh-intended") if each["tries"]]
        again = [each for each in self.gate.ledger().values() if len(each) > 1]
        assert len(again) <= len(tries), "a token is sent again only where it was in doubt"
        needs = accounts.of(events, "authorisation-needed")
        assert {each["reason"] for each in needs} <= {"new", "in-doubt", "used-up"}
        ids = [row["id"] for row in self.home.view(accounts.VIEW)]
        assert sorted(ids) == accounts.RECORDS

    async def bury(self, daemon: Daemon, name: str) -> None:
        """See to it that it is dead, and that its last request has come to its end."""
        code = await daemon.stop(signal.SIGKILL)
        assert code == -signal.SIGKILL, f"{name}: it ended by itself: {daemon.complaint}"
        self.deaths.append(name)
        with trio.fail_after(WAIT_S):
            await wait_all_tasks_blocked(CUSHION_S)
            while self._under_way():
                await wait_all_tasks_blocked(CUSHION_S)
        pair = accounts.sealed(self.home)
        assert pair is not None, f"{name}: no pair is left"
        self._honoured = self.setting.way == "reuse" or await accounts.honours(self.peer, pair)

    def _under_way(self) -> int:
        ended = self.gate.count("token-returned") + self.gate.count("token-dropped")
        return self.gate.count("token-arrived") - ended


async def sync(daemon: Daemon) -> list[int]:
    """Ask for a sync; the events that this caused. Raises NotAuthorised."""
    answer = await daemon.call("POST", "sync", json={"connection": CONNECTION})
    if answer.status_code == 409:
        assert answer.json()["code"] == "not-authorised", answer.text
        raise NotAuthorised
    assert answer.status_code == 200, answer.text
    return answer.json()["events"]


class NotAuthorised(Exception):
    """A person must authorise the connection first."""


async def synced(daemon: Daemon, act: Act) -> bool:
    """Act, and wait for the end of the sync that this starts; whether it needed no person."""
    before = len(daemon.lines)
    try:
        done = await act(daemon)
    except NotAuthorised:
        return False
    request = done[0] if isinstance(done, list) and done else None
    seen = count()

    def decided(line: Line) -> bool:
        if act is not sync and next(seen) < before:
            return False
        begun = line["event"] == "sync-started" and request in (None, line.get("request"))
        return begun or line["event"] == "authorisation-needed"

    *_, line = await daemon.heard(decided)
    if line["event"] == "authorisation-needed":
        return False
    ending = await daemon.ending(line["seq"])
    return ending["event"] == "sync-succeeded"


async def outlives(daemon: Daemon, act: Act) -> bool:
    """Whether an act, and the sync that it starts, come to their end before the daemon dies."""
    try:
        return await synced(daemon, act)
    except (Ended, httpx.TransportError):
        return False


@asynccontextmanager
async def telling(home: Home, setting: Setting) -> AsyncIterator[Story]:
    with setting.serving() as peer:
        async with gate.opened(peer) as opened:
            accounts.declare(home, peer, opened, **setting.auth(peer, opened))
            home.configure(CONNECTION, tokens=accounts.ALWAYS, sync={"interval": "7d"})
            story = Story(home, peer, opened, setting)
            yield story
            await story.conclude()


# -- at each step of an exchange ------------------------------------------------------------------


class Swallow:
    """Keeps a request until `release`, and then it never reaches the server."""

    def __init__(self) -> None:
        self._released = trio.Event()

    async def __call__(self, exchange: Exchange, forward: Forward) -> Answer:
        await self._released.wait()
        raise HangUp

    def release(self) -> None:
        self._released.set()


def holding(hold: Callable[[], Swallow | turns.Hold], step: str) -> Plan:
    """Die while a token request is held at that step; then it is let go."""

    def plan(story: Story, _: Daemon) -> Kill:
        turn = hold()
        story.gate.next("token", turn)
        reached = passing(step)(story, _)

        async def kill(daemon: Daemon) -> None:
            await reached(daemon)
            await daemon.process.wait()
            turn.release()

        return kill

    return plan


def passing(step: str) -> Plan:
    """Die as a request comes to that step."""

    def plan(story: Story, _: Daemon) -> Kill:
        times = story.gate.count(step) + 1

        async def kill(daemon: Daemon) -> None:
            await story.gate.reached(step, times)
            daemon.process.kill()

        return kill

    return plan


def saying(event: str) -> Plan:
    """Die as the daemon says that."""

    def plan(_: Story, daemon: Daemon) -> Kill:
        seen, before = count(), len(daemon.lines)

        async def kill(daemon: Daemon) -> None:
            await daemon.heard(lambda line: next(seen) >= before and line["event"] == event)
            daemon.process.kill()

        return kill

    return plan


def waiting(seconds: float) -> Plan:
    """Die after so long."""

    def plan(_: Story, __: Daemon) -> Kill:
        async def kill(daemon: Daemon) -> None:
            with trio.move_on_after(seconds):
                await daemon.end()

        return kill

    return plan


STEPS = {
    "lost before the server has it": holding(Swallow, "token-arrived"),
    "late at the server": holding(lambda: turns.Hold(answered=False), "token-arrived"),
    "answered to nobody": holding(lambda: turns.Hold(answered=True), "token-answered"),
    "delivered": passing("token-delivered"),
    "answered": passing("token-answered"),
    "returned": passing("token-returned"),
    "intended": saying("refresh-intended"),
    "refreshed": saying("token-refreshed"),
}


@SETTINGS
async def test_a_death_at_any_step_of_a_refresh_is_survived(home, setting):
    async with telling(home, setting) as story:
        for name, plan in STEPS.items():
            await story.life(name, plan)


# -- at each write of vault and log ---------------------------------------------------------------


@faults.traced
@SETTINGS
@pytest.mark.parametrize("file, call", [("vault-wal", "pwrite64"), ("log-wal", "fdatasync")])
async def test_a_death_at_any_write_around_a_refresh_is_survived(home, setting, file, call):
    async with telling(home, setting) as story:
        assert await story.sweep(file, call) > 2


@faults.traced
@pytest.mark.parametrize("setting", [ASKED[1], TRIED[0]], ids=str)
async def test_a_death_between_any_two_pages_of_the_log_is_survived(home, setting):
    async with telling(home, setting) as story:
        assert await story.sweep("log-wal", "pwrite64", step=3) > 5


@faults.traced
@pytest.mark.parametrize("setting", ASKED, ids=str)
@pytest.mark.parametrize("file, step", [("vault-wal", 1), ("log-wal", 3)])
async def test_a_death_while_somebody_authorises_anew_loses_no_pair(home, setting, file, step):
    async with telling(home, setting) as story:
        assert await story.sweep(file, "pwrite64", act=accounts.authorise, step=step) > 2


@faults.traced
@pytest.mark.parametrize("setting", ASKED, ids=str)
async def test_a_death_before_a_second_consent_is_written_down_keeps_its_pair(home, setting):
    """Two people were sent to the provider; the first is back already."""
    async with telling(home, setting) as story, running(home) as daemon:
        await story.settle(daemon)
        first, second = [await accounts.consented(daemon) for _ in range(2)]
        assert await synced(daemon, partial(accounts.finish, brought=first))
        hold = turns.Hold(answered=True)
        story.gate.next("token", hold)
        times = story.gate.count("token-answered") + 1
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outlives, daemon, partial(accounts.finish, brought=second))
            await story.gate.reached("token-answered", times)
            async with faults.failing(daemon, "log-wal", "pwrite64:signal=KILL:when=1"):
                hold.release()
                await daemon.end()
        before = accounts.of(home.log(), "connection-authorised")
        await story.bury(daemon, "before the second is written down")
        assert len(before) == 2, "it was not written down"


# -- at moments that dice choose ------------------------------------------------------------------


@SETTINGS
async def test_a_death_at_any_moment_of_a_sync_is_survived(home, setting):
    dice = random.Random(SEED)
    async with telling(home, setting) as story:
        for _ in range(8):
            seconds = dice.uniform(0, SYNC_S)
            await story.life(f"{seconds:.3f} s after the wish", waiting(seconds))


@pytest.mark.parametrize("setting", [*ASKED, *REUSED], ids=str)
async def test_deaths_in_a_row_while_doubt_is_settled_are_survived(home, setting):
    """Where asking, or sending once more, costs nothing, nor does dying over it again."""
    dice = random.Random(SEED)
    async with telling(home, setting) as story:
        for name in ("lost before the server has it", "answered to nobody", "returned"):
            await story.life(name, STEPS[name])
            for _ in range(3):
                await story.short_life(dice.uniform(0, START_S))

"""What is shown before a rollback is what comes of it, and where it goes is what was meant."""

import json
import re

import pytest
import trio

from daemon import commands
from daemon.cli import rollback_words
from daemon.control import rollback, state_preview
from daemon.control.desk import Refused
from daemon.control.rollback_messages import PreviewWish, RollbackWish, TargetsQuery
from daemon.exchange import Response
from daemon.provider_file import ProviderFile
from daemon.stream_file import Stream
from events.schema import RecordsCaptured, SyncFailed, SyncStarted, SyncSucceeded
from events.terms import Caller, RollbackScope
from events.versions import RollbackStarted
from tests.fakes.in_process import NAME, InProcess

pytestmark = pytest.mark.requirement("F5")

BY = Caller(uid=0, role="operator")
STATE = {"connection": NAME, "scope": RollbackScope.STATE}


class Shop(InProcess):
    """Two streams; what of them is `down` comes as nonsense."""

    file = ProviderFile(
        name="health",
        base_url="https://health.example",
        streams={
            "orders": Stream(path="/orders", primary_key=("id",)),
            "stock": Stream(path="/stock", primary_key=("id",)),
        },
    )

    def __init__(self):
        super().__init__()
        self.down = set()
        self.rows = {"orders": 30, "stock": 30}

    async def send(self, request):
        await trio.sleep(0.1)
        if request.stream in self.down:
            return Response(status=200, headers={}, body=b"{}", duration_ms=1)
        number = len(self.events(SyncStarted))
        found = [{"id": each, "sync": number} for each in range(self.rows[request.stream])]
        return Response(status=200, headers={}, body=json.dumps(found).encode(), duration_ms=1)

    async def sync(self, daemon):
        """The number of its start, and of its end."""
        daemon.journal.execute(commands.Request(subject=self.subject))
        await trio.sleep(30)
        last = self.events(SyncSucceeded, SyncFailed)[-1]
        return last.event.sync, last.seq

    def captured(self, version):
        found = self.events(RecordsCaptured)
        return [each.seq for each in found if each.event.version == version]


def said(found, capsys):
    rollback_words.preview(found)
    return capsys.readouterr().out


async def refusal(of):
    with pytest.raises(Refused) as refused:
        await of
    return refused.value.code, refused.value.message


async def test_a_stream_alone_that_does_otherwise_is_shown(autojump_clock, capsys):
    """The connection's own streak is 0 then and now."""
    shop = Shop()
    async with shop.life() as daemon:
        desk = shop.desk(daemon)
        _, good = await shop.sync(daemon)
        shop.down = {"stock"}
        await shop.sync(daemon)
        wish = PreviewWish(to=str(good), **STATE)
        found = await rollback.preview(desk, wish, BY)
        before, after = found.state.before, found.state.after
        assert found.state.differs
        assert (before.failures, after.failures, [*before.streams]) == (0, 0, ["stock"])
        stocks = before.streams["stock"], after.streams["stock"]
        assert [(each.failures, each.cause) for each in stocks] == [(1, "malformed"), (0, None)]
        assert [each.condition for each in stocks] == ["unhealthy", "healthy"]
        assert (after.last.event, after.last.word) == (good, "succeeded")
        words = said(found, capsys)
        assert re.search(r"stock: failures in a row +1 +0\n", words)
        assert re.search(rf"last sync .*succeeded, \d+ s ago \(event {good}\)", words)
        assert "orders" not in words
        back = await rollback.rollback(desk, RollbackWish(to=str(good), **STATE), BY)
        real = state_preview.of(desk, shop.subject, daemon.journal.world.connections[shop.subject])
        assert (real.before.condition, real.before.last) == (after.condition, after.last)
        assert real.before.next_start == after.next_start
        assert back.event
        again = await rollback.preview(desk, wish, BY)
        assert not again.state.differs
        assert said(again, capsys).endswith(f"nothing differs from what it was at event {good}\n")


async def test_the_state_goes_back_as_a_whole(autojump_clock):
    shop = Shop()
    async with shop.life() as daemon:
        desk = shop.desk(daemon)
        _, good = await shop.sync(daemon)
        head = daemon.journal.head.seq
        for of in (
            rollback.rollback(desk, RollbackWish(to=str(good), streams=["stock"], **STATE), BY),
            rollback.preview(desk, PreviewWish(to=str(good), streams=["x"], **STATE), BY),
        ):
            words = "the state goes back as a whole: leave `streams` out"
            assert await refusal(of) == ("invalid", words)
        assert daemon.journal.head.seq == head


@pytest.mark.requirement("X4")
async def test_a_version_is_once_what_brought_it_was_over(autojump_clock, capsys):
    """For all streams, also where another one came before it. Its number alone is its start."""
    shop = Shop()
    async with shop.life() as daemon:
        desk = shop.desk(daemon)
        first, _ = await shop.sync(daemon)
        second, end = await shop.sync(daemon)
        await shop.sync(daemon)
        found = await rollback.preview(desk, PreviewWish(connection=NAME, to=f"v{second}"), BY)
        assert (found.to, found.within) == (end, None)
        assert [each.of for each in found.streams] == [second, second]
        for to in (second, shop.captured(second)[0]):
            found = await rollback.preview(desk, PreviewWish(connection=NAME, to=str(to)), BY)
            assert (found.to, found.within) == (to, second)
            assert first in [each.of for each in found.streams]
            assert f"once it was over: --to v{second}\n" in said(found, capsys)
        wish = RollbackWish(connection=NAME, to=f"v{first}")
        back = await rollback.rollback(desk, wish, BY)
        assert [each.of for each in back.streams] == [first, first]
        (began,) = [each.seq for each in shop.events(RollbackStarted)]
        await shop.sync(daemon)
        found = await rollback.preview(desk, PreviewWish(connection=NAME, to=f"v{began}"), BY)
        assert found.to == back.event


async def test_what_is_no_version_is_not_gone_back_to(autojump_clock):
    shop = Shop()
    async with shop.life() as daemon:
        desk = shop.desk(daemon)
        good, end = await shop.sync(daemon)
        shop.down = {"orders", "stock"}
        vain, _ = await shop.sync(daemon)
        for number in (vain, end, 0, 999_999):
            wish = PreviewWish(connection=NAME, to=f"v{number}")
            code, words = await refusal(rollback.preview(desk, wish, BY))
            assert (code, f"{NAME} has no version {number}; " in words) == ("not-found", True)
        code, words = await refusal(rollback.targets(desk, TargetsQuery(to=f"v{good}"), BY))
        assert (code, f"version {good} is one connection's" in words) == ("invalid", True)
        shop.down = set()
        daemon.journal.execute(commands.Request(subject=shop.subject))
        await trio.sleep(0.15)
        wish = PreviewWish(
            connection=NAME, to=f"v{daemon.journal.world.connections[shop.subject].run.sync}"
        )
        assert (await refusal(rollback.preview(desk, wish, BY)))[0] == "running"


async def test_both_whereto_are_not_taken(autojump_clock):
    shop = Shop()
    async with shop.life() as daemon:
        wish = PreviewWish(connection=NAME, to="4", undo=3)
        assert await refusal(rollback.preview(shop.desk(daemon), wish, BY)) == (
            "invalid",
            "`to` and `undo` were both given: leave one of them out",
        )

"""Whatever somebody was answered once, is it answered again, to the byte, as of then?"""

import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from msgspec import Struct
from msgspec.structs import replace

from daemon.app import Daemon
from daemon.configuration import Configuration
from daemon.control import asof, reporting
from daemon.control.desk import Desk, Refused
from daemon.control.operation import Operation
from daemon.control.operations import OPERATIONS
from daemon.control.source_messages import Metrics, Report
from daemon.places import Places
from daemon.source_file import SourceTable
from daemon.vault import Vault
from events.sources import Pattern
from events.terms import Caller
from tests.fakes.in_process import alive
from tests.simulation.fleet import Fleet
from tests.simulation.host import Freezer, simulated
from tests.simulation.lives import Month

PERSON = Caller(uid=1000, role="admin")
NOWHERE = Path("/nowhere")
PHONE = "alice/phone"
BETWEEN_S = 3600  # two looks, on average
ASKED = 25  # looks that are asked for again
OF_NOW = ("pid", "shape")
OF_PROGRESS = ("stream", "pages", "records")
"""What no log holds: the process, fields of versions that are kept, how far what runs has come."""
OF_PROVIDER = ("provider", "connections", "streams", "programs")
"""What the log says of a provider; the rest is its file's."""


class Answered(Struct, frozen=True, kw_only=True):
    """What an operation answered while event `seq` was the last one, or why it did not."""

    operation: str
    wish: dict[str, Any]
    seq: int
    now: datetime
    said: bytes


class Onlooker:
    """Looks at everything now and then, and remembers what it saw of what became durable."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.looks: list[list[Answered]] = []

    async def look(self, desk: Desk) -> None:
        while True:
            await trio.sleep(self.dice.expovariate(1 / BETWEEN_S))
            if desk.journal.holds:
                continue  # a full disk is of now alone
            seen = [await answered(desk, operation, wish) for operation, wish in self._asked(desk)]
            await desk.journal.head.beyond(max(each.seq for each in seen) - 1)
            self.looks.append(seen)

    def _asked(self, desk: Desk) -> Iterator[tuple[Operation, dict[str, Any]]]:
        """Every operation that answers as of then: of all, or of somebody."""
        connections = [*desk.journal.world.connections]
        name = desk.vault.name(self.dice.choice(connections))
        tenant, _, provider = name.partition("/")
        wishes = {
            "connection": {"connection": name},
            "explain": {"connection": name},
            "source": {"source": PHONE},
            "drift": {"connection": name},
            "drift-backtest": {"connection": name},
            "calculate-data-drift": {"tenant": tenant, "source": provider},
            "consent": {"tenant": tenant},
            "detect-sync-issues": {"tenant": tenant, "threshold_hours": 5},
            "get-sync-health-status": {"tenant": tenant},
            "get-queue-health-metrics": self.dice.choice([{}, {"tenant": tenant}]),
            "issues": self.dice.choice([{}, {"tenant": tenant}]),
            "policy": self.dice.choice([{}, {"connection": name}, {"tenant": tenant}]),
            "get-next-rotation-provider": {"tenant": tenant},
            "calculate-connection-health-score": {"tenant": tenant, "provider": provider},
            "schedule": self.dice.choice([{}, {"tenant": tenant}]),
            "analyze-sync-health": self.dice.choice([{}, {"tenant": tenant, "provider": provider}]),
        }
        for operation in OPERATIONS:
            if operation.as_of:
                yield operation, wishes.get(operation.name, {})


async def answered(desk: Desk, operation: Operation, wish: dict[str, Any]) -> Answered:
    """What it says now, without what no log holds."""
    seq, now, found = desk.journal.world.seq, desk.journal.clock.now(), None
    try:
        found = await operation.call(desk, msgspec.convert(wish, operation.takes), PERSON)
    except Refused as refused:
        said: Any = [refused.code, refused.message]
    else:
        seq, now = getattr(found, "seq"), getattr(found, "now")  # noqa: B009 - all of these have them
        said = _logged(operation, msgspec.to_builtins(found))
    encoded = msgspec.json.encode(said)
    return Answered(operation=operation.name, wish=wish, seq=seq, now=now, said=encoded)


def _logged(operation: Operation, said: dict[str, Any]) -> Any:
    if operation.name == "providers":
        there = [each for each in said["providers"] if each["connections"]]
        return [{name: each[name] for name in OF_PROVIDER} for each in there]
    _forget(said)
    return said


def _forget(said: Any) -> None:
    """Leave out, wherever it stands, what no log holds."""
    if isinstance(said, dict):
        runs = "started" in said or said.get("status") == "processing"
        for name in OF_NOW + (OF_PROGRESS if runs else ()):
            said.pop(name, None)
    inside = said.values() if isinstance(said, dict) else said if isinstance(said, list) else ()
    for each in inside:
        _forget(each)


def desk_of(daemon: Daemon, vault: Vault, configuration: Configuration) -> Desk:
    places = Places(config=NOWHERE, state=NOWHERE, socket=NOWHERE)
    return Desk.of(daemon, vault, configuration, places, "simulated")


async def reporting_now_and_then(desk: Desk, dice: random.Random) -> None:
    """A phone's reports, some of them late, some again."""
    subject = desk.vault.subject("source", PHONE)
    assert subject is not None, "it is declared"
    while True:
        await trio.sleep(dice.expovariate(1 / BETWEEN_S))
        at = desk.journal.clock.now() - timedelta(minutes=dice.randrange(300))
        depth = dice.randrange(9)
        told = Report(at=at, key=str(dice.randrange(50)), metrics=Metrics(queue_depth=depth))
        with suppress(Refused):
            await reporting.take(desk, subject, [told, told])


class WatchedFleet(Fleet):
    """Forty connections under the whole policy, and a phone."""

    onlooker: Onlooker

    def _visit(self, daemon: Daemon, people: trio.Nursery) -> None:
        super()._visit(daemon, people)
        desk = desk_of(daemon, self.host.vault, self._configuration())
        people.start_soon(self.onlooker.look, desk)
        people.start_soon(reporting_now_and_then, desk, random.Random(daemon.journal.world.seq))

    def _configuration(self) -> Configuration:
        usual = super()._configuration()
        sources = {PHONE: SourceTable(pattern=Pattern.ANDROID)}
        return replace(usual, settings=replace(usual.settings, sources=sources))


class WatchedMonth(Month):
    """Nine connections, some with tokens and days."""

    onlooker: Onlooker

    def _visit(self, daemon: Daemon, people: trio.Nursery) -> None:
        super()._visit(daemon, people)
        people.start_soon(self.onlooker.look, self.desk(daemon))


async def asked_again(desk: Desk, onlooker: Onlooker) -> None:
    """Ask for some of what was seen, in any order, each time as of then."""
    known = {each.name: each for each in OPERATIONS}
    for look in onlooker.dice.sample(onlooker.looks, min(ASKED, len(onlooker.looks))):
        for seq in {each.seq for each in look}:
            world = await desk.past.state_at(seq)
            for before in (each for each in look if each.seq == seq):
                then = asof.desk_of(desk, world, before.now)
                again = await answered(then, known[before.operation], before.wish)
                assert again.said.decode() == before.said.decode(), before
            assert world == await desk.past.state_at(seq), "who looks changes nothing"


@pytest.mark.requirement("X1")
@pytest.mark.parametrize("seed", range(2))
def test_what_a_fleet_was_said_to_be_like_is_said_again_as_of_then(seed: int) -> None:
    async def whole() -> int:
        fleet, onlooker = WatchedFleet(seed), Onlooker(seed)
        fleet.onlooker = onlooker
        await fleet.run()
        async with alive(
            fleet.host.disk, random.Random(seed), partial(fleet._parts, freezer=Freezer(fleet.dice))
        ) as daemon:
            await asked_again(desk_of(daemon, fleet.host.vault, fleet._configuration()), onlooker)
        return len(onlooker.looks)

    assert simulated(whole, seed) > 10


@pytest.mark.requirement("X1")
def test_what_grants_and_days_were_said_to_be_like_is_said_again_as_of_then() -> None:
    async def whole() -> int:
        month, onlooker = WatchedMonth(1, accounts=True), Onlooker(1)
        month.onlooker = onlooker
        await month.run(timedelta(days=4))
        async with alive(
            month.disk, random.Random(1), partial(month.parts, freezer=Freezer(month.dice))
        ) as daemon:
            await asked_again(month.desk(daemon), onlooker)
        return len(onlooker.looks)

    assert simulated(whole, 1) > 10

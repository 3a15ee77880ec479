"""What does the story of one seed say: its events, what is wrong with it, and its digest?"""

import hashlib
import random
from datetime import datetime, timedelta

import trio
from msgspec import Struct

from daemon.replaying import replay
from events.codec import decode
from events.envelope import Recorded
from projections.world import World
from tests.fakes import remembered
from tests.fakes.memory_log import MemoryLog
from tests.simulation.auditor import complaints
from tests.simulation.auditor.reading import Reading
from tests.simulation.fleet import CONNECTIONS, QUIET, Fleet
from tests.simulation.host import simulated

LAST_EVENTS = 20
SHOWN = 20  # complaints: one mistake makes many
A_WHILE = timedelta(hours=1)  # in which a whole fleet that is due at once gets its turns


class Story(Struct, frozen=True, kw_only=True):
    """`healed` counts the connections that had to do well in the end, and did."""

    seed: int
    events: list[Recorded]
    kills: int
    stops: int
    wrong: list[str]
    healed: int
    digest: str

    def __str__(self) -> str:
        told = (
            f"seed {self.seed}: {len(self.events)} events, {self.kills} kills, {self.stops} stops, "
            f"{self.healed} healed, {len(self.wrong)} complaints, sha256 {self.digest}"
        )
        if not self.wrong:
            return told
        last = [f"    {each}" for each in self.events[-LAST_EVENTS:]]
        return "\n".join(
            [told, *(f"  {each}" for each in self.wrong[:SHOWN]), "  last events:", *last]
        )


def story(seed: int) -> Story:
    """Live through the seed's days and two quiet ones, then read what the log says."""

    async def whole() -> Fleet:
        fleet = Fleet(seed)
        await fleet.run()
        await fleet.heal()
        return fleet

    fleet = simulated(whole, seed)
    events = [decode(row) for row in fleet.host.disk.rows]
    unhealed, healed = _healing(fleet, events)
    return Story(
        seed=seed,
        events=events,
        kills=fleet.host.kills,
        stops=fleet.host.stops,
        wrong=[*complaints(events), *_mistreatment(fleet), *_replay(fleet), *unhealed],
        healed=healed,
        digest=_digest(fleet),
    )


def _digest(fleet: Fleet) -> str:
    """Over every row: number, time, subject, tag and body, to the byte."""
    digest = hashlib.sha256()
    for row in fleet.host.disk.rows:
        digest.update(repr(row).encode())
    return digest.hexdigest()


def _mistreatment(fleet: Fleet) -> list[str]:
    return [
        f"{name}: {count} times {what}"
        for name, provider in fleet.providers.items()
        for what, count in provider.mistreated.items()
    ]


def _replay(fleet: Fleet) -> list[str]:
    """Whether a fresh World makes of the log what the daemon made of it while it lived."""

    async def fresh() -> World:
        async with trio.open_nursery() as nursery:
            return replay(MemoryLog(fleet.host.disk, nursery, random.Random(0)))

    again = trio.run(fresh)
    return [
        f"replay differs from what was lived in {name}"
        for name in World.__struct_fields__
        if getattr(again, name) != getattr(fleet.world, name)
    ] + remembered.wrong(fleet.host.disk, fleet.host.snapshots)


def _healing(fleet: Fleet, events: list[Recorded]) -> tuple[list[str], int]:
    """Whoever may sync has done so in the quiet days, and holds what its provider has."""
    reading, now, healed = Reading(), events[-1].at, 0
    for each in events:
        reading.read(each)
    wrong: list[str] = []
    for name in CONNECTIONS:
        subject = fleet.host.subject(name)
        if _is_kept_back(reading, subject):
            continue
        healed += 1
        last = fleet.world.connections[subject].health.last_success
        if last is None or now - last > QUIET:
            wrong.append(f"{name} ({subject}) last succeeded at {last}, and it is {now}")
        quiet = any(reading.is_quiet(at, subject) for at in (now, now - A_WHILE))
        if not quiet and (due := _waits_since(reading, subject)) < now:
            wrong.append(f"{name} ({subject}) is due since {due}, and nothing starts")
        wrong += [
            f"{name} ({subject}) does not hold the {stream} that its provider has"
            for stream in ("orders", "stock")
            if not _holds(fleet, name, stream)
        ]
    return wrong, healed


def _is_kept_back(reading: Reading, subject: int) -> bool:
    """By a person, or since it was switched off for good."""
    line = reading.lines[subject]
    stops = [reading.stops.get(each) for each in (subject, line.provider)]
    latched = any(stop is not None and stop.until is None for stop in stops)
    return line.paused or latched or not reading.value("enabled", subject)


def _waits_since(reading: Reading, subject: int) -> datetime:
    """Since when what is pending could have run, with an hour to do so."""
    line = reading.lines[subject]
    assert line.plan is not None, "each has its next turn"
    due = [line.plan.due, *(it.due for it in (line.request, line.retry) if it)]
    stops = [reading.stops.get(each) for each in (subject, line.provider)]
    opens = [stop.until for stop in stops if stop and stop.until]
    return max([min(due), *opens]) + A_WHILE


def _holds(fleet: Fleet, name: str, stream: str) -> bool:
    page = fleet.host.store.show(fleet.host.subject(name), stream, after=None, limit=1000)
    held = sorted(page.records, key=lambda row: row["id"]) if page else []
    there = fleet.providers[name.split("/")[1]].account(name)
    return held == sorted(there.values(), key=lambda row: row["id"])

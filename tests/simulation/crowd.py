"""What do people type at the worst of moments?

Half of the time they act right after something was recorded, on the connection that it spoke of.
"""

import random
from collections.abc import Callable
from datetime import time, timedelta
from typing import Any

import trio

from daemon.app import Daemon
from daemon.commands import (
    Cancel,
    CloseBreaker,
    Command,
    OpenBreaker,
    Pause,
    Request,
    ResetBreaker,
    ResetSettings,
    Resume,
    Retry,
    SetSettings,
)
from events.envelope import Recorded
from events.policy import Settings
from events.schema import FLEET
from events.terms import Caller
from projections.world import World

PERSON = Caller(uid=1000, role="admin")
A_COMMAND_S = 700.0  # on average
HASTE_S_MAX = 3.0
PUT_RIGHT = 0.9  # the chance of each thing that is stopped
ZONES = ("Europe/Madrid", "America/New_York", "Australia/Sydney", "UTC")
MINUTE = timedelta(minutes=1)


class Gaze:
    """What was recorded last, and how to wait for the next thing."""

    def __init__(self, daemon: Daemon) -> None:
        self.last: Recorded | None = None
        self._next = trio.Event()
        daemon.journal.observe(self._see)

    async def catch(self) -> None:
        self._next = trio.Event()
        await self._next.wait()

    def _see(self, recorded: Recorded) -> None:
        self.last = recorded
        self._next.set()


async def worst_moments(daemon: Daemon, dice: random.Random) -> None:
    """Type a command now and then."""
    gaze = Gaze(daemon)
    while True:
        await trio.sleep(dice.expovariate(1 / A_COMMAND_S))
        world = daemon.journal.world
        subject = dice.choice(list(world.connections))
        if dice.random() < 0.5:
            await gaze.catch()
            await trio.sleep(dice.choice([0, dice.uniform(0, HASTE_S_MAX)]))
            if gaze.last is not None and gaze.last.subject in world.connections:
                subject = gaze.last.subject
        await daemon.journal.room()
        recorded = daemon.journal.execute(_wish(world, subject, dice))
        await daemon.journal.durable(recorded)


def put_right(daemon: Daemon, dice: random.Random) -> None:
    """Resume, close and switch on most of what people had stopped."""
    world = daemon.journal.world
    wishes: list[Command] = [Resume(subject=each, by=PERSON) for each in world.connections]
    wishes += [
        CloseBreaker(subject=each, by=PERSON) for each in (*world.providers, *world.connections)
    ]
    wishes += [
        ResetSettings(subject=each, names=("enabled",), by=PERSON)
        for each in (FLEET, *world.tenants)
    ]
    for wish in wishes:
        if dice.random() < PUT_RIGHT:
            daemon.journal.execute(wish)


def _wish(world: World, subject: int, dice: random.Random) -> Command:
    kind = dice.random()
    if kind < 0.45:
        return _of_sync(subject, dice)
    if kind < 0.6:
        wish = dice.choice([Pause, Resume, Resume, Resume])
        return wish(subject=subject, by=PERSON)
    if kind < 0.75:
        provider = world.connections[subject].provider
        wish = dice.choice([OpenBreaker, CloseBreaker, CloseBreaker, ResetBreaker])
        return wish(subject=dice.choice([subject, subject, provider]), by=PERSON)
    return _of_settings(world, subject, dice)


def _of_sync(subject: int, dice: random.Random) -> Command:
    match dice.randrange(6):
        case 0 | 1:
            return Request(subject=subject, by=PERSON)
        case 2:
            return Request(subject=subject, by=PERSON, forced=True)
        case 3:
            return Retry(subject=subject, by=PERSON, forced=dice.random() < 0.5)
        case _:
            return Cancel(subject=subject, by=PERSON)


def _of_settings(world: World, subject: int, dice: random.Random) -> Command:
    known = world.connections[subject]
    of = dice.choice([FLEET, known.provider, known.tenant, known.tenant, subject, subject])
    if dice.random() < 0.3:
        names = dice.choice([(), ("enabled",), ("interval", "interval.stock")])
        return ResetSettings(subject=of, names=names, by=PERSON)
    choices = [*OF_ANY]
    choices += OF_FLEET if of == FLEET else []
    choices += OF_PROVIDER if of in {FLEET, known.provider} else []
    choices += OF_TENANT if of == known.tenant else []
    name, draw = dice.choice(choices)
    given = {name: draw(dice)}
    if name == "quiet_hours_start":
        given |= {"quiet_hours_end": _wall(dice), "timezone": dice.choice(ZONES)}
    return SetSettings(subject=of, settings=Settings(**given), by=PERSON)


def _wall(dice: random.Random) -> time:
    return time(dice.randrange(24), dice.choice([0, 30]))


Draw = tuple[str, Callable[[random.Random], Any]]

OF_ANY: tuple[Draw, ...] = (
    ("interval", lambda dice: dice.choice([240, 450, 720]) * MINUTE),
    ("stream_intervals", lambda dice: {"stock": dice.choice([240, 500]) * MINUTE}),
    ("max_retry_attempts", lambda dice: dice.randint(1, 5)),
    ("failover_enabled", lambda dice: dice.random() < 0.7),
    ("retry_jitter", lambda dice: dice.random() < 0.5),
    ("retry_delay", lambda dice: dice.choice([1, 10, 30]) * MINUTE),
    ("retry_priority_step", lambda dice: dice.randint(-2, 2)),
    ("failover_enabled", lambda dice: dice.random() < 0.8),
    ("spread", lambda dice: dice.choice([0.0, 0.3])),
    ("breaker_syncs_in_a_row", lambda dice: dice.randint(1, 5)),
    ("breaker_open", lambda dice: dice.choice([1, 20, 90]) * MINUTE),
)
OF_FLEET: tuple[Draw, ...] = (
    ("concurrency", lambda dice: dice.randint(1, 9)),
    ("retries_at_once", lambda dice: dice.randint(1, 3)),
    ("quiet_hours_start", _wall),
)
OF_PROVIDER: tuple[Draw, ...] = (
    ("provider_concurrency", lambda dice: dice.randint(1, 5)),
    ("retry_budget", lambda dice: dice.choice([0.0, 0.2, 1.0])),
    ("breaker_connections", lambda dice: dice.randint(1, 4)),
)
OF_TENANT: tuple[Draw, ...] = (
    ("enabled", lambda dice: dice.random() < 0.3),
    ("enabled", lambda _: False),
    ("quiet_hours_start", _wall),
    ("timezone", lambda dice: dice.choice(ZONES)),
    ("priority_order", lambda dice: tuple(dice.sample(["outland", "stormy", "fading"], 2))),
)

"""A desk over a World and nothing else: enough for questions that the World alone answers."""

from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from projections.world import World
from tests.benchmarks.fleet import Nowhere, Still


class Names:
    """Everybody is called after their number: tenant 7 is t7, its connection 9 is t7/9."""

    def __init__(self, world: World) -> None:
        self._world = world

    def name(self, subject: int) -> str:
        known = self._world.connections.get(subject)
        return f"t{known.tenant}/{subject}" if known else f"t{subject}"

    def subject(self, kind: str, name: str) -> int | None:
        assert kind == "tenant", "connections are not looked up here"
        return int(name[1:])


def desk_of(world: World, now: datetime) -> Any:
    """As of then; nothing can be done at it."""
    journal = SimpleNamespace(
        world=world,
        clock=Still(now),
        holds=set(),
        head=SimpleNamespace(seq=world.seq),
        log=Nowhere(),
    )
    return SimpleNamespace(
        journal=journal,
        vault=Names(world),
        places=SimpleNamespace(state=Path("/nowhere")),
        live=False,
        version="1",
        providers={},
        progress=lambda _: None,
        sees=None,
    )

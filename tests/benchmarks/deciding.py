"""How fast is a wish decided and folded, against encoding and decoding the events that it became?

Of 1,000 connections ten sync at once; nothing is written. A wish is counted once, however many
events follow from it.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import msgspec
from msgspec.structs import replace

from daemon import commands
from daemon.decide import decide
from events import schema, terms
from events.codec import encode
from events.envelope import Recorded
from projections import world as worlds
from projections.world import World
from tests.benchmarks.figure import Figure, compare, cpu_rate
from tests.benchmarks.fleet import BEGIN, INTERVAL, STREAMS, finished, fleet, subjects

CONNECTIONS = 1000
TURNS = 9
NOW = BEGIN + INTERVAL
AT_ONCE = 10  # one at each provider: what a fleet runs by default
NEVER = 1_000_000  # failures that a breaker waits for
LOST = terms.StreamFailure(
    stream=STREAMS[0].name,
    cause=terms.FailureClass.SERVER,
    message="the provider failed (503)",
    status=503,
)

Wish = Callable[[World, int], commands.Command]


def figures(connections: int = CONNECTIONS, turns: int = TURNS) -> Iterator[Figure]:
    for name, before, wish in SCENES:
        told = _told(connections, before, wish)
        yield compare(
            f"decide {name}",
            "decisions/s",
            lambda before=before, wish=wish: _decided(connections, before, wish)[0],
            [lambda told=told: cpu_rate(connections, lambda: _coded(told))],
            turns,
        )


def _start(_: World, subject: int) -> commands.Command:
    return commands.Start(subject=subject)


def _request(_: World, subject: int) -> commands.Command:
    return commands.Request(subject=subject)


def _call(world: World, subject: int) -> commands.Command:
    call = schema.CallFailed(
        sync=_sync(world, subject),
        stream=LOST.stream,
        endpoint="GET /1/user/-/days.json",
        method="GET",
        cause=LOST.cause,
        status=LOST.status,
        duration_ms=900,
    )
    return commands.NoteCall(subject=subject, call=call)


def _finish(world: World, subject: int) -> commands.Command:
    return finished(subject, _sync(world, subject))


def _fail(world: World, subject: int) -> commands.Command:
    return finished(subject, _sync(world, subject), LOST)


SCENES: tuple[tuple[str, Sequence[Wish], Wish], ...] = (
    ("a start", (), _start),
    ("a request", (), _request),
    ("a failed call", (_start,), _call),
    ("a success", (_start,), _finish),
    ("a failure, to be tried again", (_start,), _fail),
)
"""What is wished for, after what was wished for before: for every connection in turn."""


def _told(connections: int, before: Sequence[Wish], wish: Wish) -> list[Recorded]:
    return _decided(connections, before, wish)[1]


def _decided(connections: int, before: Sequence[Wish], wish: Wish) -> tuple[float, list[Recorded]]:
    """How many of the last wishes a second, and what became of them; as many sync as usually do."""
    world = _calm(fleet(connections))
    told: list[Recorded] = []
    seconds = 0.0
    for some in _batches(subjects(connections)):
        for each in before:
            _carry_out(world, [each(world, subject) for subject in some])
        wishes = [wish(world, subject) for subject in some]
        seconds += 1 / cpu_rate(1, lambda wishes=wishes: told.extend(_carry_out(world, wishes)))
        left = [subject for subject in some if world.connections[subject].run]
        _carry_out(world, [_finish(world, subject) for subject in left])
    return connections / seconds, told


def _carry_out(world: World, wishes: Sequence[commands.Command]) -> list[Recorded]:
    told = []
    for wish in wishes:
        for subject, event in decide(wish, world, NOW):
            recorded = Recorded(seq=world.seq + 1, at=NOW, subject=subject, event=event)
            worlds.fold(world, recorded)
            told.append(recorded)
    return told


def _coded(told: Sequence[Recorded]) -> None:
    decode = msgspec.json.Decoder(schema.Event).decode
    for recorded in told:
        decode(encode(recorded)[3])


def _batches(all_: Sequence[int]) -> Iterator[Sequence[int]]:
    return (all_[at : at + AT_ONCE] for at in range(0, len(all_), AT_ONCE))


def _calm(world: World) -> World:
    """No pause between batches, and no breaker that opens: each decision is the usual one."""
    policy = replace(
        world.fleet.policy,
        batch_pause=timedelta(0),
        breaker_failures=NEVER,
        breaker_syncs_in_a_row=NEVER,
        breaker_connections=NEVER,
        retry_budget=1.0,
    )
    calm = Recorded(seq=world.seq + 1, at=BEGIN, subject=schema.FLEET, event=policy)
    worlds.fold(world, calm)
    return world


def _sync(world: World, subject: int) -> int:
    run = world.connections[subject].run
    assert run is not None, "all of them sync"
    return run.sync

"""Which events does it take to note who was told of whom?"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import assert_never

from daemon.commands.access import AccessCommand, NoteExcerpts, NoteReads, Told
from daemon.decide.decisions import Decisions
from events.access import ExcerptRead, FleetRead, TenantRead
from events.schema import FLEET
from events.terms import Caller
from projections.world import World

ALONE_MAX = 100
"""Tenants of whom one caller's reads are an event each: a person looks at fewer in a minute. Of
more, as a program reads that goes through all, an event names many at once."""

NAMED_MAX = 1000  # tenants that one event names: some kilobytes


def decide(command: AccessCommand, world: World) -> Decisions:
    match command:
        case NoteReads():
            return _note(command)
        case NoteExcerpts(subject=subject, events=events, by=by):
            tenant = world.connections[subject].tenant
            return [
                (tenant, ExcerptRead(by=by, connection=subject, failure=each)) for each in events
            ]
        case _:
            assert_never(command)


def _note(command: NoteReads) -> Decisions:
    callers = dict.fromkeys(each.by for each in command.told)
    return [
        decided
        for by in callers
        for decided in _of(by, [each for each in command.told if each.by == by])
    ]


def _of(by: Caller, told: Sequence[Told]) -> Iterator[tuple[int, TenantRead | FleetRead]]:
    alone = {
        tenant: each
        for each in told
        if each.tenants is not None and len(each.tenants) == 1
        for tenant in each.tenants
    }
    for each in told:
        if each.tenants is None or len(each.tenants) > 1:
            yield _together(by, [each], each.tenants)
    if len(alone) <= ALONE_MAX:
        for tenant, each in alone.items():
            read = TenantRead(by=by, since=each.since, operations=each.operations)
            yield tenant, read
        return
    tenants = sorted(alone)
    for first in range(0, len(tenants), NAMED_MAX):
        some = tenants[first : first + NAMED_MAX]
        yield _together(by, [alone[tenant] for tenant in some], frozenset(some))


def _together(
    by: Caller, told: Sequence[Told], tenants: frozenset[int] | None
) -> tuple[int, FleetRead]:
    operations = Counter[str]()
    for each in told:
        operations.update(each.operations)
    return FLEET, FleetRead(
        by=by,
        since=min(each.since for each in told),
        operations=dict(operations),
        tenants=None if tenants is None else tuple(sorted(tenants)),
    )

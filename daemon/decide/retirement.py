"""When has a provider announced its end, when has it come, and when was it none after all?

A provider retires by answering so (410), and in no other way: neither the day that it announced nor
the one in its file changes anything by itself.
"""

from datetime import datetime, timedelta

from daemon.commands import NoteAnnouncement
from daemon.decide.decisions import Decisions
from events.breakers import BreakerReason
from events.schema import ProviderRetired, ProviderReturned, RetirementAnnounced
from events.terms import FailureClass
from projections import breaker, policy
from projections.connection import Connection
from projections.grant import Phase
from projections.retirement import Announced
from projections.world import World

SPAN = timedelta(days=36_525)  # a century either way: no date beyond that is meant
REST = timedelta(days=1)  # between two announcements: some providers say another day with each call


def announce(command: NoteAnnouncement, world: World, now: datetime) -> Decisions:
    """Record what was not heard of that provider before; a change at most once a day."""
    known = world.connections.get(command.subject)
    if known is None:
        return []
    heard = _believed(command, now)
    before = world.providers[known.provider].retirement.announced
    if heard == RetirementAnnounced() or any(_says(each, heard) for each in before):
        return []
    if before and abs(now - before[-1].at) < REST:
        return []
    return [(known.provider, heard)]


def found(subject: int, world: World) -> Decisions:
    """A connection's breaker latches: say once of its provider that it is switched off.

    That is certain where its file says so, where as many connections found it as open a provider's
    breaker, or where none is left that could show otherwise: one account's end is not the end.
    """
    at = world.connections[subject].provider
    retirement = world.providers[at].retirement
    if retirement.found_at is not None:
        return []
    if not retirement.declared and not _is_certain(subject, at, world):
        return []
    cause, successor = FailureClass.RETIRED, retirement.successor
    return [(at, ProviderRetired(cause=cause, connection=subject, successor=successor))]


def returned(subject: int, world: World) -> Decisions:
    """A connection got through after somebody had closed a breaker: it was no end after all."""
    at = world.connections[subject].provider
    if not world.providers[at].retirement.reopened:
        return []
    return [(at, ProviderReturned(connection=subject))]


def is_over(known: Connection) -> bool:
    """Whether this connection found its provider switched off, and nobody has closed that."""
    return known.breaker.reason is BreakerReason.RETIRED


def successor(subject: int, world: World) -> str | None:
    """Who follows this connection's provider, as its file says."""
    return world.providers[world.connections[subject].provider].retirement.successor or None


def _believed(command: NoteAnnouncement, now: datetime) -> RetirementAnnounced:
    since, sunset = command.since, command.sunset
    absurd = since is not None and abs(since - now) > SPAN
    return RetirementAnnounced(
        deprecated=command.deprecated and not absurd,
        since=None if absurd else since,
        sunset=sunset if sunset is not None and abs(sunset - now) <= SPAN else None,
    )


def _says(before: Announced, heard: RetirementAnnounced) -> bool:
    told = (heard.deprecated, heard.since, heard.sunset)
    return (before.deprecated, before.since, before.sunset) == told


def _is_certain(subject: int, at: int, world: World) -> bool:
    last = {each.connection: each.causes for each in world.providers[at].breaker.outcomes}
    others = {*last} - {subject}
    gone = [each for each in others if {*last[each]} == {FailureClass.RETIRED}]
    if 1 + len(gone) >= policy.of_provider(world, at).breaker_connections:
        return True
    return not any(not last[each] and _goes_on(each, at, world) for each in others)


def _goes_on(other: int, at: int, world: World) -> bool:
    """Whether it will be synced again by itself, and so tells how its provider is."""
    known = world.connections[other]
    aside = known.removed or known.paused or known.provider != at
    waits = known.grant.phase is Phase.NEEDED or breaker.is_latched(known.breaker)
    return not aside and not waits

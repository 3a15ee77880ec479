"""How is everything, in one word, and for which reasons?

It is unhealthy where it cannot do its work: the disk is full, or half of the connections that have
ever been synced are unhealthy. It is degraded for any other reason, as where the host itself had
trouble lately, and healthy without one; but unknown where sources are there that have never
reported, and nothing that tells more.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct, field

from daemon.decide import condition, failure, punctuality, sighting
from daemon.decide.capturing import is_in_time
from daemon.decide.condition import Condition
from daemon.decide.punctuality import Punctuality
from events.issues import IssueKind
from events.sources import Health
from projections import breaker, connection, outbox
from projections.breaker import Breaker, Phase
from projections.connection import Connection
from projections.fleet import Fleet
from projections.grant import Phase as GrantPhase
from projections.outbox import Outbox
from projections.provider import Provider
from projections.reported import Source
from projections.streams import NEW
from projections.world import World

OVERDUE = timedelta(minutes=5)  # the documents' cron looked that often: later was late there too
UNHEALTHY_SHARE = 0.5  # one bad account of many is no reason to call the whole unhealthy
LATELY = timedelta(hours=1)  # what happened to the host before that is history
READ_LATE = timedelta(minutes=1)  # made anew, a million events take it some ten seconds
DEATHS = 3  # of a process in that time: one may be chance, or somebody's kill
EXAMPLES_MAX = 5  # whom a reason names; its count says how many there are


class Reason(StrEnum):
    """Why the whole is not healthy, the gravest first."""

    DISK_FULL = "disk-full"
    LOG_BEHIND = "log-behind"
    RESTARTS = "restarts"
    CLOCK = "clock-stepped"
    READ_MODEL = "read-model-behind"
    BREAKERS = "breakers-open"
    TO_BE_AUTHORISED = "to-be-authorised"
    PERSON = "waiting-for-a-person"
    IN_DOUBT = "writes-in-doubt"
    HELD = "answers-held"
    CHRONIC = "chronic-failures"
    UNHEALTHY = "unhealthy"
    DEGRADED = "degraded"
    SOURCES_UNHEALTHY = "sources-unhealthy"
    SOURCES_FAILING = "sources-failing"
    REPORTS_WAITING = "reports-waiting"
    SOURCES_LATE = "sources-late"
    RETRIES = "retries-pending"
    OVERDUE = "overdue"
    HALF_OPEN = "breakers-half-open"


BREAKERS = {Phase.OPEN: Reason.BREAKERS, Phase.HALF_OPEN: Reason.HALF_OPEN}
"""One that is half-open keeps all back no more: the next sync or call finds out if it closes."""

OF_ISSUES = {
    IssueKind.FAILING: Reason.SOURCES_FAILING,
    IssueKind.QUEUED: Reason.REPORTS_WAITING,
}
"""What may be open of a source that its last report need not show, nor the time since then."""


class Found(Struct, kw_only=True):
    """How often a reason was found, and of which subjects first."""

    count: int = 0
    examples: list[int] = field(default_factory=list)


class Sum(Struct, kw_only=True):
    """What was found of the connections and sources looked at so far.

    So many sources have reported (`heard`), and so many never have (`unheard`).
    """

    conditions: dict[Condition, int] = field(default_factory=dict)
    heard: int = 0
    unheard: int = 0
    reasons: dict[Reason, Found] = field(default_factory=dict)


def add(sum_: Sum, subject: int, known: Connection, at: Provider | None, now: datetime) -> None:
    """Look at one connection more, that lives; `at` is its provider."""
    word = condition.of_connection(known, at, now)
    sum_.conditions[word] = sum_.conditions.get(word, 0) + 1
    reason = _trouble(known, word)
    if reason and not (reason is Reason.UNHEALTHY and _is_held_alone(known, at, now)):
        _note(sum_, reason, subject)
    if any(each.held and is_in_time(each, each.held) for each in known.streams.values()):
        _note(sum_, Reason.HELD, subject)
    if known.schedule.retry:
        _note(sum_, Reason.RETRIES, subject)
    if is_overdue(known, at, now):
        _note(sum_, Reason.OVERDUE, subject)
    _note_breaker(sum_, subject, known.breaker, now)


def add_writes(sum_: Sum, subject: int, waiting: Outbox) -> None:
    """And at what the connection has yet to write."""
    if outbox.doubtful(waiting):
        _note(sum_, Reason.IN_DOUBT, subject)


def add_source(sum_: Sum, world: World, subject: int, known: Source, now: datetime) -> None:
    """And at a source that may report: whether it does, and what it says of how it does."""
    sum_.heard += known.latest is not None
    sum_.unheard += known.latest is None
    if punctuality.standing(known, world, now).punctuality is Punctuality.LATE:
        _note(sum_, Reason.SOURCES_LATE, subject)
    if known.latest is not None and known.latest.figures.health is Health.UNHEALTHY:
        _note(sum_, Reason.SOURCES_UNHEALTHY, subject)
    for kind, _ in sighting.there(world, subject):
        if kind in OF_ISSUES:
            _note(sum_, OF_ISSUES[kind], subject)


def add_providers(sum_: Sum, providers: Mapping[int, Provider], now: datetime) -> None:
    for subject, at in providers.items():
        _note_breaker(sum_, subject, at.breaker, now)


def add_host(
    sum_: Sum, fleet: Fleet, now: datetime, *, behind: bool, unread: timedelta = timedelta(0)
) -> None:
    """And at the host's own troubles, which are everybody's.

    `behind` is the log's writer; for `unread` the read model has lacked what the log has.
    """
    deaths = sum(_is_lately(at, now) for at in fleet.deaths)
    stepped = fleet.stepped is not None and _is_lately(fleet.stepped, now)
    if behind:
        sum_.reasons[Reason.LOG_BEHIND] = Found(count=1)
    if deaths >= DEATHS:
        sum_.reasons[Reason.RESTARTS] = Found(count=deaths)
    if stepped:
        sum_.reasons[Reason.CLOCK] = Found(count=1)
    if is_late(unread):
        sum_.reasons[Reason.READ_MODEL] = Found(count=unread // timedelta(minutes=1))


def word(sum_: Sum, holds: Collection[str]) -> Condition:
    """`holds` are the files for which the disk has no room."""
    unhealthy = sum_.conditions.get(Condition.UNHEALTHY, 0)
    told = sum(sum_.conditions.values()) - sum_.conditions.get(Condition.UNKNOWN, 0)
    if holds or (unhealthy and unhealthy >= UNHEALTHY_SHARE * told):
        return Condition.UNHEALTHY
    if sum_.reasons:
        return Condition.DEGRADED
    is_unknown = sum_.unheard and not sum_.heard and not told
    return Condition.UNKNOWN if is_unknown else Condition.HEALTHY


def is_late(unread: timedelta) -> bool:
    """Whether the read model has lacked for too long what the log has."""
    return unread >= READ_LATE


def is_overdue(known: Connection, at: Provider | None, now: datetime) -> bool:
    """Whether it should have started a while ago, and no breaker of its provider explains it."""
    start = connection.next_start(known)
    if start is None or now - start < OVERDUE:
        return False
    return at is None or breaker.phase(at.breaker, now) is not Phase.OPEN


def _is_lately(at: datetime, now: datetime) -> bool:
    """What the clock was set back over has not happened lately either."""
    return timedelta(0) <= now - at < LATELY


def _is_held_alone(known: Connection, at: Provider | None, now: datetime) -> bool:
    """Whether each of its streams that is unhealthy is so for what is held of it."""
    found = [
        (name, known.streams.get(name, NEW))
        for name in condition.declared(known, at)
        if condition.of_stream(known, at, name, now) is Condition.UNHEALTHY
    ]
    return bool(found) and all(
        stream.held is not None
        and is_in_time(stream, stream.held)
        and stream.failed_in == stream.held.version
        and not condition.failed_whole(known, name)
        for name, stream in found
    )


def _trouble(known: Connection, word: Condition) -> Reason | None:
    """The one reason that says most of a connection."""
    if known.grant.phase is GrantPhase.NEEDED:
        return Reason.TO_BE_AUTHORISED
    last = condition.trouble(known)
    if last and last.cause and failure.RULES[last.cause].turn is failure.Turn.PERSON:
        return Reason.PERSON
    if condition.is_chronic(known):
        return Reason.CHRONIC
    return {
        Condition.UNHEALTHY: Reason.UNHEALTHY,
        Condition.DEGRADED: Reason.DEGRADED,
    }.get(word)


def _note_breaker(sum_: Sum, subject: int, stop: Breaker, now: datetime) -> None:
    if reason := BREAKERS.get(breaker.phase(stop, now)):
        _note(sum_, reason, subject)


def _note(sum_: Sum, reason: Reason, subject: int) -> None:
    found = sum_.reasons.setdefault(reason, Found())
    found.count += 1
    if len(found.examples) < EXAMPLES_MAX:
        found.examples.append(subject)

"""What does an organisation's log hold after a year of days, exactly so many events?

Connections join, sync, fail in bursts and are retried; programs call providers through the gateway,
which fills the log up evenly to the number that is wanted. The same seed gives the same log.
"""

import heapq
import itertools
import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from events import schema, terms
from events.envelope import Recorded
from events.gateway import CallKind
from tests.benchmarks import life, outages
from tests.benchmarks.alive import Account, Story, Told

A_DAY = timedelta(days=1)
AN_HOUR = timedelta(hours=1)
INTERVALS = (timedelta(hours=6), timedelta(hours=1), timedelta(minutes=15))
STREAMS = (("days",), ("days", "sleep"), ("days", "sleep", "heart"))
OF_A_SYNC = 3.6  # events of one, besides what its streams brought: measured
REFRESHES = 3.2  # a day, of two events each
SHARE = 0.85  # of all events are of syncs; the rest programs' calls
JOINING = 0.1  # of the time: by then all connections are there
SLEEPING = 6  # hours of the night in which programs call less
AT_NIGHT = 0.2
LAST = timedelta(minutes=2)  # in which the last calls are made
CALL_FAILS = 0.02
PROGRAM = terms.Caller(uid=1001, role="operator")
ENDPOINTS = (
    ("/1/user/-/profile.json", "GET", CallKind.READ),
    ("/1/user/-/days/{date}.json", "GET", CallKind.READ),
    ("/1/user/-/notes.json", "POST", CallKind.WRITE),
)


class Cast(Struct, frozen=True, kw_only=True):
    """Who takes part: providers as they are declared, by subject, and all connections."""

    providers: dict[int, schema.ProviderDeclared]
    accounts: tuple[Account, ...]


class Past(Struct, frozen=True, kw_only=True):
    """So many events between two moments."""

    cast: Cast
    events: int
    begin: datetime
    end: datetime
    seed: int = 1
    policy: schema.PolicySet | None = None


def plan(
    events: int, days: float, tenants: int = 1
) -> list[tuple[int, timedelta, tuple[str, ...]]]:
    """Which connections make up that many events: each one's tenant, interval and streams.

    Raises ValueError where so few events cannot fill so many days.
    """
    room = events * SHARE / days
    found: list[tuple[int, timedelta, tuple[str, ...]]] = []
    sizes = itertools.product(STREAMS, INTERVALS)
    missed = 0
    for streams, interval in itertools.cycle(sizes):
        syncs = A_DAY / interval
        costs = (OF_A_SYNC + len(streams)) * syncs + 2 * min(syncs, REFRESHES)
        if costs <= room:
            found.append((len(found) % tenants, interval, streams))
            room, missed = room - costs, 0
        else:
            missed += 1
        if missed == len(STREAMS) * len(INTERVALS):
            break
    if len(found) < tenants:
        raise ValueError(f"{events} events in {days:g} days are too few for {tenants} tenants")
    return found


def recorded(past: Past) -> Iterator[Recorded]:
    """The log of it, in order. Holds no more of it at once than one fact a connection."""
    dice = random.Random(past.seed)
    weather = {
        provider: outages.drawn(past.begin, past.end, dice) for provider in past.cast.providers
    }
    accounts = sorted(past.cast.accounts, key=lambda each: each.added)
    stories: list[Story] = [_fleet(past)]
    for account in accounts:
        seed = dice.getrandbits(32)
        stories.append(life.of(account, weather[account.provider], past.end, seed))
    stories.append(_programs(past, accounts, random.Random(dice.getrandbits(32))))
    return _merged(stories)


def anonymous(events: int, begin: datetime, end: datetime, tenants: int, seed: int = 1) -> Past:
    """One of nobody in particular: tenants are numbered from 10, connections from 100 on."""
    planned = plan(events, (end - begin) / A_DAY, tenants)
    accounts = tuple(
        Account(
            subject=100 + place,
            tenant=10 + tenant,
            provider=1 + place % 2,
            interval=interval,
            streams=streams,
            added=added(begin, end, place, len(planned)),
            oauth=place % 2 == 0,
        )
        for place, (tenant, interval, streams) in enumerate(planned)
    )
    streams = tuple(terms.StreamPolicy(name=name) for name in STREAMS[-1])
    declared = {
        subject: schema.ProviderDeclared(name=f"provider-{subject}", digest="", streams=streams)
        for subject in (1, 2)
    }
    cast = Cast(providers=declared, accounts=accounts)
    return Past(cast=cast, events=events, begin=begin, end=end, seed=seed)


def added(begin: datetime, end: datetime, place: int, of: int) -> datetime:
    """When the connection at that place of so many joins."""
    return begin + (end - begin) * (JOINING * place / of)


def _merged(stories: Sequence[Story]) -> Iterator[Recorded]:
    """All stories as one, by time; of those at once, the one that stands first."""
    seq, waiting = 0, []
    for number, story in enumerate(stories):
        at, subject, event = next(story)
        waiting.append((at, number, subject, event, story))
    heapq.heapify(waiting)
    while waiting:
        at, number, subject, event, story = waiting[0]
        if event is not None:
            seq += 1
            yield Recorded(seq=seq, at=at, subject=subject, event=event)
        try:
            at, subject, event = story.send(seq)
        except StopIteration:
            heapq.heappop(waiting)
        else:
            heapq.heapreplace(waiting, (at, number, subject, event, story))


def _fleet(past: Past) -> Story:
    at = past.begin
    yield at, schema.FLEET, schema.DaemonStarted(version="0.1.0")
    if past.policy is not None:
        yield at, schema.FLEET, past.policy
    for subject, declared in past.cast.providers.items():
        yield at, subject, declared


def _programs(past: Past, accounts: Sequence[Account], dice: random.Random) -> Story:
    """Hour by hour, as many calls as the log lacks; in the end the number that is wanted."""
    joined = [account.added for account in accounts]
    begin, whole = past.begin, past.end - past.begin
    at = begin
    while at < past.end - AN_HOUR:
        last = yield at, schema.FLEET, None
        lacking = int(past.events * ((at - begin) / whole)) - last
        calls = max(0, round(lacking * (AT_NIGHT if at.hour < SLEEPING else 1)))
        there = accounts[: max(1, bisect_right(joined, at))]
        for number in range(calls):
            yield _call(at + AN_HOUR * number / calls, dice.choice(there), last, dice)
        at += AN_HOUR
    last = yield past.end - LAST, schema.FLEET, None
    lacking = past.events - 1 - last
    assert lacking >= 0, f"{last} events are more than were planned by then"
    for number in range(lacking):
        yield _call(past.end - LAST + LAST * number / lacking, dice.choice(accounts), last, dice)
    yield past.end, schema.FLEET, schema.DaemonStopped()


def _call(at: datetime, account: Account, last: int, dice: random.Random) -> Told:
    endpoint, method, kind = dice.choice(ENDPOINTS)
    failed = dice.random() < CALL_FAILS
    made = schema.CallMade(
        endpoint=endpoint,
        method=method,
        kind=kind,
        began=last,
        status=503 if failed else 200,
        cause=terms.FailureClass.SERVER if failed else None,
        duration_ms=dice.randrange(40, 900),
        bytes=dice.randrange(200, 20_000),
        by=PROGRAM,
    )
    return at, account.subject, made

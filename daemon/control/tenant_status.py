"""How is each source of a tenant, and the tenant as a whole?

What is answered comes from the tenant's own connections, however many others there are, and from
what reports for it from outside. That has no score: nobody here has seen how it does.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from daemon.control import health, source_words, sourcing, views, whose
from daemon.control.desk import Desk
from daemon.control.rotation_messages import TenantName, Whose
from daemon.control.status_messages import SyncHealthStatus, TenantSource
from daemon.control.whose import Known
from daemon.decide import condition, hindrance, sources
from daemon.decide.condition import Ground
from daemon.decide.turn import turn_of
from events.terms import Caller
from projections import health as counting
from projections import policy
from projections.connection import Connection
from projections.streams import NEW, checked_at


async def get_sync_health_status(desk: Desk, wish: TenantName, by: Caller) -> SyncHealthStatus:
    """Of one tenant. Raises Refused (not-found)."""
    seq, now = desk.journal.world.seq, desk.journal.clock.now()
    outside = sourcing.outside(desk, wish.tenant)
    found = await whose.chosen_or(desk, wish.tenant, none=bool(outside))
    whole = await health.get_sync_system_health(desk, Whose(tenant=wish.tenant), by)
    views_: list[TenantSource] = []
    async for each in whose.unhurried(found):
        views_ += _of_connection(desk, each, now)
    scored = [
        (each.score, each.source) for each in views_ if each.counts and each.score is not None
    ]
    return SyncHealthStatus(
        seq=seq,
        now=now,
        tenant=wish.tenant,
        health=whole.health,
        reasons=whole.reasons,
        score=sources.overall([score for score, _ in scored]),
        counted=len(scored),
        lowest=min(scored)[1] if scored else None,
        last_sync=max((each.last_sync for each in views_ if each.last_sync), default=None),
        sources=views_,
        reported=outside,
    )


def _of_connection(desk: Desk, of: Known, now: datetime) -> Iterator[TenantSource]:
    """Itself, then its streams."""
    (subject, known), world = of, desk.journal.world
    at, name = world.providers.get(known.provider), desk.vault.name(subject)
    found = condition.diagnosis(known, at, now)
    interval = policy.longest(policy.of_connection(world, subject))
    start, held = hindrance.outlook(world, subject, now)
    turn, counters = turn_of(world, subject, now), known.health
    shared: dict[str, Any] = {
        "connection": name,
        "provider": whose.provider_of(desk, known),
        "state": views.state(known, start, held, turn, now),
        "next_due": start,
        "held_by": held.why if held else None,
        "held_until": held.until if held else None,
    }
    yield TenantSource(
        source=name,
        kind="connection",
        stream=None,
        score=counting.score(counters, now),
        counts=sources.counts(known),
        status=found.word,
        last_sync=known.last.at if known.last else None,
        last_success=counters.last_success,
        last_failure=counters.last_failure,
        items=sum(each.rows for each in known.streams.values()),
        consecutive_failures=counters.consecutive_failures,
        why=source_words.of_connection(known, now),
        **_age(counters.last_success, interval, now),
        **shared,
    )
    for name, grounds in found.streams.items():
        own = policy.stream_interval(world, subject, name)
        yield _of_stream(known, name, grounds, shared, interval=own or interval, now=now)


def _of_stream(
    known: Connection,
    name: str,
    grounds: tuple[Ground, ...],
    shared: dict[str, Any],
    *,
    interval: timedelta,
    now: datetime,
) -> TenantSource:
    stream = known.streams.get(name, NEW)
    return TenantSource(
        source=f"{shared['connection']} {name}",
        kind="stream",
        stream=name,
        score=sources.stream_score(known, name, now),
        counts=False,
        status=condition.word_of(grounds),
        last_sync=checked_at(stream),
        last_success=stream.captured_at,
        last_failure=stream.failed_at,
        items=stream.rows,
        consecutive_failures=condition.failures_of(known, name),
        why=source_words.of_stream(known, name, grounds),
        **_age(stream.captured_at, interval, now),
        **shared,
    )


def _age(last: datetime | None, interval: timedelta, now: datetime) -> dict[str, Any]:
    return {
        "freshness": sources.freshness(last, interval, now),
        "age_s": None if last is None else (now - last).total_seconds(),
    }

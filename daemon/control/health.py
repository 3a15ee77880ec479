"""How healthy is everything, and each of it, under the documents' names?"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from daemon.control import read_model, sourcing, views, whose
from daemon.control.desk import Desk
from daemon.control.rotation_messages import (
    ConnectionHealth,
    HealthAnalysis,
    HealthMetric,
    HealthMetrics,
    HealthQuery,
    HealthScore,
    OfProvider,
    ReasonView,
    SystemHealth,
    TenantProvider,
    Whose,
)
from daemon.control.status import HOLDS
from daemon.control.whose import Known
from daemon.decide import condition, reporting, system
from daemon.decide.condition import CHRONIC, Condition
from daemon.decide.system import Found, Reason, Sum
from daemon.journal import ROOM_EVENTS
from events.terms import Caller
from projections import health

MINUTE = timedelta(minutes=1)
LATELY = f"the last {system.LATELY // MINUTE} minutes"
WORDS = {
    Reason.LOG_BEHIND: (
        "the log is written more slowly than things happen: until it is, nothing new starts",
        "",
    ),
    Reason.RESTARTS: (
        "",
        f"rounds itself died, and was started again, {{}} times within {LATELY}",
    ),
    Reason.CLOCK: (f"the host's clock jumped within {LATELY}", ""),
    Reason.READ_MODEL: (
        "the read model has lacked what happened since a minute ago: SQL and history are old",
        "the read model has lacked what happened since {} minutes ago: SQL and history are old",
    ),
    Reason.BREAKERS: ("1 breaker is open", "{} breakers are open"),
    Reason.TO_BE_AUTHORISED: (
        "1 connection waits to be authorised",
        "{} connections wait to be authorised",
    ),
    Reason.PERSON: (
        "1 connection needs a person to mend what is wrong",
        "{} connections need a person to mend what is wrong",
    ),
    Reason.IN_DOUBT: (
        "1 connection has a write in doubt: somebody must look whether it arrived",
        "{} connections have a write in doubt: somebody must look whether it arrived",
    ),
    Reason.HELD: (
        "1 connection has an answer that is held back: somebody must look, then accept or drop it",
        "{} connections have answers that are held back: somebody must look, then settle them",
    ),
    Reason.CHRONIC: (
        f"1 connection keeps failing ({CHRONIC} times in a row or more)",
        f"{{}} connections keep failing ({CHRONIC} times in a row or more)",
    ),
    Reason.UNHEALTHY: (
        "1 connection is unhealthy for another reason",
        "{} connections are unhealthy for other reasons",
    ),
    Reason.DEGRADED: ("1 connection is degraded", "{} connections are degraded"),
    Reason.SOURCES_UNHEALTHY: (
        "1 source says of itself that it is unhealthy",
        "{} sources say of themselves that they are unhealthy",
    ),
    Reason.SOURCES_FAILING: (
        "1 source keeps failing, as its reports say",
        "{} sources keep failing, as their reports say",
    ),
    Reason.REPORTS_WAITING: (
        "1 source has things that have waited for too long to be sent",
        "{} sources have things that have waited for too long to be sent",
    ),
    Reason.SOURCES_LATE: (
        "1 source is late: it has not reported as it should",
        "{} sources are late: they have not reported as they should",
    ),
    Reason.RETRIES: ("1 retry is pending", "{} retries are pending"),
    Reason.HALF_OPEN: (
        "1 breaker is half-open: the next sync or call finds out whether it closes",
        "{} breakers are half-open: the next syncs or calls find out whether they close",
    ),
    Reason.OVERDUE: (
        f"1 sync is overdue by {system.OVERDUE.seconds // 60} minutes or more",
        f"{{}} syncs are overdue by {system.OVERDUE.seconds // 60} minutes or more",
    ),
}
COMMANDS = {
    Reason.LOG_BEHIND: "rounds log stats",
    Reason.RESTARTS: "journalctl -u roundsd",
    Reason.CLOCK: "timedatectl",
    Reason.READ_MODEL: "rounds sql show",
    Reason.BREAKERS: "rounds breaker list",
    Reason.TO_BE_AUTHORISED: "rounds connection authorize {}",
    Reason.PERSON: "rounds connection show {}",
    Reason.IN_DOUBT: "rounds outbox list {}",
    Reason.HELD: "rounds data quarantine list {}",
    Reason.CHRONIC: "rounds log show --connection {}",
    Reason.UNHEALTHY: "rounds health {}",
    Reason.DEGRADED: "rounds health {}",
    Reason.SOURCES_UNHEALTHY: "rounds source show {}",
    Reason.SOURCES_FAILING: "rounds issues {}",
    Reason.REPORTS_WAITING: "rounds issues {}",
    Reason.SOURCES_LATE: "rounds source show {}",
    Reason.RETRIES: "rounds schedule {}",
    Reason.OVERDUE: "rounds queue",
    Reason.HALF_OPEN: "rounds breaker list",
}
SHOW = "rounds connection show {}"
OF_ONE = {**COMMANDS, Reason.UNHEALTHY: SHOW, Reason.DEGRADED: SHOW}
"""What helps where one connection's health was asked for: not to ask for the same again."""


async def get_sync_system_health(desk: Desk, wish: Whose, by: Caller) -> SystemHealth:
    """All of it in one word with the reasons, or what concerns a tenant."""
    world, now = desk.journal.world, desk.journal.clock.now()
    seq, (found, outside), sum_ = world.seq, await _whole(desk, wish.tenant, wish.provider), Sum()
    here = {known.provider for _, known in found}
    providers = {each: at for each, at in world.providers.items() if each in here}
    system.add_providers(sum_, providers, now)
    async for subject, known in whose.unhurried(found):
        system.add(sum_, subject, known, world.providers.get(known.provider), now)
        system.add_writes(sum_, subject, world.outboxes.get(subject, ()))
    async for subject in whose.unhurried(outside):
        if (source := reporting.living(world, subject)) is not None:
            system.add_source(sum_, world, subject, source, now)
    system.add_host(sum_, world.fleet, now, behind=_is_behind(desk), unread=read_model.unread(desk))
    holds = sorted(desk.journal.holds)
    full = [_full(desk, holds)] if holds else []
    helps = OF_ONE if wish.provider and len(found) == 1 else COMMANDS
    told = [
        _reason(desk, each, sum_.reasons[each], helps[each])
        for each in Reason
        if each in sum_.reasons
    ]
    return SystemHealth(
        seq=seq,
        now=now,
        health=system.word(sum_, holds),
        healthy=sum_.conditions.get(Condition.HEALTHY, 0),
        degraded=sum_.conditions.get(Condition.DEGRADED, 0),
        unhealthy=sum_.conditions.get(Condition.UNHEALTHY, 0),
        unknown=sum_.conditions.get(Condition.UNKNOWN, 0),
        sources=len(outside),
        reasons=[*full, *told],
    )


async def analyze_sync_health(desk: Desk, wish: HealthQuery, by: Caller) -> HealthAnalysis:
    """Every connection with what its score is made of, and how its streams are."""
    seq, now = desk.journal.world.seq, desk.journal.clock.now()
    found, _ = await _whole(desk, wish.tenant, wish.provider)
    some = found if wish.first is None else await _worst(desk, found, wish.first)
    analysed = [_analysed(desk, each) async for each in whose.unhurried(some)]
    return HealthAnalysis(seq=seq, now=now, connections=analysed, of=len(found))


async def _whole(
    desk: Desk, tenant: str | None, provider: str | None
) -> tuple[list[Known], list[int]]:
    """The connections and sources that are meant. Raises Refused where neither is there."""
    outside = sourcing.subjects(desk, tenant, provider)
    return await whose.chosen_or(desk, tenant, provider, none=bool(outside)), outside


async def _worst(desk: Desk, found: list[Known], most: int) -> list[Known]:
    """Where they are more than that: the gravest, and of the same word the first by name."""
    if len(found) <= most:
        return found
    words: dict[Condition, list[Known]] = {each: [] for each in condition.FROM_THE_GRAVEST}
    providers, now = desk.journal.world.providers, desk.journal.clock.now()
    async for each in whose.unhurried(found):
        like = words[condition.of_connection(each[1], providers.get(each[1].provider), now)]
        if len(like) < most:
            like.append(each)
    chosen = [each for like in words.values() for each in like][:most]
    return sorted(chosen, key=lambda each: desk.vault.name(each[0]))


async def check_health(desk: Desk, wish: TenantProvider, by: Caller) -> HealthMetrics:
    """A tenant's health metrics, of all providers or of one."""
    seq, found = desk.journal.world.seq, await whose.chosen(desk, wish.tenant, wish.provider)
    metrics = [HealthMetric(**_metric(desk, each)) async for each in whose.unhurried(found)]
    return HealthMetrics(seq=seq, health_metrics=metrics)


async def calculate_connection_health_score(
    desk: Desk, wish: OfProvider, by: Caller
) -> HealthScore:
    subject, known = await whose.one(desk, wish.tenant, wish.provider)
    now = desk.journal.clock.now()
    return HealthScore(
        seq=desk.journal.world.seq,
        now=now,
        connection=desk.vault.name(subject),
        health_score=health.score(known.health, now),
    )


def _metric(desk: Desk, of: Known) -> dict[str, Any]:
    """The documents' columns, by name."""
    (subject, known), now = of, desk.journal.clock.now()
    counters = known.health
    return {
        "provider": whose.provider_of(desk, known),
        "connection": desk.vault.name(subject),
        "health_score": health.score(counters, now),
        "total_syncs": counters.total,
        "successful_syncs": counters.successful,
        "failed_syncs": counters.failed,
        "avg_sync_duration_ms": health.average_duration_ms(counters),
        "consecutive_failures": counters.consecutive_failures,
        "uptime_percentage": health.uptime_percentage(counters, now),
        "last_success_at": counters.last_success,
        "last_failure_at": counters.last_failure,
    }


def _analysed(desk: Desk, of: Known) -> ConnectionHealth:
    (_, known), now = of, desk.journal.clock.now()
    at, counters, last = (
        desk.journal.world.providers.get(known.provider),
        known.health,
        condition.trouble(known),
    )
    word = condition.of_connection(known, at, now)
    return ConnectionHealth(
        **_metric(desk, of),
        tenant=desk.vault.name(known.tenant),
        condition=word,
        overall=condition.overall(word, counters.consecutive_failures),
        success_rate=health.success_rate(counters),
        failure_penalty=health.failure_penalty(counters),
        stale_penalty=health.stale_penalty(counters, now) if counters.total else 0,
        chronic=condition.is_chronic(known),
        overdue=system.is_overdue(known, at, now),
        cause=last.cause if last else None,
        message=last.message or None if last else None,
        streams=views.streams(known, at, now),
    )


def _is_behind(desk: Desk) -> bool:
    """Whether so much is unwritten that nothing new begins."""
    return desk.live and desk.journal.world.seq - desk.journal.head.seq >= ROOM_EVENTS


def _full(desk: Desk, holds: Sequence[str]) -> ReasonView:
    return ReasonView(
        reason=Reason.DISK_FULL,
        count=len(holds),
        sentence=HOLDS[holds[0]],
        names=[],
        command=f"df -h {desk.places.state}",
    )


def _reason(desk: Desk, reason: Reason, found: Found, command: str) -> ReasonView:
    single, many = WORDS[reason]
    names = [desk.vault.name(subject) for subject in found.examples]
    return ReasonView(
        reason=reason,
        count=found.count,
        sentence=single if found.count == 1 else many.format(f"{found.count:,}"),
        names=names,
        command=command.format(*names[:1]),
    )

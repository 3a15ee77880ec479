"""How is what a source reports taken: all of it or nothing, once, and durable before it is said?"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NoReturn

import trio

from daemon import commands, sources
from daemon.commands.sources import Report as Told
from daemon.control import act
from daemon.control.desk import Desk, Refused
from daemon.control.source_messages import (
    Metrics,
    MetricsWish,
    OutcomeWish,
    Report,
    ReportsWish,
    StatusWish,
    Taken,
)
from daemon.control.sourcing import find
from daemon.decide import reporting
from daemon.decide.reporting import AGE_MAX, AHEAD_MAX, REPORTS_A_DAY_MAX, Refusal, Why
from events.sources import Figures, Health
from events.terms import Caller

NEVER_TAKEN = {
    Why.OTHER: (
        "its key came before with other figures, which stay; a report that says something else "
        "needs a key of its own"
    ),
    Why.AHEAD: (
        f"its time lies more than {AHEAD_MAX.seconds // 60} minutes ahead of this host's; check "
        "the clock there"
    ),
    Why.OLD: f"it is older than {AGE_MAX.days} days, and is not taken any more; leave it out",
    Why.FULL: (
        f"its day has {REPORTS_A_DAY_MAX:,} reports, which is as many as there may be; sum up "
        "what there is to report, once a minute or less often"
    ),
}
NO_TIME = "it has a time that lies outside the calendar"
NOTHING_TAKEN = "; nothing was taken"


async def report(desk: Desk, wish: ReportsWish, by: Caller) -> Taken:
    subject, _ = find(desk, wish.source)
    return await take(desk, subject, wish.reports, by)


async def update_sync_health_metrics(desk: Desk, wish: MetricsWish, by: Caller) -> Taken:
    return await _one(desk, f"{wish.tenant}/{wish.source}", wish.metrics, wish, by)


async def update_connection_health_status(desk: Desk, wish: StatusWish, by: Caller) -> Taken:
    metrics = Metrics(status=wish.status, records=wish.item_count)
    return await _one(desk, f"{wish.tenant}/{wish.data_type}", metrics, wish, by)


async def update_connection_health(desk: Desk, wish: OutcomeWish, by: Caller) -> Taken:
    status = Health.HEALTHY if wish.success else Health.UNHEALTHY
    failed = 0 if wish.success else 1
    metrics = Metrics(syncs=1, errors=failed, duration_ms=wish.duration_ms, status=status)
    return await _one(desk, f"{wish.tenant}/{wish.provider}", metrics, wish, by)


async def take(
    desk: Desk, subject: int, reports: Sequence[Report], by: Caller | None = None
) -> Taken:
    """Take them in one step. Raises Refused.

    Where all of them are known, whoever took them first may still wait for the disk: so does this.
    """
    told = _told(desk, subject, reports)
    await act.room(desk)
    recorded = desk.journal.execute(commands.TakeReports(subject=subject, reports=told, by=by))
    if not recorded:
        _check_known(desk, subject, told)
    await _durable(desk)
    seq, new, count = desk.journal.head.seq, len(recorded), len(told)
    return Taken(seq=seq, new=new, known=count - new, message=_words(new, count))


def _check_known(desk: Desk, subject: int, told: tuple[Told, ...]) -> None:
    """Why nothing was recorded: raise Refused, unless that is because all of it is known."""
    known = reporting.living(desk.journal.world, subject)
    if known is None:
        raise Refused("not-found", "the source was removed just now")
    found = reporting.judge(known, told, desk.journal.clock.now())
    if found.refusal is not None:
        _refuse(found.refusal, len(told))
    if found.new:
        raise Refused("busy", "the clock moved just now, and nothing was taken; try again")


async def _one(
    desk: Desk,
    name: str,
    metrics: Metrics,
    wish: MetricsWish | StatusWish | OutcomeWish,
    by: Caller,
) -> Taken:
    subject, _ = find(desk, name)
    at = wish.at or desk.journal.clock.now()
    try:
        key = wish.key if wish.key is not None else _utc(at).isoformat()
    except OverflowError:
        raise Refused("invalid", NO_TIME + NOTHING_TAKEN) from None
    return await take(desk, subject, [Report(at=at, key=key, metrics=metrics)], by)


def _told(desk: Desk, subject: int, reports: Sequence[Report]) -> tuple[Told, ...]:
    tenant = desk.journal.world.sources[subject].tenant
    found = []
    for place, each in enumerate(reports):
        if each.metrics.oldest is not None and not each.metrics.queue_depth:
            words = "it has an oldest item, and no queue_depth to which that would belong"
            raise Refused("invalid", _which(place, len(reports)) + words + NOTHING_TAKEN)
        try:
            figures, at = _figures(each.metrics), _utc(each.at)
        except OverflowError:
            words = _which(place, len(reports)) + NO_TIME
            raise Refused("invalid", words + NOTHING_TAKEN) from None
        key = sources.key(desk.vault, tenant, subject, each.key)
        found.append(Told(reported=at, key=key, figures=figures))
    return tuple(found)


def _figures(metrics: Metrics) -> Figures:
    return Figures(
        syncs=metrics.syncs,
        records=metrics.records,
        errors=metrics.errors,
        duration_ms=metrics.duration_ms,
        bytes=metrics.bytes,
        queue_depth=metrics.queue_depth,
        oldest=_utc(metrics.oldest) if metrics.oldest else None,
        platform=metrics.platform,
        health=metrics.status,
    )


def _utc(at: datetime) -> datetime:
    """Raises OverflowError."""
    return at.astimezone(UTC)


def _refuse(refusal: Refusal, count: int) -> NoReturn:
    words = _which(refusal.place, count) + NEVER_TAKEN[refusal.why] + NOTHING_TAKEN
    if refusal.why is Why.OTHER:
        raise Refused("taken", words)
    raise Refused("invalid", words)


def _which(place: int, count: int) -> str:
    return "" if count == 1 else f"report {place + 1}: "


def _words(new: int, count: int) -> str:
    if count == 1:
        return "taken" if new else "was known already; nothing is new"
    return f"{new:,} taken, {count - new:,} known already"


async def _durable(desk: Desk) -> None:
    """Wait until all that is decided by now is on disk, by whomever."""
    with trio.move_on_after(act.DURABLE_WAIT_S):
        await desk.journal.head.beyond(desk.journal.world.seq - 1)
        return
    raise Refused("disk-full", act.NOT_WRITTEN)

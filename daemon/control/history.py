"""How did everything, or something, do in the last hours and days?"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Literal, TypeVar

from msgspec.structs import fields, replace

from daemon.control import sourcing
from daemon.control.desk import Desk, Refused
from daemon.control.history_messages import (
    HOURLY_DAYS_MAX,
    History,
    HistoryQuery,
    HistoryRow,
    ReportHistoryRow,
    StreamHistoryRow,
)
from daemon.decide import condition
from daemon.read_model import history, report_history
from daemon.read_model.history import DAY_S, Asked, Bin
from daemon.read_model.keeping import HAPPENED_KEPT
from daemon.read_model.opening import Connection, ReadModelUnusable
from daemon.read_model.report_history import Heard
from daemon.read_model.timestamps import seconds
from events.codec import EPOCH
from events.schema import FLEET
from events.terms import Caller, FailureClass
from projections import sketch, uptime
from projections.hours import CLASSES, FIGURES, HOUR_S

T = TypeVar("T")

COUNTED = tuple(each.name for each in fields(HistoryRow) if each.name in FIGURES)
"""What a row says as it was counted."""


async def get_sync_health_history(desk: Desk, wish: HistoryQuery, by: Caller) -> History:
    """What syncs, records, calls and tokens came to, by the day or by the hour."""
    subject, of = _subject(desk, wish)
    if wish.by == "hour" and wish.days > HOURLY_DAYS_MAX:
        raise Refused("invalid", f"hours are kept for {HOURLY_DAYS_MAX} days; ask by the day")
    now = desk.journal.clock.now()
    length = HOUR_S if wish.by == "hour" else DAY_S
    first = seconds(now) // DAY_S * DAY_S - (wish.days - 1) * DAY_S
    if wish.by == "hour":
        first = (seconds(now) // HOUR_S + 1) * HOUR_S - wish.days * DAY_S
    asked = Asked(subject=subject, since=first, now=seconds(now), length=length)
    if subject in desk.journal.world.sources:
        seq, heard = await ask(desk, partial(report_history.read, asked))
        answer = History(seq=seq, now=now, of=of, by=wish.by)
        told = [_report_row(each) for each in heard]
        summed = _report_row(report_history.total(heard))
        return replace(answer, report_rows=told, report_total=summed)
    seq, bins = await ask(desk, partial(history.read, asked, wish.stream))
    whole = history.total(bins)
    sources = len(sourcing.subjects(desk, wish.tenant)) if wish.tenant is not None else 0
    answer = History(seq=seq, now=now, of=of, by=wish.by, sources=sources)
    if wish.stream is not None:
        rows = [_stream_row(each) for each in bins]
        return replace(answer, stream_rows=rows, stream_total=_stream_row(whole))
    return replace(answer, rows=[_row(each) for each in bins], total=_row(whole))


def _subject(desk: Desk, wish: HistoryQuery) -> tuple[int, str]:
    """Whose it is, and what that is called. Raises Refused."""
    named = [each for each in (wish.connection, wish.tenant, wish.provider) if each is not None]
    if len(named) > 1:
        raise Refused("invalid", "name a connection, or a tenant, or a provider: not two of them")
    if wish.stream is not None and wish.connection is None:
        raise Refused("invalid", "name the connection whose stream it is")
    if wish.connection is not None:
        source = sourcing.called(desk, wish.connection)
        if source is not None:
            _check_source(wish)
            return source, wish.connection
        subject, _ = desk.ever(wish.connection)
        if wish.stream is not None and not _has(desk, subject, wish.stream):
            raise Refused("not-found", f"{wish.connection} has no stream {wish.stream}")
        return subject, "/".join(filter(None, (wish.connection, wish.stream)))
    if wish.tenant is not None:
        return enrolled(desk, "tenant", wish.tenant), wish.tenant
    if wish.provider is not None:
        return enrolled(desk, "provider", wish.provider), wish.provider
    return FLEET, "fleet"


def _check_source(wish: HistoryQuery) -> None:
    """Raise Refused where that cannot be asked of a source."""
    if wish.stream is not None:
        raise Refused("invalid", f"{wish.connection} is a source, which has no streams")
    if wish.days > HAPPENED_KEPT.days:
        raise Refused("invalid", f"of sources {HAPPENED_KEPT.days} days are kept; ask for fewer")


def enrolled(desk: Desk, kind: Literal["tenant", "provider"], name: str) -> int:
    subject = desk.vault.subject(kind, name)
    world = desk.journal.world
    if subject is None or (subject not in world.tenants and subject not in world.providers):
        raise Refused("not-found", f"there is no {kind} {name}; `rounds connection list` shows all")
    return subject


def _has(desk: Desk, subject: int, stream: str) -> bool:
    known = desk.journal.world.connections[subject]
    at = desk.journal.world.providers.get(known.provider)
    names = {
        *condition.names(known, at),
        *(name for each in known.former.values() for name in each),
    }
    return stream in names


async def ask(desk: Desk, question: Callable[[Connection], T]) -> T:
    """What the read model answers, with all that was durable before. Raises Refused."""
    await desk.reading.scribe.fresh()
    try:
        return await desk.reading.ask(question)
    except ReadModelUnusable:
        raise _not_there(desk) from None


def _not_there(desk: Desk) -> Refused:
    progress = desk.reading.scribe.progress
    if progress.trouble:
        return Refused("busy", f"the read model cannot be written: {progress.trouble}")
    share = 100 * progress.seq // max(1, progress.upto)
    words = f"the read model is being made anew from the log ({share} % of it); try again shortly"
    return Refused("busy", words)


def _row(of: Bin) -> HistoryRow:
    figures = of.figures
    succeeded, failed = figures["succeeded"], figures["failed"]
    ended, calls = succeeded + failed, figures["calls"] + figures["calls_failed"]
    return HistoryRow(
        start=EPOCH + timedelta(seconds=of.start),
        syncs=ended + figures["cancelled"] + figures["interrupted"],
        success_percentage=round(100 * succeeded / ended, 2) if ended else None,
        failures={
            cause.value: figures[name]
            for cause, name in zip(FailureClass, CLASSES, strict=True)
            if figures[name]
        },
        average_call_ms=figures["call_ms"] // calls if calls else None,
        average_ms=figures["sync_ms"] // ended if ended else None,
        p50_ms=sketch.quantile(of.durations, 0.5),
        p95_ms=sketch.quantile(of.durations, 0.95),
        p99_ms=sketch.quantile(of.durations, 0.99),
        uptime_percentage=uptime.percentage(of.up_s, of.known_s),
        **{name: figures[name] for name in COUNTED},
    )


def _stream_row(of: Bin) -> StreamHistoryRow:
    return StreamHistoryRow(start=EPOCH + timedelta(seconds=of.start), **of.figures)


def _report_row(of: Heard) -> ReportHistoryRow:
    return ReportHistoryRow(
        start=EPOCH + timedelta(seconds=of.start),
        queue_depth_max=of.queue_depth_max,
        oldest=None if of.oldest is None else datetime.fromisoformat(of.oldest),
        **{name: getattr(of, name) for name in report_history.SUMMED},
    )

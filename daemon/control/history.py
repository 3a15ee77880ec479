"""How did everything, or something, do in the last hours and days?"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from msgspec.structs import fields

from daemon.control import sourcing, whose
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
from daemon.read_model.history import Asked, Bin
from daemon.read_model.keeping import DAY_S, HAPPENED_KEPT
from daemon.read_model.opening import Connection, ReadModelUnusable
from daemon.read_model.report_history import Heard
from daemon.read_model.timestamps import seconds
from events.codec import EPOCH
from events.schema import FLEET
from events.terms import Caller, FailureClass
from projections import consent, sketch, uptime
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
    answer = partial(History, now=now, of=of, by=wish.by)
    if subject in desk.journal.world.sources:
        seq, told, summed = await ask(desk, partial(_reported, asked))
        monitored = _is_monitored(desk, subject)
        return answer(seq=seq, monitored=monitored, report_rows=told, report_total=summed)
    if wish.stream is not None:
        seq, of_stream, whole = await ask(desk, partial(_of_stream, asked, wish.stream))
        monitored = _is_monitored(desk, subject)
        return answer(seq=seq, monitored=monitored, stream_rows=of_stream, stream_total=whole)
    seq, rows, total = await ask(desk, partial(_counted, asked))
    sources = len(sourcing.subjects(desk, wish.tenant)) if wish.tenant is not None else 0
    monitored = _is_monitored(desk, subject)
    return answer(seq=seq, monitored=monitored, sources=sources, rows=rows, total=total)


def _counted(asked: Asked, at: Connection) -> tuple[int, list[HistoryRow], HistoryRow]:
    """Part of the question: the loop has others to serve, and there may be 1,500 rows."""
    seq, bins = history.read(asked, None, at)
    return seq, [_row(each) for each in bins], _row(history.total(bins))


def _of_stream(
    asked: Asked, stream: str, at: Connection
) -> tuple[int, list[StreamHistoryRow], StreamHistoryRow]:
    seq, bins = history.read(asked, stream, at)
    return seq, [_stream_row(each) for each in bins], _stream_row(history.total(bins))


def _reported(asked: Asked, at: Connection) -> tuple[int, list[ReportHistoryRow], ReportHistoryRow]:
    seq, heard = report_history.read(asked, at)
    return seq, [_report_row(each) for each in heard], _report_row(report_history.total(heard))


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
        return whose.enrolled(desk, "tenant", wish.tenant), wish.tenant
    if wish.provider is not None:
        return whose.enrolled(desk, "provider", wish.provider), wish.provider
    return FLEET, "fleet"


def _check_source(wish: HistoryQuery) -> None:
    """Raise Refused where that cannot be asked of a source."""
    if wish.stream is not None:
        raise Refused("invalid", f"{wish.connection} is a source, which has no streams")
    if wish.days > HAPPENED_KEPT.days:
        raise Refused("invalid", f"of sources {HAPPENED_KEPT.days} days are kept; ask for fewer")


def _is_monitored(desk: Desk, subject: int) -> bool:
    """Whether details are kept of whose that is; those of a provider and of all are nobody's."""
    world = desk.journal.world
    known = world.connections.get(subject) or world.sources.get(subject)
    if known is not None:
        return consent.monitored(world, known.tenant)
    return subject not in world.tenants or consent.monitored(world, subject)


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
    try:
        return await desk.reading.ask_fresh(question)
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

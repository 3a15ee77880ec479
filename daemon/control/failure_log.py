"""What went wrong, one failure after the other, and what did the provider say?

What it said is for operators and admins, and who is shown it is written down before.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import partial

from daemon import commands, excerpts, log_pages
from daemon.control import history
from daemon.control.act import execute
from daemon.control.desk import Desk, Refused
from daemon.control.failure_log_messages import (
    ExcerptView,
    FailureAnswer,
    FailureLog,
    FailureLogQuery,
    FailureName,
    FailureView,
)
from daemon.control.failures import whose
from daemon.control.whose import unhurried
from daemon.read_model import failure_log
from daemon.read_model.failure_log import Asked, Failure, Place
from daemon.read_model.keeping import HAPPENED_KEPT
from daemon.store.excerpts import KEPT_MAX
from events.envelope import Recorded
from events.gateway import CallMade
from events.schema import CallFailed, Event
from events.terms import Caller
from projections import consent

PARTS_MAX = 1000  # things that one event is shown to tell of; a backfill may name as many days
BETWEEN_MAX = 20_000  # events of a connection read between a sync's beginning and its end
SHOWN_MAX = 10  # excerpts in one answer: of the last calls of that many streams
TOLD_TOGETHER = {"sync", "write", "actor"}  # what an event tells of that tells of more, too
ROLES = ("operator", "admin")

WITHHELD = "what the provider said is shown to operators and admins alone"
NOT_MONITORED = (
    "nothing of what the provider said is kept: the tenant does not consent to detailed monitoring"
    " (`rounds consent show`)"
)
NO_ANSWER = "nothing that the provider said was kept of it: perhaps no answer came"
GONE = (
    f"what the provider said is not kept any more: it goes after {excerpts.AGE.days} days, after "
    f"{KEPT_MAX} others, when consent is withdrawn, and when we end before it is written"
)


async def listing(desk: Desk, wish: FailureLogQuery, by: Caller) -> FailureLog:
    """Raises Refused."""
    tenant, connection, of = whose(desk, wish.tenant, wish.connection)
    now = desk.journal.clock.now()
    asked = Asked(
        tenant=tenant,
        connection=connection,
        since=now - timedelta(days=wish.days),
        limit=wish.limit + 1,
        stream=wish.stream,
        cause=wish.cause,
        before=None if wish.before is None else Place(*map(int, wish.before.split("."))),
    )
    seq, found = await history.ask(desk, partial(failure_log.read, asked))
    shown = found[: wish.limit]
    return FailureLog(
        seq=seq,
        now=now,
        of=of,
        days=wish.days,
        failures=await _views(desk, shown),
        next=f"{shown[-1].event}.{shown[-1].part}" if len(found) > len(shown) else None,
    )


async def show(desk: Desk, wish: FailureName, by: Caller) -> FailureAnswer:
    """Raises Refused."""
    subject, known = desk.ever(wish.connection)
    now = desk.journal.clock.now()
    asked = Asked(
        tenant=known.tenant,
        connection=subject,
        since=now - HAPPENED_KEPT,
        limit=PARTS_MAX,
        event=wish.event,
    )
    seq, found = await history.ask(desk, partial(failure_log.read, asked))
    if not found:
        raise Refused(
            "not-found",
            f"event {wish.event} tells of no failure of {wish.connection} in the last "
            f"{HAPPENED_KEPT.days} days; `rounds failures {wish.connection} --list` shows those",
        )
    views = await _views(desk, found[::-1])
    answer = partial(FailureAnswer, seq=seq, now=now, failures=views)
    if not consent.monitored(desk.journal.world, known.tenant):
        return answer(excerpts=[], missing=NOT_MONITORED)
    calls = [each for each in await _calls(desk, subject, found) if _reference(each.event)]
    if not calls:
        return answer(excerpts=[], missing=NO_ANSWER)
    if by.role not in ROLES:
        return answer(excerpts=[], missing=WITHHELD)
    said = await _read(desk, subject, calls, by)
    return answer(excerpts=said, missing=GONE if len(said) < len(calls) else None)


async def _read(desk: Desk, subject: int, calls: list[Recorded], by: Caller) -> list[ExcerptView]:
    """What is still kept of them; that it is shown is on disk by then."""
    kept = await desk.excerpts.read(subject, {_reference(each.event) for each in calls})
    shown = [each for each in calls if _reference(each.event) in kept]
    if shown:
        events = tuple(each.seq for each in shown)
        await execute(desk, commands.NoteExcerpts(subject=subject, events=events, by=by))
    views = []
    for each in shown:
        said, event = kept[_reference(each.event)], each.event
        assert isinstance(event, CallFailed), "others refer to none"
        views.append(
            ExcerptView(
                event=each.seq,
                request=event.endpoint,
                status=said.status,
                content_type=said.content_type,
                text=said.text,
                more=said.more,
            )
        )
    return views


async def _calls(desk: Desk, subject: int, found: list[Failure]) -> list[Recorded]:
    """The call that failed; of a sync the last one of each of its streams that failed."""
    (first, *_) = found
    (event,) = await log_pages.picked(desk.journal.log, [first.event])
    if isinstance(event.event, CallFailed):
        return [event]
    if first.operation != "sync" or first.sync is None:
        return []
    streams = {each.stream for each in found}
    upto = first.event - 1
    last = {
        each.event.stream: each
        async for page in log_pages.pages(
            desk.journal.log, first.sync, upto, subject=subject, most=BETWEEN_MAX
        )
        for each in page
        if isinstance(each.event, CallFailed) and (each.event.stream in streams or "" in streams)
    }
    return sorted(last.values(), key=lambda each: each.seq)[-SHOWN_MAX:]


async def _views(desk: Desk, rows: Sequence[Failure]) -> list[FailureView]:
    """Each says whether anything is still kept of what the provider said."""
    told = await _told(desk, rows)
    referred = [(row.connection, _reference(event)) for row, event in zip(rows, told, strict=True)]
    kept = await desk.excerpts.kept({each for each in referred if each[1]})
    return [
        _view(desk, row, event, is_kept=reference in kept)
        async for row, event, reference in unhurried(zip(rows, told, referred, strict=True))
    ]


async def _told(desk: Desk, rows: Sequence[Failure]) -> list[Event | None]:
    """What tells of each alone, and not of other things too."""
    alone = {each.event for each in rows if each.operation not in TOLD_TOGETHER}
    events = await log_pages.picked(desk.journal.log, sorted(alone))
    by_number = {each.seq: each.event for each in events}
    return [None if each.operation in TOLD_TOGETHER else by_number[each.event] for each in rows]


def _view(desk: Desk, row: Failure, told: Event | None, *, is_kept: bool) -> FailureView:
    ms = told.duration_ms if isinstance(told, CallFailed | CallMade) else None
    return FailureView(
        event=row.event,
        at=datetime.fromisoformat(row.at),
        connection=desk.vault.name(row.connection),
        request=row.operation,
        cause=row.cause,
        message=row.message,
        status=row.status,
        stream=row.stream,
        day=None if row.day is None else date.fromisoformat(row.day),
        kind=row.kind,
        sync=row.sync,
        attempt=row.attempt,
        duration_ms=row.sync_ms if row.operation == "sync" else ms,
        excerpt=is_kept and consent.of_connection(desk.journal.world, row.connection),
    )


def _reference(told: Event | None) -> str:
    """To what the provider said; empty where nothing was kept of it."""
    return told.excerpt if isinstance(told, CallFailed) else ""

"""How is one stream of a sync fetched, offered, and taken over?

    fetch ─► stage ─► (days offered) ─► compare ─► Capture ─► RecordsCaptured durable ─► accept
                                                      ├─► RecordsQuarantined durable ─► hold
                                                      └─► RecordsRefused ─► drop

A window stream is fetched day by day: one that fails is named and dropped, the others go on.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, timedelta
from functools import partial
from typing import Any

import trio
from msgspec import Struct

from daemon import guard_words, reports, rest, starting_point, windows
from daemon.calls import Calls
from daemon.commands import Capture, DayCount, Evidence, OfferDays
from daemon.decide.days import CUTS, HOPELESS
from daemon.exchange import CallLost
from daemon.journal import Journal
from daemon.placeholders import Values
from daemon.provider_file import ProviderFile
from daemon.rest import Fetched
from daemon.secret import Secret
from daemon.store.drafts import Difference, Draft
from daemon.store.storage import Storage
from daemon.stream_file import Stream, Window
from events.schema import RecordsCaptured, RecordsRefused
from events.terms import RunOptions, StreamFailure
from events.versions import RecordsQuarantined
from projections import consent, policy, run, streams


class Progress(Struct, kw_only=True):
    """How far a running sync has come: the stream it is at, pages and records over all streams."""

    stream: str = ""
    pages: int = 0
    records: int = 0


class Source(Struct, frozen=True, kw_only=True):
    """Whose stream is captured, and all that it takes to ask for it; whether by a backfill."""

    subject: int
    sync: int
    file: ProviderFile
    calls: Calls
    credential: Secret | None
    values: Values
    digest_key: bytes
    backfill: bool = False
    options: RunOptions | None = None


class Captured(Struct, kw_only=True):
    """What came of a stream: whether anything was accepted, how many records, what failed."""

    accepted: bool = False
    records: int = 0
    failures: list[StreamFailure] = []


Fetch = Callable[[str | None, Values], Awaitable[Fetched]]
"""Fetch into the draft: for that day, if it is one, with those values for the placeholders."""


class Capturer:
    """Captures streams; holds only what all connections share."""

    def __init__(self, journal: Journal, storage: Storage) -> None:
        self._journal = journal
        self._storage = storage

    async def capture(self, source: Source, name: str, progress: Progress) -> Captured:
        """Fetch one stream and offer it; what is recorded as captured becomes visible."""
        stream, result = source.file.streams[name], Captured()
        try:
            await self._fetch_and_offer(source, name, stream, progress, result)
        except CallLost as lost:
            source.calls.unusable(lost)
            result.failures.append(failure(name, lost))
        return result

    async def _fetch_and_offer(
        self, source: Source, name: str, stream: Stream, progress: Progress, result: Captured
    ) -> None:
        now = self._journal.clock.now()
        start = await starting_point.find(
            self._storage,
            source.subject,
            source.file.name,
            name,
            stream,
            version=source.sync,
            secret=source.digest_key,
            now=now,
        )
        draft, types = start.draft, start.types

        async def fetch(day: str | None, values: Values) -> Fetched:
            async def sink(records: list[dict[str, Any]]) -> None:
                await self._storage.stage(draft, records, day)
                progress.pages += 1
                progress.records += len(records)

            credential, send = source.credential, source.calls.send
            if stream.csv is None:
                ask = partial(rest.fetch, source.file, name, credential, send, sink, now=now)
                fetched = await ask(cursor=start.cursor, values=values)
            else:
                fetched = await reports.fetch(
                    source.file, name, credential, send, sink, types=types, values=values
                )
                types.update(fetched.types or {})
            if day is not None:
                await self._storage.stage(draft, [], day)
            return fetched

        if stream.window is None:
            fetched = await fetch(None, source.values)
            pages, cursor = fetched.pages, fetched.cursor
            days: tuple[DayCount, ...] = ()
            declared = fetched.declared
            starting_point.note(source.subject, name, fetched)
        else:
            cursor = declared = None
            pages, days = await self._days(source, name, draft, fetch, result, window=stream.window)
            if not days:
                await self._storage.drop(draft)
                return
        draft.profiled = consent.of_connection(self._journal.world, source.subject)
        found = await self._storage.compare(draft, cursor, types or None)
        evidence = Evidence(declared=declared, fields=found.fields, days=days, whole=start.whole)
        await self._offer(source, name, draft, found, result, pages=pages, evidence=evidence)

    async def _days(
        self,
        source: Source,
        name: str,
        draft: Draft,
        fetch: Fetch,
        result: Captured,
        *,
        window: Window,
    ) -> tuple[int, tuple[DayCount, ...]]:
        """Fetch day by day; return how many pages came, and which days are not refused.

        Where it is hopeless, all days left are named as failed, unless a backfill goes on there.
        """
        pages = 0
        good: dict[date, int | None] = {}
        wanted = self._wanted(source, name, window)
        pause = policy.of_connection(self._journal.world, source.subject).day_pause
        for at, day in enumerate(wanted):
            if at and pause:
                await trio.sleep(pause / timedelta(seconds=1))
            try:
                values = {**source.values, **windows.bounds(window, day)}
                fetched = await fetch(day.isoformat(), values)
            except CallLost as lost:
                source.calls.unusable(lost)
                await self._storage.drop_day(draft, day.isoformat())
                hopeless = lost.cause in HOPELESS
                goes_on = source.backfill and lost.cause in CUTS
                failed = wanted[at:] if hopeless and not goes_on else [day]
                result.failures += [failure(name, lost, each) for each in failed]
                if hopeless:
                    break
            else:
                good[day] = fetched.declared
                pages += fetched.pages
        return pages, await self._believed(source, name, draft, good, result)

    def _wanted(self, source: Source, name: str, window: Window) -> list[date]:
        """The days to fetch, in order; of a backfill those that this stream still lacks.

        A retry leaves out those that were refused: they are for the next turn.
        """
        connection = self._journal.world.connections[source.subject]
        known, now = connection.streams.get(name, streams.NEW), self._journal.clock.now()
        retries = connection.run is not None and run.is_retry(connection.run)
        owed = streams.may_come(known) if retries else known.failed_days
        days = windows.wanted(window, now, owed, source.options, known.newest_day)
        left = connection.backfill
        if not source.backfill or left is None or name not in left.reached:
            return days
        return [day for day in days if day < left.reached[name]]

    async def _believed(
        self,
        source: Source,
        name: str,
        draft: Draft,
        good: Mapping[date, int | None],
        result: Captured,
    ) -> tuple[DayCount, ...]:
        """Drop the days that are doubted, as `decide` says; `good` has what each one declared."""
        counts = []
        for each in await self._storage.days(draft):
            day = date.fromisoformat(each.day)
            counts.append(
                DayCount(
                    day=day,
                    fetched=each.fetched,
                    before=each.before,
                    duplicates=each.duplicates,
                    declared=good.get(day),
                    repeated=each.repeated,
                )
            )
        wish = OfferDays(subject=source.subject, sync=source.sync, stream=name, days=tuple(counts))
        refused = []
        for recorded in self._journal.execute(wish):
            event = recorded.event
            assert isinstance(event, RecordsRefused), "a day is refused, or it is not"
            assert event.day is not None, "each refusal is of a day"
            refused.append(event.day)
            await self._storage.drop_day(draft, event.day.isoformat())
            result.failures.append(_doubted(name, event))
        return tuple(each for each in counts if each.day not in refused)

    async def _offer(
        self,
        source: Source,
        name: str,
        draft: Draft,
        found: Difference,
        result: Captured,
        *,
        pages: int,
        evidence: Evidence,
    ) -> None:
        offered = RecordsCaptured(
            stream=name,
            version=source.sync,
            fetched=found.fetched,
            added=found.added,
            changed=found.changed,
            removed=found.removed,
            unchanged=found.unchanged,
            duplicates=found.duplicates,
            rows=found.rows,
            pages=pages,
            digest=found.digest,
            days=tuple(each.day for each in evidence.days),
        )
        lost = tuple(result.failures)
        wish = Capture(subject=source.subject, offered=offered, evidence=evidence, lost=lost)
        recorded = self._journal.execute(wish)
        with trio.CancelScope(shield=True):  # what the log calls captured must become visible
            match [each.event for each in recorded]:
                case [RecordsCaptured()]:
                    await self._journal.durable(recorded)
                    await self._storage.accept(draft)
                    result.accepted = True
                    result.records = found.fetched
                case [RecordsQuarantined() as held]:
                    await self._journal.durable(recorded)
                    await self._hold(source, draft)
                    result.failures.append(_doubted(name, held))
                case [RecordsRefused() as refused]:
                    await self._storage.refuse(draft)
                    result.failures.append(_doubted(name, refused))
                case _:
                    await self._storage.drop(draft)

    async def _hold(self, source: Source, draft: Draft) -> None:
        """Hold it, unless its connection was removed meanwhile, and it given up."""
        await self._storage.hold(draft)
        known = self._journal.world.connections[source.subject]
        held = known.streams.get(draft.name, streams.NEW).held
        if held is None or held.version != draft.version:
            await self._storage.drop_held(source.subject, draft.name, draft.version)


def _doubted(stream: str, event: RecordsRefused | RecordsQuarantined) -> StreamFailure:
    return StreamFailure(
        stream=stream, cause=event.cause, message=guard_words.told(event), day=_day(event)
    )


def _day(event: RecordsRefused | RecordsQuarantined) -> date | None:
    """Of what is held, all days are."""
    return event.day if isinstance(event, RecordsRefused) else None


def failure(stream: str, lost: CallLost, day: date | None = None) -> StreamFailure:
    """Return a call's loss as how a stream, or one day of it, ended."""
    return StreamFailure(
        stream=stream,
        cause=lost.cause,
        message=lost.message,
        status=lost.status,
        retry_after=lost.retry_after,
        day=day,
    )

"""What does one sync of one connection do, from its start to its outcome?

For each stream of the provider: fetch ─► stage ─► compare ─► Capture ─► (durable) ─► accept. One
stream's failure does not stop the next. What it all came to is for `decide` to say.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import trio
from msgspec import Struct

from daemon import rest
from daemon.commands import Capture, Finish, NoteCall
from daemon.exchange import CallLost, Request, Response, Send
from daemon.journal import Journal
from daemon.provider_file import ProviderFile, Stream
from daemon.secret import Secret
from daemon.store.storage import Storage
from daemon.vault import Vault
from events.envelope import Recorded
from events.schema import CallFailed, RecordsCaptured, RecordsRefused
from events.terms import CallTotal, FailureClass, StreamFailure

CREDENTIAL = "credential"  # the purpose under which a connection's key lies in the vault

EMPTY_MESSAGE = (
    "the provider answered with no records where there were some; the last good data stays in force"
)


class Progress(Struct, kw_only=True):
    """How far a running sync has come: the stream it is at, pages and records over all streams."""

    stream: str = ""
    pages: int = 0
    records: int = 0


class Provider(Struct, frozen=True, kw_only=True):
    """One provider in force: its file, and the way to it."""

    file: ProviderFile
    send: Send


class _Sync(Struct, kw_only=True):
    """What one sync has gathered so far."""

    subject: int
    seq: int
    progress: Progress
    provider: Provider
    credential: Secret | None
    secret: bytes
    captured: list[str] = msgspec.field(default_factory=list)
    failures: list[StreamFailure] = msgspec.field(default_factory=list)
    records: int = 0
    answered: Request | None = None
    calls: dict[str, CallTotal] = msgspec.field(default_factory=dict)


class Actor:
    """Works for one connection at a time a call; holds only what all connections share."""

    def __init__(
        self,
        journal: Journal,
        storage: Storage,
        vault: Vault,
        providers: Mapping[int, Provider],
        time: Callable[[], float] = trio.current_time,
    ) -> None:
        """`providers` is by subject, and is looked into anew for each sync."""
        self._journal = journal
        self._storage = storage
        self._vault = vault
        self._providers = providers
        self._time = time

    async def sync(self, started: Recorded, progress: Progress) -> None:
        """Run the sync that `started` opened, to its outcome."""
        await self._journal.durable([started])
        begun = self._time()
        connection = self._journal.world.connections[started.subject]
        provider = self._providers.get(connection.provider)
        failures: list[StreamFailure] = []
        sync: _Sync | None = None
        if provider is None:
            failures.append(_NO_PROVIDER)
        else:
            sync = _Sync(
                subject=started.subject,
                seq=started.seq,
                progress=progress,
                provider=provider,
                credential=self._vault.open(connection.tenant, started.subject, CREDENTIAL),
                secret=self._vault.digest_key(connection.tenant),
            )
            for name, stream in provider.file.streams.items():
                progress.stream = name
                await self._stream(sync, name, stream)
            failures = sync.failures
        self._journal.execute(
            Finish(
                subject=started.subject,
                sync=started.seq,
                duration_ms=round(1000 * (self._time() - begun)),
                captured=tuple(sync.captured) if sync else (),
                records=sync.records if sync else 0,
                failures=tuple(failures),
                calls=tuple(sync.calls.values()) if sync else (),
            )
        )

    async def _stream(self, sync: _Sync, name: str, stream: Stream) -> None:
        """Fetch one stream and offer it; note how it went."""
        try:
            await self._capture(sync, name, stream)
        except CallLost as lost:
            self._note_unusable(sync, lost)
            failure = StreamFailure(
                stream=name,
                cause=lost.cause,
                message=lost.message,
                status=lost.status,
                retry_after=lost.retry_after,
            )
            sync.failures.append(failure)

    async def _capture(self, sync: _Sync, name: str, stream: Stream) -> None:
        provider = sync.provider.file
        draft = await self._storage.begin(
            sync.subject,
            provider.name,
            name,
            version=sync.seq,
            mode=stream.mode,
            primary_key=stream.primary_key,
            secret=sync.secret,
        )

        async def sink(records: list[dict[str, Any]]) -> None:
            await self._storage.stage(draft, records)
            sync.progress.pages += 1
            sync.progress.records += len(records)

        async def send(request: Request) -> Response:
            return await self._send(sync, request)

        cursor = await self._storage.cursor(sync.subject, name)
        fetched = await rest.fetch(provider, name, stream, sync.credential, cursor, send, sink)
        found = await self._storage.compare(draft, fetched.cursor)
        recorded = self._journal.execute(
            Capture(
                subject=sync.subject,
                offered=RecordsCaptured(
                    stream=name,
                    version=sync.seq,
                    fetched=found.fetched,
                    added=found.added,
                    changed=found.changed,
                    removed=found.removed,
                    unchanged=found.unchanged,
                    duplicates=found.duplicates,
                    rows=found.rows,
                    pages=fetched.pages,
                    digest=found.digest,
                ),
            )
        )
        with trio.CancelScope(shield=True):  # what the log calls captured must become visible
            match [each.event for each in recorded]:
                case [RecordsCaptured()]:
                    await self._journal.durable(recorded)
                    await self._storage.accept(draft)
                    sync.captured.append(name)
                    sync.records += found.fetched
                case [RecordsRefused(cause=cause)]:
                    await self._storage.drop(draft)
                    failure = StreamFailure(stream=name, cause=cause, message=EMPTY_MESSAGE)
                    sync.failures.append(failure)
                case _:
                    await self._storage.drop(draft)

    async def _send(self, sync: _Sync, request: Request) -> Response:
        """Exchange, noting a failure as an event and a success in the sync's totals."""
        sync.answered = None
        try:
            response = await sync.provider.send(request)
        except CallLost as lost:
            self._note_lost(sync, request, lost)
            raise
        sync.answered = request
        _count(sync.calls, request.endpoint, 1, len(response.body), response.duration_ms)
        return response

    def _note_unusable(self, sync: _Sync, lost: CallLost) -> None:
        """The last answer came whole and was no use: it was not a successful call after all."""
        request, sync.answered = sync.answered, None
        if request is None:
            return
        _count(sync.calls, request.endpoint, -1, -lost.bytes, -lost.duration_ms)
        self._note_lost(sync, request, lost)

    def _note_lost(self, sync: _Sync, request: Request, lost: CallLost) -> None:
        call = CallFailed(
            sync=sync.seq,
            stream=request.stream,
            endpoint=request.endpoint,
            method=request.method,
            cause=lost.cause,
            status=lost.status,
            duration_ms=lost.duration_ms,
            bytes=lost.bytes,
            retry_after=lost.retry_after,
        )
        self._journal.execute(NoteCall(subject=sync.subject, call=call))


def _count(
    totals: dict[str, CallTotal], endpoint: str, calls: int, size: int, duration_ms: int
) -> None:
    """Add to an endpoint's total, or take back from it; what comes to nothing is left out."""
    before = totals.pop(endpoint, CallTotal(endpoint=endpoint))
    if before.calls + calls:
        totals[endpoint] = CallTotal(
            endpoint=endpoint,
            calls=before.calls + calls,
            bytes=before.bytes + size,
            duration_ms=before.duration_ms + duration_ms,
        )


_NO_PROVIDER = StreamFailure(
    stream="",
    cause=FailureClass.INVALID,
    message="its provider's file is gone; put it back, then restart roundsd",
)

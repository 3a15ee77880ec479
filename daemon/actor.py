"""What does one sync of one connection do, from its start to its outcome?

token ─► each stream: capture ─► Finish. One stream's failure does not stop the next. What it all
came to is for `decide` to say.
"""

from collections.abc import Callable, Mapping

import trio
from msgspec.structs import replace

from daemon import account, first_request, retirement_words
from daemon.calls import Calls
from daemon.capture import Capturer, Progress, Source, failure
from daemon.commands import Finish
from daemon.decide.waiting import waits
from daemon.excerpts import Excerpts
from daemon.exchange import CallLost
from daemon.journal import Journal
from daemon.limiter import Limiter
from daemon.protected import Whose
from daemon.provider import Provider
from daemon.provider_file import ProviderFile
from daemon.store.storage import Storage
from daemon.tokens import Keeper
from daemon.vault import Vault
from events.envelope import Recorded
from events.schema import RefreshIntended, SyncStarted
from events.terms import CallTotal, FailureClass, Kind, StreamFailure

__all__ = ["Actor", "Progress"]


class Actor:
    """Works for one connection at a time a call; holds only what all connections share."""

    def __init__(
        self,
        journal: Journal,
        storage: Storage,
        vault: Vault,
        keeper: Keeper,
        providers: Mapping[int, Provider],
        *,
        limiter: Limiter,
        excerpts: Excerpts,
        time: Callable[[], float] = trio.current_time,
        chance: Callable[[], float],
    ) -> None:
        """`providers` is by subject, and is looked into anew for each sync.

        `chance` draws from [0, 1), for the delay of a retry.
        """
        self._journal = journal
        self._vault = vault
        self._keeper = keeper
        self._capturer = Capturer(journal, storage)
        self._providers = providers
        self._limiter = limiter
        self._excerpts = excerpts
        self._time = time
        self._chance = chance

    async def work(self, begun: Recorded, progress: Progress) -> None:
        """Do what was begun: a sync, or the renewal of a grant that would die of idleness."""
        if isinstance(begun.event, RefreshIntended):
            await self._keeper.keep_alive(begun)
        else:
            await self._sync(begun, progress)

    def tidy(self, subject: int) -> None:
        """After a crash of ours: take over a token that was sealed and not recorded."""
        self._keeper.settle_one(subject)

    async def _sync(self, started: Recorded, progress: Progress) -> None:
        await self._journal.durable([started])
        assert isinstance(started.event, SyncStarted), "a sync begins with its SyncStarted"
        began = self._time()
        provider = self._providers.get(self._journal.world.connections[started.subject].provider)
        if provider is None:
            self._finish(started, began, [_NO_PROVIDER])
            return
        source = self._source(started, provider, started.event)
        captured: list[str] = []
        failures: list[StreamFailure] = []
        waiting: list[str] = []
        records = 0
        try:
            first_request.check_allowed(provider.file, source.values)
            await source.calls.begin()
        except CallLost as lost:
            failures.append(failure("", lost))
        else:
            for name in _streams(provider.file, started.event):
                if self._waits(started, provider.file, name, captured, failures):
                    waiting.append(name)
                    continue
                progress.stream = name
                result = await self._capturer.capture(source, name, progress)
                captured += [name] if result.accepted else []
                failures += result.failures
                records += result.records
        calls = tuple(source.calls.totals.values())
        self._finish(
            started,
            began,
            [_retired(each, provider.file) for each in failures],
            captured=tuple(captured),
            records=records,
            calls=calls,
            waiting=tuple(waiting),
        )

    def _waits(
        self,
        started: Recorded,
        file: ProviderFile,
        name: str,
        captured: list[str],
        failures: list[StreamFailure],
    ) -> bool:
        """Whether a stream is left out, since what it waits for is not healthy."""
        known = self._journal.world.connections[started.subject]
        failed = [each.stream for each in failures]
        return waits(known, file.streams[name].waits_for, captured, failed)

    def _source(self, started: Recorded, provider: Provider, event: SyncStarted) -> Source:
        subject = started.subject
        connection = self._journal.world.connections[subject]
        whose = Whose(
            connection=subject, sync=started.seq, priority=event.priority, forced=event.forced
        )
        return Source(
            subject=subject,
            sync=started.seq,
            file=provider.file,
            calls=Calls(
                self._journal, self._keeper, provider, whose, self._limiter, excerpts=self._excerpts
            ),
            credential=account.credential(self._vault, connection, subject),
            values=account.settings(self._vault, connection, subject, provider.file),
            digest_key=self._vault.digest_key(connection.tenant),
            backfill=event.kind is Kind.BACKFILL,
            options=event.options,
        )

    def _finish(
        self,
        started: Recorded,
        began: float,
        failures: list[StreamFailure],
        *,
        captured: tuple[str, ...] = (),
        records: int = 0,
        calls: tuple[CallTotal, ...] = (),
        waiting: tuple[str, ...] = (),
    ) -> None:
        self._journal.execute(
            Finish(
                subject=started.subject,
                sync=started.seq,
                duration_ms=round(1000 * (self._time() - began)),
                captured=captured,
                records=records,
                failures=tuple(failures),
                calls=calls,
                waiting=waiting,
                jitter=self._chance(),
            )
        )


def _retired(lost: StreamFailure, file: ProviderFile) -> StreamFailure:
    """The same failure, with the provider's successor named where it is gone."""
    if lost.cause is not FailureClass.RETIRED or file.successor is None:
        return lost
    return replace(lost, message=retirement_words.gone(file.successor))


def _streams(file: ProviderFile, started: SyncStarted) -> list[str]:
    """Return the streams of this run, those last that wait for others.

    Days of the past are of window streams alone.
    """
    options = started.options
    past = started.kind is Kind.BACKFILL or (options is not None and options.failed_days)
    wanted = [
        name
        for name, stream in file.streams.items()
        if (stream.window or not past) and (not started.streams or name in started.streams)
    ]
    return sorted(wanted, key=lambda name: file.streams[name].waits_for is not None)


_NO_PROVIDER = StreamFailure(
    stream="",
    cause=FailureClass.INVALID,
    message="its provider's file is gone; put it back, then restart roundsd",
)

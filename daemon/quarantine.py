"""How is what was held taken over, and when does it leave the data store?

    AcceptanceStarted, durable ─► staged again ─► RecordsCaptured, QuarantineAccepted, durable
        └───── crash: RestoreAbandoned, it stays held ─────┘   └─► accept, held rows go
                                                                 └ crash: at the next start ┘

What is dropped, or was taken over, goes once that is durable, and no sooner.
"""

from contextlib import AbstractAsyncContextManager
from datetime import date

import structlog
import trio
from msgspec import Struct

from daemon import bringing_back
from daemon.commands import AbandonRestore, AcceptHeld, CaptureHeld
from daemon.journal import Journal, LogBroken
from daemon.store.core import StoreBroken, StoreFull
from daemon.store.drafts import Draft
from daemon.store.quarantine import Offer
from daemon.store.storage import Storage
from daemon.supervisor import Supervisor
from events.envelope import Recorded
from events.schema import RecordsCaptured
from events.terms import RestoreEnd
from events.versions import (
    AcceptanceStarted,
    QuarantineAccepted,
    QuarantineDropped,
    RestoreAbandoned,
)

log = structlog.get_logger()


class Acceptance(Struct, kw_only=True, eq=False):
    """One that is under way: `done` once it is in force, or `abandoned`.

    `visible` says that it can be seen by then: a full disk may keep it from that for a while.
    """

    started: Recorded
    done: trio.Event
    recorded: list[Recorded]
    abandoned: RestoreEnd | None = None
    visible: bool = True


class Quarantine:
    """One for the daemon. What it began goes on in `nursery`, whoever waits for it."""

    def __init__(self, journal: Journal, storage: Storage, nursery: trio.Nursery) -> None:
        self._journal = journal
        self._storage = storage
        self._nursery = nursery
        self._over: list[tuple[Recorded, str, int]] = []
        self._sweeping = False
        journal.observe(self._observe)

    def accept(self, wish: AcceptHeld, supervisor: Supervisor) -> Acceptance | None:
        """Begin to take over what is held; None where `decide` says no.

        Nothing of its connection runs until it is in force: a sync would drop what is staged.
        """
        recorded = self._journal.execute(wish)
        if not recorded:
            return None
        acceptance = Acceptance(started=recorded[0], done=trio.Event(), recorded=recorded)
        alone = supervisor.alone(acceptance.started.subject)
        self._nursery.start_soon(self._guarded, acceptance, alone)
        return acceptance

    def _observe(self, recorded: Recorded) -> None:
        match recorded.event:
            case QuarantineDropped(stream=stream, version=version):
                self._over.append((recorded, stream, version))
            case QuarantineAccepted(stream=stream, quarantined=version):
                self._over.append((recorded, stream, version))
            case _:
                return
        if not self._sweeping:
            self._sweeping = True
            self._nursery.start_soon(self._sweep)

    async def _sweep(self) -> None:
        """Let what is held no more go from the store. Raises LogBroken."""
        while self._over:
            recorded, stream, version = self._over[0]
            await self._journal.durable([recorded])
            try:
                await self._storage.drop_held(recorded.subject, stream, version)
            except StoreFull:  # it stays until the next one goes, or we start again
                log.warning("held-not-dropped", subject=recorded.subject, version=version)
                break
            del self._over[0]
        self._sweeping = False

    async def _guarded(
        self, acceptance: Acceptance, alone: AbstractAsyncContextManager[None]
    ) -> None:
        try:
            async with alone:
                await self._take_over(acceptance)
        except (LogBroken, StoreBroken):
            raise
        except StoreFull:
            self._abandon(acceptance, RestoreEnd.DISK_FULL)
        except Exception:
            log.exception("acceptance-failed", subject=acceptance.started.subject)
            self._abandon(acceptance, RestoreEnd.FAILED)
        await self._journal.durable(acceptance.recorded)
        acceptance.done.set()

    async def _take_over(self, acceptance: Acceptance) -> None:
        started, world = acceptance.started, self._journal.world
        event, subject = started.event, started.subject
        assert isinstance(event, AcceptanceStarted), "it begins with that"
        await self._journal.durable([started])
        provider = world.providers[world.connections[subject].provider].name
        staged = await self._storage.stage_held(
            subject, provider, event.stream, held=event.quarantined, version=started.seq
        )
        if staged is None:
            self._abandon(acceptance, RestoreEnd.SUPERSEDED)
            return
        draft, offer = staged
        wish = CaptureHeld(
            subject=subject, quarantined=event.quarantined, offered=_offered(draft, offer)
        )
        with trio.CancelScope(shield=True):  # what the log calls captured must become visible
            recorded = self._journal.execute(wish)
            acceptance.recorded += recorded
            match [each.event for each in recorded]:
                case [RecordsCaptured(), QuarantineAccepted()]:
                    await self._journal.durable(recorded)
                    acceptance.visible = await bringing_back.accept(
                        self._storage, [draft], self._journal, self._nursery
                    )
                case [RestoreAbandoned(reason=reason)]:
                    acceptance.abandoned = reason
                    await self._storage.drop(draft)
                case _:  # its connection was removed meanwhile, and with it what was held
                    acceptance.abandoned = RestoreEnd.REMOVED
                    await self._storage.drop(draft)

    def _abandon(self, acceptance: Acceptance, reason: RestoreEnd) -> None:
        subject, started = acceptance.started.subject, acceptance.started.seq
        wish = AbandonRestore(subject=subject, started=started, reason=reason)
        recorded = self._journal.execute(wish)
        acceptance.recorded += recorded
        acceptance.abandoned = reason if recorded else RestoreEnd.REMOVED


def _offered(draft: Draft, offer: Offer) -> RecordsCaptured:
    """Nothing was fetched for it now, so there are no pages."""
    return RecordsCaptured(
        stream=draft.name,
        version=draft.version,
        fetched=offer.fetched,
        added=offer.added,
        changed=offer.changed,
        removed=offer.removed,
        unchanged=offer.unchanged,
        duplicates=offer.duplicates,
        rows=offer.rows,
        pages=0,
        digest=offer.digest,
        days=tuple(date.fromisoformat(day) for day in offer.days),
    )

"""What of a provider's words is kept when a sync's call fails, for how long, and who can read it?

    answer ─► redacted ─► sealed ─► CallFailed (a reference), durable ─► row in the data store
                                              └────── crash: none was kept ──────┘

Only of tenants who consent to detailed monitoring. It goes with age, newer ones, its connection,
and the consent. What is said at token endpoints is never kept: it may hold tokens.
"""

import hashlib
import hmac
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from functools import partial

import msgspec
import structlog
import trio
from cryptography.exceptions import InvalidTag
from msgspec import Struct

from daemon import account, keyring, redaction
from daemon.exchange import CallLost, Request
from daemon.journal import Journal
from daemon.secret import Secret
from daemon.store import excerpts
from daemon.store.core import StoreFull
from daemon.store.excerpts import Address, Row
from daemon.store.storage import Storage
from daemon.vault import Vault, VaultFull
from events.codec import EPOCH
from events.envelope import Recorded
from events.schema import ConnectionRemoved
from projections import consent

AGE = timedelta(days=30)
"""For so long it is kept: what failed a month ago has been looked at, or is of no interest."""

EVERY_S = 3600.0  # what is too old is looked for so often
WAITING_MAX = 1000  # to be written: when that many calls fail at once, they fail alike
TYPE_CHARS = 100  # of a content type
REFERENCE_CHARS = 16  # hexadecimal digits: of a connection's fifty no two are alike by chance
KEY = "excerpts"  # the purpose of the key that they are sealed under, one a tenant

log = structlog.get_logger()


class Excerpt(Struct, frozen=True, kw_only=True):
    """How an answer began, redacted. There may have been `more` of it."""

    status: int
    content_type: str
    text: str
    more: bool


class Sealed(Struct, frozen=True, kw_only=True):
    """One that nobody reads without the tenant's key, and what refers to it."""

    reference: str
    nonce: bytes
    text: bytes


class Excerpts:
    """One for the daemon. It writes in the background: no sync waits for that."""

    def __init__(self, journal: Journal, vault: Vault, storage: Storage) -> None:
        self._journal = journal
        self._vault = vault
        self._storage = storage
        self._since = journal.world.seq  # what is kept of later events, this life writes
        self._waiting: list[tuple[Recorded, Sealed]] = []
        self._writing: list[tuple[Recorded, Sealed]] = []
        self._removed: list[Recorded] = []
        self._more = trio.Event()
        journal.observe(self._observe)

    def wanted(self, subject: int) -> bool:
        """Whether any is kept of this connection's tenant."""
        known = self._journal.world.connections[subject]
        return not known.removed and consent.monitored(self._journal.world, known.tenant)

    def seal(self, subject: int, request: Request, lost: CallLost) -> Sealed | None:
        """What may be kept of how the answer began; None where there was none, or none may be.

        `request` is as it went out, with all that it was signed with.
        """
        if lost.head is None or not self.wanted(subject):
            return None
        secrets, head = [*self._secrets(subject, request)], lost.head
        kind = head.content_type.encode()[: 2 * TYPE_CHARS]
        text, more = redaction.redacted(head.body, secrets, more=head.more)
        content_type, _ = redaction.redacted(kind, secrets, more=False)
        excerpt = Excerpt(
            status=head.status, content_type=content_type[:TYPE_CHARS], text=text, more=more
        )
        try:
            return self._sealed(subject, msgspec.json.encode(excerpt))
        except VaultFull:
            return None

    def keep(self, recorded: Recorded, sealed: Sealed) -> None:
        """Write it, once the event that refers to it is durable. Takes no time."""
        if len(self._waiting) < WAITING_MAX:
            self._waiting.append((recorded, sealed))
            self._more.set()

    async def kept(self, asked: Collection[Address]) -> set[Address]:
        """Those of them that can be read; also what is about to be written."""
        soon = {
            (recorded.subject, sealed.reference)
            for recorded, sealed in (*self._writing, *self._waiting)
        }
        written = await self._storage.ask(partial(excerpts.kept, asked=asked))
        return written | {each for each in asked if each in soon}

    async def read(self, subject: int, references: Collection[str]) -> dict[str, Excerpt]:
        """Those of them that are still kept, by reference; also what is about to be written."""
        tenant = self._journal.world.connections[subject].tenant
        key = self._vault.open(tenant, tenant, KEY)
        found = {
            sealed.reference: (sealed.nonce, sealed.text)
            for recorded, sealed in (*self._writing, *self._waiting)
            if recorded.subject == subject and sealed.reference in references
        }
        found |= await self._storage.ask(
            partial(excerpts.find, subject=subject, references=references)
        )
        if key is None:
            return {}
        ring = keyring.single(bytes.fromhex(key.reveal()))
        read = {}
        for reference, (nonce, text) in found.items():
            try:
                plain = ring.unseal(tenant, subject, _place(reference), (ring.newest, nonce, text))
            except InvalidTag:
                log.warning("excerpt-damaged", subject=subject, reference=reference)
                continue
            read[reference] = msgspec.json.decode(plain, type=Excerpt)
        return read

    async def run(self) -> None:
        """Raises LogBroken."""
        await self._forget_left_over()
        while True:
            with trio.move_on_after(EVERY_S):
                await self._more.wait()
            self._more = trio.Event()
            self._writing, self._waiting = self._waiting, []
            removed, self._removed = self._removed, []
            await self._journal.durable([each for each, _ in self._writing][-1:])
            await self._journal.durable(removed[-1:])
            try:
                await self._write(self._writing, [each.subject for each in removed])
            except StoreFull:
                count = len(self._writing)
                log.warning("excerpts-not-kept", count=count, why="the disk is full")
                self._removed = removed + self._removed
            self._writing = []

    def _observe(self, recorded: Recorded) -> None:
        if isinstance(recorded.event, ConnectionRemoved):
            self._removed.append(recorded)
            self._more.set()

    async def _write(self, waiting: list[tuple[Recorded, Sealed]], removed: list[int]) -> None:
        """Write those that may still be kept: what is asked of the store later comes after it."""
        rows = [_row(each, sealed) for each, sealed in waiting if self.wanted(each.subject)]
        if rows:
            await self._storage.change(partial(excerpts.put, rows=rows))
        if removed:
            await self._storage.change(partial(excerpts.forget, subjects=removed))
        await self._drop(self._journal.head.seq)

    async def _forget_left_over(self) -> None:
        """What an earlier life died before it could, and what refers to no event (an older log)."""
        try:
            holders = await self._storage.ask(excerpts.holders)
            gone = [each for each in holders if not self._is_kept(each)]
            await self._storage.change(partial(excerpts.forget, subjects=gone))
            await self._drop(self._since)
        except StoreFull:
            log.warning("excerpts-not-forgotten", why="the disk is full")

    def _is_kept(self, subject: int) -> bool:
        return subject in self._journal.world.connections and self.wanted(subject)

    async def _drop(self, last: int) -> None:
        before = _seconds(self._journal.clock.now() - AGE)
        while await self._storage.change(partial(excerpts.drop_some, before=before, last=last)):
            await trio.lowlevel.checkpoint()

    def _secrets(self, subject: int, request: Request) -> Iterator[Secret]:
        """All of ours that the provider may know."""
        yield from request.secret_headers.values()
        yield from request.secret_params.values()
        yield from request.secret_form.values()
        known = self._journal.world.connections[subject]
        for kept in (
            account.credential(self._vault, known, subject),
            self._vault.open(account.NO_TENANT, known.provider, account.CLIENT),
        ):
            if kept is not None:
                yield kept
                yield Secret(kept.reveal().partition(":")[2])  # of user:password, id:secret
        if (pair := account.kept(self._vault, known, subject)) is not None:
            yield pair.access
            if pair.refresh is not None:
                yield pair.refresh

    def _sealed(self, subject: int, plain: bytes) -> Sealed:
        tenant = self._journal.world.connections[subject].tenant
        said = b"%d|%s" % (subject, plain)
        reference = hmac.new(self._vault.digest_key(tenant), said, hashlib.sha256).hexdigest()
        reference = reference[:REFERENCE_CHARS]
        ring = keyring.single(self._vault.tenant_key(tenant, KEY))
        _, nonce, text = ring.seal(tenant, subject, _place(reference), plain)
        return Sealed(reference=reference, nonce=nonce, text=text)


def _place(reference: str) -> str:
    return f"excerpt {reference}"


def _row(recorded: Recorded, sealed: Sealed) -> Row:
    return Row(
        connection=recorded.subject,
        reference=sealed.reference,
        event=recorded.seq,
        at=_seconds(recorded.at),
        nonce=sealed.nonce,
        sealed=sealed.text,
    )


def _seconds(at: datetime) -> int:
    return (at - EPOCH) // timedelta(seconds=1)

"""How does a connection move to another provider, and take none of its secrets along?

    intent sealed ─► ConnectionRelinked, durable ─► called anew, secrets replaced: one commit
        └─ crash: dropped ─────┘└────────── crash: carried out at the next start ───┘

From the event on the vault shows nothing of the connection, until what the old provider had is
gone: no credential reaches a provider that it is not for, and where the disk is full, it waits.
"""

from collections.abc import Mapping

import msgspec
import structlog
import trio
from msgspec import Struct

from daemon import account
from daemon.commands import DeclareProvider, Relink
from daemon.connect import declaration
from daemon.journal import Journal
from daemon.provider_file import ProviderFile
from daemon.secret import Secret
from daemon.store.core import StoreFull
from daemon.store.storage import Storage
from daemon.vault import Vault, VaultFull
from events.envelope import Recorded
from events.terms import Caller
from projections.world import World

MOVE = "move"  # the purpose of what is sealed before the event: what is to come after it
ROOM_RETRY_S = 1.0  # how often a full disk is tried again

log = structlog.get_logger()


class Move(Struct, frozen=True, kw_only=True):
    """What a connection is to become. `provider` is a subject."""

    name: str
    provider: int
    credential: str | None = None
    settings: dict[str, str] = {}


class NotMoved(Exception):
    """`decide` said no: it syncs just now, or is gone."""


class Relinking(Struct, kw_only=True, eq=False):
    """One that is under way: `done` once the vault has followed the log."""

    recorded: list[Recorded]
    done: trio.Event


class Relinker:
    """One for the daemon. What it began goes on in `nursery`, whoever waits for it."""

    def __init__(
        self, journal: Journal, vault: Vault, storage: Storage, nursery: trio.Nursery
    ) -> None:
        self._journal = journal
        self._vault = vault
        self._storage = storage
        self._nursery = nursery

    def relink(
        self,
        subject: int,
        file: ProviderFile,
        name: str,
        *,
        credential: Secret | None = None,
        settings: Mapping[str, str] | None = None,
        by: Caller | None = None,
    ) -> Relinking:
        """Begin to move a connection to that provider, and to call it that.

        Raises NotMoved, and VaultFull: then nothing has happened.
        """
        tenant = self._journal.world.connections[subject].tenant
        at = self._vault.enrol("provider", file.name)
        move = Move(
            name=name,
            provider=at,
            credential=None if credential is None else credential.reveal(),
            settings=dict(settings or {}),
        )
        declared = self._journal.execute(DeclareProvider(subject=at, declaration=declaration(file)))
        self._vault.seal(tenant, subject, MOVE, Secret(msgspec.json.encode(move).decode()))
        relinked = self._journal.execute(
            Relink(
                subject=subject,
                provider=at,
                credential=move.credential is not None,
                settings=bool(move.settings),
                by=by,
            )
        )
        if not relinked:
            self._vault.forget(subject, MOVE)
            raise NotMoved
        self._vault.shut(subject)
        under_way = Relinking(recorded=[*declared, *relinked], done=trio.Event())
        self._nursery.start_soon(self._follow, tenant, subject, move, under_way)
        return under_way

    async def _follow(self, tenant: int, subject: int, move: Move, under_way: Relinking) -> None:
        await self._journal.durable(under_way.recorded)
        while True:
            try:
                _carry_out(self._vault, tenant, subject, move)
                break
            except VaultFull:
                self._journal.hold("vault")
                await trio.sleep(ROOM_RETRY_S)
        if "vault" in self._journal.holds:
            self._journal.release("vault")
        try:
            await self._storage.name(subject, self._vault.name(tenant), move.name)
        except StoreFull:
            log.warning("not-named", subject=subject)  # the next start does it
        under_way.done.set()


def settle(world: World, vault: Vault) -> None:
    """Carry out, or drop, what an earlier life intended. Raises VaultFull."""
    for subject in vault.keepers(MOVE):
        known = world.connections.get(subject)
        kept = vault.open(known.tenant, subject, MOVE) if known else None
        if known is not None and kept is not None:
            move = msgspec.json.decode(kept.reveal(), type=Move)
            if known.provider == move.provider:
                _carry_out(vault, known.tenant, subject, move)
                continue
        vault.forget(subject, MOVE)  # it was never recorded


def _carry_out(vault: Vault, tenant: int, subject: int, move: Move) -> None:
    secrets = {}
    if move.credential is not None:
        secrets[account.CREDENTIAL] = Secret(move.credential)
    if move.settings:
        secrets[account.SETTINGS] = account.sealed_settings(move.settings)
    vault.replace_all(tenant, subject, move.name, secrets)

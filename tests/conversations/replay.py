"""What comes of a conversation when the whole daemon takes part in it, over real sockets?

Each sync is a life of its own on the same log, store and vault: so whatever counts later was kept.
The clock stands still during a sync, at the conversation's `now`.
"""

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import trio
from msgspec.structs import replace

from daemon import account, oauth, placeholders
from daemon.app import Daemon
from daemon.auth_file import OAuth2
from daemon.cache.cache import Cache
from daemon.cache.shelf import Shelf
from daemon.commands import CloseBreaker
from daemon.configuration import Configuration, Declared, Settings, SyncSettings
from daemon.exchange import CallLost
from daemon.parts import Parts
from daemon.policy_file import PolicyTables
from daemon.provider import Provider
from daemon.provider_file import ProviderFile
from daemon.secret import Secret
from daemon.store.core import Store
from daemon.store.storage import OneThread
from daemon.transport import Transport
from daemon.vault import Vault
from events.codec import decode
from events.limits import AllowanceTaken, LimitAdapted
from events.schema import SyncFailed, SyncStarted, SyncSucceeded
from events.terms import StreamFailure
from projections.connection import Connection
from tests.conversations.conversation import (
    CODE,
    REDIRECT_URI,
    STATE,
    VERIFIER,
    Authorise,
    Conversation,
    Failure,
    Grant,
    Outcome,
    Sync,
)
from tests.conversations.haste import Prompt, Standing
from tests.conversations.script import Script, differing, parts
from tests.fakes.in_process import alive
from tests.fakes.memory_log import Disk, MemoryLog
from tests.rest.provider import serving

TLS = ssl.create_default_context()
PATIENCE_S = 20.0  # a sync over loopback takes less than one
RECORDS_MAX = 1000
COUNTED = AllowanceTaken, LimitAdapted


async def replay(
    told: Conversation, file: ProviderFile, directory: Path, patience_s: float = PATIENCE_S
) -> str:
    """Play a conversation; return what went otherwise than told, or nothing.

    Large answers are spooled in `directory`; each sync must end within `patience_s`.
    """
    script = Script(told.texts)
    connection = Life(told, file, script, directory, patience_s)
    async with serving(script.answer) as server:
        script.origin = server.url
        for sync in told.syncs:
            wrong = await connection.live(sync)
            if wrong:
                return f"{file.name}: {sync.title}\n{wrong}"
    return ""


ON_THE_DOT = PolicyTables(spread=0.0, failover_enabled=False, day_pause="0", batch_pause="0")
"""A conversation is about what its provider says: each turn is told, and nothing beside it."""


class Life:
    """One connection, and what outlives each daemon that works for it."""

    def __init__(
        self,
        told: Conversation,
        file: ProviderFile,
        script: Script,
        directory: Path,
        patience_s: float,
    ) -> None:
        self._told = told
        self._file = file
        self._script = script
        self._directory = directory
        self._patience_s = patience_s
        self._name = f"example/{file.name}"
        self._disk = Disk()
        self._store = Store(None)
        self._vault = Vault(None, bytes(32))
        self._clock = Standing(told.syncs[0].now)
        self._records: dict[str, list[dict[str, Any]]] = {name: [] for name in file.streams}
        self._provider = self._vault.enrol("provider", file.name)
        self._tenant = self._vault.enrol("tenant", "example")
        self._subject = self._vault.enrol("connection", self._name)
        self._secrets = {told.credential.partition(":")[2] or told.credential, CODE}
        self._keep_secrets()

    def _keep_secrets(self) -> None:
        """Put into the vault what a person gives by command."""
        account.keep_settings(self._vault, self._tenant, self._subject, self._told.settings)
        given = Secret(self._told.credential)
        if self._told.authorise is None:
            self._vault.seal(self._tenant, self._subject, account.CREDENTIAL, given)
        else:
            self._vault.seal(account.NO_TENANT, self._provider, account.CLIENT, given)

    async def live(self, sync: Sync) -> str:
        """Let a daemon live through one sync; return what went otherwise than told."""
        self._clock.at = sync.now
        self._script.expect(sync.exchanges)
        before, wrong, ended = len(self._disk.rows), "", False
        async with self._daemon(sync) as daemon:
            if self._told.authorise is not None and before == 0:
                wrong = await self._authorise(daemon, self._told.authorise)
            if sync.breaker_closed:
                daemon.journal.execute(CloseBreaker(subject=self._subject))
            ended = not wrong and await self._ended(daemon, before)
            known = daemon.journal.world.connections[self._subject]
        if self._script.complaint or wrong:
            return self._script.complaint or wrong
        if not ended:
            return f"no sync began and ended: nothing was due at {sync.now}"
        if left := self._script.unsaid():
            return f"what was expected never came: {', '.join(left)}"
        return self._compared(sync.outcome, known, before) or self._leaked(known)

    @asynccontextmanager
    async def _daemon(self, sync: Sync) -> AsyncIterator[Daemon]:
        file = self._loopback(sync)
        async with AsyncExitStack() as stack:
            wire, token_wire = (
                Transport(
                    file.limits,
                    tls=TLS,
                    clock=self._clock.now,
                    rate=file.rate,
                    spool=self._directory,
                    kept_alive=kept_alive,
                    private_hosts=file.private_hosts,
                )
                for kept_alive in (1, 0)
            )
            way = Provider(
                file=file,
                send=(await stack.enter_async_context(wire)).send,
                send_token=(await stack.enter_async_context(token_wire)).send,
            )
            composed = partial(self._parts, way=way)
            yield await stack.enter_async_context(alive(self._disk, Prompt(), composed))

    def _loopback(self, sync: Sync) -> ProviderFile:
        """Return the provider's file with its hosts on loopback, and with so many days."""
        file, here = self._file, self._script.here
        auth = file.auth
        if isinstance(auth, OAuth2):
            asks = auth.introspect_url
            auth = replace(
                auth, token_url=here(auth.token_url), introspect_url=here(asks) if asks else None
            )
        streams = {
            name: replace(stream, window=replace(stream.window, days=sync.days))
            if stream.window and sync.days
            else stream
            for name, stream in file.streams.items()
        }
        hosts = ("127.0.0.1",)
        return replace(
            file, base_url=here(file.base_url), private_hosts=hosts, auth=auth, streams=streams
        )

    def _parts(self, log: MemoryLog, way: Provider) -> Parts:
        settings = Settings(
            sync=SyncSettings(stop_within="5s"),
            policy=ON_THE_DOT,
            connections={
                self._name: Declared(
                    provider=self._file.name,
                    interval=self._told.interval,
                    settings=dict(self._told.settings),
                )
            },
        )
        return Parts(
            log=log,
            store=self._store,
            run=OneThread(),
            cache=Cache(Shelf(None), OneThread()),
            vault=self._vault,
            clock=self._clock,
            configuration=Configuration(
                settings=settings, providers={self._file.name: way.file}, files=()
            ),
            connect=lambda _: way,
            bridge=lambda journal: journal,
            state=None,
            version="replayed",
        )

    async def _authorise(self, daemon: Daemon, told: Authorise) -> str:
        """Be the person: look where one is sent, and bring the code back."""
        auth = self._file.auth
        assert isinstance(auth, OAuth2), "only OAuth sends a person anywhere"
        assert auth.authorize_url is not None, "a person consents somewhere"
        client = oauth.client_of(Secret(self._told.credential))
        redirect_uri = auth.redirect_uri or REDIRECT_URI
        place = oauth.authorize_url(
            auth,
            placeholders.url(auth.authorize_url, self._values(daemon)),
            client,
            redirect_uri=redirect_uri,
            state=STATE,
            verifier=VERIFIER,
        )
        try:
            await daemon.keeper.authorise(
                self._subject,
                code=Secret(CODE),
                redirect_uri=redirect_uri,
                verifier=Secret(VERIFIER),
                by=None,
            )
        except CallLost as lost:
            return lost.message
        return differing({"url": told.url, "query": told.query}, parts(place))

    def _values(self, daemon: Daemon) -> placeholders.Values:
        known = daemon.journal.world.connections[self._subject]
        return account.settings(self._vault, known, self._subject, self._file)

    async def _ended(self, daemon: Daemon, before: int) -> bool:
        """Wait for a sync to end, in vain at most for so long."""
        with trio.move_on_after(self._patience_s):
            async for batch in daemon.journal.subscribe(before, self._subject):
                if any(isinstance(each.event, SyncSucceeded | SyncFailed) for each in batch):
                    return True
        return False

    def _compared(self, told: Outcome, known: Connection, before: int) -> str:
        """Return how the outcome differs from what was told."""
        self._records |= {name: json.loads(text) for name, text in told.records.items()}
        expected = msgspec.to_builtins(replace(told, records={}))
        found = msgspec.to_builtins(self._found(known, before))
        expected["records"] = {name: _ordered(each) for name, each in self._records.items()}
        found["records"] = {name: _ordered(self._stored(name)) for name in self._file.streams}
        return differing(expected, found)

    def _found(self, known: Connection, before: int) -> Outcome:
        recorded = [decode(row) for row in self._disk.rows[before:]]
        own = [
            each.event
            for each in recorded
            if each.subject == self._subject and not isinstance(each.event, COUNTED)
        ]
        begun = next(at for at, event in enumerate(own) if isinstance(event, SyncStarted))
        ending = next(event for event in own if isinstance(event, SyncSucceeded | SyncFailed))
        assert known.schedule.due is not None, "a connection always has a next due time"
        return Outcome(
            cause=ending.cause if isinstance(ending, SyncFailed) else None,
            failures=tuple(map(_failure, ending.failures)),
            grant=self._grant(known),
            events=tuple(str(event.__struct_config__.tag) for event in own[begun:]),
            due=known.schedule.due,
        )

    def _grant(self, known: Connection) -> Grant | None:
        kept = account.kept(self._vault, known, self._subject)
        if kept is None:
            return None
        return Grant(
            phase=known.grant.phase,
            access=kept.access.reveal(),
            refresh=kept.refresh.reveal() if kept.refresh is not None else None,
            expires_at=kept.expires_at,
            reason=known.grant.reason,
        )

    def _stored(self, stream: str) -> list[dict[str, Any]]:
        page = self._store.show(self._subject, stream, after=None, limit=RECORDS_MAX)
        records = page.records if page is not None else []
        return json.loads(self._script.there(json.dumps(records)))

    def _leaked(self, known: Connection) -> str:
        """Say that an event holds a secret, if one does."""
        grant = self._grant(known)
        self._secrets |= {grant.access, grant.refresh or grant.access} if grant else set()
        log = b"".join(body for *_, body in self._disk.rows).decode()
        return "an event holds a secret" if any(each in log for each in self._secrets) else ""


def _failure(failure: StreamFailure) -> Failure:
    """How long a call that was never sent would have waited is not told: it depends on when."""
    wait = failure.retry_after if failure.status is not None else None
    return Failure(
        stream=failure.stream,
        cause=failure.cause,
        status=failure.status,
        day=failure.day,
        retry_after_s=wait.total_seconds() if wait is not None else None,
    )


def _ordered(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Order as no stream promises one."""
    return sorted(records, key=lambda record: json.dumps(record, sort_keys=True))

"""What did the daemon really do? Asked over its socket, and read from its log as it is written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

from daemon.cli import client
from daemon.cli.client import Client
from daemon.cli.ending import Ended
from daemon.control.account_messages import (
    AuthorizeAnswer,
    AuthorizeBegun,
    AuthorizeWish,
    ProviderClient,
    SyncWish,
)
from daemon.control.messages import (
    ConnectionAnswer,
    ConnectionView,
    Done,
    EventView,
    NewConnection,
    Status,
    WatchTick,
)
from daemon.demo.interruption import TookTooLong, within
from events.fact import Fact
from events.schema import (
    AuthorisationNeeded,
    RecordsCaptured,
    RecordsRefused,
    RefreshIntended,
    SyncFailed,
    SyncInterrupted,
    SyncStarted,
    SyncSucceeded,
    TokenInDoubt,
    TokenRefreshed,
)

Account: TypeAlias = AuthorisationNeeded | RefreshIntended | TokenInDoubt | TokenRefreshed

SILENCE_S = 20.0  # nothing in the story takes a second; this is for a machine under load
ANSWERS_MAX = 100  # a sync of the story has six events


class Unexpected(Exception):
    """The daemon did not do what the story is about; the sentence says what was missed."""


class Sync(Struct, frozen=True, kw_only=True):
    """One sync as the log has it; `ended` is the number of its last event."""

    ended: int
    ending: SyncSucceeded | SyncFailed | SyncInterrupted
    captured: dict[str, RecordsCaptured]
    refused: dict[str, RecordsRefused]
    account: list[Account]


class Witness:
    """Asks one daemon, and hands every event that it reads to `heard`."""

    def __init__(self, socket: Path, heard: Callable[[EventView], None]) -> None:
        self._client = Client(socket)
        self._heard = heard

    def status(self) -> Status:
        return client.read(self._client.get("status"), Status)

    def connection(self, name: str) -> ConnectionView:
        answer = self._client.get("connection", connection=name)
        return client.read(answer, ConnectionAnswer).connection

    def add(self, name: str, credential: str | None = None) -> int:
        """Add a connection; the number of the event that this caused."""
        return self._wish("add", NewConnection(connection=name, credential=credential))

    def introduce(self, provider: str, client_id: str, client_secret: str) -> None:
        """Tell the daemon as which application it is known at a provider."""
        wish = ProviderClient(provider=provider, client_id=client_id, client_secret=client_secret)
        self._wish("provider-client", wish)

    def authorise(self, name: str, browser: Callable[[str], str]) -> int:
        """Authorise a connection; the number of the event that says so.

        `browser` takes the address to go to, and returns the one that it ended at.
        """
        wish = AuthorizeWish(connection=name)
        begun = client.read(self._client.post("authorize-begin", wish), AuthorizeBegun)
        answer = AuthorizeAnswer(connection=name, state=begun.state, answer=browser(begun.url))
        return self._wish("authorize-finish", answer)

    def sync(self, name: str, *, days: int | None = None, failed_days: bool = False) -> Sync:
        """Ask for a sync, of so many days or of those that failed, and follow it to its end."""
        return self.follow(name, self.request(name, days=days, failed_days=failed_days) - 1)

    def request(self, name: str, *, days: int | None = None, failed_days: bool = False) -> int:
        """Ask for a sync; the number of the event that this caused."""
        return self._wish("sync", SyncWish(connection=name, days=days, failed_days=failed_days))

    def refused(self, name: str) -> str:
        """Ask for a sync of a connection that waits to be authorised; how the daemon says no."""
        try:
            self.request(name)
        except Ended as ended:
            if ended.code == "not-authorised":
                return ended.message
            raise
        raise Unexpected(f"{name} waits to be authorised, and a sync of it was accepted")

    def start(self, name: str) -> int:
        """Ask for a sync, and follow it to its first page; the number of its first event."""
        self.until(name, self.request(name) - 1, SyncStarted)
        for answer in self._answers("watch", name):
            run = client.read(answer, WatchTick).running
            if run is not None and run.pages:
                return run.sync
        raise Unexpected(f"{name} was asked to sync, and no page was fetched")

    def until(self, name: str, after: int, kind: type[Fact]) -> EventView:
        """Read the log of a connection after an event, up to the first of a kind."""
        for each in self._events(name, after):
            if isinstance(each.event, kind):
                return each
        raise Unexpected(f"the log of {name} shows no {kind.__name__}")

    def follow(self, name: str, after: int) -> Sync:
        """Read the log of a connection after an event, up to the end of the next sync in it."""
        captured: dict[str, RecordsCaptured] = {}
        refused: dict[str, RecordsRefused] = {}
        account: list[Account] = []
        for each in self._events(name, after):
            match each.event:
                case RecordsCaptured(stream=stream) as event:
                    captured[stream] = event
                case RecordsRefused(stream=stream) as event:
                    refused[stream] = event
                case (
                    AuthorisationNeeded() | RefreshIntended() | TokenInDoubt() | TokenRefreshed()
                ) as event:
                    account.append(event)
                case (SyncSucceeded() | SyncFailed() | SyncInterrupted()) as ending:
                    return Sync(
                        ended=each.seq,
                        ending=ending,
                        captured=captured,
                        refused=refused,
                        account=account,
                    )
                case _:
                    pass
        raise Unexpected(f"the log of {name} shows no end of its sync")

    @contextmanager
    def hearing(self, *kinds: type[Fact]) -> Iterator[None]:
        """Hand on, of what is read in here, events of these kinds alone."""
        heard = self._heard

        def hear(view: EventView) -> None:
            if isinstance(view.event, kinds):
                heard(view)

        self._heard = hear
        try:
            yield
        finally:
            self._heard = heard

    def _wish(self, name: str, wish: Struct) -> int:
        done = client.read(self._client.post(name, wish), Done)
        if not done.events:
            raise Unexpected(f"the daemon was to {name} something, and says: {done.message}")
        return done.events[0]

    def _events(self, name: str, after: int) -> Iterator[EventView]:
        """A connection's events after a number, each told as soon as it is recorded."""
        for answer in self._answers("tail", name, after):
            view = client.read(answer, EventView)
            self._heard(view)
            yield view

    def _answers(self, stream: str, name: str, after: int | None = None) -> Iterator[bytes]:
        """What a stream of the API says of a connection, if it comes in time."""
        answers = self._client.follow(stream, connection=name, after=after)
        for _ in range(ANSWERS_MAX):
            try:
                with within(SILENCE_S):
                    answer = next(answers)
            except TookTooLong:
                raise Unexpected(f"{name}: nothing more was heard for {SILENCE_S:g} s") from None
            yield answer

"""What did the daemon really do? Asked over its socket, and read from its log as it is written."""

from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct

from daemon.cli import client
from daemon.cli.client import Client
from daemon.control.messages import (
    ConnectionAnswer,
    ConnectionName,
    ConnectionView,
    Done,
    EventView,
    NewConnection,
    Status,
    WatchTick,
)
from daemon.demo.interruption import TookTooLong, within
from events.schema import (
    RecordsCaptured,
    RecordsRefused,
    SyncFailed,
    SyncInterrupted,
    SyncStarted,
    SyncSucceeded,
)

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

    def add(self, name: str, credential: str) -> int:
        """Add a connection; the number of the event that this caused."""
        return self._wish("add", NewConnection(connection=name, credential=credential))

    def sync(self, name: str) -> Sync:
        """Ask for a sync, and follow it to its end."""
        return self.follow(name, self._request(name) - 1)

    def start(self, name: str) -> int:
        """Ask for a sync, and follow it to its first page; the number of its first event."""
        for each in self._events(name, self._request(name) - 1):
            if isinstance(each.event, SyncStarted):
                break
        for answer in self._answers("watch", name):
            run = client.read(answer, WatchTick).running
            if run is not None and run.pages:
                return run.sync
        raise Unexpected(f"{name} was asked to sync, and no page was fetched")

    def follow(self, name: str, after: int) -> Sync:
        """Read the log of a connection after an event, up to the end of the next sync in it."""
        captured: dict[str, RecordsCaptured] = {}
        refused: dict[str, RecordsRefused] = {}
        for each in self._events(name, after):
            match each.event:
                case RecordsCaptured(stream=stream) as event:
                    captured[stream] = event
                case RecordsRefused(stream=stream) as event:
                    refused[stream] = event
                case (SyncSucceeded() | SyncFailed() | SyncInterrupted()) as ending:
                    return Sync(ended=each.seq, ending=ending, captured=captured, refused=refused)
                case _:
                    pass
        raise Unexpected(f"the log of {name} shows no end of its sync")

    def _request(self, name: str) -> int:
        return self._wish("sync", ConnectionName(connection=name))

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

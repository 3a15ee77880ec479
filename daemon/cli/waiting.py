"""How is what was asked for followed to its end, however quick it is, and whatever goes away?

SyncRequested N ──► SyncStarted S (request N) ──► SyncSucceeded, -Failed, -Cancelled (sync S)
                         ▲                   └──► SyncInterrupted (sync S): N stands again
                         └────────────────────────────────┘

BackfillRequested N ──► BackfillAdvanced, again and again ──► BackfillEnded
"""

import math
import queue
import threading
import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import Protocol, TypeAlias

from daemon.cli import client
from daemon.cli.client import Client
from daemon.cli.ending import Ended, Exit
from daemon.control.messages import ConnectionAnswer, EventView
from events.schema import (
    AuthorisationNeeded,
    BackfillAdvanced,
    BackfillEnded,
    CallFailed,
    ConnectionAuthorised,
    ConnectionPaused,
    ConnectionRemoved,
    ConnectionResumed,
    RecordsCaptured,
    RecordsRefused,
    SyncCancelled,
    SyncFailed,
    SyncInterrupted,
    SyncRequested,
    SyncSkipped,
    SyncStarted,
    SyncSucceeded,
)
from events.terms import Kind

LOOK_S = 0.2  # how often the progress is asked for
AGAIN_S = 0.5  # how long a daemon that went away is left alone

Report: TypeAlias = Callable[[EventView | ConnectionAnswer | str | None], None]
"""Is told each event of the sync, how the connection is, or a sentence about the daemon."""


class Followed(Protocol):
    """Which of a connection's events speak of what is followed, and which of them ends it?"""

    def concerns(self, view: EventView) -> bool: ...

    def ends(self, view: EventView) -> bool: ...


class Pursuit:
    """Which of a connection's events speak of the sync that serves this request?

    `request` is None where somebody else's request was there already: the next start serves it.
    """

    def __init__(self, request: int | None) -> None:
        self._request = request
        self._sync: int | None = None

    def concerns(self, view: EventView) -> bool:
        match view.event:
            case SyncRequested() if self._sync is None and view.seq > (self._request or view.seq):
                self._request = None  # another request stands in for ours
                return False
            case SyncStarted(request=int(request)) if self._request in {None, request}:
                self._request, self._sync = request, view.seq
                return True
            case CallFailed() | RecordsCaptured() | RecordsRefused():
                return self._sync is not None
            case SyncInterrupted(sync=sync, request=request) if sync == self._sync:
                self._sync, self._request = None, request  # None: a later request serves us too
                return True
            case _:
                return self.ends(view)

    def ends(self, view: EventView) -> bool:
        match view.event:
            case SyncSucceeded(sync=sync) | SyncFailed(sync=sync):
                return sync == self._sync
            case SyncCancelled(sync=sync, replaced=False):
                return sync == self._sync  # both None: what had not started was taken back
            case SyncSkipped(request=int(request)):
                return self._request in {None, request}
            case ConnectionRemoved():
                return True
            case _:
                return False


class Past:
    """Which of a connection's events speak of the backfill that event `request` asked for?

    It asked for the days from `first` to `last`.
    """

    def __init__(self, request: int, first: date, last: date) -> None:
        self._request = request
        self._sync: int | None = None
        self._days = (last - first).days + 1
        self._last = last
        self._done = 0

    def far(self) -> str:
        """How far it is, as a phrase."""
        return f"{self._done:,} of {self._days:,} days done"

    def concerns(self, view: EventView) -> bool:
        if view.seq <= self._request:
            return False
        match view.event:
            case BackfillAdvanced(last=last):
                self._done = (self._last - last).days
                return True
            case SyncStarted(kind=Kind.BACKFILL):
                self._sync = view.seq
                return True
            case SyncStarted():
                self._sync = None
                return False
            case SyncSucceeded(sync=sync) | SyncFailed(sync=sync) | SyncInterrupted(sync=sync):
                return sync == self._sync
            case CallFailed() | RecordsCaptured() | RecordsRefused():
                return self._sync is not None
            case AuthorisationNeeded() | ConnectionAuthorised():
                return True
            case ConnectionPaused() | ConnectionResumed():
                return True
            case _:
                return self.ends(view)

    def ends(self, view: EventView) -> bool:
        return view.seq > self._request and isinstance(view.event, BackfillEnded)


def wait(
    daemon: Client,
    connection: str,
    pursuit: Followed,
    after: int,
    span: timedelta | None,
    *,
    report: Report,
) -> EventView:
    """The event that ends it, the last to be reported. Raises Ended when `span` is over."""
    told: queue.SimpleQueue[EventView | Ended | str] = queue.SimpleQueue()
    threading.Thread(target=_follow, args=(daemon, connection, after, told), daemon=True).start()
    deadline = time.monotonic() + span.total_seconds() if span else math.inf
    while (left := deadline - time.monotonic()) > 0:
        try:
            item = told.get(timeout=min(LOOK_S, left))
        except queue.Empty:
            report(_state(daemon, connection))
            continue
        if isinstance(item, Ended):
            raise item
        if isinstance(item, str):
            report(item)
            continue
        ends = pursuit.ends(item)
        if ends or pursuit.concerns(item):
            report(item)
        if ends:
            return item
    assert span is not None, "without a span there is no end to the waiting"
    raise Ended(
        Exit.TIMED_OUT,
        f"{connection} was not synced within {span.total_seconds():g} s; the sync goes on, "
        "`rounds queue` shows it",
    )


def _follow(
    daemon: Client, connection: str, after: int, told: "queue.SimpleQueue[EventView | Ended | str]"
) -> None:
    """Follow the log; where the daemon goes away, go on from there when it is back."""
    while True:
        try:
            for answer in daemon.follow("tail", after=after, connection=connection):
                view = client.read(answer, EventView)
                after = view.seq
                told.put(view)
        except Ended as ended:
            if ended.exit is not Exit.NOT_RUNNING:
                told.put(ended)
                return
        told.put("the daemon went away; waiting for it to come back")
        time.sleep(AGAIN_S)


def _state(daemon: Client, connection: str) -> ConnectionAnswer | None:
    try:
        answer = daemon.get("connection", connection=connection)
    except Ended:  # the follower notices what is wrong, and says it
        return None
    return client.read(answer, ConnectionAnswer)

"""How are many syncs asked for at once, and what do they come to?"""

import queue
import threading
import time
from datetime import timedelta
from pathlib import Path

import click
import msgspec

from daemon.cli import client, pass_words, screen
from daemon.cli.client import Client
from daemon.cli.ending import Ended, Exit
from daemon.control.account_messages import SyncAllWish
from daemon.control.messages import Done, EventView
from events.schema import PassEnded


def ask(
    socket: Path | None, wish: SyncAllWish, *, waits: bool, span: timedelta, as_json: bool
) -> None:
    """Ask for all of them; with `waits`, tell what they came to. Exits 1 where any failed."""
    daemon = client.reach(socket)
    answer = daemon.post("sync-all", wish)
    done = client.read(answer, Done)
    if not waits:
        if as_json:
            screen.document(answer)
        else:
            screen.line(f"{done.message}; `rounds sync --all --wait` waits for their end")
        return
    with screen.working(done.message) as (say, _):
        if not as_json:
            say(done.message, None)
        end, event = _end(daemon, done.events[0], span)
    if as_json:
        screen.document(msgspec.json.encode(end))
    else:
        screen.line(pass_words.summary(event), "red" if event.failed else "green")
        for line in pass_words.errors(event, end.names):
            screen.line(line)
    if event.failed:
        raise click.exceptions.Exit(Exit.FAILED)


def _end(daemon: Client, number: int, span: timedelta) -> tuple[EventView, PassEnded]:
    """The event that ends the pass. Raises Ended when `span` is over."""
    told: queue.SimpleQueue[tuple[EventView, PassEnded] | Ended] = queue.SimpleQueue()
    threading.Thread(target=_follow, args=(daemon, number, told), daemon=True).start()
    try:
        found = told.get(timeout=max(0.0, span.total_seconds()))
    except queue.Empty:
        raise Ended(
            Exit.TIMED_OUT,
            f"not all were synced within {span.total_seconds():g} s; the syncs go on, "
            "`rounds queue` shows them",
        ) from None
    if isinstance(found, Ended):
        raise found
    return found


AGAIN_S = 1.0  # until a daemon that went away is looked for again


def _follow(
    daemon: Client, number: int, told: "queue.SimpleQueue[tuple[EventView, PassEnded] | Ended]"
) -> None:
    """Follow the log; where the daemon goes away, go on from there when it is back."""
    after = number
    while True:
        try:
            for answer in daemon.follow("tail", after=after):
                view = client.read(answer, EventView)
                after = view.seq
                if isinstance(view.event, PassEnded) and view.event.number == number:
                    told.put((view, view.event))
                    return
        except Ended as ended:
            if ended.exit is not Exit.NOT_RUNNING:
                told.put(ended)
                return
        time.sleep(AGAIN_S)

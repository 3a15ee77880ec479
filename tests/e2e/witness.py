"""What must hold of log and store after a daemon died, given all that was seen of it before?"""

import json
from contextlib import closing

from tests.e2e import datasette
from tests.e2e.daemon import Daemon, Home, Line, unended


class Witness:
    """Remembers what was acknowledged and what the source held, life after life."""

    def __init__(self, home: Home, source: datasette.Source) -> None:
        self._home = home
        self._source = source
        self._events: list[Line] = []
        self._contents: dict[str, int] = {_text([]): 0}
        self._shown = 0
        self._captured = 0  # which of the source's contents the log says is in force
        self.promised: set[int] = set()  # numbers that the API answered with

    def note_source(self) -> None:
        """The source holds something else from here on. No daemon runs meanwhile."""
        self._contents.setdefault(_text(self._source.rows("weather")), len(self._contents))

    def examine(self, daemon: Daemon) -> None:
        """Check what one life left behind."""
        events = self._home.log() if (self._home.state / "log").exists() else []
        assert events[: len(self._events)] == self._events, "what was written is as it was"
        self._check_said(daemon, events)
        for event in events[len(self._events) :]:
            if event["type"] == "records-captured":
                self._captured = len(self._contents) - 1
        self._events = events
        assert len(unended(events)) <= 1, "one connection runs at most one sync"
        self._check_shown()

    async def examine_ready(self, daemon: Daemon) -> None:
        """Check what is true as soon as the next life is ready."""
        started = await daemon.said("daemon-started")
        shown = self._check_shown()
        log = self._home.log()
        assert not unended(log[: started["seq"]]), "earlier lives' syncs have ended, each once"
        if not any(event["type"] == "records-captured" for event in log[started["seq"] :]):
            assert shown == self._captured, "what the log calls captured is visible"

    def conclude(self) -> None:
        """All is quiet: nothing is open, what was asked for was done, the store is the source."""
        assert not unended(self._events)
        wished = {event["seq"] for event in self._events if event["type"] == "sync-requested"}
        served = {event.get("request") for event in self._events if event["type"] == "sync-started"}
        assert wished <= served, "requests are served"
        assert datasette.seen(self._home, "days") == self._source.rows("weather")
        with closing(self._home.open("data")) as connection:
            doubled = connection.execute(
                "SELECT key FROM record WHERE until IS NULL "
                "GROUP BY stream, key HAVING count(*) > 1"
            ).fetchall()
            staged = connection.execute("SELECT count(*) FROM staged").fetchone()[0]
        assert not doubled
        assert not staged

    def _check_said(self, daemon: Daemon, events: list[Line]) -> None:
        for line in daemon.lines:
            if "subject" in line and "seq" in line:
                event = events[line["seq"] - 1]
                assert (event["type"], event["subject"]) == (line["event"], line["subject"])
        assert max(self.promised, default=0) <= len(events), "what was answered is on disk"

    def _check_shown(self) -> int:
        """What people see is some content of the source, whole, and never an older one again."""
        content = datasette.seen(self._home, "days") if (self._home.state / "data").exists() else []
        assert _text(content) in self._contents, "a half version is visible"
        shown = self._contents[_text(content)]
        assert shown >= self._shown, "an older version is visible again"
        self._shown = shown
        return shown


def _text(rows: list[datasette.Row]) -> str:
    return json.dumps(rows)

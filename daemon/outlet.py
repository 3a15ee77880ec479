"""How do log lines leave without ever holding the daemon up, whatever reads them?

Lines wait in a bounded queue for a thread of their own. A reader that is slow costs lines, which
are counted; one that is gone, or a disk that is full, costs lines and nothing else. The thread
writes to the descriptor itself: a buffered stream that is stuck would stop the interpreter's exit.
"""

import os
import queue
import threading

LINES_MAX = 10_000  # some 3 MB
DRAIN_S = 2.0  # what a reader may take for the last lines


class Outlet:
    """A text stream before a file descriptor."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lines: queue.Queue[str | None] = queue.Queue(LINES_MAX)
        self._lost = 0
        self._thread = threading.Thread(target=self._run, name="log-outlet", daemon=True)
        self._thread.start()

    def flush(self) -> None:
        """Nothing: lines leave by themselves."""

    def isatty(self) -> bool:
        return os.isatty(self._fd)

    def write(self, line: str) -> int:
        """Hand a line in; never waits, never raises."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._lost += 1
        return len(line)

    def drain(self) -> None:
        """Give what waits a moment to leave. To be called once, at the very end."""
        try:
            self._lines.put(None, timeout=DRAIN_S)
        except queue.Full:
            return
        self._thread.join(DRAIN_S)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            if self._lost:
                lost, self._lost = self._lost, 0
                self._put(f'{{"event":"log-lines-lost","level":"warning","count":{lost}}}\n')
            self._put(line)

    def _put(self, line: str) -> None:
        left = line.encode(errors="replace")
        try:
            while left:
                left = left[os.write(self._fd, left) :]
        except OSError:
            self._lost += 1

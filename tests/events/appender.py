"""A process that appends small decisions to a log and says of each when it is on disk.

`python -m tests.events.appender DIRECTORY DECISIONS [EVENTS_EACH]`: each line of output is a number
up to which everything was acknowledged. Exit code 1 and a line `broken …` where the log broke.
"""

import os
import sys
import threading
from pathlib import Path

from events.log import SqliteLog
from tests.events.samples import rows


class Printed:
    """Prints each acknowledgement with one write, so that a kill leaves no half of it."""

    def __init__(self) -> None:
        self.turn = threading.Semaphore(0)
        self.broke = False

    def committed(self, seq: int, block: bytes) -> None:
        self._say(f"{seq}\n")
        self.turn.release()

    def starved(self) -> None:
        self._say("starved\n")

    def fed(self) -> None:
        self._say("fed\n")

    def broken(self, error: Exception) -> None:
        self.broke = True
        self._say(f"broken {error}\n")
        self.turn.release()

    def _say(self, line: str) -> None:
        os.write(1, line.encode())


def main(directory: Path, decisions: int, each: int = 3) -> int:
    log = SqliteLog(directory)
    head = sum(1 for _ in log.replay())
    printed = Printed()
    log.start(printed)
    for first in range(head + 1, head + 1 + decisions * each, each):
        log.append(rows(first, first + each - 1))
        log.hurry()
        printed.turn.acquire()
        if printed.broke:
            break
    log.close()
    return 1 if printed.broke else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *map(int, sys.argv[2:])))

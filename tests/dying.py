"""How is a process killed at a chosen moment of a rotation? Run alone, it dies at every line.

    python -m tests.dying STATE DIRECTORY

copies the state into the directory for every line, and rotates there in a process that dies at it.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

from daemon import rotation
from daemon.vault import open_vault

ROOT = Path(__file__).parents[1]
FILES = {
    str(ROOT / name)
    for name in (
        "daemon/rotation.py",
        "daemon/relinking.py",
        "daemon/vault.py",
        "daemon/names.py",
        "daemon/keyring.py",
        "daemon/private_file.py",
        "daemon/journal.py",
        "events/directory.py",
    )
}
"""What runs in a rotation, or settles where a connection moved to, and then notes it."""


def kill_at_line(number: int, begins: str = "rotate") -> None:
    """Kill this process at that line of a rotation, counted from its beginning.

    Or of what else begins with the call of that function.
    """
    lines = count(1)
    _watch(lambda event, _: event == "line" and next(lines) == number, begins)


def kill_at_call(function: str, number: int) -> None:
    """Kill this process as a rotation calls that function for that time."""
    calls = count(1)
    _watch(lambda event, name: (event, name) == ("call", function) and next(calls) == number)


def _watch(dies: Callable[[str, str], bool], begins: str = "rotate") -> None:
    begun = False

    def watch(frame: FrameType, event: str, _: object) -> Any:
        nonlocal begun
        ours = frame.f_code.co_filename in FILES
        begun = begun or (ours and frame.f_code.co_name == begins)
        if not ours or not begun:
            return None
        if dies(event, frame.f_code.co_name):
            os.kill(os.getpid(), signal.SIGKILL)
        return watch

    sys.settrace(watch)


def main() -> None:
    state, directory = map(Path, sys.argv[1:])
    for number in count(1):
        victim = directory / f"{number:04}"
        shutil.copytree(state, victim)
        pid = os.fork()
        if not pid:
            vault = open_vault(victim, None)
            kill_at_line(number)
            rotation.rotate(vault)
            os._exit(0)
        if not os.WIFSIGNALED(os.waitpid(pid, 0)[1]):
            return


if __name__ == "__main__":
    main()

"""How long is the daemon's answer waited for, and what is said where none comes?

Whoever asks over the socket, the command and the Python client, waits and says the same.
"""

from collections.abc import Iterable
from pathlib import Path

ANSWER_S = 30.0  # the daemon answers from memory, or after one write to a disk that may be slow
PATIENT_S = 6 * 3600.0  # or after a sync that is waited for, or a stream of many millions of rows
PAST_S = 600.0  # what was true then may have to be worked out from a long log
PATIENCE_S = 60.0  # a daemon that restarts, and verifies a long log before, is back by then
FOLLOWED_MAX = 8  # streams that one program follows: each keeps one of the daemon's 64 places

OTHER_VERSION = (
    "the daemon does not know this request; restart roundsd, so that both are of one version"
)
BROKEN_OFF = "the daemon broke off what it told; its log may say why; try again"


def absent(places: Iterable[Path]) -> str:
    """No daemon answers at any of these sockets."""
    tried = ", ".join(str(path) for path in places)
    return f"the daemon is not running (no socket at {tried}); start it with `roundsd`"


def closed(path: Path) -> str:
    return f"you may not use the socket {path}; ask the daemon's owner, or root"


def gone(path: Path) -> str:
    return f"the daemon at {path} went away; start it with `roundsd`"


def late(seconds: float) -> str:
    return f"the daemon did not answer within {seconds:g} s; try again"


def misread(error: Exception) -> str:
    return (
        f"the daemon's answer is not understood ({error}); restart roundsd, so that both are of "
        "one version"
    )

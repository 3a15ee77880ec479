"""How does a Python program ask the daemon? By `async with Rounds() as rounds`.

It runs under asyncio and under Trio. Answers are the Structs of `daemon.control.*_messages`.
"""

from daemon.client.failures import (
    Failed,
    NotRunning,
    NotUnderstood,
    Refused,
    TimedOut,
    Unheard,
)
from daemon.client.following import Following
from daemon.client.rounds import Rounds

__all__ = [
    "Failed",
    "Following",
    "NotRunning",
    "NotUnderstood",
    "Refused",
    "Rounds",
    "TimedOut",
    "Unheard",
]
